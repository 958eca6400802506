"""A machine's two pictures: its life as a timeline, and the hours of a month. Pure."""

from collections.abc import Sequence
from datetime import datetime

from flyusage.periods import HOUR, Period, floor_day
from flyusage.pricing.machines import Line, MachineHour
from flyusage.ui.charts import timeseries
from flyusage.ui.charts.figure import Figure
from flyusage.ui.charts.rows import Canvas, SeriesPoints, Span, TimeChart, TimeGrid
from flyusage.ui.charts.theme import TOKENS
from flyusage.ui.charts.timeline import timeline
from flyusage.ui.charts.units import Unit

MINUTES = Unit(suffix=" min", places=0, title="minutes")
HOURS_HEIGHT_PX = 200
WIDTH_PX = 560  # for ticks that fit a phone too; the drawing takes the width it has
FINEST_DAYS = 62


def life_zone_minutes(life: Period, zone_minutes: int) -> int:
    """What moments of the life's drawing are in, east of UTC: the chosen zone, unless it is drawn by UTC's days."""
    return zone_minutes if _days(life) <= FINEST_DAYS else 0


def life_figure(spans: Sequence[Span], life: Period, *, now: datetime, height_px: int, zone_minutes: int = 0) -> Figure:
    """Every run (and volume-like charge) of the machine along its life, told in the zone that `life_zone_minutes` says."""
    start, days = floor_day(life.start), _days(life)
    grid = TimeGrid(start, "hour", days * 24) if days <= FINEST_DAYS else TimeGrid(start, "day", days)
    ahead_minutes = life_zone_minutes(life, zone_minutes)
    canvas = Canvas(theme=TOKENS, width_px=WIDTH_PX, height_px=height_px, revision="life", utc_offset_minutes=ahead_minutes)
    return timeline(spans, grid, canvas, now=now)


def _days(life: Period) -> int:
    start = floor_day(life.start)
    return max(1, -((start - max(life.end, start + HOUR)).days))


def hours_figure(hours: Sequence[MachineHour], month: Period, *, zone_minutes: int = 0) -> Figure:
    """Minutes per hour of UTC's month that the machine ran, told in that zone; hours still to come are empty."""
    count = month.seconds // 3600
    ran = {hour.at: hour.seconds / 60 for hour in hours}
    points = [ran.get(month.start + index * HOUR) for index in range(count)]
    chart = TimeChart(TimeGrid(month.start, "hour", count), [SeriesPoints("hours", "ran", points)], MINUTES)
    canvas = Canvas(
        theme=TOKENS, width_px=WIDTH_PX, height_px=HOURS_HEIGHT_PX, revision=f"{month.start:%Y-%m}", utc_offset_minutes=zone_minutes
    )
    return timeseries.stacked_bars(chart, canvas, {"hours": 0})


def spans_of(lines: Sequence[Line]) -> list[Span]:
    """A span per line that lasts: runs in one lane, root filesystem, volume and addresses in their own."""
    return [
        Span(
            lane=line.title.removeprefix("Machine "),
            started_at=line.started_at,
            stopped_at=None if line.is_open else line.stopped_at,
            label=line.title,
            is_inferred=line.is_inferred,
        )
        for line in lines
        if line.unit != "byte"
    ]
