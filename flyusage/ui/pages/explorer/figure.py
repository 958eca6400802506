"""The explorer's figure: an answer drawn as its view asks. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from flyusage.pricing.view import Answer, Chart, Dimension, Granularity, Measure, Series, View
from flyusage.ui import present
from flyusage.ui.charts import timeseries, units
from flyusage.ui.charts.axes import zone_name
from flyusage.ui.charts.figure import Figure
from flyusage.ui.charts.heatmap import heatmap
from flyusage.ui.charts.palette import slots_for_view
from flyusage.ui.charts.rows import Canvas, Guide, Mark, RegionSpend, SeriesPoints, Tile, TimeChart, TimeGrid
from flyusage.ui.charts.treemap import treemap
from flyusage.ui.charts.world_map import world_map

HEIGHT_PX = 380
UNITS: dict[Measure, units.Unit] = {
    Measure.LIST_COST: units.DOLLARS,
    Measure.CONTRACTED_COST: units.DOLLARS,
    Measure.EFFECTIVE_COST: units.DOLLARS,
    Measure.BILLED_COST: units.DOLLARS,
    Measure.MACHINE_HOURS: units.HOURS,
    Measure.VCPU_HOURS: units.HOURS,
    Measure.MEMORY_GB_HOURS: units.GB_HOURS,
    Measure.VOLUME_GB: units.GB,
    Measure.EGRESS_GB: units.GB,
    Measure.RUNNING_MEAN: units.MACHINES,
    Measure.RUNNING_PEAK: units.MACHINES,
}
GUIDED = (Chart.AREA, Chart.BARS)  # whose height is the total, which budgets and forecasts are about
OVER_TIME = {
    Chart.AREA: timeseries.stacked_area,
    Chart.BARS: timeseries.stacked_bars,
    Chart.LINES: timeseries.lines,
    Chart.SHARE: timeseries.share,
}


@dataclass(frozen=True)
class Place:
    """Where a region is, for the map."""

    latitude: float
    longitude: float
    name: str


def usage_figure(
    answer: Answer,
    slots: Mapping[str, int],
    marks: Sequence[Mark],
    places: Mapping[str, Place],
    *,
    revision: str,
    guides: Sequence[Guide] = (),
) -> Figure:
    """The figure of `answer`. `slots` are the month's colours, `places` the regions' (for a map), `revision` names the view.

    A peak is drawn as lines, since peaks do not add up.
    """
    view, unit = answer.view, UNITS[answer.view.measure]
    ahead_minutes = view.zone_minutes if view.has_hours else 0
    canvas = Canvas(height_px=HEIGHT_PX, revision=revision, utc_offset_minutes=ahead_minutes)
    keys = [series.key for series in answer.drawn if not series.is_other]
    if view.chart is Chart.TREEMAP:
        return treemap([_tile(answer, series) for series in answer.drawn], canvas, slots_for_view(slots, keys))
    if view.chart is Chart.HEATMAP and answer.granularity is Granularity.HOUR:
        return heatmap(_week(answer), canvas, unit)
    if view.chart is Chart.MAP and places:
        spends = [_spend(answer, series, places[series.key]) for series in answer.series if series.key in places]
        return world_map(spends, canvas, unit)
    chart = view.chart if view.chart in OVER_TIME else Chart.AREA
    if view.measure is Measure.RUNNING_PEAK:
        chart = Chart.LINES
    return OVER_TIME[chart](_time_chart(answer, marks, guides), canvas, slots_for_view(slots, keys))


def _tile(answer: Answer, series: Series) -> Tile:
    return Tile(
        key=series.key,
        label=series.label,
        value=float(series.total),
        value_text=present.amount_text(answer.view.measure, series.total, answer.currency),
        share_text=present.share_text(series.total, answer.total),
        is_other=series.is_other,
    )


def _spend(answer: Answer, series: Series, place: Place) -> RegionSpend:
    text = present.amount_text(answer.view.measure, series.total, answer.currency)
    return RegionSpend(series.key, place.name, place.latitude, place.longitude, float(series.total), text)


def _week(answer: Answer) -> list[list[float | None]]:
    """The mean of each hour of the week, Monday first, of the whole that is drawn, in the view's zone; None for hours never seen."""
    ahead = timedelta(minutes=answer.view.zone_minutes)
    sums: list[list[list[float]]] = [[[] for _ in range(24)] for _ in range(7)]
    whole = [sum(column) for column in zip(*(series.points for series in answer.drawn), strict=True)]
    for bucket, value in zip(answer.buckets, whole, strict=True):
        if bucket < answer.as_of:
            shown = bucket + ahead
            sums[shown.weekday()][shown.hour].append(value)
    return [[sum(cell) / len(cell) if cell else None for cell in day] for day in sums]


def _time_chart(answer: Answer, marks: Sequence[Mark], guides: Sequence[Guide] = ()) -> TimeChart:
    is_open = answer.as_of in answer.view.period
    return TimeChart(
        grid=TimeGrid(start=answer.buckets[0], step=answer.granularity.value, count=len(answer.buckets)),
        series=[_points(answer, series) for series in answer.drawn],
        unit=UNITS[answer.view.measure],
        ghost=_ghost(answer),
        marks=marks,
        guides=guides if answer.view.chart in GUIDED or (answer.view.chart is Chart.LINES and len(answer.drawn) == 1) else (),
        open_from=max((bucket for bucket in answer.buckets if bucket <= answer.as_of), default=None) if is_open else None,
        now=answer.as_of if is_open else None,
    )


def _points(answer: Answer, series: Series) -> SeriesPoints:
    return SeriesPoints(
        key=series.key,
        label=series.key if answer.view.group_by is Dimension.REGION and series.key else series.label,
        points=[None if bucket >= answer.as_of else point for bucket, point in zip(answer.buckets, series.points, strict=True)],
        total_text=present.amount_text(answer.view.measure, series.total, answer.currency),
        is_other=series.is_other,
    )


def _ghost(answer: Answer) -> SeriesPoints | None:
    """The comparison period's total laid over this one's, bucket by bucket."""
    columns = [series.previous_points for series in answer.drawn if series.previous_points]
    if answer.previous_total is None or not columns:
        return None
    count = len(answer.buckets)
    summed = [float(sum(column)) for column in zip(*columns, strict=True)][:count]
    label = present.period_text(answer.previous_period) if answer.previous_period else "before"
    return SeriesPoints(key="", label=label, points=[*summed, *[None] * (count - len(summed))])


def zone_said(view: View) -> str:
    """What the chart's times are in: `UTC+5:30` for hours told so, else `UTC`; days, weeks and months are always UTC's."""
    return zone_name(view.zone_minutes) if view.has_hours else "UTC"


def chart_title(answer: Answer) -> str:
    """`List cost per hour by region`; charts that are not over time leave the bucket out."""
    view = answer.view
    named = present.MEASURES[view.measure].title
    by = f" by {present.DIMENSIONS[view.group_by][0]}" if view.group_by else ""
    if view.chart is Chart.HEATMAP:
        return f"{named} per hour of the week"
    if view.chart in (Chart.TREEMAP, Chart.MAP):
        return f"{named}{by}"
    return f"{named} per {present.GRANULARITIES[answer.granularity]}{by}"
