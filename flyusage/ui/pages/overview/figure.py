"""The overview's two pictures: the month as it adds up, and where on the map it was spent. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import accumulate

from flyusage.money import CURRENCIES, format_money
from flyusage.periods import DAY, floor_day, midnight, month_period
from flyusage.pricing.overview import Overview
from flyusage.pricing.view import Answer, Measure
from flyusage.ui import present
from flyusage.ui.charts.cumulative import cumulative
from flyusage.ui.charts.figure import Figure
from flyusage.ui.charts.rows import Canvas, MonthToDate, Projection, RegionSpend, SeriesPoints, TimeGrid
from flyusage.ui.charts.theme import TOKENS
from flyusage.ui.charts.units import DOLLARS
from flyusage.ui.charts.world_map import window_of, world_map

Places = Mapping[str, tuple[float, float]]

MONTH_CANVAS = Canvas(theme=TOKENS, width_px=560, height_px=216)
MAP_CANVAS = Canvas(theme=TOKENS, width_px=580, height_px=300)


def month_figure(overview: Overview) -> Figure:
    """Spend added up day by day, last month dotted behind it, and the projection to the month's end."""
    month = month_period(midnight(overview.month))
    count = len(list(month.days()))
    spent = _added_up(overview.daily, count, until=overview.as_of)
    earlier = _earlier(overview.daily, count)
    return cumulative(
        MonthToDate(
            TimeGrid(month.start, "day", count),
            SeriesPoints("spent", f"{overview.month:%B}", spent),
            as_of=overview.as_of if overview.is_current and overview.as_of != floor_day(overview.as_of) else None,
            before=earlier,
            projection=_projection(overview, spent),
        ),
        replace(MONTH_CANVAS, revision=f"{overview.month}"),
        DOLLARS,
    )


def _added_up(daily: Answer, count: int, *, until: datetime) -> list[float | None]:
    sums = [sum(column) for column in zip(*(series.points for series in daily.drawn), strict=True)]
    known = sum(1 for bucket in daily.buckets if bucket < until)
    added = list(accumulate(sums[:known]))
    return [*added[:count], *[None] * (count - len(added))]


def _earlier(daily: Answer, count: int) -> SeriesPoints | None:
    """The month before at the same day; a longer one ends with this one's last day."""
    drawn = [series.previous_points for series in daily.drawn if series.previous_points]
    if daily.previous_period is None or not drawn:
        return None
    added = list(accumulate(sum(column) for column in zip(*drawn, strict=True)))[:count]
    return SeriesPoints("before", f"{daily.previous_period.start:%B}", [*added, *[None] * (count - len(added))])


def _projection(overview: Overview, spent: Sequence[float | None]) -> Projection | None:
    """A straight line in time from the last known point to the projected total, in its band; None once the month is over."""
    known, found = [value for value in spent if value is not None], overview.projection
    if found is None or not known or len(known) == len(spent):
        return None
    month = month_period(midnight(overview.month))
    ahead = (month.end - overview.as_of).total_seconds()
    ends = [month.start + (index + 1) * DAY for index in range(len(known), len(spent))]
    shares = [(end - overview.as_of).total_seconds() / ahead for end in ends]

    def line(total: float) -> list[float | None]:
        last = known[-1]
        return [*[None] * (len(known) - 1), last, *(last + (total - last) * share for share in shares)]

    said = f"projected {format_money(found.total, CURRENCIES[overview.currency], places=0)}"
    band = [line(float(one)) if one is not None else [] for one in (found.low, found.high)]
    return Projection(line(float(found.total)), *band, label=said)


def region_spend(answer: Answer, places: Places) -> list[RegionSpend]:
    """The regions of an answer that have a place on the map."""
    return [
        RegionSpend(
            key=series.key,
            label=f"{series.key} · {series.label}" if series.label != series.key else series.key,
            latitude=places[series.key][0],
            longitude=places[series.key][1],
            value=float(series.total),
            value_text=present.amount_text(Measure.LIST_COST, series.total, answer.currency),
        )
        for series in answer.series
        if series.key in places and series.total > 0
    ]


def map_figure(answer: Answer, places: Places, *, zoomed_to: Sequence[str] = ()) -> Figure:
    """Spend by region as bubbles; `zoomed_to` some of them spreads those apart."""
    spent = region_spend(answer, places)
    close = [region for region in spent if region.key in zoomed_to]
    return world_map(spent, MAP_CANVAS, DOLLARS, window_of(close, MAP_CANVAS) if len(close) > 1 else None)
