"""A refused line is kept once, however often its file is sent again: by a digest of organization, code and line.

Lines refused before this have none, and count once more when they are sent again.

Revision ID: 20261125_1510
Revises: 20261125_1500
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_1510"
down_revision = "20261125_1500"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refused_event", sa.Column("digest", sa.Uuid()))
    op.create_unique_constraint("uq_refused_event_digest", "refused_event", ["digest"])


def downgrade() -> None:
    op.drop_constraint("uq_refused_event_digest", "refused_event")
    op.drop_column("refused_event", "digest")
