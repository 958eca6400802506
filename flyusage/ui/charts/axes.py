"""Time and value axes: few lines, round steps, moments said in UTC or the reader's zone."""

from datetime import datetime, timedelta
from typing import Any

from flyusage.periods import DAY, HOUR, add_months, floor_day, floor_hour, floor_week, month_start
from flyusage.ui.charts.rows import STEP_LENGTHS, Canvas, TimeGrid
from flyusage.ui.charts.units import Ticks

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
TICK_PX, NARROW_TICK_PX = 84, 56  # room a label like "Oct 18" needs to look calm, and on a phone
ONE_LINE_PX, TWO_LINES_PX = 30, 44
CHARACTER_PX = 7

MONTH = timedelta(days=30)  # about: only compared with, never added

# (length, Plotly's dtick): the steps time may be ruled by.
_RULES: tuple[tuple[timedelta, int | str], ...] = (
    *((hours * HOUR, hours * HOUR_MS) for hours in (1, 2, 3, 6, 12)),
    *((days * DAY, days * DAY_MS) for days in (1, 2, 7, 14)),
    *((months * MONTH, f"M{months}") for months in (1, 2, 3, 6, 12, 24, 60)),
)
_FINEST_RULES = {"hour": HOUR, "day": DAY, "week": 7 * DAY, "month": MONTH}
_HOVER_FORMATS = {
    "hour": "%a, %b %-d, %H:%M",
    "day": "%a, %b %-d, %Y",
    "week": "Week of %b %-d, %Y",
    "month": "%B %Y",
}


def local_text(moment: datetime, canvas: Canvas) -> str:
    """`moment` as Plotly's axes take it: no zone, shifted to the canvas's zone, to the second."""
    shifted = moment + timedelta(minutes=canvas.utc_offset_minutes)
    return shifted.strftime("%Y-%m-%d %H:%M:%S" if shifted.second else "%Y-%m-%d %H:%M")


def moment_text(moment: datetime, canvas: Canvas) -> str:
    """`Oct 17, 14:00`, with seconds where they are not zero, in the canvas's zone (`zone_name` says which)."""
    shown = moment + timedelta(minutes=canvas.utc_offset_minutes)
    return f"{shown:%b} {shown.day}, {shown:%H:%M:%S}" if shown.second else f"{shown:%b} {shown.day}, {shown:%H:%M}"


def zone_name(minutes: int) -> str:
    """`UTC`, `UTC+5:30`, `UTC−3`: the zone `minutes` east of UTC."""
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}{f':{rest:02d}' if rest else ''}"


def on_grid(canvas: Canvas, grid: TimeGrid) -> Canvas:
    """The canvas `grid` is drawn on: only hours may be shown in another zone, days and longer stay UTC."""
    if grid.step == "hour" or not canvas.utc_offset_minutes:
        return canvas
    return Canvas(canvas.theme, canvas.width_px, canvas.height_px, revision=canvas.revision)


def time_axis(grid: TimeGrid, canvas: Canvas, plot_px: int, *, end: datetime | None = None) -> dict[str, Any]:
    """The time axis of `grid` up to `end` (the grid's end unless told), ruled by the finest step that stays calm.

    `plot_px` is the width of the plot itself, margins taken off.
    """
    theme = canvas.theme
    end = end or grid.end
    length, dtick = _rule(grid, canvas, plot_px, end)
    return {
        "type": "date",
        "range": [local_text(grid.start, canvas), local_text(end, canvas)],
        "fixedrange": canvas.is_narrow,
        "tickmode": "linear",
        "tick0": local_text(_first_tick(grid, length), Canvas()),
        "dtick": dtick,
        "tickformat": _tick_format(length, grid, end),
        "tickangle": 0,
        "automargin": False,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": theme.line_strong,
        "tickfont": {"color": theme.ink_2},
        "showgrid": False,
        "zeroline": False,
        "spikemode": "across",
        "spikethickness": 1,
        "spikedash": "solid",
        "spikecolor": theme.ink_3,
        "hoverformat": _HOVER_FORMATS[grid.step] + (f" {zone_name(canvas.utc_offset_minutes)}" if grid.step == "hour" else ""),
    }


def bucket_ticks(grid: TimeGrid, canvas: Canvas, plot_px: int) -> dict[str, Any]:
    """Ticks for bars, to lay over `time_axis`: a bucket's name stands under the middle of its bar."""
    length, dtick = _rule(grid, canvas, plot_px, grid.end)
    months = int(dtick[1:]) if isinstance(dtick, str) else 0
    moment, named, places, texts = _first_named(grid, canvas, length), None, [], []
    while moment < grid.end:
        if moment >= grid.start:
            after = add_months(moment, 1) if grid.step == "month" else moment + STEP_LENGTHS[grid.step]
            places.append(local_text(moment + (after - moment) / 2, canvas))
            texts.append(_bucket_name(moment, named, grid, canvas))
            named = moment
        moment = add_months(moment, months) if months else moment + length
    return {"tickmode": "array", "tickvals": places, "ticktext": texts, "tickformat": ""}


def _first_named(grid: TimeGrid, canvas: Canvas, length: timedelta) -> datetime:
    """The bucket from which every `length`-th is named: for hours, the first that begins in the reader's day."""
    if grid.step != "hour":
        return _first_tick(grid, length)
    offset = timedelta(minutes=canvas.utc_offset_minutes)
    midnight = floor_day(grid.start + offset) - offset
    return floor_hour(midnight + HOUR - timedelta(seconds=1))


def _bucket_name(moment: datetime, named: datetime | None, grid: TimeGrid, canvas: Canvas) -> str:
    """`14:00` with the day below where it changes, `Oct 5`, `Oct` with the year below where it changes."""
    if grid.step == "hour":
        shown = moment + timedelta(minutes=canvas.utc_offset_minutes)
        before = named and named + timedelta(minutes=canvas.utc_offset_minutes)
        is_new_day = before is None or before.date() != shown.date()
        return f"{shown:%H:%M}" + (f"<br>{shown:%b} {shown.day}" if is_new_day else "")
    name = f"{moment:%b}" if grid.step == "month" else f"{moment:%b} {moment.day}"
    spans_years = grid.step == "month" or grid.start.year != (grid.end - HOUR).year
    return f"{name}<br>{moment.year}" if spans_years and (named is None or named.year != moment.year) else name


def value_axis(ticks: Ticks, canvas: Canvas) -> dict[str, Any]:
    """The value axis: hairlines at round values, labels outside, fixed so that a drag selects time."""
    theme = canvas.theme
    return {
        "range": [ticks.low, ticks.high],
        "fixedrange": True,
        "automargin": False,
        "ticks": "",
        "tickmode": "array",
        "tickvals": list(ticks.values),
        "ticktext": list(ticks.labels),
        "tickfont": {"color": theme.ink_2},
        "ticklabelstandoff": 6,
        "gridcolor": theme.line,
        "zeroline": True,
        "zerolinecolor": theme.line_strong,
    }


def bottom_margin(axis: dict[str, Any]) -> int:
    """Pixels the labels of a time axis need below: years and days stand on a second line."""
    names = [*axis.get("ticktext", ()), axis.get("tickformat", "")]
    return TWO_LINES_PX if any("\n" in name or "<br>" in name for name in names) else ONE_LINE_PX


def left_margin(ticks: Ticks) -> int:
    """Pixels the value labels need on the left."""
    return max(len(label) for label in ticks.labels) * CHARACTER_PX + 12


def _rule(grid: TimeGrid, canvas: Canvas, plot_px: int, end: datetime) -> tuple[timedelta, int | str]:
    room = max(2, plot_px // (NARROW_TICK_PX if canvas.is_narrow else TICK_PX))
    return next(
        (rule for rule in _RULES if rule[0] >= _FINEST_RULES[grid.step] and (end - grid.start) / rule[0] <= room),
        _RULES[-1],
    )


def _first_tick(grid: TimeGrid, length: timedelta) -> datetime:
    if length >= MONTH:
        return month_start(grid.start).replace(month=1)
    return floor_week(grid.start) if length >= 7 * DAY else floor_day(grid.start)


def _tick_format(length: timedelta, grid: TimeGrid, end: datetime) -> str:
    if length < DAY:
        return "%H:%M\n%b %-d"
    if length >= MONTH:
        return "%b\n%Y"
    return "%b %-d" if grid.start.year == (end - HOUR).year else "%b %-d\n%Y"
