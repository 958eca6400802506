"""Questions about single machines: the top of a month, of the whole history, and one machine's month.

A month that is over has been ranked by the worker beside a server, as here before it is asked; what ranking takes is told, too.
"""

from time import perf_counter

import sqlalchemy as sa

from flyusage import db
from flyusage.periods import Period, midnight, month_period
from flyusage.pricing import background
from flyusage.pricing.machines import hours_of, top_machines
from tests.bench.database import Measured
from tests.bench.report import Row, spread

TIMES = 40
MACHINES = 200


def measure(measured: Measured) -> tuple[list[Row], dict[str, object]]:
    """Each question asked of many months and machines, milliseconds."""
    months = [month_period(midnight(month)) for month in measured.history.months()][:-1]
    org_id = measured.org_id
    ranking = [_ranked(org_id, month) for month in months]
    top_of_month = [_top(org_id, months[turn % len(months)]) for turn in range(TIMES)][len(months) :]
    top_of_all = [_top(org_id, measured.history) for _ in range(6)][1:]
    one_month = [_hours(org_id, name, months[turn % len(months)]) for turn, name in enumerate(_some_machines(org_id))][20:]
    rows = [
        Row("top 50 machines of a month, p95", spread(top_of_month)["p95"], 10, "ms"),  # type: ignore[arg-type]
        Row("one machine's month by hour, p95", spread(one_month)["p95"], 5, "ms"),  # type: ignore[arg-type]
        Row("top 50 machines of 13 months, p95", spread(top_of_all)["p95"], 500, "ms"),  # type: ignore[arg-type]
    ]
    return rows, {
        "ranking_a_month": spread(ranking),
        "top_of_month": spread(top_of_month),
        "one_month": spread(one_month),
        "top_of_all": spread(top_of_all),
    }


def _ranked(org_id: int, month: Period) -> float:
    began = perf_counter()
    background.rank(org_id, month.start.date())
    return (perf_counter() - began) * 1000


def _top(org_id: int, period: Period) -> float:
    began = perf_counter()
    with db.transaction(org_id) as session:
        found = top_machines(session, org_id, period, limit=50)
    assert found
    return (perf_counter() - began) * 1000


def _hours(org_id: int, machine: str, month: Period) -> float:
    began = perf_counter()
    with db.transaction(org_id) as session:
        hours_of(session, org_id, machine, month)
    return (perf_counter() - began) * 1000


def _some_machines(org_id: int) -> list[str]:
    """Machines from all over the history, and those with the most runs."""
    with db.transaction(org_id) as session:
        return list(
            session.scalars(
                sa.text(
                    """(SELECT name FROM resource WHERE kind = 1 AND id % 997 = 0 ORDER BY id LIMIT :half)
                       UNION ALL
                       (SELECT r.name FROM resource_month m JOIN resource r ON r.org_id = m.org_id AND r.id = m.resource_id
                        WHERE r.kind = 1 AND m.month = (SELECT max(month) FROM resource_month) ORDER BY m.quantity DESC LIMIT :half)"""
                ),
                {"half": MACHINES // 2},
            )
        )
