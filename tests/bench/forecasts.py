"""The month-end forecast held against what came: every whole month of the history, the whole company and each of its regions.

The bound of its error is the error of the run-rate (spent ÷ days passed × days of the month) on the same months.
"""

from collections.abc import Sequence
from statistics import mean

from flyusage import db
from flyusage.periods import Period, midnight, month_period
from flyusage.pricing.explorer import explore
from flyusage.pricing.forecast import forecast
from flyusage.pricing.view import Dimension, Granularity, Measure, View
from tests.bench.database import Measured
from tests.bench.report import Row

DAYS = (5, 10, 20)
FIRST_MONTH = 1  # of the history: the one before it is what is known
LOWEST, HIGHEST = 70, 90  # percent of months that should end inside the 80 % interval


def measure(measured: Measured) -> tuple[list[Row], dict[str, object]]:
    """Mean absolute percentage errors of the month's total after 5, 10 and 20 days, and how many ended inside the interval."""
    whole = [Period(month.start, month.end) for month in _months(measured)]
    rows: list[Row] = []
    details: dict[str, object] = {}
    for name, series in (("all of it", _lines(measured, None)), ("its regions", _lines(measured, Dimension.REGION))):
        for day in DAYS:
            errors, rates, inside = _tried(measured, series, whole, day)
            rows.append(
                Row(f"forecast of a month's end on day {day}, {name}: error", mean(errors), mean(rates), "%", note="the run-rate's error")
            )
            rows.append(
                Row(f"forecast on day {day}, {name}: months inside the 80 % interval", 100 * mean(inside), LOWEST, "%", is_floor=True)
            )
            details[f"{name}, day {day}"] = {"errors": errors, "run_rate_errors": rates, "inside": sum(inside), "months": len(inside)}
    return rows, details


def _tried(
    measured: Measured, series: Sequence[Sequence[float]], whole: Sequence[Period], day: int
) -> tuple[list[float], list[float], list[bool]]:
    errors, rates, inside = [], [], []
    for line in series:
        for month in whole:
            first, last = ((moment - measured.history.start).days for moment in (month.start, month.end))
            came, spent = sum(line[first:last]), sum(line[first : first + day])
            said = forecast(line[: first + day], last - first - day)
            if came <= 0 or said is None:
                continue
            errors.append(100 * abs(spent + said.expected - came) / came)
            rates.append(100 * abs(spent / day * (last - first) - came) / came)
            inside.append(spent + said.low <= came <= spent + said.high)
    return errors, rates, inside


def _lines(measured: Measured, by: Dimension | None) -> list[tuple[float, ...]]:
    view = View(Measure.LIST_COST, measured.history, by, granularity=Granularity.DAY)
    with db.transaction(measured.org_id) as session:
        return [one.points for one in explore(session, measured.org_id, view, table_points=True).series]


def _months(measured: Measured) -> list[Period]:
    found = [month_period(midnight(month)) for month in measured.history.months()][FIRST_MONTH:]
    return [one for one in found if one.start >= measured.history.start and one.end <= measured.history.end]
