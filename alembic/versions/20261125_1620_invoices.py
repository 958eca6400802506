"""Invoices: what was issued and can no longer change, its close, payments, questions, and what is to be sent.

Triggers hold what grants alone cannot: an issued invoice and everything frozen with it stays as it is, whoever asks; its state
moves only forward; series count without a gap; usage that changes after it was billed is noticed; totals follow every change.

Revision ID: 20261125_1620
Revises: 20261125_1610
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from flyusage.db import APP_ROLE, PLATFORM_ROLE

revision = "20261125_1620"
down_revision = "20261125_1610"
branch_labels = None
depends_on = None

CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"
FROZEN = ("invoice_line", "invoice_cell", "invoice_usage", "invoice_machine", "invoice_snapshot")  # added while a draft, then never touched
ADDED_ONLY = (*FROZEN, "invoice_document", "payment")
CHANGING = ("invoice", "invoice_counter", "invoice_question", "outbox", "billing_close")  # never deleted
TENANT = (*ADDED_ONLY, *CHANGING, "billing_hold", "late_month", "invoice_total_change")
MEMBERS_READ = (*ADDED_ONLY, "invoice", "invoice_question", "outbox", "late_month")


def upgrade() -> None:
    op.create_table('invoice',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('origin', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('series', sa.Text(), nullable=True),
    sa.Column('sequence', sa.Integer(), nullable=True, comment='counts from 1 in the series, without a gap'),
    sa.Column('number', sa.Text(), nullable=True, comment='as printed: PRISM-000042'),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('ends_on', sa.Date(), nullable=False, comment='exclusive'),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('net_minor', sa.BigInteger(), nullable=False),
    sa.Column('tax_minor', sa.BigInteger(), nullable=False),
    sa.Column('gross_minor', sa.BigInteger(), nullable=False),
    sa.Column('prepaid_minor', sa.BigInteger(), nullable=False),
    sa.Column('due_minor', sa.BigInteger(), nullable=False),
    sa.Column('balance_minor', sa.BigInteger(), nullable=False, comment='what is still to be paid'),
    sa.Column('issued_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('issued_by', sa.Text(), nullable=True),
    sa.Column('due_on', sa.Date(), nullable=True),
    sa.Column('as_of', sa.DateTime(timezone=True), nullable=False),
    sa.Column('rolled_through', sa.DateTime(timezone=True), nullable=True),
    sa.Column('buyer', sa.Text(), nullable=False, comment="the buyer's name as printed"),
    sa.Column('refers_to', sa.BigInteger(), nullable=True, comment='the invoice that a credit note corrects'),
    sa.Column('reason', sa.Text(), nullable=True, comment='why a credit note was issued'),
    sa.Column('applied_minor', sa.BigInteger(), server_default='0', nullable=False, comment='of a credit note: set off against its invoice'),
    sa.Column('grant_id', sa.BigInteger(), nullable=True, comment='the prepaid credit that holds what was not set off'),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True, comment='when it was paid, voided or given up'),
    sa.Column('closed_reason', sa.Text(), nullable=True),
    sa.CheckConstraint("(origin = 'correction') = (refers_to IS NOT NULL)", name=op.f('ck_invoice_correction_refers')),
    sa.CheckConstraint("(state IN ('paid', 'void', 'uncollectible')) = (closed_at IS NOT NULL)", name=op.f('ck_invoice_closed_when_final')),
    sa.CheckConstraint("CASE WHEN state = 'draft' THEN num_nonnulls(series, sequence, number, issued_at, issued_by) = 0 ELSE num_nulls(series, sequence, number, issued_at, issued_by) = 0 END", name=op.f('ck_invoice_numbered_when_issued')),
    sa.CheckConstraint("kind = 'invoice' OR (due_on IS NULL AND prepaid_minor = 0)", name=op.f('ck_invoice_credit_note_not_due')),
    sa.CheckConstraint("kind IN ('invoice', 'credit_note')", name=op.f('ck_invoice_kind_known')),
    sa.CheckConstraint("origin IN ('period', 'correction', 'carried')", name=op.f('ck_invoice_origin_known')),
    sa.CheckConstraint("state <> 'paid' OR balance_minor = 0", name=op.f('ck_invoice_paid_in_full')),
    sa.CheckConstraint("state IN ('draft', 'open', 'paid', 'void', 'uncollectible')", name=op.f('ck_invoice_state_known')),
    sa.CheckConstraint("state NOT IN ('void', 'uncollectible') OR closed_reason <> ''", name=op.f('ck_invoice_reason_given')),
    sa.CheckConstraint('applied_minor BETWEEN 0 AND gross_minor', name=op.f('ck_invoice_applied_within_gross')),
    sa.CheckConstraint('balance_minor BETWEEN 0 AND due_minor', name=op.f('ck_invoice_balance_within_due')),
    sa.CheckConstraint('ends_on > starts_on', name=op.f('ck_invoice_in_order')),
    sa.CheckConstraint('gross_minor = net_minor + tax_minor AND due_minor = gross_minor - prepaid_minor', name=op.f('ck_invoice_adds_up')),
    sa.CheckConstraint('net_minor >= 0 AND tax_minor >= 0 AND prepaid_minor >= 0 AND due_minor >= 0', name=op.f('ck_invoice_not_negative')),
    sa.PrimaryKeyConstraint('org_id', 'id', name=op.f('pk_invoice')),
    sa.UniqueConstraint('org_id', 'number', name=op.f('uq_invoice_org_id_number')),
    sa.UniqueConstraint('org_id', 'series', 'sequence', name=op.f('uq_invoice_org_id_series_sequence'))
    )
    op.create_index('ix_invoice_issued_at', 'invoice', ['issued_at'], unique=False)
    op.create_index('ix_invoice_number', 'invoice', ['number'], unique=False)
    op.create_index('ix_invoice_owed', 'invoice', ['due_on'], unique=False, postgresql_where=sa.text("state = 'open'"))
    op.create_index('ix_invoice_starts_on', 'invoice', ['starts_on'], unique=False)
    op.create_index('uq_invoice_org_id_month', 'invoice', ['org_id', 'starts_on'], unique=True, postgresql_where=sa.text("origin = 'period' AND state <> 'void'"))
    op.create_table('invoice_line',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('invoice_id', sa.BigInteger(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False, comment='names the line inside its period'),
    sa.Column('product', sa.Text(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('ends_on', sa.Date(), nullable=False, comment='exclusive'),
    sa.Column('quantity', sa.Numeric(), nullable=False),
    sa.Column('unit', sa.Text(), nullable=False),
    sa.Column('unit_price', sa.Numeric(), nullable=True),
    sa.Column('exact', sa.Text(), nullable=False, comment='the unrounded amount in the major unit, a fraction'),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.Column('tax_category', sa.Text(), nullable=False),
    sa.Column('tax_percent', sa.Numeric(), nullable=False),
    sa.Column('region_id', sa.SmallInteger(), nullable=True),
    sa.Column('sku_id', sa.SmallInteger(), nullable=True),
    sa.Column('vm_size_id', sa.SmallInteger(), nullable=True),
    sa.Column('price_id', sa.BigInteger(), nullable=True),
    sa.Column('price_version', sa.Date(), nullable=True),
    sa.Column('working', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('components', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('evidence', sa.Text(), nullable=True, comment="the explorer's view of exactly this usage, as its address has it"),
    sa.Column('refers_to_position', sa.Integer(), nullable=True, comment="the line that a credit note's line gives back"),
    sa.CheckConstraint('ends_on >= starts_on', name=op.f('ck_invoice_line_in_order')),
    sa.CheckConstraint('position > 0', name=op.f('ck_invoice_line_position_from_one')),
    sa.PrimaryKeyConstraint('org_id', 'invoice_id', 'position', name=op.f('pk_invoice_line'))
    )
    op.create_table('invoice_cell',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('invoice_id', sa.BigInteger(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('app_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.SmallInteger(), nullable=False),
    sa.Column('vm_size_id', sa.SmallInteger(), nullable=False),
    sa.Column('sku_id', sa.SmallInteger(), nullable=False),
    sa.Column('quantity', sa.Numeric(), nullable=False, comment="base units inside the line's period"),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'invoice_id', 'position', 'app_id', 'region_id', 'vm_size_id', 'sku_id', name=op.f('pk_invoice_cell'))
    )
    op.create_table('invoice_usage',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('invoice_id', sa.BigInteger(), nullable=False),
    sa.Column('month', sa.Date(), nullable=False),
    sa.Column('app_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.SmallInteger(), nullable=False),
    sa.Column('vm_size_id', sa.SmallInteger(), nullable=False),
    sa.Column('sku_id', sa.SmallInteger(), nullable=False),
    sa.Column('total', sa.BigInteger(), nullable=False),
    *[sa.Column(f'd{day:02d}', sa.BigInteger(), nullable=False) for day in range(1, 32)],
    sa.CheckConstraint('extract(day FROM month) = 1', name=op.f('ck_invoice_usage_month_first')),
    sa.PrimaryKeyConstraint('org_id', 'invoice_id', 'month', 'app_id', 'region_id', 'vm_size_id', 'sku_id', name=op.f('pk_invoice_usage'))
    )
    op.create_table('invoice_machine',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('invoice_id', sa.BigInteger(), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('resource_id', sa.BigInteger(), nullable=False),
    sa.Column('app_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.SmallInteger(), nullable=False),
    sa.Column('vm_size_id', sa.SmallInteger(), nullable=False),
    sa.Column('sku_id', sa.SmallInteger(), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'invoice_id', 'starts_on', 'resource_id', 'app_id', 'region_id', 'vm_size_id', 'sku_id', name=op.f('pk_invoice_machine'))
    )
    op.create_table('invoice_snapshot',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('invoice_id', sa.BigInteger(), nullable=False),
    sa.Column('document', sa.Text(), nullable=False, comment='JSON of everything printed, byte for byte as it was hashed'),
    sa.Column('sha256', sa.Text(), nullable=False),
    sa.CheckConstraint("sha256 = encode(sha256(convert_to(document, 'UTF8')), 'hex')", name=op.f('ck_invoice_snapshot_hash_holds')),
    sa.PrimaryKeyConstraint('org_id', 'invoice_id', name=op.f('pk_invoice_snapshot'))
    )
    op.create_table('invoice_document',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('invoice_id', sa.BigInteger(), nullable=False),
    sa.Column('pdf', sa.LargeBinary(), nullable=False),
    sa.Column('pdf_sha256', sa.Text(), nullable=False),
    sa.Column('xml', sa.LargeBinary(), nullable=False),
    sa.Column('xml_sha256', sa.Text(), nullable=False),
    sa.Column('rendered_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("pdf_sha256 = encode(sha256(pdf), 'hex') AND xml_sha256 = encode(sha256(xml), 'hex')", name=op.f('ck_invoice_document_hashes_hold')),
    sa.PrimaryKeyConstraint('org_id', 'invoice_id', name=op.f('pk_invoice_document'))
    )
    op.create_table('invoice_counter',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('series', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('last', sa.Integer(), nullable=False),
    sa.CheckConstraint("kind IN ('invoice', 'credit_note')", name=op.f('ck_invoice_counter_kind_known')),
    sa.CheckConstraint('last > 0', name=op.f('ck_invoice_counter_counts_from_one')),
    sa.PrimaryKeyConstraint('org_id', 'series', name=op.f('pk_invoice_counter')),
    sa.UniqueConstraint('org_id', 'kind', name=op.f('uq_invoice_counter_org_id_kind'))
    )
    op.create_table('payment',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('invoice_id', sa.BigInteger(), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.Column('applied_minor', sa.BigInteger(), nullable=False, comment="what the invoice needed; the rest is the grant's"),
    sa.Column('grant_id', sa.BigInteger(), nullable=True, comment='the prepaid credit that holds what was too much'),
    sa.Column('received_on', sa.Date(), nullable=False),
    sa.Column('method', sa.Text(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=True, comment='what a sender names it by, so that it counts once'),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('recorded_by', sa.Text(), nullable=False),
    sa.CheckConstraint('amount_minor > 0 AND applied_minor BETWEEN 0 AND amount_minor', name=op.f('ck_payment_applied_within_amount')),
    sa.PrimaryKeyConstraint('org_id', 'id', name=op.f('pk_payment')),
    sa.UniqueConstraint('org_id', 'key', name=op.f('uq_payment_org_id_key'))
    )
    op.create_index('ix_payment_org_id_invoice_id', 'payment', ['org_id', 'invoice_id'], unique=False)
    op.create_table('invoice_question',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('invoice_id', sa.BigInteger(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('asked_by', sa.Text(), nullable=False),
    sa.Column('answer', sa.Text(), nullable=True),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answered_by', sa.Text(), nullable=True),
    sa.CheckConstraint("(state = 'answered') <= (answer IS NOT NULL)", name=op.f('ck_invoice_question_answer_given')),
    sa.CheckConstraint("state IN ('open', 'answered', 'closed')", name=op.f('ck_invoice_question_state_known')),
    sa.CheckConstraint('length(note) BETWEEN 1 AND 10000', name=op.f('ck_invoice_question_note_length')),
    sa.PrimaryKeyConstraint('org_id', 'id', name=op.f('pk_invoice_question'))
    )
    op.create_index('ix_invoice_question_open', 'invoice_question', ['asked_at'], unique=False, postgresql_where=sa.text("state = 'open'"))
    op.create_index('ix_invoice_question_org_id_invoice_id', 'invoice_question', ['org_id', 'invoice_id'], unique=False)
    op.create_table('outbox',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('invoice_id', sa.BigInteger(), nullable=False),
    sa.Column('action', sa.Text(), nullable=False, comment='what happened: issued, voided, reminder of a day'),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('document', 'mail', 'payment')", name=op.f('ck_outbox_kind_known')),
    sa.PrimaryKeyConstraint('org_id', 'id', name=op.f('pk_outbox')),
    sa.UniqueConstraint('org_id', 'kind', 'invoice_id', 'action', name=op.f('uq_outbox_org_id_kind_invoice_id_action'))
    )
    op.create_index('ix_outbox_waiting', 'outbox', ['kind', 'due_at'], unique=False, postgresql_where=sa.text('done_at IS NULL'))
    op.create_table('billing_close',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('month', sa.Date(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('exceptions', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.Column('currency', sa.Text(), nullable=True),
    sa.Column('gross_minor', sa.BigInteger(), nullable=True),
    sa.Column('invoice_id', sa.BigInteger(), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("state IN ('issued', 'nothing', 'waiting', 'failed')", name=op.f('ck_billing_close_state_known')),
    sa.CheckConstraint('extract(day FROM month) = 1', name=op.f('ck_billing_close_month_first')),
    sa.PrimaryKeyConstraint('org_id', 'month', name=op.f('pk_billing_close'))
    )
    op.create_index('ix_billing_close_month', 'billing_close', ['month', 'state'], unique=False)
    op.create_table('billing_hold',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('month', sa.Date(), nullable=False),
    sa.Column('exception', sa.Text(), nullable=False, comment="the code it decides on; '*' stands for all"),
    sa.Column('decision', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_by', sa.Text(), nullable=False),
    sa.CheckConstraint("decision IN ('held', 'released')", name=op.f('ck_billing_hold_decision_known')),
    sa.CheckConstraint('extract(day FROM month) = 1', name=op.f('ck_billing_hold_month_first')),
    sa.PrimaryKeyConstraint('org_id', 'month', 'exception', name=op.f('pk_billing_hold'))
    )
    op.create_table('late_month',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('month', sa.Date(), nullable=False),
    sa.Column('noticed_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'month', name=op.f('pk_late_month'))
    )
    op.create_table('invoice_total_change',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('month', sa.Date(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('invoices', sa.BigInteger(), nullable=False),
    sa.Column('net_minor', sa.BigInteger(), nullable=False),
    sa.Column('tax_minor', sa.BigInteger(), nullable=False),
    sa.Column('gross_minor', sa.BigInteger(), nullable=False),
    sa.Column('balance_minor', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'id', name=op.f('pk_invoice_total_change'))
    )
    op.create_table('invoice_month_total',
    sa.Column('month', sa.Date(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('invoices', sa.BigInteger(), nullable=False),
    sa.Column('net_minor', sa.BigInteger(), nullable=False),
    sa.Column('tax_minor', sa.BigInteger(), nullable=False),
    sa.Column('gross_minor', sa.BigInteger(), nullable=False),
    sa.Column('balance_minor', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('month', 'currency', 'kind', 'state', name=op.f('pk_invoice_month_total'))
    )
    for statement in (*_security(), *_triggers()):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER notices_late_usage_added ON usage_month")
    op.execute("DROP TRIGGER notices_late_usage_changed ON usage_month")
    for table in reversed(MADE):
        op.drop_table(table)
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}()")


MADE = (
    "invoice", "invoice_line", "invoice_cell", "invoice_usage", "invoice_machine", "invoice_snapshot", "invoice_document", "invoice_counter",
    "payment", "invoice_question", "outbox", "billing_close", "billing_hold", "late_month", "invoice_month_total", "invoice_total_change",
)
FUNCTIONS = (
    "guard_invoice", "guard_frozen", "guard_counter", "guard_question", "guard_new_invoices", "total_changed_invoices", "notice_late_usage"
)


def _security() -> list[str]:
    """Row-level security on every tenant table, FORCEd; members read their own and may ask; totals are the platform's alone."""
    statements = [
        f"GRANT SELECT ON {', '.join(MEMBERS_READ)} TO {APP_ROLE}",
        f"GRANT INSERT ON invoice_question TO {APP_ROLE}",
        f"GRANT SELECT, INSERT ON {', '.join(ADDED_ONLY)} TO {PLATFORM_ROLE}",
        f"GRANT SELECT, INSERT, UPDATE ON {', '.join(CHANGING)} TO {PLATFORM_ROLE}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON billing_hold, late_month, invoice_total_change, invoice_month_total TO {PLATFORM_ROLE}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {PLATFORM_ROLE}, {APP_ROLE}",
    ]
    for table in TENANT:
        statements += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {table} TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})",
            f"CREATE POLICY platform ON {table} TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)",
        ]
    return statements


def _triggers() -> list[str]:
    statements = [
        """CREATE FUNCTION guard_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
           DECLARE changing text[] := ARRAY['state', 'balance_minor', 'closed_at', 'closed_reason'];
           BEGIN
             IF OLD.state = 'draft' THEN
               IF NEW.state NOT IN ('draft', 'open') OR (NEW.org_id, NEW.id, NEW.kind) <> (OLD.org_id, OLD.id, OLD.kind) THEN
                 RAISE EXCEPTION 'a draft becomes open and nothing else' USING ERRCODE = 'restrict_violation';
               END IF;
               RETURN NEW;
             END IF;
             IF to_jsonb(NEW) - changing <> to_jsonb(OLD) - changing THEN
               RAISE EXCEPTION 'invoice % is issued and stays as it is', OLD.number USING ERRCODE = 'restrict_violation';
             END IF;
             IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN
                (('open', 'paid'), ('open', 'void'), ('open', 'uncollectible'), ('uncollectible', 'paid')) THEN
               RAISE EXCEPTION 'invoice % is % and cannot become %', OLD.number, OLD.state, NEW.state USING ERRCODE = 'restrict_violation';
             END IF;
             IF NEW.state = OLD.state AND (OLD.state IN ('paid', 'void') OR NEW.closed_at IS DISTINCT FROM OLD.closed_at
                                           OR NEW.closed_reason IS DISTINCT FROM OLD.closed_reason)
                AND to_jsonb(NEW) <> to_jsonb(OLD) THEN
               RAISE EXCEPTION 'invoice % is % and stays as it is', OLD.number, OLD.state USING ERRCODE = 'restrict_violation';
             END IF;
             RETURN NEW;
           END $$""",
        """CREATE FUNCTION guard_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN
             IF EXISTS (SELECT FROM (SELECT DISTINCT org_id, invoice_id FROM added) AS part
                        LEFT JOIN invoice ON invoice.org_id = part.org_id AND invoice.id = part.invoice_id
                        WHERE invoice.state IS DISTINCT FROM 'draft') THEN
               RAISE EXCEPTION 'rows of % are added only while their invoice is a draft', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
             END IF;
             RETURN NULL;
           END $$""",
        """CREATE FUNCTION guard_counter() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN
             IF TG_OP = 'INSERT' AND NEW.last <> 1
                OR TG_OP = 'UPDATE' AND (NEW.org_id, NEW.series, NEW.kind, NEW.last) <> (OLD.org_id, OLD.series, OLD.kind, OLD.last + 1) THEN
               RAISE EXCEPTION 'a series counts from one, one by one' USING ERRCODE = 'restrict_violation';
             END IF;
             RETURN NEW;
           END $$""",
        """CREATE FUNCTION guard_question() RETURNS trigger LANGUAGE plpgsql AS $$
           DECLARE changing text[] := ARRAY['state', 'answer', 'answered_at', 'answered_by'];
           BEGIN
             IF to_jsonb(NEW) - changing <> to_jsonb(OLD) - changing THEN
               RAISE EXCEPTION 'a question stays as it was asked' USING ERRCODE = 'restrict_violation';
             END IF;
             RETURN NEW;
           END $$""",
        """CREATE FUNCTION guard_new_invoices() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN
             IF EXISTS (SELECT FROM added WHERE state <> 'draft') THEN
               RAISE EXCEPTION 'an invoice begins as a draft' USING ERRCODE = 'restrict_violation';
             END IF;
             RETURN NULL;
           END $$""",
        f"""CREATE FUNCTION total_changed_invoices() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
              INSERT INTO invoice_total_change (org_id, month, currency, kind, state, {TOTALS})
              SELECT org_id, date_trunc('month', starts_on::timestamp)::date, currency, kind, state, sum(sign), {SIGNED_SUMS}
              FROM (SELECT 1 AS sign, * FROM changed UNION ALL SELECT -1, * FROM before) AS moved
              WHERE state <> 'draft' GROUP BY 1, 2, 3, 4, 5
              HAVING sum(sign) <> 0 OR sum(sign * balance_minor) <> 0;
              RETURN NULL;
            END $$""",
        """CREATE FUNCTION notice_late_usage() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN
             INSERT INTO late_month (org_id, month, noticed_at)
             SELECT part.org_id, part.month, clock_timestamp() FROM (SELECT DISTINCT org_id, month FROM changed) AS part
             WHERE EXISTS (SELECT FROM invoice WHERE invoice.org_id = part.org_id AND invoice.starts_on = part.month
                                                 AND origin = 'period' AND state <> 'void')
             ON CONFLICT DO NOTHING;
             RETURN NULL;
           END $$""",
        "CREATE TRIGGER only_forward BEFORE UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION guard_invoice()",
        "CREATE TRIGGER one_by_one BEFORE INSERT OR UPDATE ON invoice_counter FOR EACH ROW EXECUTE FUNCTION guard_counter()",
        "CREATE TRIGGER stays_asked BEFORE UPDATE ON invoice_question FOR EACH ROW EXECUTE FUNCTION guard_question()",
        """CREATE TRIGGER begins_as_draft AFTER INSERT ON invoice REFERENCING NEW TABLE AS added
           FOR EACH STATEMENT EXECUTE FUNCTION guard_new_invoices()""",
        """CREATE TRIGGER totals_changed AFTER UPDATE ON invoice REFERENCING NEW TABLE AS changed OLD TABLE AS before
           FOR EACH STATEMENT EXECUTE FUNCTION total_changed_invoices()""",
        """CREATE TRIGGER notices_late_usage_added AFTER INSERT ON usage_month REFERENCING NEW TABLE AS changed
           FOR EACH STATEMENT EXECUTE FUNCTION notice_late_usage()""",
        """CREATE TRIGGER notices_late_usage_changed AFTER UPDATE ON usage_month REFERENCING NEW TABLE AS changed
           FOR EACH STATEMENT EXECUTE FUNCTION notice_late_usage()""",
    ]
    for table in FROZEN:
        statements.append(
            f"CREATE TRIGGER only_into_drafts AFTER INSERT ON {table} REFERENCING NEW TABLE AS added "
            "FOR EACH STATEMENT EXECUTE FUNCTION guard_frozen()"
        )
    for table in ADDED_ONLY:
        statements.append(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    for table in CHANGING:
        statements.append(
            f"CREATE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    return statements


TOTALS = "invoices, net_minor, tax_minor, gross_minor, balance_minor"
SIGNED_SUMS = "sum(sign * net_minor), sum(sign * tax_minor), sum(sign * gross_minor), sum(sign * balance_minor)"
