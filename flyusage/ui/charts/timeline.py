"""A machine's life: its intervals as bars along time, one lane per kind of charge."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flyusage.ui.charts.axes import bottom_margin, local_text, moment_text, time_axis, zone_name
from flyusage.ui.charts.figure import Figure, Trace, base_layout
from flyusage.ui.charts.palette import colour_of
from flyusage.ui.charts.rows import Canvas, Span, TimeGrid
from flyusage.ui.charts.text import label_px, plot_label, plot_title
from flyusage.ui.charts.theme import translucent

LANE_PX = 34
BAR_SHARE = 0.56
TOP_PX, RIGHT_PX = 22, 14
LANE_COLUMNS, NARROW_LANE_COLUMNS = 20, 11
LEAST_WIDTH_PX = 2  # a machine that ran for a second is still there to be pointed at


def timeline_height(spans: Sequence[Span]) -> int:
    """Pixels the timeline of `spans` wants: a lane's height each, and its axis."""
    return TOP_PX + max(1, len(_lanes(spans))) * LANE_PX + 44


def timeline(spans: Sequence[Span], grid: TimeGrid, canvas: Canvas, *, now: datetime) -> Figure:
    """`spans` inside `grid`, a lane each in the order they first come; a running one reaches to `now` and says so.

    A span whose end was inferred (a stop that never came) is hatched. Colours are by `slot`, the accent without one.
    """
    lanes = _lanes(spans)
    shown = [span for span in spans if span.started_at < grid.end and (span.stopped_at or now) > grid.start]
    least = (grid.end - grid.start) * LEAST_WIDTH_PX / max(1, canvas.width_px)
    columns = NARROW_LANE_COLUMNS if canvas.is_narrow else LANE_COLUMNS
    left = max((label_px(lane, columns) for lane in lanes), default=0) + 14
    xaxis = time_axis(grid, canvas, max(1, canvas.width_px - left - RIGHT_PX))
    layout = base_layout(canvas, (left, RIGHT_PX, TOP_PX, bottom_margin(xaxis))) | {
        "hovermode": "closest",
        "barmode": "overlay",
        "xaxis": xaxis | {"fixedrange": True},
        "yaxis": _lane_axis([plot_label(lane, columns) for lane in lanes], canvas),
        "shapes": _now_line(grid, canvas, now),
        "annotations": _now_word(grid, canvas, now),
    }
    ends = [_ends(span, grid, now) for span in shown]
    bars = {"least": least, "lanes": {lane: index for index, lane in enumerate(lanes)}}
    return {"data": [_bars(shown, ends, bars, canvas)] if shown else [], "layout": layout}


def _lanes(spans: Sequence[Span]) -> list[str]:
    return list(dict.fromkeys(span.lane for span in spans))


def _ends(span: Span, grid: TimeGrid, now: datetime) -> tuple[datetime, datetime]:
    return max(span.started_at, grid.start), min(span.stopped_at or now, grid.end)


def _bars(spans: Sequence[Span], ends: Sequence[tuple[datetime, datetime]], bars: Mapping[str, Any], canvas: Canvas) -> Trace:
    theme = canvas.theme
    colours = [theme.accent if span.slot is None else colour_of(span.slot, theme) for span in spans]
    return {
        "type": "bar",
        "orientation": "h",
        "uid": "Øspans",
        "base": [local_text(start, canvas) for start, _ in ends],
        "x": [max(end - start, bars["least"]).total_seconds() * 1000 for start, end in ends],
        "y": [bars["lanes"][span.lane] for span in spans],
        "width": BAR_SHARE,
        "customdata": list(range(len(spans))),
        "text": [_hover(span, canvas) for span in spans],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "color": colours,
            "cornerradius": 3,
            "line": {"width": 1, "color": theme.surface},
            "pattern": {
                "shape": ["/" if span.is_inferred else "" for span in spans],
                "fgcolor": translucent(theme.surface, 0.7),
                "size": 6,
                "solidity": 0.35,
            },
        },
    }


def _hover(span: Span, canvas: Canvas) -> str:
    stopped = moment_text(span.stopped_at, canvas) if span.stopped_at else "still running"
    lines = [
        f"<b>{plot_title(span.label)}</b>",
        f"{moment_text(span.started_at, canvas)} – {stopped}, {zone_name(canvas.utc_offset_minutes)}",
    ]
    if span.is_inferred:
        lines.append("end inferred: its stop never came")
    if span.note:
        lines.append(plot_title(span.note))
    return "<br>".join(lines)


def _lane_axis(lanes: Sequence[str], canvas: Canvas) -> dict[str, Any]:
    return {
        "range": [max(1, len(lanes)) - 0.5, -0.5],
        "fixedrange": True,
        "automargin": False,
        "tickmode": "array",
        "tickvals": list(range(len(lanes))),
        "ticklabelstandoff": 6,
        "ticktext": list(lanes),
        "tickfont": {"color": canvas.theme.ink_2},
        "ticks": "",
        "showgrid": False,
        "zeroline": False,
    }


def _now_line(grid: TimeGrid, canvas: Canvas, now: datetime) -> list[dict[str, Any]]:
    if not grid.start < now < grid.end:
        return []
    at = local_text(now, canvas)
    line = {"color": canvas.theme.accent_ink, "width": 1}
    return [{"type": "line", "xref": "x", "yref": "paper", "x0": at, "x1": at, "y0": 0, "y1": 1, "line": line}]


def _now_word(grid: TimeGrid, canvas: Canvas, now: datetime) -> list[dict[str, Any]]:
    if not grid.start < now < grid.end:
        return []
    return [
        {
            "text": "now",
            "x": local_text(now, canvas),
            "y": 1,
            "yref": "paper",
            "yanchor": "bottom",
            "showarrow": False,
            "font": {"size": 11, "color": canvas.theme.accent_ink},
        }
    ]
