"""A made-up month, for tests of what pages print: every number is chosen by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from flyusage.periods import Period, month_period
from flyusage.pricing.changes import Changes
from flyusage.pricing.overview import Overview, Projection
from flyusage.pricing.view import Answer, Contributor, Dimension, Granularity, Measure, Series, Totals, View

NOW = datetime(2026, 10, 22, 12, tzinfo=UTC)
OCTOBER = month_period(NOW)
SO_FAR = Period(OCTOBER.start, NOW)
BEFORE = Period(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 9, 22, 12, tzinfo=UTC))
BUCKETS = tuple(OCTOBER.start + timedelta(days=day) for day in range(31))

REGIONS = (
    ("gru", "Sao Paulo, Brazil", "313558.10"), ("sin", "Singapore, Singapore", "300440.87"), ("fra", "Frankfurt, Germany", "274627.53"),
    ("sjc", "San Jose, California", "168560.48"), ("lax", "Los Angeles, California", "152139.15"), ("ams", "Amsterdam, Netherlands", "138152.76"),
    ("iad", "Ashburn, Virginia", "96210.40"), ("nrt", "Tokyo, Japan", "91002.11"), ("jnb", "Johannesburg, South Africa", "66364.02"),
    ("syd", "Sydney, Australia", "63141.88"), ("bom", "Mumbai, India", "45044.80"),
)  # fmt: skip
CONTINENTS = (
    ("Europe", "412780.29"), ("North America", "416910.03"), ("Asia", "436487.78"), ("South America", "313558.10"), ("Africa", "66364.02"),
    ("Oceania", "63141.88"),
)  # fmt: skip
APPS = tuple((f"app_{number}", f"{216085 // (rank + 1)}.25") for rank, number in enumerate((0, 21, 37, 19, 54, 22, 103, 47)))
SIZES = (
    ("performance-12x", "607004.11"), ("performance-8x", "515116.02"), ("performance-6x", "374972.90"), ("performance-1x", "126845.07"),
    ("performance-16x", "82218.00"), ("performance-2x", "2858.00"), ("shared-cpu-1x", "228.00"),
)  # fmt: skip


def series(key: str, total: str, label: str = "") -> Series:
    """A value of a grouping with a daily point for each of the 22 days, and the month before 3 % less."""
    amount = Fraction(total)
    points = tuple(float(amount) / 22 if day < 22 else 0.0 for day in range(31))
    earlier = amount * Fraction(97, 100)
    return Series(key, label or key, amount, points, earlier, tuple(float(earlier) / 22 for _ in range(30)), amount, amount * 2)


def answer(group: Dimension, values: tuple[Series, ...]) -> Answer:
    """The month by `group`."""
    total = sum((one.total for one in values), Fraction(0))
    ranked = tuple(sorted(values, key=lambda one: (-one.total, one.key)))
    totals = Totals(total, total * 2, Fraction(7916), Fraction(8921), NOW, 156, 18, 6, ())
    return Answer(
        view=View(Measure.LIST_COST, OCTOBER, group), granularity=Granularity.DAY, currency="USD", as_of=NOW, rolled_through=NOW,
        buckets=BUCKETS, series=ranked, drawn=ranked, total=total, previous_total=total * Fraction(97, 100), previous_period=BEFORE,
        totals=totals, history_begins=datetime(2026, 3, 1, tzinfo=UTC), last_event_at=NOW,
    )  # fmt: skip


def contributor(key: tuple[str, ...], before: str, after: str, words: str, since: datetime | None = None) -> Contributor:
    """A difference that is all amount."""
    was, is_now = Fraction(before), Fraction(after)
    label = " in ".join(key)
    return Contributor(key, label, was, is_now, Fraction(0), is_now - was, Fraction(0), words, Fraction(792), Fraction(1204), since)


def changes() -> Changes:
    """+$52,700.40 in all: three lines and the rest."""
    lines = (
        contributor(("app_22", "gru"), "12000.00", "40458.22", "412 more machines", datetime(2026, 10, 17, 14, tzinfo=UTC)),
        contributor(("app_103", "sin"), "30000.00", "52480.72", "moved from performance-8x to performance-12x"),
        contributor(("app_0", "fra"), "80789.40", "70000.00", "118 fewer machines since Oct 21"),
    )
    rest = contributor((), "1533752.30", "1546303.16", "151 more apps and regions")
    total = contributor((), "1656541.70", "1709242.10", "")
    return Changes(BEFORE, SO_FAR, "USD", lines, rest, total)


def overview() -> Overview:
    """October 22, noon: $1,709,242.10, which is $52,700.40 more than by September 22, noon."""
    by_region = answer(Dimension.REGION, tuple(series(key, total, label) for key, label, total in REGIONS))
    return Overview(
        month=date(2026, 10, 1), is_current=True, so_far=SO_FAR, before=BEFORE, currency="USD", as_of=NOW, rolled_through=NOW,
        spent=Fraction("1709242.10"), spent_before=Fraction("1656541.70"),
        projection=Projection(Fraction("2551000.44"), "It adds the mean of the last 7 full days for each day to come."),
        daily=by_region, by_continent=answer(Dimension.CONTINENT, tuple(series(*one) for one in CONTINENTS)), by_region=by_region,
        by_app=answer(Dimension.APP, tuple(series(*one) for one in APPS)),
        by_vm_size=answer(Dimension.VM_SIZE, tuple(series(*one) for one in SIZES)),
        changes=changes(), running_now=8878, is_stale=False, last_event_at=NOW, rests_on=Fraction(0),
    )  # fmt: skip


def hostile(one: Series) -> Series:
    """The same money under a name that wants to be markup, a formula and longer than any column."""
    name = "=<b>x</b>%{y}\u202egnp" + "é" * 500
    return replace(one, key=name, label=name)
