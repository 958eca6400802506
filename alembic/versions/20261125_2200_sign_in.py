"""People sign in: passwords, the browsers they are signed in with, links good for once, and counts of what was tried.

Revision ID: 20261125_2200
Revises: 20261125_2100
"""

import sqlalchemy as sa
from alembic import op

from flyusage.db import APP_ROLE, OWNER_ROLE, PLATFORM_ROLE

revision = "20261125_2200"
down_revision = "20261125_2100"
branch_labels = None
depends_on = None

FUNCTIONS = (
    "anybody_signs_in()",
    "session_reader(bytea, timestamptz, interval)",
    "session_seen(bigint, timestamptz)",
    "organizations_of(int)",
)


def upgrade() -> None:
    op.add_column("user_account", sa.Column("password_hash", sa.Text(), nullable=True))
    op.add_column("user_account", sa.Column("email_verified_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "user_session",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, comment="to the minute"),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False, comment="whatever is done until then"),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True, comment="signed out"),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False, comment="the browser's own words about itself, cut"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_user_session_user_id_user_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_session")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_user_session_secret_sha256")),
    )
    op.create_index(op.f("ix_user_session_user_id"), "user_session", ["user_id"])
    op.create_table(
        "one_time_link",
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("purpose IN ('set_password', 'verify_address')", name="purpose_known"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_one_time_link_user_id_user_account")),
        sa.PrimaryKeyConstraint("secret_sha256", name=op.f("pk_one_time_link")),
    )
    op.create_index(op.f("ix_one_time_link_user_id"), "one_time_link", ["user_id"])
    op.create_table(
        "rate_counter",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_rate_counter")),
    )
    op.create_index(op.f("ix_rate_counter_ends_at"), "rate_counter", ["ends_at"])
    for statement in (*_grants(), *_functions()):
        op.execute(statement)


def downgrade() -> None:
    for function in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP POLICY lookup ON membership")
    for table in ("rate_counter", "one_time_link", "user_session"):
        op.drop_table(table)
    op.drop_column("user_account", "email_verified_at")
    op.drop_column("user_account", "password_hash")


def _grants() -> list[str]:
    """The platform's alone: a tenant's role reads people only through the functions below."""
    return [
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON user_session, one_time_link, rate_counter TO {PLATFORM_ROLE}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {PLATFORM_ROLE}",
        f"CREATE POLICY lookup ON membership FOR SELECT TO {OWNER_ROLE} USING (true)",  # for organizations_of
    ]


def _functions() -> list[str]:
    definer = "SECURITY DEFINER SET search_path = public, pg_temp"
    statements = [
        f"""CREATE FUNCTION anybody_signs_in() RETURNS boolean LANGUAGE sql STABLE {definer}
            AS $$ SELECT EXISTS (SELECT FROM user_account WHERE password_hash IS NOT NULL) OR EXISTS (SELECT FROM one_time_link) $$""",
        f"""CREATE FUNCTION session_reader(secret bytea, at timestamptz, idle interval)
            RETURNS TABLE (session_id bigint, user_id int, email text, name text, seen_at timestamptz) LANGUAGE sql STABLE {definer}
            AS $$ SELECT s.id, u.id, u.email, u.name, s.seen_at FROM user_session s JOIN user_account u ON u.id = s.user_id
                  WHERE s.secret_sha256 = secret AND s.ended_at IS NULL AND s.ends_at > at AND s.seen_at > at - idle $$""",
        f"""CREATE FUNCTION session_seen(session_id bigint, at timestamptz) RETURNS void LANGUAGE sql {definer}
            AS $$ UPDATE user_session SET seen_at = at WHERE id = session_id AND ended_at IS NULL AND seen_at < at $$""",
        f"""CREATE FUNCTION organizations_of(who int)
            RETURNS TABLE (id int, slug text, name text, is_synthetic boolean, role text) LANGUAGE sql STABLE {definer}
            AS $$ SELECT o.id, o.slug, o.name, o.is_synthetic, m.role FROM membership m JOIN organization o ON o.id = m.org_id
                  WHERE m.user_id = who ORDER BY o.id $$""",
    ]
    for function in FUNCTIONS:
        statements += [f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC", f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}, {PLATFORM_ROLE}"]
    return statements
