"""What the rest of the present month costs, from the days before: one answer for the overview, the explorer, budgets and Billing.

How it is reckoned from those days is `forecast.py`, in words at its top.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlmodel import Session

from flyusage.metering.silence import missing_days
from flyusage.periods import DAY, HOUR, Period, floor_day, midnight, month_period
from flyusage.pricing.asking import Known, ask, know
from flyusage.pricing.explorer import explore
from flyusage.pricing.forecast import HOURS_A_DAY, Forecast, each_day, forecast, share_passed
from flyusage.pricing.points import buckets, points
from flyusage.pricing.view import Answer, Filter, Granularity, Measure, View

HISTORY_DAYS = 160  # of which eight weeks make the forecast, and the others measure its interval
SHAPE_DAYS = 28  # of whose hours today's are made
METHOD = "as the level, the hours, the weekdays and the trend of the last weeks suggest"


@dataclass(frozen=True)
class Ahead:
    """`rest`: what is expected between the moment asked and the month's end, in units of the currency (dollars, not cents).

    `past` is the cost of each day up to yesterday (None: its events are missing), `count` the days from today to the month's end;
    `is_used`, whether today has cost anything yet.
    """

    past: tuple[float | None, ...]
    count: int
    rest: Forecast
    is_used: bool

    def days(self) -> tuple[Forecast, ...]:
        """The same for each day by itself, today as a whole first."""
        return tuple(each_day(self.past, self.count, is_used=self.is_used) or ())


def ahead(
    session: Session, org_id: int, measure: Measure, filters: tuple[Filter, ...] = (), *, now: datetime, known: Known | None = None
) -> Ahead | None:
    """What is expected of the rest of the month that holds `now`, under `filters`; None before the first whole day.

    `measure` is a cost that is not an invoice's. Days that are still being loaded are not gone by. `known` is what `know` of the same
    moment just gave, cost centres included where a filter names them.
    """
    known = known or know(session, org_id, None, now)
    today = floor_day(now)
    if known.history is None:
        return None
    first = floor_day(known.history.start + DAY - timedelta(microseconds=1))  # a day that began without events is not a day's cost
    begins = max(first, today - HISTORY_DAYS * DAY)
    if known.load is not None:
        begins = max(begins, midnight(known.load.whole_from))
    if begins >= today:
        return None
    view = View(measure, Period(begins, today), None, filters, Granularity.DAY)
    missing = missing_days(session, org_id, view.period)
    line = _line(explore(session, org_id, view, now=now, known=known))
    past = [None if day in missing else one for day, one in zip(view.period.days(), line, strict=False)]
    if not past:
        return None
    count = (month_period(now).end - today) // DAY
    passed, is_used = _of_today(session, known, view, past, now)
    rest = forecast(past, count, passed=passed, is_used=is_used)
    return None if rest is None else Ahead(tuple(past), count, rest, is_used)


def _line(answer: Answer) -> list[float]:
    """Cost by day; nothing where nothing was ever used."""
    return [float(sum(points)) for points in zip(*(series.points for series in answer.drawn), strict=True)]


def _of_today(session: Session, known: Known, view: View, past: Sequence[float | None], now: datetime) -> tuple[float, bool]:
    """Which share of what today will cost is spent, by the hours of the days before that are not missing; and whether anything is."""
    today = view.period.end
    if now == today:
        return 0.0, False
    period = Period(max(view.period.start, today - SHAPE_DAYS * DAY), now)
    question = ask(session, known, replace(view, period=period, granularity=Granularity.HOUR))
    axis = buckets(question.period, Granularity.HOUR)
    line = points(session, question, axis).get(0, [0.0] * len(axis.starts))
    whole = (today - period.start) // HOUR
    days = [line[first : first + HOURS_A_DAY] for first in range(0, whole, HOURS_A_DAY)]
    known_days = [None if one is None else hours for one, hours in zip(past[-len(days) :], days, strict=True)]
    return share_passed(known_days, (now - today) / HOUR), any(line[whole:])
