"""Passkeys that sign in alone: a challenge for a browser of which nobody knows yet whose it is.

Revision ID: 20261126_1500
Revises: 20261126_1210
"""

import sqlalchemy as sa
from alembic import op

revision = "20261126_1500"
down_revision = "20261126_1210"
branch_labels = None
depends_on = None

NAME = "ck_passkey_challenge_purpose_known"
WHOSE = "ck_passkey_challenge_user_known"


def upgrade() -> None:
    op.alter_column("passkey_challenge", "user_id", nullable=True, existing_type=sa.Integer(), comment="null: whose answer it is, the answer says")
    op.drop_constraint(op.f(NAME), "passkey_challenge", type_="check")
    op.create_check_constraint(op.f(NAME), "passkey_challenge", "purpose IN ('add', 'sign_in', 'enter')")
    op.create_check_constraint(op.f(WHOSE), "passkey_challenge", "(user_id IS NULL) = (purpose = 'enter')")
    op.create_index(op.f("ix_passkey_challenge_ends_at"), "passkey_challenge", ["ends_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_passkey_challenge_ends_at"), "passkey_challenge")
    op.drop_constraint(op.f(WHOSE), "passkey_challenge", type_="check")
    op.drop_constraint(op.f(NAME), "passkey_challenge", type_="check")
    op.execute("DELETE FROM passkey_challenge WHERE purpose = 'enter'")
    op.create_check_constraint(op.f(NAME), "passkey_challenge", "purpose IN ('add', 'sign_in')")
    op.alter_column("passkey_challenge", "user_id", nullable=False, existing_type=sa.Integer(), comment=None)
