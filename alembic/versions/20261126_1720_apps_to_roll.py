"""A day to re-roll says of which apps, so that a late event costs its app's cells and not the whole day's.

Revision ID: 20261126_1720
Revises: 20261126_1520
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "20261126_1720"
down_revision = "20261126_1520"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dirty_day", sa.Column("app_ids", ARRAY(sa.Integer()), comment="what changed in it; null: anything"))


def downgrade() -> None:
    op.drop_column("dirty_day", "app_ids")
