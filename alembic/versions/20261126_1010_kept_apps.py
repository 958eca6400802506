"""Which apps somebody was limited to when their directory took them out, so that coming back shows them no more.

Revision ID: 20261126_1010
Revises: 20261126_1000
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "20261126_1010"
down_revision = "20261126_1000"
branch_labels = None
depends_on = None


def upgrade() -> None:
    said = "the apps that alone they saw when they were taken out; none: every app"
    op.add_column("scim_user", sa.Column("app_ids", ARRAY(sa.Integer()), nullable=True, comment=said))


def downgrade() -> None:
    op.drop_column("scim_user", "app_ids")
