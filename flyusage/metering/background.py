"""Roll-ups that keep up by themselves, for as long as a worker runs."""

import threading
import time
from dataclasses import dataclass

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from flyusage import clock, db, jobs
from flyusage.metering.rollup_state import CHANNEL
from flyusage.metering.rollups import Steps
from flyusage.periods import floor_hour

SHARE_SECONDS = 2.0  # how long one organization is worked on while others wait
PATIENCE_MS = 2_000  # how long to wait for an organization's ingest to let go
FEW_DAYS = 3  # re-rolled at once, for whoever watches
QUIET_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 15.0


def run(stop: threading.Event) -> None:
    """Close hours and re-roll what events changed, for every organization, until `stop` is set."""
    jobs.Worker(Background().work, channel=CHANNEL).run(stop)


@dataclass
class _Seen:
    revision: int
    changed_at: float
    waiting_since: float


class Background:
    """Rounds over the organizations that have something to roll.

    A load of history comes in batches that each make the same days dirty; rolling between them would do the work many times
    over. So more than a few days wait until the ledger has been quiet for 2 s, but for 15 s at most.
    """

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}

    def work(self) -> bool:
        """A share of time for every organization that is behind; whether any could have used more."""
        with db.platform_transaction() as session:
            behind = session.execute(sa.text(_BEHIND), {"now": floor_hour(clock.now()), "few": FEW_DAYS}).all()
        self._seen = {row.org_id: self._seen[row.org_id] for row in behind if row.org_id in self._seen}
        shares = [self._take_share(row.org_id) for row in jobs.until_stopped(behind) if self._is_due(row)]
        return any(shares)

    def _is_due(self, row: sa.Row) -> bool:
        now = time.monotonic()
        seen = self._seen.setdefault(row.org_id, _Seen(row.revision, now, now))
        if seen.revision != row.revision:
            seen.revision, seen.changed_at = row.revision, now
        is_quiet = now - seen.changed_at >= QUIET_SECONDS
        return row.is_little or is_quiet or now - seen.waiting_since >= LONGEST_WAIT_SECONDS

    def _take_share(self, org_id: int) -> bool:
        steps, ends = Steps(org_id, patience_ms=PATIENCE_MS), time.monotonic() + SHARE_SECONDS
        try:
            while is_left := steps.take(None):
                if time.monotonic() > ends:
                    break
        except OperationalError as error:
            if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
                raise
            is_left = False  # its ingest goes on; the next round tries again
        self._seen[org_id] = _Seen(steps.revision, 0.0, time.monotonic())
        return is_left


_BEHIND = """
SELECT org_id, revision, rolled_through IS NOT NULL AND days <= :few AND months <= 1 AS is_little FROM (
  SELECT org_id, revision, rolled_through, first_event_at,
         (SELECT count(*) FROM dirty_day d WHERE d.org_id = state.org_id) AS days,
         (SELECT count(*) FROM (SELECT DISTINCT month FROM dirty_resource d WHERE d.org_id = state.org_id) AS dirty) AS months
  FROM rollup_state AS state
) AS state
WHERE first_event_at IS NOT NULL AND (rolled_through IS NULL OR rolled_through < :now OR days > 0 OR months > 0)
ORDER BY rolled_through DESC NULLS FIRST, org_id"""
