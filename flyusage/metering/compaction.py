"""Indexes of months that are over, rebuilt where a load has left their pages half empty.

History comes in newest first and several writers share a month, so that its keys arrive in the middle of the index, where a
page that is full splits in halves of which only one fills again: the ledger's index took 88 bytes an event where 49 do.
"""

import psycopg.errors
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from flyusage import clock, db
from flyusage.metering.models import PARTITIONED_TABLES

SMALLEST_BYTES = 2 << 20  # below that there is nothing to gain
WASTE = 1.35  # times what a rebuilt index takes; one that fills at random stays at about 1.3
PATIENCE = "2s"


def compact(*, smallest_bytes: int = SMALLEST_BYTES) -> list[str]:
    """Rebuild what is wasteful, when statistics are fresh; the names of the indexes.

    A transaction for each, which holds its month for about a second per million rows. One that is in use for longer than two
    seconds is left for the next load. To be called outside of any transaction.
    """
    named = f"^({'|'.join(PARTITIONED_TABLES)})_[0-9]{{4}}_[0-9]{{2}}$"
    asked = {"bytes": smallest_bytes, "waste": WASTE, "named": named, "month": f"{clock.now():%Y_%m}"}
    with db.platform_transaction() as session:
        wasteful = list(session.scalars(sa.text(_WASTEFUL), asked))
    return [index for index in wasteful if _rebuild(index)]


def _rebuild(index: str) -> bool:
    try:
        with db.platform_transaction() as session:
            session.execute(sa.text("SELECT set_config('lock_timeout', :patience, true)"), {"patience": PATIENCE})
            return session.execute(sa.text("SELECT rebuild_index(:wanted)"), {"wanted": index}).scalar_one()
    except OperationalError as error:
        # Whoever has read the month and now writes it waits for us as we do for them: they go on.
        if not isinstance(error.orig, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
            raise
        return False


# An entry is its key, aligned to eight bytes, and twelve more; new pages are filled to nine tenths. Two pages are always there.
_WASTEFUL = """
SELECT relname FROM (
  SELECT i.relname, pg_relation_size(i.oid) AS bytes, i.reltuples,
         (SELECT 12 + 8 * ceil(sum(a.attlen) / 8.0) FROM pg_attribute a WHERE a.attrelid = i.oid HAVING min(a.attlen) > 0) AS entry_bytes
  FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
  WHERE t.relispartition AND t.relnamespace = 'public'::regnamespace AND t.relname ~ :named AND right(t.relname, 7) < :month
    AND x.indpred IS NULL
) AS index
WHERE bytes >= :bytes AND bytes > :waste * (2 * current_setting('block_size')::int + greatest(reltuples, 0) * entry_bytes / 0.9)
ORDER BY relname"""
