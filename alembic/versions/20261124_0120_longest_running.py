"""The machines that ran longest in a month per sku and region, for the costliest of it.

Revision ID: 20261124_0120
Revises: 20261124_0110
"""

from alembic import op

revision = "20261124_0120"
down_revision = "20261124_0110"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_resource_month_longest", "resource_month", ["org_id", "month", "sku_id", "region_id", "quantity"])


def downgrade() -> None:
    op.drop_index("ix_resource_month_longest", "resource_month")
