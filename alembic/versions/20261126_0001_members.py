"""Invitations, and an organization's people as its own members see them.

Revision ID: 20261126_0001
Revises: 20261125_2340
"""

import sqlalchemy as sa
from alembic import op

from flyusage.db import APP_ROLE, OWNER_ROLE, PLATFORM_ROLE

revision = "20261126_0001"
down_revision = "20261125_2340"
branch_labels = None
depends_on = None

CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"
FUNCTIONS = ("people_of_organization(int[])", "invitation_by_secret(bytea, timestamptz)")


def upgrade() -> None:
    op.create_table(
        "invitation",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('owner', 'admin', 'developer', 'billing', 'viewer')", name=op.f("ck_invitation_role_known")),
        sa.CheckConstraint("num_nonnulls(accepted_at, revoked_at) < 2", name=op.f("ck_invitation_one_end")),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_invitation_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_invitation")),
    )
    op.create_index("ix_invitation_secret_sha256", "invitation", ["secret_sha256"])
    waiting = sa.text("accepted_at IS NULL AND revoked_at IS NULL")
    op.create_index("uq_invitation_waiting", "invitation", ["org_id", "email"], unique=True, postgresql_where=waiting)
    for statement in (*_security(), *_functions()):
        op.execute(statement)


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.drop_table("invitation")


def _security() -> list[str]:
    return [
        f"GRANT SELECT, INSERT, UPDATE ON invitation TO {APP_ROLE}, {PLATFORM_ROLE}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}, {PLATFORM_ROLE}",
        "ALTER TABLE invitation ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE invitation FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON invitation TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})",
        f"CREATE POLICY platform ON invitation TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)",
        f"CREATE POLICY lookup ON invitation FOR SELECT TO {OWNER_ROLE} USING (true)",  # for invitation_by_secret
    ]


def _functions() -> list[str]:
    """A tenant's role reads no accounts: of its own organization's people it gets this much and no more."""
    definer = "SECURITY DEFINER SET search_path = public, pg_temp"
    statements = [
        f"""CREATE FUNCTION people_of_organization(wanted int[])
            RETURNS TABLE (user_id int, email text, name text, role text, joined_at timestamptz, seen_at timestamptz)
            LANGUAGE sql STABLE {definer}
            AS $$ SELECT u.id, u.email, u.name, m.role, m.created_at, (SELECT max(s.seen_at) FROM user_session s WHERE s.user_id = u.id)
                  FROM membership m JOIN user_account u ON u.id = m.user_id
                  WHERE m.org_id = {CURRENT_ORG} AND (wanted IS NULL OR m.user_id = ANY (wanted)) $$""",
        f"""CREATE FUNCTION invitation_by_secret(secret bytea, at timestamptz)
            RETURNS TABLE (org_id int, id bigint, email text, role text, slug text, name text, has_password boolean)
            LANGUAGE sql STABLE {definer}
            AS $$ SELECT i.org_id, i.id, i.email, i.role, o.slug, o.name,
                         EXISTS (SELECT FROM user_account u WHERE u.email = i.email AND u.password_hash IS NOT NULL)
                  FROM invitation i JOIN organization o ON o.id = i.org_id
                  WHERE i.secret_sha256 = secret AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.ends_at > at $$""",
    ]
    for function in FUNCTIONS:
        statements += [f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC", f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}, {PLATFORM_ROLE}"]
    return statements
