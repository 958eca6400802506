"""How far back a history that is loaded newest first is whole, and how much of it is in: until then nothing is compared with the rest.

Revision ID: 20261125_1530
Revises: 20261125_1520
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_1530"
down_revision = "20261125_1520"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rollup_state", sa.Column("whole_from", sa.Date(), comment="days before it are still being loaded; null: all are in"))
    op.add_column("rollup_state", sa.Column("loaded_percent", sa.SmallInteger(), comment="of the history that is being loaded"))


def downgrade() -> None:
    op.drop_column("rollup_state", "loaded_percent")
    op.drop_column("rollup_state", "whole_from")
