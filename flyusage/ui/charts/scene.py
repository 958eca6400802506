"""A chart over time with everything derived once: what is known, the whole, colours, ticks, where things end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from flyusage.ui.charts.axes import on_grid
from flyusage.ui.charts.palette import colour_of
from flyusage.ui.charts.rows import Canvas, SeriesPoints, TimeChart
from flyusage.ui.charts.units import Ticks, hover_number, value_ticks

# Up to here points travel as doubles (21 kB at most), and a hover shows cents however large the sum.
MOST_DOUBLES = 2000
WIDE_FALL_PX = 48


@dataclass(frozen=True, slots=True)
class Shape:
    """How a kind of chart places values: on top of each other or not, as bars, as steps, or from point to point."""

    is_stacked: bool
    is_bar: bool = False
    is_stepped: bool = False

    @property
    def is_pointwise(self) -> bool:
        """Drawn from bucket start to bucket start, ending at the last one's."""
        return not self.is_bar and not self.is_stepped


@dataclass(frozen=True, slots=True)
class Scene:
    """A chart with its series in stacking order, cut after the last bucket anything is known of.

    `number` is the hover's number template, the same for every series, so that digits line up.
    """

    chart: TimeChart
    canvas: Canvas
    shape: Shape
    series: tuple[SeriesPoints, ...]
    colours: tuple[str, ...]
    total: Sequence[float | None]
    ticks: Ticks
    number: str
    is_double: bool

    @property
    def known(self) -> int:
        """How many buckets are drawn; those after them have not happened."""
        return len(self.total)

    @property
    def last_at(self) -> datetime:
        """Where the drawing ends: the last point, or the end of the last bar or step."""
        return self.chart.grid.moment(max(0, self.known - 1) if self.shape.is_pointwise else self.known)

    @property
    def end(self) -> datetime:
        """Where the time axis ends: with the drawing when all has happened, else with the grid."""
        grid = self.chart.grid
        return self.last_at if self.known == grid.count and self.last_at > grid.start else grid.end

    @property
    def open_span(self) -> tuple[datetime, datetime] | None:
        """The stretch drawn from a bucket that is still filling: its bar, or the line that leads to its point."""
        grid, start = self.chart.grid, self.chart.open_from
        if start is None:
            return None
        index = next((index for index in range(self.known) if grid.moment(index) == start), None)
        if index is None or (self.shape.is_pointwise and index == 0):
            return None
        return (grid.moment(index - 1), start) if self.shape.is_pointwise else (start, grid.moment(index + 1))

    def naming_index(self, px_per_second: float) -> int:
        """The bucket whose values place the names at the end: the last known one, -1 when there is none.

        Areas fall towards a bucket that is still filling; where that fall is a narrow one, the names stay at the last
        full bucket, where they have room. (A line's name must stand at its end, or its leader looks like the line.)
        """
        is_area = self.shape.is_stacked and self.shape.is_pointwise
        if self.known < 2 or not is_area or self.open_span is None or self.open_span[1] != self.last_at:
            return self.known - 1
        fall_px = (self.open_span[1] - self.open_span[0]).total_seconds() * px_per_second
        return self.known - 2 if fall_px < WIDE_FALL_PX else self.known - 1


def scene_of(chart: TimeChart, canvas: Canvas, slots: Mapping[str, int], shape: Shape) -> Scene:
    """`chart` ready to draw as `shape`: "other" last, the whole summed, all cut to what is known."""
    whole = whole_of(chart)
    known = len(whole) - next((index for index, value in enumerate(reversed(whole)) if value is not None), len(whole))
    ordered = sorted(chart.series, key=lambda one: one.is_other)
    series = tuple(replace(one, points=one.points[:known]) for one in ordered) if known < len(whole) else tuple(ordered)
    total = whole[:known]
    is_double = chart.grid.count * len(series) <= MOST_DOUBLES
    ticks = _ticks(chart, canvas, [total] if shape.is_stacked else [one.points for one in series])
    return Scene(
        chart=chart,
        canvas=on_grid(canvas, chart.grid),
        shape=shape,
        series=series,
        colours=tuple(colour_of(None if one.is_other else slots.get(one.key), canvas.theme) for one in series),
        total=total,
        ticks=ticks,
        number=hover_number(chart.unit, max(highest(total), ticks.high), is_double=is_double),
        is_double=is_double,
    )


def whole_of(chart: TimeChart) -> Sequence[float | None]:
    """The whole per bucket, as given or summed; None where no series knows anything."""
    if chart.total is not None:
        return chart.total
    return [_sum_known(column) for column in zip(*(one.points for one in chart.series), strict=True)]


def highest(points: Sequence[float | None]) -> float:
    """The largest size among `points`, 0 for none."""
    return max((abs(value) for value in points if value is not None), default=0.0)


def _sum_known(column: Sequence[float | None]) -> float | None:
    if None not in column:
        return sum(column)
    known = [value for value in column if value is not None]
    return sum(known) if known else None


def _ticks(chart: TimeChart, canvas: Canvas, drawn: list[Sequence[float | None]]) -> Ticks:
    if chart.ghost:
        drawn = [*drawn, chart.ghost.points]
    drawn = [*drawn, *(line for one in chart.guides for line in (one.points, one.high))]
    known = [value for points in drawn for value in points if value is not None]
    wanted = 3 if canvas.height_px < 240 else 5
    low, high = min(known, default=0.0), max(known, default=0.0)
    return value_ticks(low, high, chart.unit, wanted=wanted, is_compact=canvas.is_narrow)
