"""Price models.

Revision ID: 20261125_1600
Revises: 20261123_2230
"""

revision = "20261125_1600"
down_revision = "20261123_2230"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
