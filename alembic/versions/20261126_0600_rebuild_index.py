"""The role that loads may rebuild the indexes of a month's partition, with the owner's rights, since it owns no table.

Revision ID: 20261126_0600
Revises: 20261126_0700
"""

from alembic import op

from flyusage.db import PLATFORM_ROLE

revision = "20261126_0600"
down_revision = "20261126_0700"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """CREATE FUNCTION rebuild_index(wanted text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
           BEGIN
             IF NOT EXISTS (
               SELECT FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
               WHERE i.relname = wanted AND i.relkind = 'i' AND t.relispartition AND t.relnamespace = 'public'::regnamespace
                 AND i.relowner = current_user::regrole
             ) THEN RETURN false; END IF;
             EXECUTE format('REINDEX INDEX %I', wanted);
             RETURN true;
           END $$"""
    )
    op.execute("REVOKE ALL ON FUNCTION rebuild_index(text) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION rebuild_index(text) TO {PLATFORM_ROLE}")


def downgrade() -> None:
    op.execute("DROP FUNCTION rebuild_index(text)")
