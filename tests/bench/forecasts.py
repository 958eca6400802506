"""The month-end forecast held against what came: every whole month of the history, the whole company and each of its regions.

And October 2026 of the public trace, where it is there: a new company, of which nothing is known before the month's first day.

The bound of its error is the error of the run-rate (spent ÷ days passed × days of the month) on the same months.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from flyusage import clock, db
from flyusage.demo import trace
from flyusage.metering import rollups
from flyusage.metering.ingest import Ingest
from flyusage.orgs.queries import organization_by_slug
from flyusage.periods import DAY, Period, midnight, month_period
from flyusage.pricing.ahead import SHAPE_DAYS
from flyusage.pricing.explorer import explore
from flyusage.pricing.forecast import expected_days, forecast, share_passed
from flyusage.pricing.view import Dimension, Granularity, Measure, View
from tests.bench.database import NOW, RESULTS, Measured, running
from tests.bench.report import Row

DAYS = (5, 10, 20)
HOURLY_DAYS, FIRST_HOURLY_DAY = 60, 10
FIRST_MONTH = 1  # of the history: the one before it is what is known
LOWEST, HIGHEST = 70, 90  # percent of months that should end inside the 80 % interval
TRACE = Path(__file__).parents[3] / "shared" / "data" / "dlrm_trace_2025.csv"
OCTOBER = month_period(midnight(trace.ORIGIN.date()))


def measure(measured: Measured) -> tuple[list[Row], dict[str, object]]:
    """Mean absolute percentage errors of the month's total after 5, 10 and 20 days, and how many ended inside the interval."""
    history, months = measured.history, _months(measured)
    rows, details = _told("all of it", _lines(measured.org_id, history, None), history, months)
    more, found = _told("its regions", _lines(measured.org_id, history, Dimension.REGION), history, months)
    last = Period(midnight(history.end.date()) - HOURLY_DAYS * DAY, midnight(history.end.date()))
    by_hour = _lines(measured.org_id, last, Dimension.REGION, Granularity.HOUR)
    whole = tuple(map(sum, zip(*by_hour, strict=True)))
    return rows + more + _hours_told("all of it", [whole]) + _hours_told("its regions", by_hour), details | found


def measure_trace() -> tuple[list[Row], dict[str, object]]:
    """The same of the public trace; nothing where it is not."""
    rows: list[Row] = []
    details: dict[str, object] = {}
    for name, series in _of_trace(Granularity.HOUR).items():
        rows += _hours_told(name, series)
    for name, series in _of_trace().items():
        more, found = _told(name, series, OCTOBER, [OCTOBER])
        rows, details = rows + more, details | found
    return rows, details


def _told(name: str, series: Sequence[Sequence[float]], history: Period, months: Sequence[Period]) -> tuple[list[Row], dict[str, object]]:
    rows: list[Row] = []
    details: dict[str, object] = {}
    for day in DAYS:
        errors, rates, inside = _tried(series, history, months, day)
        rows.append(
            Row(f"forecast of a month's end on day {day}, {name}: error", mean(errors), mean(rates), "%", note="the run-rate's error")
        )
        if len(inside) > 1:  # of a single month no share can be told
            share = 100 * mean(inside)
            rows.append(Row(f"forecast on day {day}, {name}: months inside the 80 % interval", share, LOWEST, "%", is_floor=True))
            rows.append(Row(f"forecast on day {day}, {name}: and not by being too wide", share, HIGHEST, "%"))
        details[f"{name}, day {day}"] = {"errors": errors, "run_rate_errors": rates, "inside": sum(inside), "months": len(inside)}
    return rows, details


def _tried(
    series: Sequence[Sequence[float]], history: Period, months: Sequence[Period], day: int
) -> tuple[list[float], list[float], list[bool]]:
    errors, rates, inside = [], [], []
    for line in series:
        for month in months:
            first, last = ((moment - history.start).days for moment in (month.start, month.end))
            came, spent = sum(line[first:last]), sum(line[first : first + day])
            said = forecast(line[: first + day], last - first - day)
            if came <= 0 or said is None or not any(line[: first + day]):  # of what has not begun nothing is said
                continue
            errors.append(100 * abs(spent + said.expected - came) / came)
            rates.append(100 * abs(spent / day * (last - first) - came) / came)
            inside.append(spent + said.low <= came <= spent + said.high)
    return errors, rates, inside


def _hours_told(name: str, series: Sequence[Sequence[float]]) -> list[Row]:
    """The error of what is left of a day, at six, noon and six, in percent of the day; the bound is that of every hour alike."""
    errors, even = [], []
    for line in series:
        days = [line[first : first + 24] for first in range(0, len(line), 24)]
        for place in range(FIRST_HOURLY_DAY, len(days)):
            said, came = expected_days([sum(one) for one in days[:place]], 1), sum(days[place])
            if said is None or came <= 0 or not any(map(any, days[:place])):
                continue
            for hour in (6, 12, 18):
                rest = sum(days[place][hour:])
                gone = share_passed(days[max(0, place - SHAPE_DAYS) : place], hour)
                errors.append(100 * abs(said[0] * (1 - gone) - rest) / came)
                even.append(100 * abs(said[0] * (1 - hour / 24) - rest) / came)
    return [Row(f"forecast of the rest of a day, {name}: error", mean(errors), mean(even), "%", note="that of every hour alike")]


def _of_trace(granularity: Granularity = Granularity.DAY) -> dict[str, list[tuple[float, ...]]]:
    """October of the public trace, day by day; nothing where the trace is not."""
    if not TRACE.exists():
        return {}
    with running(RESULTS / "trace"), clock.freeze(NOW):
        Ingest().run(trace.convert(TRACE), name=TRACE.name)  # kept from before, it changes nothing
        with db.lookup_transaction() as session:
            org_id = organization_by_slug(session, "prism").id
        rollups.catch_up(org_id)
        named = {"the public trace": None, "its regions there": Dimension.REGION, "its apps there": Dimension.APP}
        return {name: _lines(org_id, OCTOBER, by, granularity) for name, by in named.items()}


def _lines(org_id: int, history: Period, by: Dimension | None, granularity: Granularity = Granularity.DAY) -> list[tuple[float, ...]]:
    view = View(Measure.LIST_COST, history, by, granularity=granularity)
    with db.transaction(org_id) as session:
        return [one.points for one in explore(session, org_id, view, table_points=True).series]


def _months(measured: Measured) -> list[Period]:
    found = [month_period(midnight(month)) for month in measured.history.months()][FIRST_MONTH:]
    return [Period(one.start, one.end) for one in found if one.start >= measured.history.start and one.end <= measured.history.end]
