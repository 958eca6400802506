"""What belongs onto a chart of cost beside the cost: budgets of just what it shows, where the month is heading, and what was not usual."""

import calendar
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from flyusage.alerts.anomalies import Found, anomalies
from flyusage.alerts.budgets import Budget, budgets, filters_of, outlook
from flyusage.money import CURRENCIES
from flyusage.periods import DAY, floor_day, month_period
from flyusage.pricing.asking import Known
from flyusage.pricing.forecast import Forecast
from flyusage.pricing.negotiated import contracted_table
from flyusage.pricing.view import Answer, Dimension, Filter, Granularity, Measure, View

MOST_ANOMALIES = 12
SHARES = {Granularity.HOUR: 1 / 24, Granularity.DAY: 1.0, Granularity.WEEK: 7.0}  # of a day, in a bucket


@dataclass(frozen=True)
class BudgetLine:
    """A budget of just what is shown: its even pace, a value per bucket, in units of the currency."""

    budget: Budget
    points: tuple[float, ...]


@dataclass(frozen=True)
class Heading:
    """Where the month is heading: its total in minor units, and for each day that is still to come (None: passed) what is expected.

    `low` and `high`: between what each of them lies in eight of ten cases.
    """

    month: date
    total: Forecast
    points: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class Overlays:
    """All of it; each empty where it does not belong."""

    budgets: tuple[BudgetLine, ...] = ()
    heading: Heading | None = None
    anomalies: tuple[Found, ...] = ()


def overlays(session: Session, known: Known, answer: Answer, *, now: datetime) -> Overlays:
    """What belongs onto the chart of `answer`: nothing unless it shows cost at the organization's own prices, all of its filter.

    `known` is what was known for the answer.
    """
    view, org_id = answer.view, known.org_id
    if not answer.series or not _is_own_cost(session, known, view) or any(one.dimension is Dimension.MACHINE for one in view.filters):
        return Overlays()
    shown = _same(view.filters)
    found = [one for one in anomalies(session, org_id, view.period, limit=MOST_ANOMALIES, known=known) if _lies_inside(one, view.filters)]
    lines = tuple(BudgetLine(one, _pace(one, answer)) for one in budgets(session, org_id) if _same(filters_of(one)) == shown)
    return Overlays(lines, _heading(session, org_id, answer, now), tuple(found))


def _is_own_cost(session: Session, known: Known, view: View) -> bool:
    if view.measure is not Measure.LIST_COST:
        return view.measure is Measure.CONTRACTED_COST
    prices = known.prices
    return contracted_table(session, known.org_id, prices, view.period) is prices  # nothing is negotiated: they are the same


def _same(filters: tuple[Filter, ...]) -> frozenset[tuple[Dimension, bool, frozenset[str]]]:
    return frozenset((one.dimension, one.is_exclusion, frozenset(one.values)) for one in filters)


def _lies_inside(one: Found, filters: tuple[Filter, ...]) -> bool:
    """Whether all of an anomaly is in what the filters leave, as far as its app and region say."""
    named = {Dimension.APP: one.app, Dimension.REGION: one.region}
    return all(bool(named.get(rule.dimension)) and (named[rule.dimension] in rule.values) is not rule.is_exclusion for rule in filters)


def _pace(one: Budget, answer: Answer) -> tuple[float, ...]:
    amount = one.plan.amount_minor / 10 ** CURRENCIES[one.currency].exponent
    if answer.granularity is Granularity.MONTH:
        return tuple(amount for _ in answer.buckets)
    share = SHARES[answer.granularity]
    return tuple(amount / calendar.monthrange(bucket.year, bucket.month)[1] * share for bucket in answer.buckets)


def _heading(session: Session, org_id: int, answer: Answer, now: datetime) -> Heading | None:
    """Only where days up to the end of the present month are shown, as of now."""
    view, month = answer.view, month_period(now)
    if (
        answer.granularity is not Granularity.DAY
        or view.as_of is not None
        or not (view.period.start <= now and view.period.end == month.end)
    ):
        return None
    found = outlook(session, org_id, view.filters)
    if found is None:
        return None
    today, units = floor_day(now), 10 ** CURRENCIES[answer.currency].exponent
    ahead = [found.days[(bucket - today) // DAY] if today < bucket < month.end else None for bucket in answer.buckets]
    points, low, high = (tuple(one and getattr(one, name) for one in ahead) for name in ("expected", "low", "high"))
    total = Forecast(*(units * one for one in (found.total.expected, found.total.low, found.total.high)))
    return Heading(month.start.date(), total, points, low, high)
