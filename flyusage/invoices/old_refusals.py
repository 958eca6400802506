"""Lets go of refused lines, and of runs that took lines in, once they are old. Events that were accepted are never touched.

A refused line holds up the closing of the month in which it came, so it stays until that month is billed, however old it is; where no
months are closed here, and once nobody could send its event any more, its age alone counts.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa

from flyusage import clock, db, jobs
from flyusage.config import settings
from flyusage.periods import add_months

AT_ONCE = 1_000  # in a transaction, so that who sends is never held up


def oldest_kept() -> datetime:
    """From which moment on all that was refused is kept."""
    return clock.now() - timedelta(days=settings().refused_kept_days)


def sweep() -> int:
    """Delete what is older, a thousand rows a transaction, until nothing is left or the worker is to stop; how many rows went."""
    binds = {"before": oldest_kept(), "hopeless": add_months(clock.now(), -settings().event_max_age), "most": AT_ONCE}
    gone = 0
    for statement in jobs.until_stopped((_REFUSED, _RUNS)):
        while removed := _removed(statement, binds):
            gone += removed
            if not any(jobs.until_stopped((True,))):
                return gone
    return gone


def _removed(statement: str, binds: dict[str, object]) -> int:
    with db.platform_transaction() as session:
        return session.connection().execute(sa.text(statement), binds).rowcount


# In the order of the index, which begins with the oldest: what a month that is not billed yet holds is passed over, and is little.
_REFUSED = """
DELETE FROM refused_event WHERE id IN (
  SELECT id FROM refused_event r WHERE at < :before
    AND (at < :hopeless OR NOT EXISTS (SELECT FROM billing_close) OR NOT EXISTS (
      SELECT FROM organization o WHERE o.slug = r.org_slug AND NOT EXISTS (
        SELECT FROM billing_close c
        WHERE c.org_id = o.id AND c.month = CAST(date_trunc('month', r.at) AS date) AND c.state IN ('issued', 'nothing'))))
  ORDER BY at, id LIMIT :most)"""
# By number, which rises with the moment. What a demonstration knows itself by is written among the runs, too, and stays.
_RUNS = """
DELETE FROM ingest_run WHERE id IN (
  SELECT id FROM (SELECT id, started_at FROM ingest_run WHERE name NOT LIKE 'demo/%' ORDER BY id LIMIT :most) AS first WHERE started_at < :before)"""
