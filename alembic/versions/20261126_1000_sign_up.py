"""Links by which people make an account by themselves.

Revision ID: 20261126_1000
Revises: 20261126_0600
"""

import sqlalchemy as sa
from alembic import op

from flyusage.db import PLATFORM_ROLE

revision = "20261126_1000"
down_revision = "20261126_0600"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sign_up",
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("secret_sha256", name=op.f("pk_sign_up")),
    )
    op.create_index(op.f("ix_sign_up_email"), "sign_up", ["email"])
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON sign_up TO {PLATFORM_ROLE}")


def downgrade() -> None:
    op.drop_table("sign_up")
