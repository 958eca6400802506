"""Whether a member has a second factor, as the organization's own people see it.

Revision ID: 20261126_0030
Revises: 20261126_0003
"""

from alembic import op

from flyusage.db import APP_ROLE, PLATFORM_ROLE

revision = "20261126_0030"
down_revision = "20261126_0003"
branch_labels = None
depends_on = None

CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"
FUNCTION = "people_of_organization(int[])"


def upgrade() -> None:
    _replace(", has_second_factor boolean", ", has_second_factor(u.id)")


def downgrade() -> None:
    _replace("", "")


def _replace(column: str, value: str) -> None:
    op.execute(f"DROP FUNCTION {FUNCTION}")
    op.execute(
        f"""CREATE FUNCTION people_of_organization(wanted int[])
            RETURNS TABLE (user_id int, email text, name text, role text, joined_at timestamptz, seen_at timestamptz{column})
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
            AS $$ SELECT u.id, u.email, u.name, m.role, m.created_at,
                         (SELECT max(s.seen_at) FROM user_session s WHERE s.user_id = u.id){value}
                  FROM membership m JOIN user_account u ON u.id = m.user_id
                  WHERE m.org_id = {CURRENT_ORG} AND (wanted IS NULL OR m.user_id = ANY (wanted)) $$"""
    )
    op.execute(f"REVOKE ALL ON FUNCTION {FUNCTION} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {FUNCTION} TO {APP_ROLE}, {PLATFORM_ROLE}")
