"""What the outbox knows of each task, and what the payment processor holds of each invoice.

A task gets a key of its own, fixed when it is written: the Message-ID of its mail, the root of its idempotency keys.

Revision ID: 20261125_2000
Revises: 20261125_1620
"""

import sqlalchemy as sa
from alembic import op

from flyusage.db import APP_ROLE, PLATFORM_ROLE

revision = "20261125_2000"
down_revision = "20261125_1620"
branch_labels = None
depends_on = None

CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"
TENANT = ("processor_customer", "processor_invoice")


def upgrade() -> None:
    op.add_column('outbox', sa.Column('key', sa.Uuid(), server_default=sa.text('gen_random_uuid()'), nullable=False, comment='names the task to others: Message-ID, idempotency keys'))
    op.add_column('outbox', sa.Column('generation', sa.SmallInteger(), server_default='0', nullable=False, comment='of its idempotency keys: grows when an answer must not be repeated'))
    op.add_column('outbox', sa.Column('failure', sa.Text(), nullable=True, comment='what kind of failure the last error is'))
    op.add_column('outbox', sa.Column('outcome', sa.Text(), nullable=True, comment='what was done, or why nothing was'))
    op.create_table('processor_customer',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('processor_id', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], name=op.f('fk_processor_customer_org_id_organization')),
    sa.PrimaryKeyConstraint('org_id', name=op.f('pk_processor_customer'))
    )
    op.create_table('processor_invoice',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('invoice_id', sa.BigInteger(), nullable=False),
    sa.Column('processor_id', sa.Text(), nullable=False),
    sa.Column('total_minor', sa.BigInteger(), nullable=False, comment='what the processor was given to collect'),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('handed_over_at', sa.DateTime(timezone=True), nullable=True, comment='when it was finalized there and its amounts compared'),
    sa.Column('is_paid_elsewhere', sa.Boolean(), server_default='false', nullable=False, comment='we told the processor that it is paid'),
    sa.Column('failed_at', sa.DateTime(timezone=True), nullable=True, comment='when a payment last failed'),
    sa.Column('failed_because', sa.Text(), nullable=True),
    sa.Column('compared_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('difference', sa.Text(), nullable=True, comment='what differs and could not be mended, for staff'),
    sa.CheckConstraint('(failed_at IS NULL) = (failed_because IS NULL)', name=op.f('ck_processor_invoice_failure_says_why')),
    sa.ForeignKeyConstraint(['org_id', 'invoice_id'], ['invoice.org_id', 'invoice.id'], name=op.f('fk_processor_invoice_org_id_invoice_id_invoice')),
    sa.PrimaryKeyConstraint('org_id', 'invoice_id', name=op.f('pk_processor_invoice'))
    )
    op.create_index('ix_processor_invoice_processor_id', 'processor_invoice', ['processor_id'], unique=False)
    op.create_table('processor_event',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('about', sa.Text(), nullable=False, comment="the processor's object"),
    sa.Column('happened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_processor_event'))
    )
    op.create_index('ix_processor_event_received_at', 'processor_event', ['received_at'], unique=False)
    for table in TENANT:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON {table} TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})")
        op.execute(f"CREATE POLICY platform ON {table} TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)")
    op.execute(f"GRANT SELECT ON {', '.join(TENANT)} TO {APP_ROLE}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON {', '.join(TENANT)} TO {PLATFORM_ROLE}")
    op.execute(f"GRANT SELECT, INSERT ON processor_event TO {PLATFORM_ROLE}")


def downgrade() -> None:
    for table in ("processor_event", "processor_invoice", "processor_customer"):
        op.drop_table(table)
    for column in ("outcome", "failure", "generation", "key"):
        op.drop_column("outbox", column)
