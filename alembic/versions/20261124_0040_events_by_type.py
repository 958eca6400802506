"""A subject's events by type, so that its last start is found without passing by its egress reports.

Revision ID: 20261124_0040
Revises: 20261124_0030
"""

from alembic import op

revision = "20261124_0040"
down_revision = "20261124_0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_usage_event_org_id_resource_id_type_time", "usage_event", ["org_id", "resource_id", "type", "time"])
    op.drop_index("ix_usage_event_org_id_resource_id_time", table_name="usage_event")


def downgrade() -> None:
    op.create_index("ix_usage_event_org_id_resource_id_time", "usage_event", ["org_id", "resource_id", "time"])
    op.drop_index("ix_usage_event_org_id_resource_id_type_time", table_name="usage_event")
