"""Price models.

Revision ID: 20261125_1600
Revises: 20261124_0120
"""

revision = "20261125_1600"
down_revision = "20261124_0120"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
