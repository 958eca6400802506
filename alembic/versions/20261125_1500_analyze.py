"""Statistics are renewed right after a bulk load, by the role that loads: with the owner's rights, since it owns no table.

Without it the planner knows nothing of what came in until autovacuum has passed by, and of a partitioned table as a whole it
never does.

Revision ID: 20261125_1500
Revises: 20261124_0120
"""

from alembic import op

from flyusage.db import PLATFORM_ROLE

revision = "20261125_1500"
down_revision = "20261124_0120"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """CREATE FUNCTION analyze_table(wanted text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
           DECLARE kind "char" := (SELECT relkind FROM pg_class WHERE relname = wanted AND relnamespace = 'public'::regnamespace
                                   AND relkind IN ('r', 'p') AND relowner = current_user::regrole);
                   only_itself text := '';
           BEGIN
             IF kind IS NULL THEN RETURN false; END IF;
             IF kind = 'p' AND current_setting('server_version_num')::int >= 180000 THEN only_itself := 'ONLY'; END IF;
             EXECUTE format('ANALYZE %s %I', only_itself, wanted);
             RETURN true;
           END $$"""
    )
    op.execute("REVOKE ALL ON FUNCTION analyze_table(text) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION analyze_table(text) TO {PLATFORM_ROLE}")


def downgrade() -> None:
    op.execute("DROP FUNCTION analyze_table(text)")
