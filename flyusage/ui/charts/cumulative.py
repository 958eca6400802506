"""A month as it adds up: spent so far, the month before at the same day, and where it is heading."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flyusage.ui.charts.axes import bottom_margin, left_margin, local_text, time_axis, value_axis
from flyusage.ui.charts.figure import Figure, Trace, base_layout, floats
from flyusage.ui.charts.rows import Canvas, MonthToDate, Projection, TimeGrid
from flyusage.ui.charts.text import plot_label
from flyusage.ui.charts.theme import translucent
from flyusage.ui.charts.units import Unit, hover_number, value_ticks

TOP_PX, RIGHT_PX = 24, 14
CLEAR = "rgba(0,0,0,0)"


def cumulative(month: MonthToDate, canvas: Canvas, unit: Unit) -> Figure:
    """`month.spent` as a line up to the present, `before` dotted, `projection` dashed in its band.

    The projection's label ("projected $2.55 M") stands at its end.
    """
    projection, before, grid = month.projection, month.before, month.grid
    highest = _highest(month)
    wanted = 3 if canvas.height_px < 240 else 4
    ticks = value_ticks(0.0, highest, unit, wanted=wanted, is_compact=canvas.is_narrow)
    left = left_margin(ticks)
    xaxis = time_axis(grid, canvas, canvas.width_px - left - RIGHT_PX) | {"fixedrange": True}
    layout = base_layout(canvas, (left, RIGHT_PX, TOP_PX, bottom_margin(xaxis))) | {
        "hovermode": "x unified",
        "xaxis": xaxis,
        "yaxis": value_axis(ticks, canvas),
        "annotations": _end_label(projection, grid, canvas) if projection else [],
    }
    number = hover_number(unit, highest, is_double=True)
    ends, known = _ends(grid, canvas), _ends(grid, canvas, as_of=month.as_of)
    traces = [
        *(_band(projection, canvas, known) if projection else []),
        *([_line(before.points, before.label, number, _ghost_style(canvas)) | ends] if before else []),
        *([_line(projection.points, "projected", number, _dashed_style(canvas)) | known] if projection else []),
        _line([0.0, *month.spent.points], month.spent.label, number, _spent_style(canvas)) | _from_zero(known, grid),
    ]
    return {"data": traces, "layout": layout}


def _highest(month: MonthToDate) -> float:
    drawn = [month.spent.points]
    if month.before:
        drawn.append(month.before.points)
    if month.projection:
        drawn += [month.projection.points, month.projection.high]
    return max((value for points in drawn for value in points if value is not None), default=0.0)


def _ends(grid: TimeGrid, canvas: Canvas, *, as_of: datetime | None = None) -> dict[str, Any]:
    """Where sums up to the end of each bucket stand: its last minute, so that a hover names that day.

    With `as_of` the bucket that holds it ends there.
    """
    moments = [grid.moment(index + 1) - timedelta(minutes=1) for index in range(grid.count)]
    if as_of:
        moments = [as_of if grid.moment(index) <= as_of < moment else moment for index, moment in enumerate(moments)]
    return {"x": [local_text(moment, canvas) for moment in moments]}


def _from_zero(places: dict[str, Any], grid: TimeGrid) -> dict[str, Any]:
    """`places` with the end of the day before first, where the sum is still nothing."""
    return {"x": [local_text(grid.start - timedelta(minutes=1), Canvas()), *places["x"]]}


def _line(points: Sequence[float | None], label: str, number: str, style: dict[str, Any]) -> Trace:
    name = plot_label(label)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "y": floats(points, is_double=True),
        "line": style,
        "hovertemplate": f"{number}  {name}<extra></extra>",
    }


def _ghost_style(canvas: Canvas) -> dict[str, Any]:
    return {"color": canvas.theme.ink_3, "width": 1.5, "dash": "1px,3px"}


def _dashed_style(canvas: Canvas) -> dict[str, Any]:
    return {"color": canvas.theme.accent, "width": 1.5, "dash": "7px,6px"}


def _spent_style(canvas: Canvas) -> dict[str, Any]:
    return {"color": canvas.theme.accent, "width": 2.5}


def _band(projection: Projection, canvas: Canvas, places: dict[str, Any]) -> list[Trace]:
    """The interval around the projection: its upper edge filled down to its lower one."""
    if not projection.low or not projection.high:
        return []
    edge = {"type": "scatter", "mode": "lines", "line": {"width": 0, "color": CLEAR}, "hoverinfo": "skip"} | places
    fill = {"fill": "tonexty", "fillcolor": translucent(canvas.theme.accent, 0.16)}
    return [
        edge | {"y": floats(projection.low, is_double=True)},
        edge | {"y": floats(projection.high, is_double=True)} | fill,
    ]


def _end_label(projection: Projection, grid: TimeGrid, canvas: Canvas) -> list[dict[str, Any]]:
    tops = [value for value in (*projection.high[-1:], *projection.points[-1:]) if value is not None]
    if not tops:
        return []
    return [
        {
            "text": plot_label(projection.label, 40),
            "x": local_text(grid.end, canvas),
            "xanchor": "right",
            "y": max(tops),
            "yanchor": "bottom",
            "yshift": 2,
            "showarrow": False,
            "font": {"size": 12, "color": canvas.theme.accent_ink},
        }
    ]
