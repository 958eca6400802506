"""How numbers, moments and changes are written for people. Pure; one rule for every page."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from flyusage.money import CURRENCIES, format_money, format_quantity, round_half_away
from flyusage.periods import DAY, Period, floor_day, midnight, month_period
from flyusage.pricing.view import Chart, Comparison, Dimension, Filter, Granularity, Measure, View

MINUS = "−"


@dataclass(frozen=True)
class MeasureWords:
    """How a measure is called: in a heading, in the sentence's menu, and its unit behind a number."""

    title: str
    word: str
    unit: str
    hint: str


MEASURES: dict[Measure, MeasureWords] = {
    Measure.LIST_COST: MeasureWords("List cost", "cost", "US dollars", "list price × quantity, before discounts"),
    Measure.CONTRACTED_COST: MeasureWords(
        "Contracted cost", "contracted cost", "US dollars", "at the prices you negotiated, before discounts"
    ),
    Measure.EFFECTIVE_COST: MeasureWords(
        "Effective cost", "effective cost", "US dollars", "as billed, upfront amounts spread over their term"
    ),
    Measure.BILLED_COST: MeasureWords("Billed cost", "billed cost", "US dollars", "what the invoice says, net of tax"),
    Measure.MACHINE_HOURS: MeasureWords("Machine-hours", "machine-hours", "machine-hours", "one machine running for one hour"),
    Measure.VCPU_HOURS: MeasureWords("vCPU-hours", "vCPU-hours", "vCPU-hours", "vCPUs of the size × hours"),
    Measure.MEMORY_GB_HOURS: MeasureWords("Memory", "memory", "GB-hours", "preset and extra memory × hours; 1 GB is 1024 MiB"),
    Measure.VOLUME_GB: MeasureWords("Volumes", "volumes", "GB, mean", "provisioned, time-weighted; 1 GB is 1024 MiB"),
    Measure.EGRESS_GB: MeasureWords("Egress", "egress", "GB", "bytes out; 1 GB is 10⁹ bytes"),
    Measure.RUNNING_MEAN: MeasureWords("Running machines", "running machines", "machines, mean", "machine-seconds ÷ seconds"),
    Measure.RUNNING_PEAK: MeasureWords("Peak machines", "peak machines", "machines, busiest hour", "the largest hourly mean"),
}

DIMENSIONS: dict[Dimension, tuple[str, str]] = {
    Dimension.CONTINENT: ("continent", "continents"),
    Dimension.REGION: ("region", "regions"),
    Dimension.APP: ("app", "apps"),
    Dimension.COST_CENTRE: ("cost centre", "cost centres"),
    Dimension.VM_SIZE: ("VM size", "VM sizes"),
    Dimension.SKU: ("sku", "skus"),
    Dimension.MACHINE: ("machine", "machines"),
}

CHARTS: dict[Chart, str] = {
    Chart.AREA: "stacked area", Chart.BARS: "stacked bars", Chart.LINES: "lines", Chart.SHARE: "share",
    Chart.TREEMAP: "treemap", Chart.HEATMAP: "heat map", Chart.MAP: "map",
}  # fmt: skip

COMPARISONS: dict[Comparison, str] = {
    Comparison.NONE: "nothing", Comparison.PREVIOUS: "the period before", Comparison.LAST_YEAR: "a year earlier",
}  # fmt: skip

GRANULARITIES: dict[Granularity, str] = {
    Granularity.HOUR: "hour", Granularity.DAY: "day", Granularity.WEEK: "week", Granularity.MONTH: "month",
}  # fmt: skip


def amount_text(measure: Measure, value: Fraction, currency: str = "USD") -> str:
    """`$1,234.56` for money; other measures grouped by thousands with as many decimals as matter."""
    if measure.is_money:
        return format_money(value, CURRENCIES[currency])
    return number_text(value)


def number_text(value: Fraction) -> str:
    """A measure at a glance: as any quantity, but with one decimal from 100 on, and none from 1,000 on."""
    size = abs(value)
    return format_quantity(value, places=0 if size >= 1000 else 1 if size >= 100 else 2)


def share_text(value: Fraction, total: Fraction) -> str:
    """`12.3 %` of the total; `< 0.1 %` for what would print as zero; empty for a zero total."""
    if not total:
        return ""
    percent = Fraction(value * 100) / total
    if 0 < percent < Fraction(1, 20):
        return "< 0.1 %"
    return f"{round_half_away(percent, 1)} %"


def percent_change_text(before: Fraction, after: Fraction) -> str:
    """`+4.2 %`, `−4.2 %`, `new` for what was not there before, `no change`."""
    if before == after:
        return "no change"
    if not before:
        return "new"
    percent = round_half_away((after - before) * 100 / before, 1)
    if abs(percent) >= 1000:
        return f"×{round_half_away(after / before, 1):,}"
    return f"{'+' if percent >= 0 else MINUS}{abs(percent)} %"


def difference_text(measure: Measure, difference: Fraction, currency: str = "USD") -> str:
    """A signed amount: `+$104.10`, `−$20.00`; `$0.00` also for what would print as it."""
    text = amount_text(measure, abs(difference), currency)
    return f"{'+' if difference > 0 else MINUS}{text}" if any(digit in text for digit in "123456789") else text


def tone(difference: Fraction) -> str:
    """`up` (more spend, warm), `down` (less, green) or `same`."""
    return "up" if difference > 0 else "down" if difference < 0 else "same"


def tone_of(text: str) -> str:
    """The tone of a difference as it is printed: what reads as zero is neither more nor less."""
    return "up" if text.startswith("+") else "down" if text.startswith(MINUS) else "same"


def date_text(day: date) -> str:
    """`Oct 9, 2026`."""
    return day_text(midnight(day), year=True)


def day_text(moment: datetime, *, year: bool = False) -> str:
    """`Oct 9`, or `Oct 9, 2026`."""
    return f"{moment:%b} {moment.day}{moment:, %Y}" if year else f"{moment:%b} {moment.day}"


def moment_text(moment: datetime) -> str:
    """`Oct 31, 23:45` in UTC (the page says so)."""
    utc = moment.astimezone(UTC)
    return f"{day_text(utc)}, {utc:%H:%M}"


def pinned_text(moment: datetime) -> str:
    """A moment as addresses, commands and requests name it: `2026-10-20T14:00:00Z`."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def period_text(period: Period) -> str:
    """`Oct 1 – 31, 2026`, `Oct 28 – Nov 3, 2026`, `Oct 1, 2026`, or with hours where they are not whole days."""
    start, end = period.start, period.end
    if floor_day(start) != start or floor_day(end) != end:
        last = f"{end:%H:%M}" if floor_day(start) == floor_day(end) else f"{moment_text(end)}"
        return f"{day_text(start)}, {start:%H:%M} – {last}, {end.year}"
    last_day = end - DAY
    if period == month_period(start):
        return f"{day_text(start)} – {last_day.day}, {start.year}"
    if last_day <= start:
        return day_text(start, year=True)
    if start.year != last_day.year:
        return f"{day_text(start, year=True)} – {day_text(last_day, year=True)}"
    same_month = start.month == last_day.month
    return f"{day_text(start)} – {last_day.day if same_month else day_text(last_day)}, {start.year}"


def ago_text(moment: datetime, now: datetime) -> str:
    """`2 s ago`, `5 min ago`, `3 h ago`, `24 days ago`."""
    passed = max(now - moment, timedelta(0))
    for unit, length in (("days", timedelta(days=2)), ("h", timedelta(hours=2)), ("min", timedelta(minutes=2))):
        if passed >= length:
            one = {"days": timedelta(days=1), "h": timedelta(hours=1), "min": timedelta(minutes=1)}[unit]
            return f"{passed // one} {unit} ago"
    return f"{int(passed.total_seconds())} s ago"


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 app`, `1,204 apps`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def view_text(view: View, *, range_label: str = "") -> str:
    """What a view shows: `List cost by region, this month, only app web and api`. `range_label` names a range that moves with time."""
    measure, group = MEASURES[view.measure].title, DIMENSIONS[view.group_by][0] if view.group_by else ""
    when = f"{range_label[:1].lower()}{range_label[1:]}" if range_label else period_text(view.period)
    parts = [f"{measure}{f' by {group}' if group else ''}", when]
    parts += [_filter_text(one) for one in view.filters]
    if view.comparison is not Comparison.NONE:
        parts.append(f"compared with {COMPARISONS[view.comparison]}")
    return ", ".join(parts)


def _filter_text(one: Filter) -> str:
    named, more = one.values[:3], len(one.values) - 3
    values = ", ".join(named) + (f" and {more} more" if more > 0 else "")
    return f"{'without' if one.is_exclusion else 'only'} {DIMENSIONS[one.dimension][0]} {values}"
