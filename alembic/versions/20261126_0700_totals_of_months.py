"""The totals of months in an index of their own: what a year cost by app is added up without reading the days beside them.

Revision ID: 20261126_0700
Revises: 20261126_0100
"""

from alembic import op

revision = "20261126_0700"
down_revision = "20261126_0100"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_usage_month_totals", "usage_month", ["org_id", "month", "app_id", "sku_id", "region_id"], postgresql_include=["total"]
    )


def downgrade() -> None:
    op.drop_index("ix_usage_month_totals", "usage_month")
