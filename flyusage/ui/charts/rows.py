"""What charts are drawn from. Frozen, display-ready rows; whoever holds the session makes them.

Points are floats because they become pixels. A number that is printed comes along as text (`total_text`), formatted
from the exact value by the caller.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from flyusage.periods import DAY, HOUR, add_months
from flyusage.ui.charts.theme import TOKENS, Theme
from flyusage.ui.charts.units import DOLLARS, Unit

Step = Literal["hour", "day", "week", "month"]
STEP_LENGTHS = {"hour": HOUR, "day": DAY, "week": 7 * DAY}


@dataclass(frozen=True, slots=True)
class TimeGrid:
    """`count` buckets of one `step` from `start` (aware UTC, the start of the first bucket)."""

    start: datetime
    step: Step
    count: int

    def moment(self, index: int) -> datetime:
        """The start of bucket `index`; `moment(count)` is the end of the grid."""
        if self.step == "month":
            return add_months(self.start, index)
        return self.start + index * STEP_LENGTHS[self.step]

    @property
    def end(self) -> datetime:
        """The end of the last bucket."""
        return self.moment(self.count)

    @property
    def step_ms(self) -> int | None:
        """Milliseconds per bucket, None for months (they differ)."""
        return None if self.step == "month" else STEP_LENGTHS[self.step] // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class SeriesPoints:
    """One series: a value per bucket of the grid, None where nothing is known.

    `key` identifies it to handlers (as trace.uid, see `text.uid_of`), `label` is its name as it came in,
    `total_text` its exact total.
    `is_other` marks what is folded together: grey, on top, and never given a slot.
    """

    key: str
    label: str
    points: Sequence[float | None]
    total_text: str = ""
    is_other: bool = False


@dataclass(frozen=True, slots=True)
class Guide(SeriesPoints):
    """A line to hold usage against, named on the chart; `low` and `high` are the interval around it, empty without one."""

    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a moment: a dotted line with a word ("deploy app_22", "price step")."""

    at: datetime
    label: str
    kind: Literal["deploy", "price", "note", "anomaly"] = "deploy"


@dataclass(frozen=True, slots=True)
class TimeChart:
    """Everything a chart over time says. `series` largest first.

    `total` is given when the whole is not the sum of the series (a peak); `ghost` is the comparison period laid over
    this one, bucket by bucket; `guides` are lines to hold it against (a budget's pace, what is expected).
    `open_from` is where the numbers are still "so far"; `now` draws the present.
    """

    grid: TimeGrid
    series: Sequence[SeriesPoints]
    unit: Unit = DOLLARS
    total: Sequence[float | None] | None = None
    ghost: SeriesPoints | None = None
    guides: Sequence[Guide] = ()
    marks: Sequence[Mark] = ()
    open_from: datetime | None = None
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a figure is drawn on: theme, pixels and the zone its times are shown in.

    `width_px` is a guess good enough to space ticks and labels; the drawing itself follows its box. Below 560 px the
    chart is `narrow`: no names at the edge, no dragging, so that a finger scrolls the page. `revision` names the view:
    while it stays the same a refreshed figure keeps the reader's zoom. `utc_offset_minutes` relabels hourly axes
    (330 for UTC+5:30); days, weeks and months always stay UTC.
    """

    theme: Theme = TOKENS
    width_px: int = 1040
    height_px: int = 340
    utc_offset_minutes: int = 0
    revision: str = ""

    @property
    def is_narrow(self) -> bool:
        """Drawn for a phone."""
        return self.width_px < 560


@dataclass(frozen=True, slots=True)
class RegionSpend:
    """A region on the map: where it is, how much was spent there (for the bubble) and the exact amount as text."""

    key: str
    label: str
    latitude: float
    longitude: float
    value: float
    value_text: str


@dataclass(frozen=True, slots=True)
class MapWindow:
    """The part of the map in view, in map units: left, right, bottom, top."""

    left: float
    right: float
    bottom: float
    top: float


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle of the treemap; the texts are exact ("$313,558.10", "12.3 %")."""

    key: str
    label: str
    value: float
    value_text: str
    share_text: str = ""
    is_other: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A bar of the timeline: a stretch of time in a lane. `stopped_at` None: still running."""

    lane: str
    started_at: datetime
    stopped_at: datetime | None
    label: str
    slot: int | None = None
    is_inferred: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Projection:
    """Where a month is heading: running sums per bucket from the last known one on (None before), with a band.

    `label` says it in exact words: "projected $2.55 M".
    """

    points: Sequence[float | None]
    low: Sequence[float | None] = field(default=())
    high: Sequence[float | None] = field(default=())
    label: str = "projected"


@dataclass(frozen=True, slots=True)
class MonthToDate:
    """A month adding up: running sums at the end of each bucket of `grid`, None for what has not happened.

    `as_of` is the present, where the last known sum stands. `before` is the month before, laid over day by day.
    """

    grid: TimeGrid
    spent: SeriesPoints
    as_of: datetime | None = None
    before: SeriesPoints | None = None
    projection: Projection | None = None
