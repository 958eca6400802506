"""Values over time: stacked areas, stacked bars, lines, and shares of 100 %."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flyusage.ui.charts.axes import bottom_margin, bucket_ticks, left_margin, local_text, time_axis, value_axis
from flyusage.ui.charts.edge_labels import EdgeName, annotation_defaults, edge_annotations, right_margin
from flyusage.ui.charts.figure import Figure, Trace, base_layout, floats
from flyusage.ui.charts.marks import Plot, mark_layers, shape_defaults
from flyusage.ui.charts.rows import Canvas, Guide, SeriesPoints, TimeChart
from flyusage.ui.charts.scene import Scene, Shape, highest, scene_of, whole_of
from flyusage.ui.charts.text import label_px, plot_label, uid_of
from flyusage.ui.charts.theme import translucent
from flyusage.ui.charts.units import PERCENT, hover_number, value_ticks

TOP_PX, RIGHT_PX = 26, 12
HOVER_ROW_PX = 19
TOTAL_UID, GHOST_UID, GUIDE_UID = "Øtotal", "Øghost", "Øguide"  # no key's uid begins so (`uid_of`)
GUIDE_DASHES = ("8px,4px", "2px,2px", "8px,3px,2px,3px")
GUIDE_COLUMNS, GUIDE_FONT_PX = 32, 11
BAR_GAP = 0.14  # of a bucket's width
# Past this many rectangles bars take most of a second to paint; the same picture as stepped areas a quarter of it.
MOST_BARS = 1500
CLEAR = "rgba(0,0,0,0)"

AREAS = Shape(is_stacked=True)
STEPS = Shape(is_stacked=True, is_stepped=True)
BARS = Shape(is_stacked=True, is_bar=True)
LINES = Shape(is_stacked=False)


def stacked_area(chart: TimeChart, canvas: Canvas, slots: Mapping[str, int]) -> Figure:
    """Areas on top of each other, the largest at the bottom and "other" on top; names at the right edge."""
    return _figure(scene_of(chart, canvas, slots, AREAS))


def stacked_bars(chart: TimeChart, canvas: Canvas, slots: Mapping[str, int]) -> Figure:
    """A bar per bucket, stacked like the areas; very many bars become stepped areas, which look the same."""
    is_crowded = chart.grid.count * len(chart.series) > MOST_BARS
    figure = _figure(scene_of(chart, canvas, slots, STEPS if is_crowded else BARS))
    figure["layout"] |= {} if is_crowded else {"barmode": "stack", "bargap": BAR_GAP}
    return figure


def lines(chart: TimeChart, canvas: Canvas, slots: Mapping[str, int]) -> Figure:
    """A line per series from a common zero: for comparing them, and for measures whose parts do not add up.

    The comparison's ghost is a total: beside single series it would only press them to the ground, so it is drawn
    with one line alone.
    """
    alone = chart if len(chart.series) < 2 else replace(chart, ghost=None)
    return _figure(scene_of(alone, canvas, slots, LINES))


def share(chart: TimeChart, canvas: Canvas, slots: Mapping[str, int]) -> Figure:
    """Each series' part of the whole in percent, over time. The hover's first line is still the total in full."""
    whole = whole_of(chart)
    parts = [replace(series, points=_percent(series.points, whole)) for series in chart.series]
    scene = scene_of(replace(chart, series=parts, total=whole, ghost=None), canvas, slots, AREAS)
    ticks = replace(value_ticks(0, 100, PERCENT, wanted=4), high=100.0)
    return _figure(replace(scene, ticks=ticks, number=hover_number(PERCENT, 100)))


KINDS: Mapping[str, Callable[[TimeChart, Canvas, Mapping[str, int]], Figure]] = {
    "area": stacked_area,
    "bars": stacked_bars,
    "lines": lines,
    "share": share,
}


def _percent(points: Sequence[float | None], whole: Sequence[float | None]) -> list[float | None]:
    return [None if part is None or not total else 100 * part / total for part, total in zip(points, whole, strict=True)]


def _figure(scene: Scene) -> Figure:
    canvas, grid = scene.canvas, scene.chart.grid
    left = left_margin(scene.ticks)
    names, right, anchor = _edge(scene, canvas.width_px - left)
    plot_px = max(1, canvas.width_px - left - right)
    xaxis = time_axis(grid, canvas, plot_px, end=scene.end)
    if scene.shape.is_bar:
        xaxis |= bucket_ticks(grid, canvas, plot_px)
    bottom = bottom_margin(xaxis)
    marks = mark_layers(scene.chart, canvas, Plot(plot_px, scene.end, scene.open_span))
    labels = edge_annotations(names, scene.ticks.high - scene.ticks.low, canvas.height_px - TOP_PX - bottom)
    layout = base_layout(canvas, (left, right, TOP_PX, bottom)) | {
        "hovermode": "x unified",
        "dragmode": False if canvas.is_narrow else "zoom",
        "xaxis": xaxis,
        "yaxis": value_axis(scene.ticks, canvas),
        "shapes": marks["shapes"],
        "annotations": [*marks["annotations"], *labels, *_guide_words(scene, plot_px)],
        "template": _template(scene, anchor),
        "meta": {"stacked": scene.shape.is_stacked},
    }
    return {"data": _traces(scene), "layout": layout}


def _edge(scene: Scene, width_px: int) -> tuple[list[EdgeName], int, dict[str, Any]]:
    """The names at the end, the right margin they need, and what ties them elsewhere than to the plot's edge.

    Where time is still to come and nothing is drawn in it, they stand there, to the right of the present.
    """
    if scene.canvas.is_narrow or len(scene.series) < 2:
        return [], RIGHT_PX, {}
    thin = {} if scene.shape.is_stacked else {"arrowwidth": 1}  # a leader is no part of the line it is tied to
    start, end = scene.chart.grid.start, scene.end
    px_per_second = (width_px - RIGHT_PX) / (end - start).total_seconds()
    index = scene.naming_index(px_per_second)
    names = _names(scene, index)
    needed = right_margin([name.label for name in names])
    at = scene.last_at if index == scene.known - 1 else scene.chart.grid.moment(index)
    if at >= end or any(guide.high for guide in scene.chart.guides):  # there, what is expected runs through time to come
        return names, needed, thin
    past = min(max(scene.chart.now or at, scene.last_at), end)
    leader = annotation_defaults(scene.canvas.theme)["ax"] + (past - at).total_seconds() * px_per_second
    anchor = {"x": local_text(at, scene.canvas), "xref": "x", "ax": round(leader, 1), "arrowwidth": 1}
    return names, max(RIGHT_PX, round(needed - (end - past).total_seconds() * px_per_second)), anchor


def _names(scene: Scene, index: int) -> list[EdgeName]:
    """The names of the series that reach bucket `index`: lines at their value there, bands at their middle."""
    names, floor = [], 0.0
    for series, colour in zip(scene.series, scene.colours, strict=True):
        value = series.points[index] if index >= 0 else None
        if value is None or (scene.shape.is_stacked and not value):
            continue
        at = floor + value / 2 if scene.shape.is_stacked else value
        names.append(EdgeName(series.key, series.label, at=at, weight=value, colour=colour))
        floor += value
    return names


def _traces(scene: Scene) -> list[Trace]:
    """All traces in the order whose hover begins with the total: Plotly lists stacked areas from the last up.

    A hover taller than the chart would be cut off, so only as many of the largest series as fit are listed in it.
    """
    traces = [_trace(scene, index) for index in range(len(scene.series))]
    extras = [_ghost_trace(scene, scene.chart.ghost)] if scene.chart.ghost else []
    extras += [_guide_trace(scene, guide, place) for place, guide in enumerate(scene.chart.guides)]
    fitting = scene.canvas.height_px // HOVER_ROW_PX - 3 - len(extras)
    bands = [edge for place, guide in enumerate(scene.chart.guides) for edge in _band_traces(scene, guide, place)]
    if len(traces) > 1:
        extras.append(_total_trace(scene, fitting))
    by_size = sorted(range(len(traces)), key=lambda index: -sum(filter(None, scene.series[index].points)))
    for index in by_size[fitting:]:
        traces[index] |= {"hovertemplate": "", "hoverinfo": "skip"}
    is_from_last = scene.shape.is_stacked and not scene.shape.is_bar
    starts = _month_starts(scene)
    return [trace | starts for trace in ([*traces, *bands, *extras] if is_from_last else [*bands, *reversed(extras), *traces])]


def _trace(scene: Scene, index: int) -> Trace:
    """One series. No "type" for scatter, Plotly's default: twenty times of it are half a kilobyte."""
    series, colour, shape = scene.series[index], scene.colours[index], scene.shape
    closing = series.points[-1:] if shape.is_stepped else ()  # a step lasts until the next point: close the last bucket
    y = floats([*series.points, *closing] if closing else series.points, is_double=scene.is_double)
    trace = {"name": plot_label(series.label), "uid": uid_of(series.key), "y": y}
    if shape.is_bar:
        return trace | {"type": "bar", "marker": {"color": colour}}
    return trace | ({"fillcolor": colour} if shape.is_stacked else {"line": {"color": colour, "width": 2}})


def _total_trace(scene: Scene, shown: int) -> Trace:
    """An unseen line that puts the total first in the hover."""
    number = hover_number(scene.chart.unit, highest(scene.total), is_double=scene.is_double)
    title = "Total" if shown >= len(scene.series) else f"Total of all {len(scene.series)}"
    return _unstacked(scene, scene.total, TOTAL_UID, title) | {
        "line": {"color": CLEAR, "width": 0},
        "hovertemplate": f"<b>{number}  {title}</b><extra></extra>",
    }


def _ghost_trace(scene: Scene, ghost: SeriesPoints) -> Trace:
    return _unstacked(scene, ghost.points, GHOST_UID, plot_label(ghost.label)) | {
        "line": {"color": scene.canvas.theme.ink, "width": 1.5, "dash": "1px,3px", "shape": "linear"},
    }


def _guide_trace(scene: Scene, guide: Guide, place: int) -> Trace:
    dash = GUIDE_DASHES[place % len(GUIDE_DASHES)]
    return _unstacked(scene, guide.points, f"{GUIDE_UID}{place}", plot_label(guide.label)) | {
        "line": {"color": scene.canvas.theme.ink_2, "width": 1.5, "dash": dash, "shape": "linear"},
    }


def _band_traces(scene: Scene, guide: Guide, place: int) -> list[Trace]:
    """The interval around a line: its upper edge filled down to its lower one; no hover of their own."""
    if not guide.high:
        return []
    edge = {"line": {"color": CLEAR, "width": 0, "shape": "linear"}, "hoverinfo": "skip", "hovertemplate": ""}
    fill = {"fill": "tonexty", "fillcolor": translucent(scene.canvas.theme.ink_2, 0.18)}
    low, high = (
        _unstacked(scene, points, f"{GUIDE_UID}{place}{name}", "") | edge for points, name in ((guide.low, "low"), (guide.high, "high"))
    )
    return [low, high | fill]


def _guide_words(scene: Scene, plot_px: int) -> list[dict[str, Any]]:
    """What each line beside the usage is: above its beginning, or above its end where it begins in time to come.

    Where time to come is too short for it, it would lie across the present: what stands before its comma is said, or nothing, since the words
    below the chart say the same.
    """
    words = []
    for guide in scene.chart.guides:
        known = [(index, value) for index, value in enumerate(guide.points) if value is not None]
        if not known or scene.canvas.is_narrow:
            continue
        is_ahead = known[0][0] > 0
        index, value = known[-1] if is_ahead else known[0]
        ahead_px = plot_px * (index - known[0][0] + 1) / scene.chart.grid.count
        room_px = ahead_px if is_ahead else plot_px
        word = next((one for one in (guide.label, guide.label.partition(",")[0]) if _guide_px(one) <= room_px), None)
        if word is None:
            continue
        top = max(value, guide.high[index] or 0.0) if guide.high else value
        words.append(
            {
                "name": "guide",  # a phone has no room for it; the words below the chart say the same
                "text": plot_label(word, GUIDE_COLUMNS),
                "x": local_text(scene.chart.grid.moment(index), scene.canvas),
                "xref": "x",
                "xanchor": "right" if is_ahead else "left",
                "y": float(f"{top:.4g}"),
                "yanchor": "bottom",
                "yshift": 1,
                "showarrow": False,
                "captureevents": False,
                "bgcolor": scene.canvas.theme.surface,
                "font": {"size": GUIDE_FONT_PX, "color": scene.canvas.theme.ink},
            }
        )
    return words


def _guide_px(label: str) -> int:
    return label_px(label, GUIDE_COLUMNS, font_px=GUIDE_FONT_PX)


def _unstacked(scene: Scene, points: Sequence[float | None], uid: str, name: str) -> Trace:
    y = floats(points, is_double=scene.is_double)
    return {"mode": "lines", "stackgroup": "", "name": name, "uid": uid, "y": y}


def _month_starts(scene: Scene) -> dict[str, Any]:
    """Where the points of months stand; equal steps are said once, in the template."""
    grid = scene.chart.grid
    if grid.step_ms is not None:
        return {}
    return {"x": [local_text(grid.moment(index), scene.canvas) for index in range(grid.count)]}


def _template(scene: Scene, anchor: dict[str, Any]) -> dict[str, Any]:
    """What all traces and labels have in common, said once: a third of a small figure's bytes."""
    grid, theme = scene.chart.grid, scene.canvas.theme
    places = {"x0": local_text(grid.start, scene.canvas), "dx": grid.step_ms} if grid.step_ms else {}
    style = {"hovertemplate": f"{scene.number}  %{{fullData.name}}<extra></extra>", **places, **_style(scene)}
    return {
        "data": {"scatter": [style]} | ({"bar": [style]} if scene.shape.is_bar else {}),
        "layout": {"annotationdefaults": annotation_defaults(theme) | anchor, "shapedefaults": shape_defaults(theme)},
    }


def _style(scene: Scene) -> dict[str, Any]:
    """What the traces of a shape share. A hairline of the card's colour parts areas, however many touch."""
    grid, shape = scene.chart.grid, scene.shape
    if shape.is_bar:
        start = local_text(grid.start, scene.canvas)
        return {"xperiod": grid.step_ms or "M1", "xperiod0": start, "xperiodalignment": "middle"}
    if not shape.is_stacked:
        return {"mode": "lines"}
    line = {"color": scene.canvas.theme.surface, "width": 0.75} | ({"shape": "hv"} if shape.is_stepped else {})
    return {"mode": "lines", "stackgroup": "1", "line": line}
