"""Single sign-on: an organization's provider, domains and groups, who came from there, and how each session was begun.

Revision ID: 20261126_0100
Revises: 20261126_0510
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from flyusage.db import APP_ROLE, OWNER_ROLE, PLATFORM_ROLE

revision = "20261126_0100"
down_revision = "20261126_0510"
branch_labels = None
depends_on = None

CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"
DEFINER = "LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp"
TENANTS = ("sso_connection", "sso_domain", "sso_group", "sso_identity")
GIVEN = "IN ('admin', 'developer', 'billing', 'viewer')"
READER, PEOPLE, BEARER = "session_reader(bytea, timestamptz, interval)", "people_of_organization(int[])", "api_token_bearer(bytea)"


def moment(name: str, *, nullable: bool = False, comment: str | None = None) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, comment=comment)


def _org() -> sa.Column:
    return sa.Column("org_id", sa.Integer(), autoincrement=False, nullable=False)


def upgrade() -> None:
    _tables()
    for table in ("user_session", "halfway_sign_in"):
        is_session = table == "user_session"
        op.add_column(
            table,
            sa.Column("method", sa.Text(), server_default="password", nullable=False, comment="how somebody signed in: auth.how" if is_session else None),
        )
        op.add_column(table, sa.Column("sso_org_id", sa.Integer(), nullable=True, comment="whose provider signed them in" if is_session else None))
        op.create_foreign_key(op.f(f"fk_{table}_sso_org_id_organization"), table, "organization", ["sso_org_id"], ["id"])
        said = "the provider asked for a second factor" if is_session else None
        op.add_column(table, sa.Column("has_provider_factor", sa.Boolean(), server_default="false", nullable=False, comment=said))
    op.create_index(op.f("ix_user_session_sso_org_id"), "user_session", ["sso_org_id"])
    for table in TENANTS:
        for statement in _security(table):
            op.execute(statement)
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON sso_flow TO {PLATFORM_ROLE}")
    op.execute("ALTER TABLE sso_flow ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE sso_flow FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON sso_flow TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})")
    op.execute(f"CREATE POLICY platform ON sso_flow TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)")
    vouched = "EXISTS (SELECT FROM sso_identity i WHERE i.org_id = o.id AND i.user_id = t.user_id AND i.has_factor)"
    _reader(", method text, sso_org_id int, has_provider_factor boolean", ", s.method, s.sso_org_id, s.has_provider_factor")
    _people(
        ", signs_in_by_provider boolean", f", EXISTS (SELECT FROM sso_identity i WHERE i.org_id = {CURRENT_ORG} AND i.user_id = u.id)"
    )
    _bearer(f" AND NOT {vouched}")


def downgrade() -> None:
    _reader("", "")
    _people("", "")
    _bearer("")
    for table in ("user_session", "halfway_sign_in"):
        for column in ("has_provider_factor", "sso_org_id", "method"):
            op.drop_column(table, column)
    for table in ("sso_flow", *reversed(TENANTS)):
        op.drop_table(table)


def _tables() -> None:
    op.create_table(
        "sso_connection",
        _org(),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False, comment="encrypted with a key that the database does not hold"),
        sa.Column("groups_claim", sa.Text(), nullable=False, comment="which claim names a person's groups"),
        sa.Column("factor_acr", sa.Text(), server_default="", nullable=False, comment="values of acr that mean a second factor, by spaces"),
        sa.Column("default_role", sa.Text(), nullable=True, comment="of who comes uninvited; without one nobody does"),
        sa.Column("is_enforced", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("is_off", sa.Boolean(), server_default="false", nullable=False, comment="by whoever runs the installation"),
        sa.Column("break_glass_user_id", sa.Integer(), nullable=True, comment="an owner who may use a password all the same"),
        moment("worked_at", nullable=True, comment="somebody was last let through as it is set up now"),
        moment("changed_at"),
        sa.CheckConstraint(f"default_role {GIVEN}", name=op.f("ck_sso_connection_role_given")),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_sso_connection_org_id_organization")),
        sa.ForeignKeyConstraint(["break_glass_user_id"], ["user_account.id"], name=op.f("fk_sso_connection_break_glass_user_id_user_account")),
        sa.PrimaryKeyConstraint("org_id", name=op.f("pk_sso_connection")),
    )
    op.create_table(
        "sso_domain",
        _org(),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False, comment="what the TXT record must hold; no secret"),
        moment("claimed_at"),
        moment("checked_at", nullable=True),
        moment("verified_at", nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_sso_domain_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", "domain", name=op.f("pk_sso_domain")),
    )
    op.create_index("ix_sso_domain_domain", "sso_domain", ["domain"])
    op.create_table(
        "sso_group",
        _org(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.CheckConstraint(f"role {GIVEN}", name=op.f("ck_sso_group_role_given")),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_sso_group_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", "name", name=op.f("pk_sso_group")),
    )
    op.create_table(
        "sso_identity",
        _org(),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        moment("linked_at"),
        moment("seen_at"),
        sa.Column("has_factor", sa.Boolean(), nullable=False, comment="the provider asked for a second factor the last time"),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_sso_identity_org_id_organization")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_sso_identity_user_id_user_account")),
        sa.PrimaryKeyConstraint("org_id", "issuer", "subject", name=op.f("pk_sso_identity")),
        sa.UniqueConstraint("org_id", "issuer", "user_id", name=op.f("uq_sso_identity_org_id_issuer_user_id")),
    )
    op.create_index(op.f("ix_sso_identity_user_id"), "sso_identity", ["user_id"])
    op.create_table(
        "sso_flow",
        _org(),
        sa.Column("state_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("browser_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("started_by", sa.Integer(), nullable=True, comment="of a test"),
        sa.Column("onward", sa.Text(), nullable=False, comment="a path of ours"),
        moment("made_at"),
        moment("ends_at"),
        moment("used_at", nullable=True),
        sa.Column("outcome", JSONB(), nullable=True, comment="what is shown to the browser that began"),
        sa.CheckConstraint("purpose IN ('sign_in', 'test')", name=op.f("ck_sso_flow_purpose_known")),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_sso_flow_org_id_organization")),
        sa.ForeignKeyConstraint(["started_by"], ["user_account.id"], name=op.f("fk_sso_flow_started_by_user_account")),
        sa.PrimaryKeyConstraint("org_id", "state_sha256", name=op.f("pk_sso_flow")),
    )
    op.create_index(op.f("ix_sso_flow_state_sha256"), "sso_flow", ["state_sha256"])


def _security(table: str) -> list[str]:
    return [
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}, {PLATFORM_ROLE}",
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON {table} TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})",
        f"CREATE POLICY platform ON {table} TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)",
        f"CREATE POLICY lookup ON {table} FOR SELECT TO {OWNER_ROLE} USING (true)",  # people, and bearers of tokens
    ]


def _reader(columns: str, values: str) -> None:
    """As sign-in made it, with how the session was begun."""
    _replace(
        READER,
        f"""CREATE FUNCTION session_reader(secret bytea, at timestamptz, idle interval)
            RETURNS TABLE (session_id bigint, user_id int, email text, name text, seen_at timestamptz{columns}) {DEFINER}
            AS $$ SELECT s.id, u.id, u.email, u.name, s.seen_at{values} FROM user_session s JOIN user_account u ON u.id = s.user_id
                  WHERE s.secret_sha256 = secret AND s.ended_at IS NULL AND s.ends_at > at AND s.seen_at > at - idle $$""",
    )


def _people(column: str, value: str) -> None:
    _replace(
        PEOPLE,
        f"""CREATE FUNCTION people_of_organization(wanted int[])
            RETURNS TABLE (user_id int, email text, name text, role text, joined_at timestamptz, seen_at timestamptz,
                           has_second_factor boolean{column}) {DEFINER}
            AS $$ SELECT u.id, u.email, u.name, m.role, m.created_at,
                         (SELECT max(s.seen_at) FROM user_session s WHERE s.user_id = u.id), has_second_factor(u.id){value}
                  FROM membership m JOIN user_account u ON u.id = m.user_id
                  WHERE m.org_id = {CURRENT_ORG} AND (wanted IS NULL OR m.user_id = ANY (wanted)) $$""",
    )


def _bearer(but: str) -> None:
    """A provider's second factor counts for its organization, for the tokens of who last came that way too."""
    _replace(
        BEARER,
        f"""CREATE FUNCTION api_token_bearer(secret bytea)
            RETURNS TABLE (token_id bigint, org_id int, slug text, org_name text, is_synthetic boolean, user_id int, role text,
                           scopes jsonb, expires_at timestamptz, revoked_at timestamptz, used_at timestamptz, deleted_at timestamptz,
                           is_closed boolean) {DEFINER}
            AS $$ SELECT t.id, o.id, o.slug, o.name, o.is_synthetic, t.user_id, m.role, t.scopes, t.expires_at, t.revoked_at, t.used_at,
                         o.deleted_at, t.user_id IS NOT NULL AND o.requires_second_factor AND NOT has_second_factor(t.user_id){but}
                  FROM api_token t JOIN organization o ON o.id = t.org_id
                  LEFT JOIN membership m ON m.org_id = t.org_id AND m.user_id = t.user_id AND m.created_at <= t.created_at
                  WHERE t.secret_sha256 = secret $$""",
    )


def _replace(function: str, made: str) -> None:
    op.execute(f"DROP FUNCTION {function}")
    op.execute(made)
    op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}, {PLATFORM_ROLE}")
