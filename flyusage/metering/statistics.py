"""The planner's statistics after a bulk load.

Autovacuum renews them a minute later, while people already look; those of a partitioned table as a whole, never.
"""

import sqlalchemy as sa

from flyusage import db

SMALLEST_BYTES = 2 << 20  # below that any plan is good enough
GROWN = 1.25


def refresh(*, smallest_bytes: int = SMALLEST_BYTES) -> list[str]:
    """Analyze the tables that grew by a quarter since they last were; their names, partitions before what they are parts of.

    A transaction for each: while a table is analyzed it can neither be vacuumed nor get a new month. To be called outside
    of any.
    """
    with db.platform_transaction() as session:
        grown = list(session.scalars(sa.text(_GROWN), {"bytes": smallest_bytes, "grown": GROWN}))
    for table in grown:
        with db.platform_transaction() as session:
            session.execute(sa.text("SELECT analyze_table(:wanted)"), {"wanted": table})
    return grown


# By size and not by rows changed, of which sessions tell the server seconds later. Before 18, analyzing a partitioned table
# means all of its partitions.
_GROWN = """
WITH grown AS (
  SELECT c.oid, c.relname, i.inhparent FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
  WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    AND pg_relation_size(c.oid) >= greatest(:bytes, :grown * c.relpages * current_setting('block_size')::int)
), parent AS (
  SELECT relname FROM pg_class WHERE oid IN (SELECT inhparent FROM grown)
)
SELECT relname FROM (
  SELECT relname, 0 AS turn FROM grown WHERE inhparent IS NULL OR current_setting('server_version_num')::int >= 180000
  UNION ALL SELECT relname, 1 FROM parent
) AS due ORDER BY turn, relname"""
