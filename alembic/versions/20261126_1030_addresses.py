"""Who belongs to an organization by address alone: to find a page of members, or one of them, without asking of all when they came.

Revision ID: 20261126_1030
Revises: 20261126_1020
"""

from alembic import op

from flyusage.db import APP_ROLE, PLATFORM_ROLE

revision = "20261126_1030"
down_revision = "20261126_1020"
branch_labels = None
depends_on = None

FUNCTION = "addresses_of_organization()"


def upgrade() -> None:
    op.execute(
        f"""CREATE FUNCTION {FUNCTION} RETURNS TABLE (user_id int, email text, name text, role text)
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
            AS $$ SELECT u.id, u.email, u.name, m.role FROM membership m JOIN user_account u ON u.id = m.user_id
                  WHERE m.org_id = NULLIF(current_setting('flyusage.org_id', true), '')::int $$"""
    )
    op.execute(f"REVOKE ALL ON FUNCTION {FUNCTION} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {FUNCTION} TO {APP_ROLE}, {PLATFORM_ROLE}")


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {FUNCTION}")
