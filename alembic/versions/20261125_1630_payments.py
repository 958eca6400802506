"""Payments.

Revision ID: 20261125_1630
Revises: 20261125_1620
"""

revision = "20261125_1630"
down_revision = "20261125_1620"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
