"""Points of a few series that a chart does not draw: the small lines beside rows of a table."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from sqlmodel import Session

from flyusage.periods import Period
from flyusage.pricing.asking import ask, know
from flyusage.pricing.labels import labels
from flyusage.pricing.peaks import peaks
from flyusage.pricing.points import buckets, points
from flyusage.pricing.view import Filter, Granularity, Measure, View

HOURS_TELL_DAYS = 4  # longer stretches of hours are a comb at this size


def outline_granularity(granularity: Granularity, period: Period) -> Granularity:
    """What a small line is made of where the chart is made of `granularity`."""
    is_long = period.end - period.start > timedelta(days=HOURS_TELL_DAYS)
    return Granularity.DAY if granularity is Granularity.HOUR and is_long else granularity


def outlines(
    session: Session, org_id: int, view: View, keys: Collection[str], *, now: datetime | None = None
) -> dict[str, tuple[float, ...]]:
    """The points of those values of the view's grouping, by key, in the view's `granularity` (which must be set); idle ones are absent.

    Only their cells are read, so that a page of a table costs what its rows are.
    """
    if view.group_by is None or view.granularity is None or not keys:
        return {}
    known = know(session, org_id, view.as_of, now)
    asked = ask(session, known, replace(view, filters=(*view.filters, Filter(view.group_by, tuple(keys)))))
    axis = buckets(asked.period, view.granularity)
    if view.measure is Measure.RUNNING_PEAK:
        lines = {series: peak.points for series, peak in peaks(session, asked, axis).items()}
    else:
        lines = points(session, asked, axis)
    named = labels(session, asked, lines)
    return {named[series][0]: tuple(line) for series, line in lines.items() if series in named}
