"""Terms.

Revision ID: 20261125_1610
Revises: 20261125_1600
"""

revision = "20261125_1610"
down_revision = "20261125_1600"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
