"""Provisioning by an organization's directory (SCIM): its tokens, the people and groups it tells of, and the accounts it had made.

Revision ID: 20261126_0200
Revises: 20261126_0040
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from flyusage.db import APP_ROLE, OWNER_ROLE, PLATFORM_ROLE

revision = "20261126_0200"
down_revision = "20261126_0040"
branch_labels = None
depends_on = None

CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"
TENANT = ("scim_token", "provisioning", "provisioned_account", "scim_user", "scim_group", "scim_group_member")
FUNCTIONS = (
    "scim_token_bearer(bytea)",
    "scim_token_used(bigint, timestamptz)",
    "provision_account(text, text, timestamptz)",
    "rename_provisioned_account(int, text)",
    "sign_out_provisioned_account(int, timestamptz)",
)


def upgrade() -> None:
    _settings()
    _people()
    for statement in (*_locks(), *_token_functions(), *_account_functions(), *_grants()):
        op.execute(statement)


def downgrade() -> None:
    for function in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {function}")
    for table in reversed(TENANT):
        op.drop_table(table)


def _settings() -> None:
    op.create_table(
        "scim_token",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False, comment="the secret's beginning, to tell tokens apart"),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False, comment="as in the audit"),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True, comment="to the minute"),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_scim_token_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_scim_token")),
        sa.UniqueConstraint("org_id", "secret_sha256", name=op.f("uq_scim_token_org_id_secret_sha256")),
    )
    op.create_index(op.f("ix_scim_token_secret_sha256"), "scim_token", ["secret_sha256"])
    op.create_table(
        "provisioning",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("default_role", sa.Text(), nullable=False),
        sa.CheckConstraint("default_role IN ('developer', 'billing', 'viewer')", name=op.f("ck_provisioning_default_role_known")),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_provisioning_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", name=op.f("pk_provisioning")),
    )
    op.create_table(
        "provisioned_account",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_provisioned_account_org_id_organization")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_provisioned_account_user_id_user_account")),
        sa.PrimaryKeyConstraint("org_id", "user_id", name=op.f("pk_provisioned_account")),
    )
    op.create_index(op.f("ix_provisioned_account_user_id"), "provisioned_account", ["user_id"])


def _people() -> None:
    op.create_table(
        "scim_user",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False, comment="as it is compared: NFC, in lower case"),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("attributes", postgresql.JSONB(), nullable=False, comment="of the SCIM resource, as last written"),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_scim_user_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_scim_user")),
        sa.UniqueConstraint("org_id", "email", name=op.f("uq_scim_user_org_id_email")),
        sa.UniqueConstraint("org_id", "user_name", name=op.f("uq_scim_user_org_id_user_name")),
    )
    op.create_index("ix_scim_user_org_id_external_id", "scim_user", ["org_id", "external_id"])
    op.create_table(
        "scim_group",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role IN ('admin', 'developer', 'billing', 'viewer')", name=op.f("ck_scim_group_role_known")),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_scim_group_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_scim_group")),
    )
    op.create_index("ix_scim_group_org_id_external_id", "scim_group", ["org_id", "external_id"])
    group, user = ["scim_group.org_id", "scim_group.id"], ["scim_user.org_id", "scim_user.id"]
    op.create_table(
        "scim_group_member",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["org_id", "group_id"], group, name=op.f("fk_scim_group_member_org_id_scim_group"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["org_id", "user_id"], user, name=op.f("fk_scim_group_member_org_id_scim_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("org_id", "group_id", "user_id", name=op.f("pk_scim_group_member")),
    )
    op.create_index("ix_scim_group_member_org_id_user_id", "scim_group_member", ["org_id", "user_id"])


def _locks() -> list[str]:
    """A token is never removed, so that what it did stays explained; which accounts were made is written by the function below alone."""
    statements = [
        f"GRANT SELECT, INSERT ON scim_token TO {APP_ROLE}",
        f"GRANT UPDATE (revoked_at) ON scim_token TO {APP_ROLE}",
        f"GRANT SELECT, INSERT, UPDATE ON scim_token TO {PLATFORM_ROLE}",
        f"GRANT SELECT ON provisioned_account TO {APP_ROLE}",
        f"GRANT SELECT, INSERT, DELETE ON provisioned_account TO {PLATFORM_ROLE}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}, {PLATFORM_ROLE}",
    ]
    for table in ("provisioning", "scim_user", "scim_group", "scim_group_member"):
        statements.append(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}, {PLATFORM_ROLE}")
    for table in TENANT:
        statements += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {table} TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})",
            f"CREATE POLICY platform ON {table} TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)",
        ]
    return statements + [
        f"CREATE POLICY lookup ON {table} TO {OWNER_ROLE} USING (true) WITH CHECK (true)" for table in ("scim_token", "provisioned_account")
    ]


DEFINER = "SECURITY DEFINER SET search_path = public, pg_temp"


def _token_functions() -> list[str]:
    return [
        f"""CREATE FUNCTION scim_token_bearer(secret bytea)
            RETURNS TABLE (token_id bigint, org_id int, org_name text, revoked_at timestamptz, used_at timestamptz, deleted_at timestamptz)
            LANGUAGE sql STABLE {DEFINER}
            AS $$ SELECT t.id, o.id, o.name, t.revoked_at, t.used_at, o.deleted_at
                  FROM scim_token t JOIN organization o ON o.id = t.org_id WHERE t.secret_sha256 = secret $$""",
        f"""CREATE FUNCTION scim_token_used(token_id bigint, at timestamptz) RETURNS void LANGUAGE sql {DEFINER}
            AS $$ UPDATE scim_token SET used_at = at WHERE id = token_id AND (used_at IS NULL OR used_at < at) $$""",
    ]


def _account_functions() -> list[str]:
    """All that an organization may do about accounts, which its role can neither read nor write: about those of its own alone."""
    theirs = f"""EXISTS (SELECT FROM provisioned_account p WHERE p.org_id = {CURRENT_ORG} AND p.user_id = account)
                 AND NOT EXISTS (SELECT FROM membership m WHERE m.user_id = account AND m.org_id IS DISTINCT FROM {CURRENT_ORG})"""
    return [
        f"""CREATE FUNCTION provision_account(address text, called text, at timestamptz) RETURNS TABLE (user_id int, is_new boolean)
            LANGUAGE plpgsql {DEFINER} AS $$
            DECLARE account int; current_org int := {CURRENT_ORG};
            BEGIN
              IF current_org IS NULL THEN RAISE 'no organization is set'; END IF;
              INSERT INTO user_account AS u (email, name, created_at) VALUES (address, called, at)
                ON CONFLICT (email) DO NOTHING RETURNING u.id INTO account;
              IF account IS NOT NULL THEN
                INSERT INTO provisioned_account VALUES (current_org, account);
                RETURN QUERY SELECT account, true;
              END IF;
              RETURN QUERY SELECT u.id, false FROM user_account u WHERE account IS NULL AND u.email = address
                AND EXISTS (SELECT FROM provisioned_account p WHERE p.org_id = current_org AND p.user_id = u.id);
            END $$""",
        f"""CREATE FUNCTION rename_provisioned_account(account int, called text) RETURNS void LANGUAGE sql {DEFINER}
            AS $$ UPDATE user_account SET name = called WHERE id = account AND {theirs} $$""",
        f"""CREATE FUNCTION sign_out_provisioned_account(account int, at timestamptz) RETURNS SETOF bigint LANGUAGE sql {DEFINER}
            AS $$ UPDATE user_session s SET ended_at = at WHERE s.user_id = account AND s.ended_at IS NULL AND {theirs} RETURNING s.id $$""",
    ]


def _grants() -> list[str]:
    statements = []
    for function in FUNCTIONS:
        statements += [f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC", f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}, {PLATFORM_ROLE}"]
    return statements
