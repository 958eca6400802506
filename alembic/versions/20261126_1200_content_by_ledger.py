"""An event that comes again is compared with the ledger; a hash is kept of deployments and voids only, whose subject is not in it.

16 of an identity's 68 bytes, and its making for every event. Those that have one keep it: to rewrite the table would hold it.

Revision ID: 20261126_1200
Revises: 20261126_0810
"""

from alembic import op

revision = "20261126_1200"
down_revision = "20261126_0810"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column(
        "event_identity", "content_hash", nullable=True, comment="of what the ledger does not keep whole: deployments and voids"
    )


def downgrade() -> None:
    # What has no hash differs from every event that has one: sent again, it would be refused as a conflict and not be counted twice.
    op.execute("ALTER TABLE event_identity NO FORCE ROW LEVEL SECURITY")  # or its owner would find none
    op.execute("UPDATE event_identity SET content_hash = '00000000-0000-0000-0000-000000000000' WHERE content_hash IS NULL")
    op.execute("ALTER TABLE event_identity FORCE ROW LEVEL SECURITY")
    op.alter_column("event_identity", "content_hash", nullable=False, comment=None)
