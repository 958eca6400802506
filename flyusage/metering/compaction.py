"""Indexes of months that are over, rebuilt where a load has left their pages half empty.

History comes in newest first and several writers share a month, so that its keys arrive in the middle of the index, where a
page that is full splits in halves of which only one fills again: the ledger's index took 88 bytes an event where 49 do. So is the
index of what waits to be rolled up, whose pages stay when all of it is done: 24 MB for nothing after 13 months of 10,000 machines.

Whoever loads in bulk compacts when done (`compact`); beside a server that is fed all day a worker does, an index at a time (`run`).
"""

import threading

import psycopg.errors
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from flyusage import clock, db, jobs
from flyusage.metering import statistics
from flyusage.metering.models import PARTITIONED_TABLES

SMALLEST_BYTES = 2 << 20  # below that there is nothing to gain
WASTE = 1.35  # times what a rebuilt index takes; one that fills at random stays at about 1.3
PATIENCE = "2s"
# Beside a server that is written and read: who waits behind us waits no longer than this, and then for one index's rebuilding.
SHORT_PATIENCE = "100ms"
LARGEST_BYTES = 256 << 20  # rebuilt in about five seconds; larger ones are left to a load, or to an operator's REINDEX CONCURRENTLY
GROWN = 1.35  # and one that a worker has rebuilt is rebuilt again when it is that much larger
EVERY_SECONDS = 3600.0
FIRST_SECONDS = 600.0  # a server that has just started is being looked at, or filled


def compact(*, smallest_bytes: int = SMALLEST_BYTES) -> list[str]:
    """Rebuild what is wasteful, when statistics are fresh; the names of the indexes.

    A transaction for each, which holds its month for about a second per million rows. One that is in use for longer than two
    seconds is left for the next load. To be called outside of any transaction.
    """
    return [index for index in _wasteful(smallest_bytes) if _rebuild(index, PATIENCE)]


def run(stop: threading.Event) -> None:
    """Compact a little every hour, until `stop` is set, beside whoever writes and reads. Several may run."""
    if not stop.wait(FIRST_SECONDS):
        jobs.Worker(Upkeep().work, channel="flyusage_compaction", every=EVERY_SECONDS).run(stop)


class Upkeep:
    """Rounds that rebuild one index each, the most wasteful first; none again until it has grown by a third."""

    def __init__(self, *, smallest_bytes: int = SMALLEST_BYTES) -> None:
        self._smallest_bytes = smallest_bytes
        self._rebuilt: dict[str, int] = {}

    def work(self) -> bool:
        """A round. What is in use is left for the next one. Never asks to be called again at once."""
        statistics.refresh(smallest_bytes=self._smallest_bytes)
        for index, size in _wasteful(self._smallest_bytes).items():
            if self._rebuilt.get(index, 0) * GROWN < size <= LARGEST_BYTES and _rebuild(index, SHORT_PATIENCE):
                with db.platform_transaction() as session:
                    self._rebuilt[index] = (
                        session.execute(sa.text("SELECT pg_relation_size(to_regclass(:index))"), {"index": index}).scalar() or 0
                    )
                break
        return False


def _wasteful(smallest_bytes: int) -> dict[str, int]:
    """Indexes, of months that are over and of what waits, which take more than they need, and their bytes; the most wasteful first."""
    named = f"^({'|'.join(PARTITIONED_TABLES)})_[0-9]{{4}}_[0-9]{{2}}$"
    asked = {"bytes": smallest_bytes, "waste": WASTE, "named": named, "month": f"{clock.now():%Y_%m}"}
    with db.platform_transaction() as session:
        return {row.relname: row.bytes for row in session.execute(sa.text(_WASTEFUL), asked)}


def _rebuild(index: str, patience: str) -> bool:
    try:
        with db.platform_transaction() as session:
            session.execute(sa.text("SELECT set_config('lock_timeout', :patience, true)"), {"patience": patience})
            return session.execute(sa.text("SELECT rebuild_index(:wanted)"), {"wanted": index}).scalar_one()
    except OperationalError as error:
        # Whoever has read the month and now writes it waits for us as we do for them: they go on.
        if not isinstance(error.orig, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
            raise
        return False


# An entry is its key, aligned to eight bytes, and twelve more; new pages are filled to nine tenths. Two pages are always there.
_WASTEFUL = """
SELECT relname, bytes FROM (
  SELECT i.relname, pg_relation_size(i.oid) AS bytes,
         CASE WHEN t.relispartition THEN i.reltuples ELSE (SELECT count(*) FROM dirty_resource) END AS reltuples,
         (SELECT 12 + 8 * ceil(sum(a.attlen) / 8.0) FROM pg_attribute a WHERE a.attrelid = i.oid HAVING min(a.attlen) > 0) AS entry_bytes
  FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
  WHERE t.relnamespace = 'public'::regnamespace AND x.indpred IS NULL
    AND ((t.relispartition AND t.relname ~ :named AND right(t.relname, 7) < :month) OR t.relname = 'dirty_resource')
) AS index
WHERE bytes >= :bytes AND bytes > :waste * (2 * current_setting('block_size')::int + greatest(reltuples, 0) * entry_bytes / 0.9)
ORDER BY bytes - greatest(reltuples, 0) * entry_bytes / 0.9 DESC, relname"""
