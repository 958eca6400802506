"""The ledger's index begins with the widest column: an entry of 36 bytes instead of 44, since nothing is padded.

Revision ID: 20261126_1210
Revises: 20261126_1200
"""

from alembic import op

revision = "20261126_1210"
down_revision = "20261126_1200"
branch_labels = None
depends_on = None

BEFORE, NOW = "ix_usage_event_org_id_resource_id_type_time", "ix_usage_event_resource_id_org_id_type_time"


def upgrade() -> None:
    op.create_index(NOW, "usage_event", ["resource_id", "org_id", "type", "time"])
    op.drop_index(BEFORE, table_name="usage_event")


def downgrade() -> None:
    op.create_index(BEFORE, "usage_event", ["org_id", "resource_id", "type", "time"])
    op.drop_index(NOW, table_name="usage_event")
