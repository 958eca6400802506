"""An index of refused lines by when they last came: the oldest are let go of.

Revision ID: 20261127_2104
Revises: 20261127_2102
"""

from alembic import op

revision = "20261127_2104"
down_revision = "20261127_2102"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_refused_event_at"), "refused_event", ["at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_refused_event_at"), table_name="refused_event")
