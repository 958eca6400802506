"""Keeps rollups up: closes hours, re-rolls the days that events changed, newest first, in many short transactions.

Each step holds the organization (`locks.py`), so that nothing is written between what it reads and what it marks done, and
commits whole: killed at any instant, the next step finds either all of it or none. Two workers take turns.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DataError
from sqlmodel import Session

from flyusage import clock, db
from flyusage.metering import resource_months
from flyusage.metering.cells import roll_cells
from flyusage.metering.locks import lock_organizations
from flyusage.metering.rollup_state import CHANNEL
from flyusage.metering.tail import refresh_open_cells
from flyusage.periods import DAY, Period, floor_day, floor_hour, midnight

__all__ = ["Progress", "Steps", "catch_up", "refresh_open_cells", "roll_day"]

# A gap up to here is closed day by day and `rolled_through` follows; past it the present comes first and history after.
LONGEST_GAP = timedelta(days=31)
STEP_SECONDS = 2.0  # a transaction holds its organization's ingest; a longer one makes the next shorter
QUANTITY_OVERFLOW = "quantity_overflow"


@dataclass(frozen=True)
class Progress:
    """What one step did and what is left: days rolled since the call began, days and months of resources still to roll."""

    rolled_days: int
    pending_days: int
    pending_months: int
    rolled_through: datetime | None


def catch_up(
    org_id: int, *, until: datetime | None = None, newest_first: bool = True, progress: Callable[[Progress], None] | None = None
) -> Progress:
    """Close hours through `until` (floored; by default and at most now) and roll everything that is dirty.

    A roll-up from nothing has the newest days ready first. Repeating it is cheap and changes nothing. Opens
    transactions of its own; to be called outside of any.
    """
    steps = Steps(org_id, newest_first=newest_first)
    while steps.take(until):
        if progress is not None:
            progress(steps.progress())
    return steps.progress()


def roll_day(session: Session, org_id: int, day: date, through: datetime) -> None:
    """Bring the cells of `day` to its intervals, with the hours before `through`. The caller holds the organization.

    A day whose quantities pass 2^63 keeps the cells it had and is reported as `quantity_overflow`.
    """
    _roll_days(session, org_id, [day], through)


class Steps:
    """Pieces of one organization's work, the most urgent first, one transaction each. `revision` is that of the last one.

    With `patience_ms`, a step that waits longer than that for the organization raises OperationalError (LockNotAvailable).
    `days_at_once` is how many days the first step may roll; where nobody waits for the organization, a month costs least.
    """

    def __init__(self, org_id: int, *, newest_first: bool = True, patience_ms: int = 0, days_at_once: int = 1) -> None:
        self._org_id = org_id
        self._newest_first = newest_first
        self._patience_ms = patience_ms
        self.revision = 0
        self._rolled_days = 0
        self._days_at_once = days_at_once  # grows while steps are short: one day may be 10 machines or 100,000

    def take(self, until: datetime | None) -> bool:
        """Do the next piece; False when there was none."""
        with db.platform_transaction() as session:
            session.execute(sa.text("SELECT set_config('lock_timeout', :ms, true)"), {"ms": str(self._patience_ms)})
            lock_organizations(session, [self._org_id])
            session.execute(sa.text(_SETTINGS))
            state = session.execute(sa.text(_STATE), {"org_id": self._org_id}).one_or_none()
            if state is None or state.first_event_at is None:
                return False
            until = floor_hour(min(until or clock.now(), clock.now()))
            did = self._close_hours(session, state, until) or self._roll_dirty(session, state)
            if did:
                told = session.execute(sa.text(_DONE), {"org_id": self._org_id, "channel": CHANNEL, "text": str(self._org_id)})
                self.revision = told.one().revision
        return did

    def progress(self) -> Progress:
        """Counts as they are now."""
        with db.platform_transaction() as session:
            left = session.execute(sa.text(_LEFT), {"org_id": self._org_id}).one()
        return Progress(self._rolled_days, *left)

    def _close_hours(self, session: Session, state: sa.Row, until: datetime) -> bool:
        since = state.rolled_through
        if since is not None and since >= until:
            return False
        if since is None or until - since > LONGEST_GAP:
            start = floor_day(since or state.first_event_at)
            _mark(session, self._org_id, Period(start, max(start, until)))
        else:
            until = min(until, floor_day(since) + DAY)
            _roll_days(session, self._org_id, [since.date()], until)
            resource_months.add_hours(session, self._org_id, since, until)
            self._rolled_days += 1
        session.execute(sa.text(_ADVANCE), {"org_id": self._org_id, "until": until})
        refresh_open_cells(session, self._org_id)
        return True

    def _roll_dirty(self, session: Session, state: sa.Row) -> bool:
        """The next run of dirty days within a month, or that month's resources once its days are done."""
        order = "DESC" if self._newest_first else "ASC"
        days = session.scalars(sa.text(_DIRTY_DAYS.format(order=order)), {"org_id": self._org_id, "limit": self._days_at_once}).all()
        month = session.scalar(sa.text(_DIRTY_MONTH.format(order=order)), {"org_id": self._org_id})
        if days and (month is None or month == days[0].replace(day=1) or (month < days[0]) == self._newest_first):
            self._roll_run(session, _run(days), state.rolled_through)
            return True
        if month is not None:
            resource_months.roll_dirty(session, self._org_id, month, state.rolled_through)
        return month is not None

    def _roll_run(self, session: Session, days: Sequence[date], through: datetime) -> None:
        began = time.monotonic()
        _roll_days(session, self._org_id, days, through, only_marked=True)
        took = time.monotonic() - began
        self._rolled_days += len(days)
        # Not in proportion: much of a step's time is the same for a day and a month, and single days would take for ever.
        if took < STEP_SECONDS:
            self._days_at_once = min(31, 4 * self._days_at_once)
        elif took > 3 * STEP_SECONDS:
            self._days_at_once = max(1, len(days) // 2)


def _roll_days(session: Session, org_id: int, days: Sequence[date], through: datetime, *, only_marked: bool = False) -> None:
    """Consecutive days of one month, in order; `only_marked` leaves alone what no mark names. Clears their marks."""
    binds = {"org_id": org_id, "days": list(days)}
    marks = session.scalars(sa.text("DELETE FROM dirty_day WHERE org_id = :org_id AND day = ANY(:days) RETURNING app_ids"), binds).all()
    end = min(midnight(days[-1]) + DAY, through)
    if midnight(days[0]) >= end:
        return
    _ensure_partition(session, days[0])
    failing = {"org_id": org_id, "days": [midnight(day) for day in days], "code": QUANTITY_OVERFLOW}
    apps = None
    if only_marked and None not in marks and not session.execute(sa.text(_FAILED), failing).scalar_one():
        apps = {app for mark in marks for app in mark}
    try:
        with session.begin_nested():
            roll_cells(session, org_id, Period(midnight(days[0]), end), apps)
    except DataError as error:
        if not isinstance(error.orig, psycopg.errors.NumericValueOutOfRange):
            raise
        _roll_apart(session, org_id, days, through)
    else:
        session.execute(sa.text(_FITS), failing)


def _ensure_partition(session: Session, day: date) -> None:
    """The month's partition of `usage_day`, made in a transaction of its own: making it shuts out every reader until it commits."""
    if not session.execute(sa.text(_HAS_PARTITION), {"day": day}).scalar_one():
        with db.platform_transaction() as apart:
            apart.execute(sa.text("SELECT ensure_month_partition('usage_day', :day)"), {"day": day})


def _roll_apart(session: Session, org_id: int, days: Sequence[date], through: datetime) -> None:
    """Some quantity passes 2^63: each day by itself, and the one that cannot be rolled is reported instead of tried for ever."""
    if len(days) > 1:
        for day in days:
            _roll_days(session, org_id, [day], through)
        return
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"flyusage:{QUANTITY_OVERFLOW}:{days[0]}")
    session.execute(
        sa.text(
            """INSERT INTO event_finding (org_id, resource_id, time, identity, code)
               VALUES (:org_id, NULL, :at, :identity, :code) ON CONFLICT DO NOTHING"""
        ),
        {"org_id": org_id, "at": midnight(days[0]), "identity": identity, "code": QUANTITY_OVERFLOW},
    )


def _mark(session: Session, org_id: int, period: Period) -> None:
    """All days of the period, and all resources of its months, are to be rolled."""
    key = {"org_id": org_id, "nothing": resource_months.ALL}
    session.execute(
        sa.text("INSERT INTO dirty_day (org_id, day) SELECT :org_id, unnest(CAST(:days AS date[])) ON CONFLICT DO NOTHING"),
        {**key, "days": list(period.days())},
    )
    session.execute(
        sa.text(
            """INSERT INTO dirty_resource (org_id, month, resource_id)
               SELECT :org_id, unnest(CAST(:months AS date[])), :nothing ON CONFLICT DO NOTHING"""
        ),
        {**key, "months": list(period.months())},
    )


def _run(days: Sequence[date]) -> list[date]:
    """The first of `days` and those that follow it without a gap in the same month, in calendar order."""
    run = [days[0]]
    for day in days[1:]:
        if abs(day - run[-1]) != DAY or day.month != run[0].month:
            break
        run.append(day)
    return sorted(run)


# What is rolled can be rolled again: a crash that loses the last commits loses their marks' removal too.
_SETTINGS = """
SELECT set_config('synchronous_commit', 'off', true), set_config('work_mem', '64MB', true), set_config('lock_timeout', '0', true)"""
_STATE = "SELECT rolled_through, first_event_at FROM rollup_state WHERE org_id = :org_id"
_ADVANCE = "UPDATE rollup_state SET rolled_through = :until WHERE org_id = :org_id"
_DIRTY_DAYS = "SELECT day FROM dirty_day WHERE org_id = :org_id ORDER BY day {order} LIMIT :limit"
_DIRTY_MONTH = "SELECT month FROM dirty_resource WHERE org_id = :org_id ORDER BY month {order} LIMIT 1"
_DONE = """
UPDATE rollup_state SET revision = revision + 1 WHERE org_id = :org_id RETURNING revision, pg_notify(:channel, :text)"""
_LEFT = """
SELECT (SELECT count(*) FROM dirty_day WHERE org_id = :org_id),
       (SELECT count(DISTINCT month) FROM dirty_resource WHERE org_id = :org_id),
       (SELECT rolled_through FROM rollup_state WHERE org_id = :org_id)"""
_HAS_PARTITION = """
SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'usage_day' || to_char(CAST(:day AS date), '_YYYY_MM')
                                      AND relnamespace = 'public'::regnamespace)"""
# Such a day holds what it held before: none of its apps is up to date, whatever the marks say.
_FAILED = "SELECT EXISTS (SELECT FROM event_finding WHERE org_id = :org_id AND code = :code AND time = ANY(:days))"
_FITS = "DELETE FROM event_finding WHERE org_id = :org_id AND code = :code AND time = ANY(:days)"
