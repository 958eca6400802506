"""What the rest of the present month costs, from the days before: one answer for the overview, the explorer, budgets and Billing.

How it is reckoned from those days is `forecast.py`, in words at its top.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from flyusage.periods import DAY, Period, floor_day, midnight, month_period
from flyusage.pricing.asking import Known, know
from flyusage.pricing.explorer import explore
from flyusage.pricing.forecast import Forecast, each_day, forecast
from flyusage.pricing.view import Answer, Filter, Granularity, Measure, View

HISTORY_DAYS = 160  # of which eight weeks make the forecast, and the others measure its interval
METHOD = "as the level, the weekdays and the trend of the last weeks suggest"


@dataclass(frozen=True)
class Ahead:
    """`rest`: what is expected between the moment asked and the month's end, in units of the currency (dollars, not cents).

    `past` is the cost of each day up to yesterday (None: no data), `count` the days from today to the month's end.
    """

    past: tuple[float | None, ...]
    count: int
    rest: Forecast

    def days(self) -> tuple[Forecast, ...]:
        """The same for each day by itself, today as a whole first."""
        return tuple(each_day(self.past, self.count) or ())


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
    past = _days(explore(session, org_id, view, now=now, known=known), is_whole=not filters)
    count = (month_period(now).end - today) // DAY
    rest = forecast(past, count, passed=(now - today) / DAY)
    return None if rest is None else Ahead(tuple(past), count, rest)


def _days(answer: Answer, *, is_whole: bool) -> list[float | None]:
    """Cost by day. A day on which a whole organization used nothing is one whose events are missing."""
    line = [sum(points) for points in zip(*(series.points for series in answer.drawn), strict=True)] if answer.drawn else []
    return [None if is_whole and not one else float(one) for one in line]
