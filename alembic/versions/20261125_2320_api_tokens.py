"""API tokens: what programs show instead of signing in.

Revision ID: 20261125_2320
Revises: 20261125_2306
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from flyusage.db import APP_ROLE, OWNER_ROLE, PLATFORM_ROLE

revision = "20261125_2320"
down_revision = "20261125_2306"
branch_labels = None
depends_on = None

CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"
FUNCTIONS = ("api_token_bearer(bytea)", "api_token_used(bigint, timestamptz)")


def upgrade() -> None:
    op.create_table(
        "api_token",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False, comment="the secret's beginning, to tell tokens apart"),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(), nullable=False, comment="values of Permission"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False, comment="as in the audit"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True, comment="to the minute"),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_api_token_org_id_organization")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_api_token_user_id_user_account")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("org_id", "secret_sha256", name=op.f("uq_api_token_org_id_secret_sha256")),
    )
    op.create_index(op.f("ix_api_token_user_id"), "api_token", ["user_id"])
    op.create_index(op.f("ix_api_token_secret_sha256"), "api_token", ["secret_sha256"])
    for statement in (*_locks(), *_functions()):
        op.execute(statement)


def downgrade() -> None:
    for function in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {function}")
    op.drop_table("api_token")


def _locks() -> list[str]:
    """A tenant's role makes and revokes its own; nobody removes one, so that what it did stays explained."""
    return [
        f"GRANT SELECT, INSERT ON api_token TO {APP_ROLE}",
        f"GRANT UPDATE (revoked_at) ON api_token TO {APP_ROLE}",
        f"GRANT SELECT, INSERT, UPDATE ON api_token TO {PLATFORM_ROLE}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {PLATFORM_ROLE}, {APP_ROLE}",
        "ALTER TABLE api_token ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE api_token FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON api_token TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})",
        f"CREATE POLICY platform ON api_token TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)",
        f"CREATE POLICY lookup ON api_token TO {OWNER_ROLE} USING (true) WITH CHECK (true)",  # for the functions below
    ]


def _functions() -> list[str]:
    definer = "SECURITY DEFINER SET search_path = public, pg_temp"
    statements = [
        f"""CREATE FUNCTION api_token_bearer(secret bytea)
            RETURNS TABLE (token_id bigint, org_id int, slug text, org_name text, is_synthetic boolean, user_id int, role text,
                           scopes jsonb, expires_at timestamptz, revoked_at timestamptz, used_at timestamptz) LANGUAGE sql STABLE {definer}
            AS $$ SELECT t.id, o.id, o.slug, o.name, o.is_synthetic, t.user_id, m.role, t.scopes, t.expires_at, t.revoked_at, t.used_at
                  FROM api_token t JOIN organization o ON o.id = t.org_id
                  LEFT JOIN membership m ON m.org_id = t.org_id AND m.user_id = t.user_id AND m.created_at <= t.created_at
                  WHERE t.secret_sha256 = secret $$""",
        f"""CREATE FUNCTION api_token_used(token_id bigint, at timestamptz) RETURNS void LANGUAGE sql {definer}
            AS $$ UPDATE api_token SET used_at = at WHERE id = token_id AND (used_at IS NULL OR used_at < at) $$""",
    ]
    for function in FUNCTIONS:
        statements += [f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC", f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}, {PLATFORM_ROLE}"]
    return statements
