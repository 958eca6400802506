"""Tables of invoices: what was issued and can no longer change, what it was frozen from, and what happened to it since.

A row of `invoice` is a draft only inside the transaction that issues it; its lines, cells, usage, machines and snapshot can be
added only then. Triggers (see the migration) refuse every later change but the state's legal moves and the balance, and every
deletion. Amounts are minor units of the invoice's currency; a credit note's are what is given back, as positive numbers.
"""

from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Date, DateTime, Identity, Integer, LargeBinary, Numeric, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

from flyusage.metering.models import DAYS

MOMENT = DateTime(timezone=True)
NOTHING = 0  # in cells: no app, no region, no size, no sku

metadata = SQLModel.metadata


class Kind(StrEnum):
    """What a document is."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class State(StrEnum):
    """draft → open → paid | void | uncollectible, and uncollectible → paid. Nothing else is possible."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


class Origin(StrEnum):
    """Why there is a document: it closes a month, corrects an invoice, or gives what did not fit on a month's invoice."""

    PERIOD = "period"
    CORRECTION = "correction"
    CARRIED = "carried"


def one_of(column: str, values: type[StrEnum]) -> str:
    """The condition that a column holds one of an enumeration's values."""
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


def org_column() -> Column[int]:
    """Whose a row is."""
    return Column("org_id", Integer, nullable=False)


def tenant_key(*columns: str) -> sa.PrimaryKeyConstraint:
    """A key that begins with the organization."""
    return sa.PrimaryKeyConstraint("org_id", *columns)


def _owed(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _cell() -> list[Column]:
    return [
        Column("app_id", Integer, nullable=False),
        Column("region_id", SmallInteger, nullable=False),
        Column("vm_size_id", SmallInteger, nullable=False),
        Column("sku_id", SmallInteger, nullable=False),
    ]


def first_of_month(column: str = "month") -> sa.CheckConstraint:
    """That a date is a month's first day, by which the month is known."""
    return sa.CheckConstraint(f"extract(day FROM {column}) = 1", name=f"{column}_first")


invoice = sa.Table(
    "invoice",
    metadata,
    org_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("kind", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("series", Text),
    Column("sequence", Integer, comment="counts from 1 in the series, without a gap"),
    Column("number", Text, comment="as printed: PRISM-000042"),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False, comment="exclusive"),
    Column("currency", Text, nullable=False),
    _owed("net_minor"),
    _owed("tax_minor"),
    _owed("gross_minor"),
    _owed("prepaid_minor"),
    _owed("due_minor"),
    Column("balance_minor", BigInteger, nullable=False, comment="what is still to be paid"),
    Column("issued_at", MOMENT),
    Column("issued_by", Text),
    Column("due_on", Date),
    Column("as_of", MOMENT, nullable=False),
    Column("rolled_through", MOMENT),
    Column("buyer", Text, nullable=False, comment="the buyer's name as printed"),
    Column("refers_to", BigInteger, comment="the invoice that a credit note corrects"),
    Column("reason", Text, comment="why a credit note was issued"),
    Column("applied_minor", BigInteger, nullable=False, server_default="0", comment="of a credit note: set off against its invoice"),
    Column("grant_id", BigInteger, comment="the prepaid credit that holds what was not set off"),
    Column("closed_at", MOMENT, comment="when it was paid, voided or given up"),
    Column("closed_reason", Text),
    tenant_key("id"),
    sa.UniqueConstraint("org_id", "series", "sequence"),
    sa.UniqueConstraint("org_id", "number"),
    sa.Index(
        "uq_invoice_org_id_month", "org_id", "starts_on", unique=True, postgresql_where=sa.text("origin = 'period' AND state <> 'void'")
    ),
    sa.Index("ix_invoice_number", "number"),
    sa.Index("ix_invoice_issued_at", "issued_at"),
    sa.Index("ix_invoice_starts_on", "starts_on"),
    sa.Index("ix_invoice_owed", "due_on", postgresql_where=sa.text("state = 'open'")),
    sa.CheckConstraint(one_of("kind", Kind), name="kind_known"),
    sa.CheckConstraint(one_of("origin", Origin), name="origin_known"),
    sa.CheckConstraint(one_of("state", State), name="state_known"),
    sa.CheckConstraint("ends_on > starts_on", name="in_order"),
    sa.CheckConstraint("net_minor >= 0 AND tax_minor >= 0 AND prepaid_minor >= 0 AND due_minor >= 0", name="not_negative"),
    sa.CheckConstraint("gross_minor = net_minor + tax_minor AND due_minor = gross_minor - prepaid_minor", name="adds_up"),
    sa.CheckConstraint("balance_minor BETWEEN 0 AND due_minor", name="balance_within_due"),
    sa.CheckConstraint("state <> 'paid' OR balance_minor = 0", name="paid_in_full"),
    sa.CheckConstraint("applied_minor BETWEEN 0 AND gross_minor", name="applied_within_gross"),
    sa.CheckConstraint(
        "CASE WHEN state = 'draft' THEN num_nonnulls(series, sequence, number, issued_at, issued_by) = 0 "
        "ELSE num_nulls(series, sequence, number, issued_at, issued_by) = 0 END",
        name="numbered_when_issued",
    ),
    sa.CheckConstraint("(state IN ('paid', 'void', 'uncollectible')) = (closed_at IS NOT NULL)", name="closed_when_final"),
    sa.CheckConstraint("state NOT IN ('void', 'uncollectible') OR closed_reason <> ''", name="reason_given"),
    sa.CheckConstraint("kind = 'invoice' OR (due_on IS NULL AND prepaid_minor = 0)", name="credit_note_not_due"),
    sa.CheckConstraint("(origin = 'correction') = (refers_to IS NOT NULL)", name="correction_refers"),
)

invoice_line = sa.Table(
    "invoice_line",
    metadata,
    org_column(),
    Column("invoice_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False, comment="names the line inside its period"),
    Column("product", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False, comment="exclusive"),
    Column("quantity", Numeric, nullable=False),
    Column("unit", Text, nullable=False),
    Column("unit_price", Numeric),
    Column("exact", Text, nullable=False, comment="the unrounded amount in the major unit, a fraction"),
    _owed("amount_minor"),
    Column("tax_category", Text, nullable=False),
    Column("tax_percent", Numeric, nullable=False),
    Column("region_id", SmallInteger),
    Column("sku_id", SmallInteger),
    Column("vm_size_id", SmallInteger),
    Column("price_id", BigInteger),
    Column("price_version", Date),
    Column("working", JSONB, nullable=False),
    Column("components", JSONB, nullable=False),
    Column("evidence", Text, comment="the explorer's view of exactly this usage, as its address has it"),
    Column("refers_to_position", Integer, comment="the line that a credit note's line gives back"),
    tenant_key("invoice_id", "position"),
    sa.CheckConstraint("ends_on >= starts_on", name="in_order"),
    sa.CheckConstraint("position > 0", name="position_from_one"),
)

invoice_cell = sa.Table(
    "invoice_cell",
    metadata,
    org_column(),
    Column("invoice_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    *_cell(),
    Column("quantity", Numeric, nullable=False, comment="base units inside the line's period"),
    _owed("amount_minor"),
    tenant_key("invoice_id", "position", "app_id", "region_id", "vm_size_id", "sku_id"),
)

# What usage_month held when the invoice was issued. Of an earlier month: by how much it had changed since that was billed.
invoice_usage = sa.Table(
    "invoice_usage",
    metadata,
    org_column(),
    Column("invoice_id", BigInteger, nullable=False),
    Column("month", Date, nullable=False),
    *_cell(),
    Column("total", BigInteger, nullable=False),
    *[Column(day, BigInteger, nullable=False) for day in DAYS],
    tenant_key("invoice_id", "month", "app_id", "region_id", "vm_size_id", "sku_id"),
    first_of_month(),
)

# The same for machines, volumes and addresses; by part of the month where a price changed inside it.
invoice_machine = sa.Table(
    "invoice_machine",
    metadata,
    org_column(),
    Column("invoice_id", BigInteger, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("resource_id", BigInteger, nullable=False),
    *_cell(),
    Column("quantity", BigInteger, nullable=False),
    tenant_key("invoice_id", "starts_on", "resource_id", "app_id", "region_id", "vm_size_id", "sku_id"),
)

invoice_snapshot = sa.Table(
    "invoice_snapshot",
    metadata,
    org_column(),
    Column("invoice_id", BigInteger, nullable=False),
    Column("document", Text, nullable=False, comment="JSON of everything printed, byte for byte as it was hashed"),
    Column("sha256", Text, nullable=False),
    tenant_key("invoice_id"),
    sa.CheckConstraint("sha256 = encode(sha256(convert_to(document, 'UTF8')), 'hex')", name="hash_holds"),
)

invoice_document = sa.Table(
    "invoice_document",
    metadata,
    org_column(),
    Column("invoice_id", BigInteger, nullable=False),
    Column("pdf", LargeBinary, nullable=False),
    Column("pdf_sha256", Text, nullable=False),
    Column("xml", LargeBinary, nullable=False),
    Column("xml_sha256", Text, nullable=False),
    Column("rendered_at", MOMENT, nullable=False),
    tenant_key("invoice_id"),
    sa.CheckConstraint("pdf_sha256 = encode(sha256(pdf), 'hex') AND xml_sha256 = encode(sha256(xml), 'hex')", name="hashes_hold"),
)

invoice_counter = sa.Table(
    "invoice_counter",
    metadata,
    org_column(),
    Column("series", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("last", Integer, nullable=False),
    tenant_key("series"),
    sa.UniqueConstraint("org_id", "kind"),
    sa.CheckConstraint(one_of("kind", Kind), name="kind_known"),
    sa.CheckConstraint("last > 0", name="counts_from_one"),
)

payment = sa.Table(
    "payment",
    metadata,
    org_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("invoice_id", BigInteger, nullable=False),
    _owed("amount_minor"),
    Column("applied_minor", BigInteger, nullable=False, comment="what the invoice needed; the rest is the grant's"),
    Column("grant_id", BigInteger, comment="the prepaid credit that holds what was too much"),
    Column("received_on", Date, nullable=False),
    Column("method", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("key", Text, comment="what a sender names it by, so that it counts once"),
    Column("recorded_at", MOMENT, nullable=False),
    Column("recorded_by", Text, nullable=False),
    tenant_key("id"),
    sa.UniqueConstraint("org_id", "key"),
    sa.Index("ix_payment_org_id_invoice_id", "org_id", "invoice_id"),
    sa.CheckConstraint("amount_minor > 0 AND applied_minor BETWEEN 0 AND amount_minor", name="applied_within_amount"),
)

invoice_question = sa.Table(
    "invoice_question",
    metadata,
    org_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("invoice_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("asked_at", MOMENT, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("answer", Text),
    Column("answered_at", MOMENT),
    Column("answered_by", Text),
    tenant_key("id"),
    sa.Index("ix_invoice_question_org_id_invoice_id", "org_id", "invoice_id"),
    sa.Index("ix_invoice_question_open", "asked_at", postgresql_where=sa.text("state = 'open'")),
    sa.CheckConstraint("state IN ('open', 'answered', 'closed')", name="state_known"),
    sa.CheckConstraint("(state = 'answered') <= (answer IS NOT NULL)", name="answer_given"),
    sa.CheckConstraint("length(note) BETWEEN 1 AND 10000", name="note_length"),
)

# What is to be done outside of this database, each once: an invoice's document rendered, mail sent, the payment processor
# told. Written in the transaction of what it follows from. Mail that is about no invoice has the invoice 0.
outbox = sa.Table(
    "outbox",
    metadata,
    org_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("kind", Text, nullable=False),
    Column("invoice_id", BigInteger, nullable=False),
    Column("action", Text, nullable=False, comment="what happened: issued, voided, reminder of a day"),
    Column("created_at", MOMENT, nullable=False),
    Column("due_at", MOMENT, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("last_error", Text),
    Column("done_at", MOMENT),
    Column(
        "key",
        sa.Uuid,
        nullable=False,
        server_default=sa.text("gen_random_uuid()"),
        comment="names the task to others: Message-ID, idempotency keys",
    ),
    Column(
        "generation",
        SmallInteger,
        nullable=False,
        server_default="0",
        comment="of its idempotency keys: grows when an answer must not be repeated",
    ),
    Column("failure", Text, comment="what kind of failure the last error is"),
    Column("outcome", Text, comment="what was done, or why nothing was"),
    tenant_key("id"),
    sa.UniqueConstraint("org_id", "kind", "invoice_id", "action"),
    sa.Index("ix_outbox_waiting", "kind", "due_at", postgresql_where=sa.text("done_at IS NULL")),
    sa.CheckConstraint("kind IN ('document', 'mail', 'payment')", name="kind_known"),
)

# What an organization's subscription says about seats, and which of its recurring fees are for seats.
seat_plan = sa.Table(
    "seat_plan",
    metadata,
    org_column(),
    Column("included", Integer, nullable=False),
    Column("unit_amount", Numeric, nullable=False, comment="of one more seat, a calendar month"),
    Column("currency", Text, nullable=False),
    tenant_key(),
    sa.CheckConstraint("included >= 0", name="included_not_negative"),
    sa.CheckConstraint("unit_amount >= 0", name="amount_not_negative"),
)

paid_seat = sa.Table("paid_seat", metadata, org_column(), Column("fee_id", BigInteger, nullable=False), tenant_key("fee_id"))

FROZEN_TABLES = ("invoice_line", "invoice_cell", "invoice_usage", "invoice_machine", "invoice_snapshot")
ADDED_ONLY_TABLES = (*FROZEN_TABLES, "invoice_document", "payment")
