"""When an organization that was deleted was emptied.

Revision ID: 20261126_0220
Revises: 20261126_0210
"""

import sqlalchemy as sa
from alembic import op

revision = "20261126_0220"
down_revision = "20261126_0210"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "organization",
        sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True, comment="30 days after its deletion: usage and people are gone"),
    )


def downgrade() -> None:
    op.drop_column("organization", "purged_at")
