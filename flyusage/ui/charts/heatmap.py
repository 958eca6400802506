"""When the week is busy: mean per hour of day and weekday, as one trace of 168 bars with a colour scale."""

from collections.abc import Sequence
from typing import Any

from flyusage.ui.charts.figure import Figure, Trace, base_layout
from flyusage.ui.charts.rows import Canvas
from flyusage.ui.charts.theme import mix
from flyusage.ui.charts.units import Unit, hover_places, short_number

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HOURS = 24
GAP = 0.06  # of a cell, left free around it
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 40, 12, 34, 28
FAINTEST = 0.08  # share of the accent in the lowest cell: still told from an empty one
KEY_CELLS, KEY_CELL_PX, KEY_HEIGHT_PX = 5, 22, 8


def heatmap(means: Sequence[Sequence[float | None]], canvas: Canvas, unit: Unit) -> Figure:
    """Seven rows (Monday first) of 24 means, hour 0 first, already in the canvas's zone; None where nothing is known.

    The colour runs from the lowest mean to the highest, not from zero: the rhythm is the point, and the key says what
    the ends are. With a half-hour offset the axis says `00:30`, `01:30`, as the hours of UTC fall.
    """
    if len(means) != len(WEEKDAYS) or any(len(row) != HOURS for row in means):
        raise ValueError("a heat map needs 7 rows of 24 hours")
    known = [value for row in means for value in row if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    layout = base_layout(canvas, (LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX)) | {
        "hovermode": "closest",
        "barmode": "overlay",
        "xaxis": _hour_axis(canvas),
        "yaxis": _day_axis(canvas),
        "shapes": _key_cells(canvas) if known else [],
        "annotations": _key_words(low, high, canvas, unit) if known else [],
    }
    return {"data": [_cells(means, (low, high), canvas, unit)], "layout": layout}


def hour_name(hour: int, canvas: Canvas) -> str:
    """`09:00`, or `09:30` in a zone half an hour off."""
    return f"{hour:02d}:{canvas.utc_offset_minutes % 60:02d}"


def _cells(means: Sequence[Sequence[float | None]], ends: tuple[float, float], canvas: Canvas, unit: Unit) -> Trace:
    cells = [(day, hour, value) for day, row in enumerate(means) for hour, value in enumerate(row) if value is not None]
    places = hover_places(unit, ends[1], is_double=True) or 0
    return {
        "type": "bar",
        "uid": "Øcells",
        "x": [hour for _, hour, _ in cells],
        "base": [round(day + GAP, 2) for day, _, _ in cells],
        "y": [round(1 - 2 * GAP, 2)] * len(cells),
        "width": round(1 - GAP, 2),
        "customdata": [[day, hour] for day, hour, _ in cells],
        "text": [
            f"<b>{unit.prefix}{value:,.{places}f}{unit.suffix}</b>  {WEEKDAYS[day]} {hour_name(hour, canvas)}" for day, hour, value in cells
        ],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "color": [_shade(value, ends, canvas) for _, _, value in cells],
            "cornerradius": 3,
            "line": {"width": 0},
        },
    }


def _shade(value: float, ends: tuple[float, float], canvas: Canvas) -> str:
    """The accent over the card, from a trace of it for the lowest mean to all of it for the highest."""
    low, high = ends
    part = (value - low) / (high - low) if high > low else 1.0
    return mix(canvas.theme.accent, canvas.theme.surface, round(FAINTEST + (1 - FAINTEST) * part, 2))


def _hour_axis(canvas: Canvas) -> dict[str, Any]:
    every = 6 if canvas.is_narrow else 3
    hours = range(0, HOURS, every)
    return {
        "range": [-0.5, HOURS - 0.5],
        "fixedrange": True,
        "automargin": False,
        "tickmode": "array",
        "tickvals": list(hours),
        "ticktext": [hour_name(hour, canvas) for hour in hours],
        "tickfont": {"color": canvas.theme.ink_2},
        "ticks": "",
        "showgrid": False,
        "zeroline": False,
    }


def _day_axis(canvas: Canvas) -> dict[str, Any]:
    return {
        "range": [len(WEEKDAYS), 0],
        "fixedrange": True,
        "automargin": False,
        "tickmode": "array",
        "tickvals": [day + 0.5 for day in range(len(WEEKDAYS))],
        "ticklabelstandoff": 6,
        "ticktext": list(WEEKDAYS),
        "tickfont": {"color": canvas.theme.ink_2},
        "ticks": "",
        "showgrid": False,
        "zeroline": False,
    }


def _key_cells(canvas: Canvas) -> list[dict[str, Any]]:
    """The key at the top right: the scale's five steps in a row, between the words for its ends."""
    return [
        {
            "type": "rect",
            "xref": "paper",
            "yref": "paper",
            "xsizemode": "pixel",
            "ysizemode": "pixel",
            "xanchor": 1,
            "yanchor": 1,
            "x0": (index - KEY_CELLS) * KEY_CELL_PX - 62,
            "x1": (index - KEY_CELLS + 1) * KEY_CELL_PX - 62,
            "y0": 14,
            "y1": 14 + KEY_HEIGHT_PX,
            "line": {"width": 0},
            "fillcolor": _shade(index, (0, KEY_CELLS - 1), canvas),
        }
        for index in range(KEY_CELLS)
    ]


def _key_words(low: float, high: float, canvas: Canvas, unit: Unit) -> list[dict[str, Any]]:
    width = KEY_CELLS * KEY_CELL_PX
    places = ((low, "right", -width - 62 - 6), (high, "left", -62 + 6))
    return [
        {
            "text": short_number(value, unit),
            "x": 1,
            "y": 1,
            "xref": "paper",
            "yref": "paper",
            "xanchor": anchor,
            "yanchor": "middle",
            "xshift": shift,
            "yshift": 14 + KEY_HEIGHT_PX / 2,
            "showarrow": False,
            "font": {"size": 11, "color": canvas.theme.ink_2},
        }
        for value, anchor, shift in places
    ]
