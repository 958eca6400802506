"""Days of which no events came though there should have been some: what ran on is billed, but they are no evidence of what did run.

A day is silent where nothing began, ended or was deployed. Traffic does not count: it is reported for days past. Silence is usual where
little changes (a small organization, weekends), so that a silent day is missing only between two that are not, and only where the
same weekday is heard of otherwise.
"""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import db
from flyusage.metering.models import HOURS, RUNNING_BY_APP, RUNNING_WHOLE
from flyusage.periods import Period

WEEK = 7
HEARD_OTHERWISE = 0.75  # of the same weekdays outside of the silence


def missing_days(session: Session, org_id: int, period: Period) -> frozenset[date]:
    """The days of `period` without events that should have some. Who sees some apps only is told of these apps' silence."""
    days = list(period.days())
    whole = RUNNING_WHOLE if db.granted_apps(session) is None else RUNNING_BY_APP
    binds = {"org": org_id, "first": period.start.date(), "until": period.end.date(), "dimension": whole}
    silent = set(session.scalars(sa.text(_SILENT), binds))
    found = missing([day not in silent for day in days])
    return frozenset(day for day, is_missing in zip(days, found, strict=True) if is_missing)


def missing(heard: Sequence[bool]) -> list[bool]:
    """Which of these days, one after the other, are missing; `heard`: whether anything was heard of on it."""
    found, known = [False] * len(heard), [place for place, one in enumerate(heard) if one]
    for before, after in pairwise(known):
        for place in range(before + 1, after):
            same = range(known[0] + (place - known[0]) % WEEK, known[-1] + 1, WEEK)
            others = [heard[other] for other in same if not before < other < after]
            found[place] = bool(others) and sum(others) >= HEARD_OTHERWISE * len(others)
    return found


# Where every hour ran as much as the busiest one nothing changed; what changed and came to the same in the end left an end behind.
_SILENT = f"""
SELECT day FROM (SELECT CAST(one AS date) AS day, one AT TIME ZONE 'UTC' AS start, (one + interval '1 day') AT TIME ZONE 'UTC' AS until
                 FROM generate_series(CAST(:first AS timestamp), CAST(:until AS timestamp) - interval '1 day', interval '1 day') AS one) AS asked
WHERE NOT EXISTS (SELECT FROM running_day r WHERE r.org_id = :org AND r.dimension = :dimension AND r.day = asked.day
                  AND {" + ".join(HOURS)} < {len(HOURS)} * most)
  AND NOT EXISTS (SELECT FROM usage_interval i WHERE i.org_id = :org AND i.stopped_at >= asked.start AND i.stopped_at < asked.until)
  AND NOT EXISTS (SELECT FROM usage_interval i WHERE i.org_id = :org AND i.stopped_at IS NULL
                  AND i.started_at >= asked.start AND i.started_at < asked.until)
  AND NOT EXISTS (SELECT FROM deployment d WHERE d.org_id = :org AND d.time >= asked.start AND d.time < asked.until)
ORDER BY day"""
