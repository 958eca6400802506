"""Values over time: stacked areas, stacked bars, lines, and shares of 100 %."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flyusage.ui.charts.axes import bottom_margin, bucket_ticks, left_margin, local_text, on_grid, time_axis, value_axis
from flyusage.ui.charts.edge_labels import EdgeName, annotation_defaults, edge_annotations, right_margin
from flyusage.ui.charts.figure import Figure, Trace, base_layout, floats
from flyusage.ui.charts.marks import mark_layers, shape_defaults
from flyusage.ui.charts.palette import colour_of
from flyusage.ui.charts.rows import Canvas, SeriesPoints, TimeChart
from flyusage.ui.charts.text import plot_label, uid_of
from flyusage.ui.charts.units import PERCENT, Ticks, hover_number, value_ticks

TOP_PX = 26
HOVER_ROW_PX = 19
TOTAL_UID, GHOST_UID = "%total", "%ghost"  # no key's uid begins with a bare percent sign
BAR_GAP = 0.14  # of a bucket's width
# Past this many rectangles bars take most of a second to paint; the same picture as stepped areas a quarter of it.
MOST_BARS = 1500
# Up to here points travel as doubles (21 kB at most), and a hover shows cents however large the sum.
MOST_DOUBLES = 2000
CLEAR = "rgba(0,0,0,0)"


@dataclass(frozen=True, slots=True)
class _Scene:
    """A chart with its series in stacking order, and what its traces share."""

    chart: TimeChart
    canvas: Canvas
    series: tuple[SeriesPoints, ...]
    colours: tuple[str, ...]
    total: Sequence[float | None]
    ticks: Ticks
    number: str
    is_double: bool


def stacked_area(chart: TimeChart, canvas: Canvas, slots: Mapping[str, int]) -> Figure:
    """Areas on top of each other, the largest at the bottom and "other" on top; names at the right edge."""
    scene = _scene(chart, canvas, slots)
    return _figure(scene, _areas(scene), _stacked_names(scene), shared=_area_style(scene))


def stacked_bars(chart: TimeChart, canvas: Canvas, slots: Mapping[str, int]) -> Figure:
    """A bar per bucket, stacked like the areas; very many bars become stepped areas, which look the same."""
    scene = _scene(chart, canvas, slots)
    if chart.grid.count * len(scene.series) > MOST_BARS:
        style = _area_style(scene)
        style["line"] = style["line"] | {"shape": "hv"}
        return _figure(scene, _areas(scene, is_stepped=True), _stacked_names(scene), shared=style)
    start = local_text(chart.grid.start, scene.canvas)
    style = {"xperiod": chart.grid.step_ms or "M1", "xperiod0": start, "xperiodalignment": "middle"}
    bars = [_trace(scene, index) | {"type": "bar", "marker": {"color": colour}} for index, colour in enumerate(scene.colours)]
    figure = _figure(scene, bars, _stacked_names(scene), shared=style)
    figure["layout"] |= {"barmode": "stack", "bargap": BAR_GAP}
    return figure


def lines(chart: TimeChart, canvas: Canvas, slots: Mapping[str, int]) -> Figure:
    """A line per series from a common zero: for comparing them, and for measures whose parts do not add up."""
    scene = _scene(chart, canvas, slots, is_stacked=False)
    traces = [_trace(scene, index) | {"line": {"color": colour, "width": 2}} for index, colour in enumerate(scene.colours)]
    names = [_name(scene, index, at=value, weight=value) for index, value in _last_values(scene) if value is not None]
    return _figure(scene, traces, names, shared={"mode": "lines"})


def share(chart: TimeChart, canvas: Canvas, slots: Mapping[str, int]) -> Figure:
    """Each series' part of the whole in percent, over time. The hover's first line is still the total in full."""
    whole = _total(chart)
    parts = [replace(series, points=_percent(series.points, whole)) for series in chart.series]
    scene = replace(
        _scene(replace(chart, series=parts, unit=PERCENT, ghost=None), canvas, slots),
        chart=replace(chart, series=parts, ghost=None),
        total=whole,
        ticks=replace(value_ticks(0, 100, PERCENT, wanted=4), high=100.0),
        number=hover_number(PERCENT, 100),
    )
    return _figure(scene, _areas(scene), _stacked_names(scene), shared=_area_style(scene))


KINDS: Mapping[str, Callable[[TimeChart, Canvas, Mapping[str, int]], Figure]] = {
    "area": stacked_area,
    "bars": stacked_bars,
    "lines": lines,
    "share": share,
}


def _scene(chart: TimeChart, canvas: Canvas, slots: Mapping[str, int], *, is_stacked: bool = True) -> _Scene:
    series = tuple(sorted(chart.series, key=lambda one: one.is_other))
    colours = tuple(colour_of(None if one.is_other else slots.get(one.key), canvas.theme) for one in series)
    total = _total(chart)
    drawn = [total] if is_stacked else [one.points for one in series]
    if chart.ghost:
        drawn.append(chart.ghost.points)
    known = [value for points in drawn for value in points if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    wanted = 3 if canvas.height_px < 240 else 5
    ticks = value_ticks(low, high, chart.unit, wanted=wanted, is_compact=canvas.is_narrow)
    is_double = chart.grid.count * len(series) <= MOST_DOUBLES
    number = hover_number(chart.unit, max(_highest(total), high), is_double=is_double)
    return _Scene(chart, on_grid(canvas, chart.grid), series, colours, total, ticks, number, is_double)


def _total(chart: TimeChart) -> Sequence[float | None]:
    """The whole per bucket; None where no series knows anything."""
    if chart.total is not None:
        return chart.total
    return [_sum_known(column) for column in zip(*(one.points for one in chart.series), strict=True)]


def _sum_known(column: Sequence[float | None]) -> float | None:
    if None not in column:
        return sum(column)  # pyright: ignore[reportArgumentType, reportCallIssue] the line above has seen to it
    known = [value for value in column if value is not None]
    return sum(known) if known else None


def _percent(points: Sequence[float | None], whole: Sequence[float | None]) -> list[float | None]:
    return [None if part is None or not total else 100 * part / total for part, total in zip(points, whole, strict=True)]


def _highest(points: Sequence[float | None]) -> float:
    return max((abs(value) for value in points if value is not None), default=0.0)


def _last_values(scene: _Scene) -> list[tuple[int, float | None]]:
    return [(index, series.points[-1]) for index, series in enumerate(scene.series) if series.points]


def _stacked_names(scene: _Scene) -> list[EdgeName]:
    """The names of the bands that reach the right edge, each at the middle of its band there."""
    names, floor = [], 0.0
    for index, value in _last_values(scene):
        if value:
            names.append(_name(scene, index, at=floor + value / 2, weight=value))
            floor += value
    return names


def _name(scene: _Scene, index: int, *, at: float, weight: float) -> EdgeName:
    series = scene.series[index]
    return EdgeName(series.key, series.label, at=at, weight=weight, colour=scene.colours[index])


def _areas(scene: _Scene, *, is_stepped: bool = False) -> list[Trace]:
    return [_trace(scene, index, is_stepped=is_stepped) | {"fillcolor": colour} for index, colour in enumerate(scene.colours)]


def _area_style(scene: _Scene) -> dict[str, Any]:
    """A hairline of the card's colour parts the bands, however many touch."""
    return {"mode": "lines", "stackgroup": "1", "line": {"color": scene.canvas.theme.surface, "width": 0.75}}


def _trace(scene: _Scene, index: int, *, is_stepped: bool = False) -> Trace:
    series = scene.series[index]
    closing = series.points[-1:] if is_stepped else ()  # a step lasts until the next point: close the last bucket
    # No "type": Plotly's default is scatter, and twenty times of it are half a kilobyte.
    return {
        "name": plot_label(series.label),
        "uid": uid_of(series.key),
        "y": floats([*series.points, *closing] if closing else series.points, is_double=scene.is_double),
    }


def _month_starts(scene: _Scene) -> dict[str, Any]:
    """Where the points of months stand; equal steps are said once, in the template."""
    grid = scene.chart.grid
    if grid.step_ms is not None:
        return {}
    return {"x": [local_text(grid.moment(index), scene.canvas) for index in range(grid.count)]}


def _total_trace(scene: _Scene, shown: int) -> Trace:
    """An unseen line that puts the total first in the hover."""
    number = hover_number(scene.chart.unit, _highest(scene.total), is_double=scene.is_double)
    title = "Total" if shown >= len(scene.series) else f"Total of all {len(scene.series)}"
    return _unstacked(scene, scene.total, TOTAL_UID, title) | {
        "line": {"color": CLEAR, "width": 0},
        "hovertemplate": f"<b>{number}  {title}</b><extra></extra>",
    }


def _ghost_trace(scene: _Scene, ghost: SeriesPoints) -> Trace:
    return _unstacked(scene, ghost.points, GHOST_UID, plot_label(ghost.label)) | {
        "line": {"color": scene.canvas.theme.ink, "width": 1.5, "dash": "1px,3px", "shape": "linear"},
    }


def _unstacked(scene: _Scene, points: Sequence[float | None], uid: str, name: str) -> Trace:
    y = floats(points, is_double=scene.is_double)
    return {"mode": "lines", "stackgroup": "", "name": name, "uid": uid, "y": y}


def _figure(scene: _Scene, traces: list[Trace], names: list[EdgeName], *, shared: dict[str, Any]) -> Figure:
    chart, canvas = scene.chart, scene.canvas
    names = [] if canvas.is_narrow or len(traces) < 2 else names
    left, right = left_margin(scene.ticks), right_margin([name.label for name in names])
    plot_px = max(1, canvas.width_px - left - right)
    xaxis = time_axis(chart.grid, canvas, plot_px, end=_right_end(scene, shared))
    if "xperiod" in shared:
        xaxis |= bucket_ticks(chart.grid, canvas, plot_px)
    bottom = bottom_margin(xaxis)
    marks = mark_layers(chart, canvas, plot_px)
    labels = edge_annotations(names, scene.ticks.high - scene.ticks.low, canvas.height_px - TOP_PX - bottom)
    layout = base_layout(canvas, (left, right, TOP_PX, bottom)) | {
        "hovermode": "x unified",
        "dragmode": False if canvas.is_narrow else "zoom",
        "xaxis": xaxis,
        "yaxis": value_axis(scene.ticks, canvas),
        "shapes": marks["shapes"],
        "annotations": [*marks["annotations"], *labels],
        "template": _template(scene, shared),
        "meta": {"stacked": "stackgroup" in shared or "xperiod" in shared},
    }
    return {"data": _with_total(scene, traces, is_reversed="stackgroup" in shared), "layout": layout}


def _template(scene: _Scene, shared: dict[str, Any]) -> dict[str, Any]:
    """What all traces and labels have in common, said once: a third of a small figure's bytes."""
    grid = scene.chart.grid
    places = {"x0": local_text(grid.start, scene.canvas), "dx": grid.step_ms} if grid.step_ms else {}
    style = {"hovertemplate": f"{scene.number}  %{{fullData.name}}<extra></extra>", **places, **shared}
    return {
        "data": {"scatter": [style]} | ({"bar": [style]} if "xperiod" in shared else {}),
        "layout": {
            "annotationdefaults": annotation_defaults(scene.canvas.theme),
            "shapedefaults": shape_defaults(scene.canvas.theme),
        },
    }


def _with_total(scene: _Scene, traces: list[Trace], *, is_reversed: bool) -> list[Trace]:
    """All traces in the order whose hover begins with the total: Plotly lists stacked areas from the last up.

    A hover taller than the chart would be cut off, so only as many of the largest series as fit are listed in it.
    """
    extras = [_ghost_trace(scene, scene.chart.ghost)] if scene.chart.ghost else []
    fitting = scene.canvas.height_px // HOVER_ROW_PX - 3 - len(extras)
    if len(traces) > 1:
        extras.append(_total_trace(scene, fitting))
    by_size = sorted(range(len(traces)), key=lambda index: -sum(filter(None, scene.series[index].points)))
    for index in by_size[fitting:]:
        traces[index] |= {"hovertemplate": "", "hoverinfo": "skip"}
    ordered = [*traces, *extras] if is_reversed else [*reversed(extras), *traces]
    starts = _month_starts(scene)
    return [trace | starts for trace in ordered]


def _right_end(scene: _Scene, shared: dict[str, Any]) -> datetime:
    """Lines and areas end at their last point, bars and steps at the end of the last bucket."""
    is_pointwise = "xperiod" not in shared and shared.get("line", {}).get("shape") != "hv"
    grid = scene.chart.grid
    return grid.moment(grid.count - 1) if is_pointwise and grid.count > 1 else grid.end
