"""The moment from which open cells describe the tail; names of machines in byte order, so that their beginnings are found.

Revision ID: 20261124_0020
Revises: 20261124_0010
"""

import sqlalchemy as sa
from alembic import op

revision = "20261124_0020"
down_revision = "20261124_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "rollup_state",
        sa.Column("tail_edge_at", sa.DateTime(timezone=True), comment="the last start or stop in the hour after rolled_through that open_cell holds"),
    )
    op.execute('ALTER TABLE resource ALTER COLUMN name TYPE text COLLATE "C"')


def downgrade() -> None:
    op.execute('ALTER TABLE resource ALTER COLUMN name TYPE text COLLATE "default"')
    op.drop_column("rollup_state", "tail_edge_at")
