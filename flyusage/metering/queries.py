"""What is known of an organization's data: how fresh it is, how sound, how far it is rolled up, what was deployed."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.periods import HOUR, Period, floor_hour

STALE_AFTER = timedelta(hours=6)
HEALTH_WINDOW = timedelta(days=30)
MACHINE = 1  # the resource kind


@dataclass(frozen=True)
class Resting:
    """What runs on without a sign: `capacity` base units per second of a sku in a region, of `running` open intervals."""

    region_id: int
    vm_size_id: int
    sku_id: int
    running: int
    capacity: int


@dataclass(frozen=True)
class Freshness:
    """How far an organization is known. Hours before `rolled_through` are closed; the tail reaches to `as_of`.

    `lag` is how far `as_of` is behind now: zero unless the roll-up is more than an hour late. `is_stale`: no event for 6 h;
    then all that is used after `resting_since` (the last event) rests on `resting`, constant from then to `as_of`.
    `backlog_days` are days whose figures are still to be rolled (again).
    """

    as_of: datetime
    lag: timedelta
    rolled_through: datetime
    first_event_at: datetime
    last_event_at: datetime
    is_stale: bool
    running_now: int
    backlog_days: int
    resting_since: datetime
    resting: tuple[Resting, ...]


@dataclass(frozen=True)
class RollupProgress:
    """How much of the history is rolled: `rolled_days` of `total_days`, all of them from `complete_from` on.

    `complete_from` is None while the newest day itself waits.
    """

    rolled_days: int
    total_days: int
    complete_from: date | None

    @property
    def is_complete(self) -> bool:
        """Whether nothing waits."""
        return self.rolled_days == self.total_days


@dataclass(frozen=True)
class DataHealth:
    """What was wrong with events. Counts cover all of history, except `refused_events`: the last 30 days'."""

    inferred_stops: int
    orphan_stops: int
    conflicts: int
    contradictions: int
    retired_region: int
    overflowing_days: int
    others: int
    refused_events: int


@dataclass(frozen=True)
class Deployment:
    """A version of an app went out in a region."""

    time: datetime
    app: str
    region: str
    version: str


def freshness(session: Session, org_id: int, *, now: datetime | None = None) -> Freshness | None:
    """How far the organization is known at `now` (the clock's by default); None before its first event."""
    state = session.execute(sa.text(_STATE), {"org_id": org_id}).one_or_none()
    if state is None or state.first_event_at is None:
        return None
    now = (now or clock.now()).replace(microsecond=0)
    rolled_through = state.rolled_through or floor_hour(state.first_event_at)
    as_of = min(now, rolled_through + (HOUR if state.rolled_through else timedelta(0)))
    return Freshness(
        as_of=as_of,
        lag=now - as_of,
        rolled_through=rolled_through,
        first_event_at=state.first_event_at,
        last_event_at=state.last_event_at,
        is_stale=now - state.last_event_at > STALE_AFTER,
        running_now=state.running_now,
        backlog_days=state.backlog_days,
        resting_since=state.last_event_at,
        resting=tuple(Resting(*row) for row in session.execute(sa.text(_RESTING), {"org_id": org_id})),
    )


def rollup_progress(session: Session, org_id: int) -> RollupProgress | None:
    """How much of the history is rolled; None before the first event."""
    state = session.execute(sa.text(_STATE), {"org_id": org_id}).one_or_none()
    if state is None or state.first_event_at is None:
        return None
    end = state.rolled_through or clock.now()
    days = list(Period(min(state.first_event_at, end), end).days())
    waiting = set(session.scalars(sa.text("SELECT day FROM dirty_day WHERE org_id = :org_id ORDER BY day"), {"org_id": org_id}))
    if state.rolled_through is None:
        waiting = set(days)
    complete = [day for day in days if not waiting or day > max(waiting)]
    return RollupProgress(len(days) - len(waiting & set(days)), len(days), min(complete, default=None))


def data_health(session: Session, org_id: int, *, now: datetime | None = None) -> DataHealth:
    """Findings by kind. Refused events are counted in the organization's own transaction only (elsewhere 0)."""
    found = {row.code: row.found for row in session.execute(sa.text(_FINDINGS), {"org_id": org_id})}
    since = (now or clock.now()) - HEALTH_WINDOW
    return DataHealth(
        inferred_stops=found.pop("inferred_stop", 0),
        orphan_stops=found.pop("orphan_stop", 0),
        conflicts=found.pop("event_conflict", 0),
        contradictions=found.pop("contradicting_home", 0),
        retired_region=found.pop("retired_region", 0),
        overflowing_days=found.pop("quantity_overflow", 0),
        others=sum(found.values()),
        refused_events=session.execute(sa.text("SELECT refused_event_count(:since)"), {"since": since}).scalar_one(),
    )


def deployments(session: Session, org_id: int, period: Period, *, apps: Collection[str] = (), limit: int = 500) -> list[Deployment]:
    """Deployments in `period`, oldest first; of `apps` only, if any are named. Of too many, the latest `limit`."""
    rows = session.execute(
        sa.text(_DEPLOYMENTS),
        {"org_id": org_id, "start": period.start, "end": period.end, "apps": sorted(apps), "is_any": not apps, "limit": limit},
    )
    return [Deployment(*row) for row in rows]


def machine_names(session: Session, org_id: int, text: str, *, limit: int = 20) -> list[str]:
    """Names of machines that begin with `text`, in order; if there is none, that hold it (three characters or more).

    Case counts. Beginnings are found by index among any number of machines, inner parts by reading all names.
    """
    binds = {"org_id": org_id, "kind": MACHINE, "text": text, "limit": limit}
    names = session.scalars(sa.text(_NAMES.format(where="name ^@ :text")), binds).all()
    if not names and len(text) >= 3:
        names = session.scalars(sa.text(_NAMES.format(where="position(:text IN name) > 0")), binds).all()
    return list(names)


_STATE = """
SELECT rolled_through, first_event_at, last_event_at,
       (SELECT count(*) FROM dirty_day d WHERE d.org_id = state.org_id) AS backlog_days,
       (SELECT coalesce(sum(running), 0) FROM open_cell c JOIN sku ON sku.id = c.sku_id AND sku.meter = 'machine'
        WHERE c.org_id = state.org_id) AS running_now
FROM rollup_state AS state WHERE org_id = :org_id"""
_RESTING = """
SELECT region_id, vm_size_id, sku_id, sum(running)::int, sum(capacity)::bigint FROM open_cell WHERE org_id = :org_id
GROUP BY region_id, vm_size_id, sku_id HAVING sum(capacity) > 0 ORDER BY region_id, vm_size_id, sku_id"""
_FINDINGS = "SELECT code, count(*) AS found FROM event_finding WHERE org_id = :org_id GROUP BY code ORDER BY code"
_DEPLOYMENTS = """
SELECT time, app, region, version FROM (
  SELECT d.time, a.name AS app, r.code AS region, d.version, d.identity
  FROM deployment d JOIN app a ON a.org_id = d.org_id AND a.id = d.app_id JOIN region r ON r.id = d.region_id
  WHERE d.org_id = :org_id AND d.time >= :start AND d.time < :end AND (:is_any OR a.name = ANY(CAST(:apps AS text[])))
  ORDER BY d.time DESC, d.identity DESC LIMIT :limit
) AS latest ORDER BY time, identity"""
_NAMES = "SELECT name FROM resource WHERE org_id = :org_id AND kind = :kind AND {where} ORDER BY name LIMIT :limit"
