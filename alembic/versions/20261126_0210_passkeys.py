"""Passkeys: a second factor beside an authenticator app, and the challenges they sign.

Revision ID: 20261126_0210
Revises: 20261126_0200
"""

import sqlalchemy as sa
from alembic import op

from flyusage.db import PLATFORM_ROLE

revision = "20261126_0210"
down_revision = "20261126_0200"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "passkey",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False, comment="how often it says it has signed; 0 where it does not count"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_passkey_user_id_user_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkey_credential_id")),
    )
    op.create_index(op.f("ix_passkey_user_id"), "passkey", ["user_id"])
    op.create_table(
        "passkey_challenge",
        sa.Column("challenge_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("purpose IN ('add', 'sign_in')", name=op.f("ck_passkey_challenge_purpose_known")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_passkey_challenge_user_id_user_account")),
        sa.PrimaryKeyConstraint("challenge_sha256", name=op.f("pk_passkey_challenge")),
    )
    op.create_index(op.f("ix_passkey_challenge_user_id"), "passkey_challenge", ["user_id"])
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON passkey, passkey_challenge TO {PLATFORM_ROLE}")
    op.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {PLATFORM_ROLE}")
    _counts("EXISTS (SELECT FROM second_factor WHERE user_id = who AND confirmed_at IS NOT NULL) OR EXISTS (SELECT FROM passkey WHERE user_id = who)")


def downgrade() -> None:
    _counts("EXISTS (SELECT FROM second_factor WHERE user_id = who AND confirmed_at IS NOT NULL)")
    op.drop_table("passkey_challenge")
    op.drop_table("passkey")


def _counts(condition: str) -> None:
    """What counts as a second factor, for everything that asks for one."""
    op.execute(
        f"""CREATE OR REPLACE FUNCTION has_second_factor(who int) RETURNS boolean
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$ SELECT {condition} $$"""
    )
