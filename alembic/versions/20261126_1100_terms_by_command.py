"""Terms that are agreed by command: what was taken back of a credit, and the seller's logo.

Revision ID: 20261126_1100
Revises: 20261126_1030
"""

import sqlalchemy as sa
from alembic import op

revision = "20261126_1100"
down_revision = "20261126_1030"
branch_labels = None
depends_on = None

WHILE_REVOKED = "used_minor >= 0 AND revoked_minor >= 0 AND used_minor + revoked_minor <= amount_minor"
COMMENT = "taken back by the platform before an invoice took it"


def upgrade() -> None:
    op.add_column("credit_grant", sa.Column("revoked_minor", sa.BigInteger(), server_default="0", nullable=False, comment=COMMENT))
    op.drop_constraint(op.f("ck_credit_grant_never_overdrawn"), "credit_grant")
    op.create_check_constraint(op.f("ck_credit_grant_never_overdrawn"), "credit_grant", WHILE_REVOKED)
    op.add_column("seller", sa.Column("logo", sa.LargeBinary(), nullable=True, comment="a PNG or JPEG, printed on invoices"))


def downgrade() -> None:
    op.drop_column("seller", "logo")
    op.drop_constraint(op.f("ck_credit_grant_never_overdrawn"), "credit_grant")
    op.execute("UPDATE credit_grant SET amount_minor = amount_minor - revoked_minor WHERE revoked_minor > 0 AND amount_minor > revoked_minor")
    op.execute("UPDATE credit_grant SET expires_at = granted_at + interval '1 second' WHERE revoked_minor = amount_minor AND used_minor = 0")
    op.drop_column("credit_grant", "revoked_minor")
    op.create_check_constraint(op.f("ck_credit_grant_never_overdrawn"), "credit_grant", "used_minor BETWEEN 0 AND amount_minor")
