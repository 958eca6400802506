"""An identity remembers the day of its event, so that a void finds its target in one month of the ledger.

It takes no room: a row of 36 bytes was padded to 40. Identities from before this have none, and their voids look through
everything as they did.

Revision ID: 20261125_1520
Revises: 20261125_1510
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_1520"
down_revision = "20261125_1510"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("event_identity", sa.Column("day", sa.Date(), comment="the event's, so that a void finds it in one month of the ledger"))


def downgrade() -> None:
    op.drop_column("event_identity", "day")
