"""The overview's numbers: this month against the last, where it is heading, what changed, and by what it is made up."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction

from sqlmodel import Session

from flyusage import clock
from flyusage.metering.history import HistoryLoad
from flyusage.metering.queries import Freshness, freshness
from flyusage.periods import DAY, HOUR, Period, add_months, floor_hour, midnight, month_period
from flyusage.pricing.ahead import METHOD, ahead
from flyusage.pricing.asking import Known, ask, know
from flyusage.pricing.changes import Changes, what_changed
from flyusage.pricing.explorer import explore, explore_totals
from flyusage.pricing.slices import epochs
from flyusage.pricing.totals import Sum, totals
from flyusage.pricing.view import Answer, Comparison, Dimension, Granularity, Measure, View

RATE_DAYS = 7


@dataclass(frozen=True)
class Projection:
    """Where the month ends if it goes on as it did: `total`, and `method` says in a sentence how.

    In eight of ten cases it ends between `low` and `high`; None where too little is known to say.
    """

    total: Fraction
    method: str
    low: Fraction | None = None
    high: Fraction | None = None


@dataclass(frozen=True)
class Overview:
    """The last month with events, complete to `as_of`.

    `month` is the whole calendar month, `spent` covers `so_far` (the month cut at as_of); `spent_before` covers
    `before`, last month to the same elapsed time, None when history begins later. `daily` is the month by day and
    region with the previous month behind it. `rests_on` is the money that open intervals have added since the last
    event of a stale organization. Answers carry their views: each tile leads to the explorer with that view.
    """

    month: date
    is_current: bool
    so_far: Period
    before: Period | None
    currency: str
    as_of: datetime
    rolled_through: datetime
    spent: Fraction
    spent_before: Fraction | None
    projection: Projection | None
    daily: Answer
    by_continent: Answer
    by_region: Answer
    by_app: Answer
    by_vm_size: Answer
    changes: Changes | None
    running_now: int
    is_stale: bool
    last_event_at: datetime | None
    rests_on: Fraction
    notices: tuple[str, ...] = ()

    @property
    def waits_for(self) -> HistoryLoad | None:
        """The loading that the comparison waits for; None where there is one, or none to come."""
        load, earlier = self.daily.load, Period(add_months(self.so_far.start, -1), self.so_far.start)
        return load if load and not load.covers(earlier) else None


def overview(session: Session, org_id: int, *, now: datetime | None = None) -> Overview | None:
    """The overview at `now`; None before the first event."""
    known = know(session, org_id, None, now)
    if known.history is None:
        return None
    moment = now or clock.now()
    view = replace(month_view(min(moment, known.history.end)), granularity=Granularity.DAY, comparison=Comparison.PREVIOUS)
    fresh = freshness(session, org_id, now=moment)
    daily = explore(session, org_id, view, now=moment)
    whole, as_of = view.period, daily.as_of
    is_current = as_of < whole.end
    others = [
        explore_totals(session, known, replace(view, group_by=group), daily.totals)
        for group in (Dimension.CONTINENT, Dimension.APP, Dimension.VM_SIZE)
    ]
    return Overview(
        month=whole.start.date(),
        is_current=is_current,
        so_far=Period(whole.start, min(whole.end, max(as_of, whole.start))),
        before=daily.previous_period,
        currency=daily.currency,
        as_of=as_of,
        rolled_through=daily.rolled_through,
        spent=daily.total,
        spent_before=daily.previous_total,
        projection=_projection(session, known, daily) if is_current and _has_basis(known, whole, as_of) else None,
        daily=daily,
        by_continent=others[0],
        by_region=daily,
        by_app=others[1],
        by_vm_size=others[2],
        changes=what_changed(session, org_id, view, now=moment),
        running_now=fresh.running_now if fresh else 0,
        is_stale=fresh.is_stale if fresh else False,
        last_event_at=daily.last_event_at,
        rests_on=resting_cost(known, fresh) if fresh and fresh.is_stale else Fraction(0),
        notices=daily.notices,
    )


def month_view(now: datetime) -> View:
    """The view behind the overview's headline: list cost by region of the month that holds `now`."""
    return View(Measure.LIST_COST, month_period(now))


def resting_cost(known: Known, fresh: Freshness) -> Fraction:
    """List cost of what ran on without a sign since the last event, up to as_of."""
    silent = Period(fresh.resting_since, max(fresh.resting_since, fresh.as_of))
    total = Fraction(0)
    for epoch in epochs(silent, known.prices.steps(silent)):
        span = Period(midnight(epoch.starts_on), midnight(epoch.ends_on)).clip(silent)
        for one in fresh.resting:
            price = known.prices.on(one.sku_id, one.region_id, epoch.starts_on)
            total += price.cost(one.capacity * span.seconds) if price else 0
    return total


def _has_basis(known: Known, month: Period, as_of: datetime) -> bool:
    """Whether the month and the days whose rate it goes on at are all in."""
    return known.load is None or known.load.covers(Period(min(month.start, floor_hour(as_of) - RATE_DAYS * DAY), as_of))


def _projection(session: Session, known: Known, daily: Answer) -> Projection | None:
    """What is spent, and the forecast of the rest; before the first whole day the rest at the hourly mean since history begins."""
    found = ahead(session, known.org_id, daily.view.measure, now=daily.as_of, known=known)
    if found is not None:
        rest, spent = found.rest, daily.total
        return Projection(
            spent + Fraction(rest.expected),
            f"Spent so far, and the rest {METHOD}.",
            spent + Fraction(rest.low),
            spent + Fraction(rest.high),
        )
    end = floor_hour(daily.as_of)
    start = max(end - RATE_DAYS * DAY, floor_hour(known.history.start)) if known.history else end
    if end <= start:
        return None
    question = ask(session, known, replace(daily.view, group_by=None), period=Period(start, end))
    spent = totals(session, question).get(0, Sum()).cost
    times = Fraction(int((daily.view.period.end - daily.as_of).total_seconds()), int((end - start).total_seconds()))
    method = f"Spent so far, and the rest of the month at the mean rate of the {(end - start) // HOUR} hours since history begins."
    return Projection(daily.total + spent * times, method)
