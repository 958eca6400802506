"""Invoices.

Revision ID: 20261125_1620
Revises: 20261125_1610
"""

revision = "20261125_1620"
down_revision = "20261125_1610"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
