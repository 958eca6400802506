"""The live draft of the large organization: what opening its billing page costs, and that it says what the explorer says."""

from collections.abc import Callable
from time import perf_counter

from flyusage import db
from flyusage.invoices.drafting import draft
from flyusage.invoices.statement import Statement
from flyusage.pricing.explorer import explore
from flyusage.pricing.view import Measure, View
from tests.bench.database import NOW, Measured
from tests.bench.report import Row, spread

REPEATS = 30


def measure(measured: Measured) -> tuple[list[Row], dict[str, object]]:
    """The draft of the open month and that of the full month before it."""
    rows, details = [], {}
    months = {"the open month": NOW.date(), "a full month": NOW.date().replace(month=NOW.month - 1, day=1)}
    for name, month in months.items():

        def once(month=month) -> Statement:
            with db.transaction(measured.org_id) as session:
                return draft(session, measured.org_id, month, as_of=NOW)

        taken, statement = _timed(once)
        note = f"{len(statement.lines)} lines, p50 {spread(taken)['p50']:.0f} ms"
        rows.append(Row(f"draft of {name}, p95", spread(taken)["p95"], 300, "ms", note=note))
        details[name] = {"milliseconds": taken, "lines": len(statement.lines), "is_the_explorers": _agrees(measured.org_id, statement)}
    return rows, details


def _timed(once: Callable[[], Statement]) -> tuple[list[float], Statement]:
    """Milliseconds of each run but the first, which warms up."""
    statement, taken = once(), []
    for _ in range(REPEATS):
        began = perf_counter()
        once()
        taken.append(round((perf_counter() - began) * 1000, 2))
    return taken, statement


def _agrees(org_id: int, statement: Statement) -> bool:
    with db.transaction(org_id) as session:
        return explore(session, org_id, View(Measure.LIST_COST, statement.period, as_of=NOW)).total == statement.usage_exact
