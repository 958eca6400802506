"""The explorer's figure: an answer drawn as its view asks. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from flyusage.pricing.view import Answer, Chart, Granularity, Measure, Series
from flyusage.ui import present
from flyusage.ui.charts import timeseries, units
from flyusage.ui.charts.figure import Figure
from flyusage.ui.charts.palette import slots_for_view
from flyusage.ui.charts.rows import Canvas, Mark, SeriesPoints, TimeChart, TimeGrid
from flyusage.ui.charts.theme import TOKENS

UNITS: dict[Measure, units.Unit] = {
    Measure.LIST_COST: units.DOLLARS,
    Measure.MACHINE_HOURS: units.HOURS,
    Measure.VCPU_HOURS: units.HOURS,
    Measure.MEMORY_GB_HOURS: units.GB_HOURS,
    Measure.VOLUME_GB: units.GB,
    Measure.EGRESS_GB: units.GB,
    Measure.RUNNING_MEAN: units.MACHINES,
    Measure.RUNNING_PEAK: units.MACHINES,
}
DRAWERS = {
    Chart.AREA: timeseries.stacked_area,
    Chart.BARS: timeseries.stacked_bars,
    Chart.LINES: timeseries.lines,
    Chart.SHARE: timeseries.share,
}


def usage_figure(answer: Answer, slots: Mapping[str, int], marks: Sequence[Mark], *, revision: str) -> Figure:
    """The figure of `answer` over time. `slots` are the month's colours; a peak is drawn as lines: peaks do not add up."""
    canvas = Canvas(theme=TOKENS, height_px=380, revision=revision)
    chart = answer.view.chart if answer.view.chart in DRAWERS else Chart.AREA
    if answer.view.measure is Measure.RUNNING_PEAK and chart in (Chart.AREA, Chart.BARS, Chart.SHARE):
        chart = Chart.LINES
    keys = [series.key for series in answer.drawn if not series.is_other]
    return DRAWERS[chart](_time_chart(answer, marks), canvas, slots_for_view(slots, keys))


def _time_chart(answer: Answer, marks: Sequence[Mark]) -> TimeChart:
    open_from = None
    if answer.as_of < answer.view.period.end:
        open_from = max((bucket for bucket in answer.buckets if bucket <= answer.as_of), default=None)
    return TimeChart(
        grid=TimeGrid(start=answer.buckets[0], step=answer.granularity.value, count=len(answer.buckets)),
        series=[_points(answer, series) for series in answer.drawn],
        unit=UNITS[answer.view.measure],
        ghost=_ghost(answer),
        marks=marks,
        open_from=open_from,
        now=answer.as_of if answer.as_of in answer.view.period else None,
    )


def _points(answer: Answer, series: Series) -> SeriesPoints:
    return SeriesPoints(
        key=series.key,
        label=series.label,
        points=[None if _is_ahead(answer, bucket) else point for bucket, point in zip(answer.buckets, series.points, strict=True)],
        total_text=present.amount_text(answer.view.measure, series.total, answer.currency),
        is_other=series.is_other,
    )


def _is_ahead(answer: Answer, bucket: datetime) -> bool:
    return bucket >= answer.as_of


def _ghost(answer: Answer) -> SeriesPoints | None:
    """The comparison period's total laid over this one's, bucket by bucket."""
    if answer.previous_total is None or not any(series.previous_points for series in answer.drawn):
        return None
    count = len(answer.buckets)
    columns = [series.previous_points[:count] for series in answer.drawn if series.previous_points]
    summed = [sum(column) for column in zip(*columns, strict=True)]
    label = present.period_text(answer.previous_period) if answer.previous_period else "before"
    return SeriesPoints(key="", label=label, points=[*summed, *[None] * (count - len(summed))])


def granularity_noun(granularity: Granularity) -> str:
    """`per hour`, as a heading says it."""
    return f"per {present.GRANULARITIES[granularity]}"
