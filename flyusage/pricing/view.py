"""The explorer's view: everything a chart, a table, an export and a command need to give the same numbers.

A view is a value. It is read from a URL's query (or a command's options), corrected to the nearest valid one with a
notice for each correction, and written back; page, API, CLI and export share it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from flyusage.metering.history import HistoryLoad
from flyusage.periods import Period, add_months

LONGEST_BY_HOUR = timedelta(days=62)
HOURS_READ_WELL = timedelta(days=14)
DAYS_READ_WELL_MONTHS = 15


class Measure(StrEnum):
    """What is counted. Money is list cost; the rest are quantities in the unit their name says."""

    LIST_COST = "list_cost"
    MACHINE_HOURS = "machine_hours"
    VCPU_HOURS = "vcpu_hours"
    MEMORY_GB_HOURS = "memory_gb_hours"
    VOLUME_GB = "volume_gb"
    EGRESS_GB = "egress_gb"
    RUNNING_MEAN = "running_mean"
    RUNNING_PEAK = "running_peak"


class Dimension(StrEnum):
    """What usage can be grouped and filtered by."""

    CONTINENT = "continent"
    REGION = "region"
    APP = "app"
    COST_CENTRE = "cost_centre"
    VM_SIZE = "vm_size"
    SKU = "sku"
    MACHINE = "machine"


class Granularity(StrEnum):
    """The width of a bucket. Hours are offered for windows up to 62 days; weeks are ISO weeks; all UTC."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Comparison(StrEnum):
    """What a view is held against."""

    NONE = "none"
    PREVIOUS = "previous"
    LAST_YEAR = "last_year"


class Chart(StrEnum):
    """How the same numbers are drawn."""

    AREA = "area"
    BARS = "bars"
    LINES = "lines"
    SHARE = "share"
    TREEMAP = "treemap"
    HEATMAP = "heatmap"
    MAP = "map"


@dataclass(frozen=True)
class Filter:
    """Only (or, excluded, all but) usage whose `dimension` is one of `values` (codes and names, as shown)."""

    dimension: Dimension
    values: tuple[str, ...]
    is_exclusion: bool = False


@dataclass(frozen=True)
class View:
    """One question to the usage of one organization. `period` is hour-aligned, half-open, UTC.

    `granularity` None means automatic. `as_of` pins the moment the answer is complete to (None: now). `zone_minutes` east of
    UTC are added where a chart names hours; no number depends on it, and days, weeks and months stay UTC's.
    """

    measure: Measure
    period: Period
    group_by: Dimension | None = Dimension.REGION
    filters: tuple[Filter, ...] = ()
    granularity: Granularity | None = None
    comparison: Comparison = Comparison.NONE
    chart: Chart = Chart.AREA
    as_of: datetime | None = None
    zone_minutes: int = 0

    @property
    def drawn_granularity(self) -> Granularity:
        """The buckets of the answer: those chosen where the period offers them, else those that read well."""
        chosen = self.granularity
        return chosen if chosen and chosen in granularities(self.period) else auto_granularity(self.period)

    @property
    def has_hours(self) -> bool:
        """Whether the chart names hours, which may be told in another zone."""
        is_over_time = self.chart not in (Chart.TREEMAP, Chart.MAP)
        return is_over_time and self.drawn_granularity is Granularity.HOUR


@dataclass(frozen=True)
class Series:
    """One value of the grouping. `key` is the stable code (region code, app name, machine id), `label` what people read.

    `total`, `previous_total`, `list_cost`, `machine_hours` and `unpriced_quantity` are exact; `points`, one per bucket of
    the answer, are for drawing only (float, 1e-15 relative) and empty for series folded into "other". `is_other` marks the fold.
    """

    key: str
    label: str
    total: Fraction
    points: tuple[float, ...] = ()
    previous_total: Fraction | None = None
    previous_points: tuple[float, ...] = ()
    list_cost: Fraction = Fraction(0)
    machine_hours: Fraction = Fraction(0)
    is_unpriced: bool = False
    is_other: bool = False


@dataclass(frozen=True)
class Answer:
    """What a view shows, complete to `as_of`.

    `series` holds every value, largest first; `total` is their exact sum (running machines: that of the whole, since
    peaks do not add up). `drawn` are the top series and, when values were folded, "other". `buckets` are the starts of the
    time buckets; `series` totals cover exactly `view.period` cut at `as_of`. `complete_until` is min(period end, as_of). `load`
    says how far back the history is whole; None once it all is.
    """

    view: View
    granularity: Granularity
    currency: str
    as_of: datetime
    rolled_through: datetime
    buckets: tuple[datetime, ...]
    series: tuple[Series, ...]
    drawn: tuple[Series, ...]
    total: Fraction
    previous_total: Fraction | None
    previous_period: Period | None
    totals: "Totals"
    history_begins: datetime | None
    last_event_at: datetime | None
    notices: tuple[str, ...] = ()
    load: HistoryLoad | None = None


@dataclass(frozen=True)
class Totals:
    """The headline numbers of a view's period and filters, whatever its measure and grouping; all exact."""

    list_cost: Fraction
    machine_hours: Fraction
    running_mean: Fraction
    running_peak: Fraction
    running_peak_at: datetime | None
    app_count: int
    region_count: int
    continent_count: int
    unpriced: tuple[str, ...]


@dataclass(frozen=True)
class Contributor:
    """One line of "what changed": its difference split exactly into price, amount and mix (`domain.md`)."""

    key: tuple[str, ...]
    label: str
    before: Fraction
    after: Fraction
    price: Fraction
    amount: Fraction
    mix: Fraction
    words: str
    machines_before: Fraction
    machines_after: Fraction
    since: datetime | None

    @property
    def difference(self) -> Fraction:
        """after − before, equal to price + amount + mix."""
        return self.after - self.before


@dataclass(frozen=True)
class PriceStep:
    """A change of list price inside a period, for a mark on the chart."""

    at: datetime
    label: str
    before: Decimal | None = None
    after: Decimal | None = None


@dataclass(frozen=True)
class Value:
    """Something a filter can name: `key` is what goes into the filter, `label` what people read, `hint` a word more."""

    key: str
    label: str
    hint: str = ""


def granularities(period: Period) -> tuple[Granularity, ...]:
    """What may be chosen for `period`; hours only up to 62 days."""
    if period.end - period.start <= LONGEST_BY_HOUR:
        return tuple(Granularity)
    return (Granularity.DAY, Granularity.WEEK, Granularity.MONTH)


def auto_granularity(period: Period) -> Granularity:
    """The bucket that reads well: hours up to 14 days, days up to 15 months, months beyond."""
    if period.end - period.start <= HOURS_READ_WELL:
        return Granularity.HOUR
    return Granularity.DAY if period.end <= add_months(period.start, DAYS_READ_WELL_MONTHS) else Granularity.MONTH
