"""The index of what waits to be rolled up may be rebuilt, too: a load fills it, and its pages stay when all of it is done.

Revision ID: 20261127_0000
Revises: 20261126_1630
"""

from alembic import op

revision = "20261127_0000"
down_revision = "20261126_1630"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _replace("(t.relispartition OR t.relname = 'dirty_resource')")


def downgrade() -> None:
    _replace("t.relispartition")


def _replace(of_table: str) -> None:
    op.execute(
        f"""CREATE OR REPLACE FUNCTION rebuild_index(wanted text) RETURNS boolean
           LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
           BEGIN
             IF NOT EXISTS (
               SELECT FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
               WHERE i.relname = wanted AND i.relkind = 'i' AND {of_table} AND t.relnamespace = 'public'::regnamespace
                 AND i.relowner = current_user::regrole
             ) THEN RETURN false; END IF;
             EXECUTE format('REINDEX INDEX %I', wanted);
             RETURN true;
           END $$"""
    )
