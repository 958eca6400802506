"""Second factors: an authenticator app's secret, recovery codes, and sign-ins that have got as far as the password.

Revision ID: 20261125_2306
Revises: 20261125_2305
"""

import sqlalchemy as sa
from alembic import op

from flyusage.db import APP_ROLE, PLATFORM_ROLE

revision = "20261125_2306"
down_revision = "20261125_2305"
branch_labels = None
depends_on = None

FUNCTIONS = ("has_second_factor(int)", "closed_without_second_factor(int)")


def upgrade() -> None:
    op.add_column("organization", sa.Column("requires_second_factor", sa.Boolean(), server_default="false", nullable=False))
    op.create_table(
        "second_factor",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False, comment="encrypted with a key that the database does not hold"),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True, comment="asked for from then on"),
        sa.Column("last_step", sa.BigInteger(), nullable=True, comment="half minutes since 1970 of the last code that was used"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_second_factor_user_id_user_account")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_factor")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("code_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_recovery_code_user_id_user_account")),
        sa.PrimaryKeyConstraint("user_id", "code_sha256", name=op.f("pk_recovery_code")),
    )
    op.create_table(
        "halfway_sign_in",
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_halfway_sign_in_user_id_user_account")),
        sa.PrimaryKeyConstraint("secret_sha256", name=op.f("pk_halfway_sign_in")),
    )
    op.create_index(op.f("ix_halfway_sign_in_user_id"), "halfway_sign_in", ["user_id"])
    for statement in _rights():
        op.execute(statement)


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    for table in ("halfway_sign_in", "recovery_code", "second_factor"):
        op.drop_table(table)
    op.drop_column("organization", "requires_second_factor")


def _rights() -> list[str]:
    """The platform's alone; a tenant's role learns only whether there is one."""
    definer = "LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp"
    statements = [
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON second_factor, recovery_code, halfway_sign_in TO {PLATFORM_ROLE}",
        f"""CREATE FUNCTION has_second_factor(who int) RETURNS boolean {definer}
            AS $$ SELECT EXISTS (SELECT FROM second_factor WHERE user_id = who AND confirmed_at IS NOT NULL) $$""",
        f"""CREATE FUNCTION closed_without_second_factor(who int) RETURNS SETOF int {definer}
            AS $$ SELECT o.id FROM membership m JOIN organization o ON o.id = m.org_id
                  WHERE m.user_id = who AND o.requires_second_factor AND NOT has_second_factor(who) $$""",
    ]
    for function in FUNCTIONS:
        statements += [f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC", f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}, {PLATFORM_ROLE}"]
    return statements
