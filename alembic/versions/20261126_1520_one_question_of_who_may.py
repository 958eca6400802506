"""Who is asking and what they may open, in one question: it is asked before every answer.

Revision ID: 20261126_1520
Revises: 20261126_1510
"""

from alembic import op

from flyusage.db import APP_ROLE, PLATFORM_ROLE

revision = "20261126_1520"
down_revision = "20261126_1510"
branch_labels = None
depends_on = None

DEFINER = "LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp"
OPENED = "opened_by(bytea, timestamptz, interval, text, timestamptz)"


def upgrade() -> None:
    # In plpgsql, which keeps its plan from call to call: planning took longer than the answer.
    op.execute(
        """CREATE FUNCTION opened_by(secret bytea, at timestamptz, idle interval, wanted text, gone timestamptz)
           RETURNS TABLE (session_id bigint, user_id int, seen_at timestamptz, id int, slug text, name text, is_synthetic boolean, role text,
                          deleted_at timestamptz, is_closed boolean, app_ids int[])
           LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
           #variable_conflict use_column
           BEGIN
             RETURN QUERY
             SELECT s.id, s.user_id, s.seen_at, o.id, o.slug, o.name, o.is_synthetic, m.role, o.deleted_at,
                    o.requires_second_factor AND NOT has_second_factor(s.user_id)
                      AND (NOT s.has_provider_factor OR s.sso_org_id IS DISTINCT FROM o.id),
                    m.app_ids
             FROM user_session s
             LEFT JOIN (membership m JOIN organization o ON o.id = m.org_id)
               ON m.user_id = s.user_id
               AND (wanted IS NULL OR o.slug = wanted OR o.id = (SELECT f.org_id FROM former_slug f WHERE f.slug = wanted))
               AND (o.deleted_at IS NULL OR (m.role = 'owner' AND o.deleted_at > gone))
             WHERE s.secret_sha256 = secret AND s.ended_at IS NULL AND s.ends_at > at AND s.seen_at > at - idle
             ORDER BY o.deleted_at IS NOT NULL, o.slug IS DISTINCT FROM wanted, o.id;
           END $$"""
    )
    _let_call(OPENED)
    # What this asks alone is asked by nothing else; they told anybody in the application's role about any person.
    op.execute("DROP FUNCTION organizations_of(int)")
    op.execute("DROP FUNCTION grants_of(int)")


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {OPENED}")
    op.execute(
        f"""CREATE FUNCTION organizations_of(who int)
            RETURNS TABLE (id int, slug text, name text, is_synthetic boolean, role text, deleted_at timestamptz) {DEFINER}
            AS $$ SELECT o.id, o.slug, o.name, o.is_synthetic, m.role, o.deleted_at FROM membership m JOIN organization o ON o.id = m.org_id
                  WHERE m.user_id = who ORDER BY o.id $$"""
    )
    op.execute(
        f"""CREATE FUNCTION grants_of(who int) RETURNS TABLE (org_id int, app_ids int[]) {DEFINER}
            AS $$ SELECT m.org_id, m.app_ids FROM membership m WHERE m.user_id = who AND m.app_ids IS NOT NULL $$"""
    )
    for function in ("organizations_of(int)", "grants_of(int)"):
        _let_call(function)


def _let_call(function: str) -> None:
    op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}, {PLATFORM_ROLE}")
