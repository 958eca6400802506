"""Ranks of months that are over: kept as they would be found anew, and never taken once a quantity or a price has changed."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest
import sqlalchemy as sa
from factories import ingest, started, stopped, voided
from usage_world import NOW, Span, World

from flyusage import db
from flyusage.metering.rollups import catch_up
from flyusage.periods import HOUR, Period
from flyusage.pricing import background, kept_ranks, ranking
from flyusage.pricing.asking import ask, know
from flyusage.pricing.machines import MachineCost, top_machines
from flyusage.pricing.view import Dimension, Filter, Measure, View

SEPTEMBER, OCTOBER, NOVEMBER, DECEMBER = (datetime(2026, month, 1, tzinfo=UTC) for month in range(9, 13))
LIMIT = 5


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch):
    monkeypatch.setattr(background, "FEW_ROWS", 0)
    monkeypatch.setattr(kept_ranks, "MOST", 10)


@pytest.fixture
def anew(monkeypatch) -> list[object]:
    """What is ranked anew, instead of told from what is kept."""
    asked: list[object] = []
    way = ranking.ranked

    def ranked(session, question, months, limit):
        asked.append(months)
        return way(session, question, months, limit)

    monkeypatch.setattr(ranking, "ranked", ranked)
    return asked


def top(world: World, period: Period, *filters: Filter, limit: int = LIMIT) -> list[MachineCost]:
    with db.transaction(world.org_id) as session:
        return top_machines(session, world.org_id, period, filters=filters, limit=limit)


def plain(world: World, month: Period) -> list[Fraction]:
    """The largest costs by plain addition of the events."""
    costs: dict[str, Fraction] = {}
    for cell in world.cells(NOW):
        if cell.machine and cell.hour in month:
            costs[cell.machine] = costs.get(cell.machine, Fraction(0)) + world.cost(cell)
    return sorted(costs.values(), reverse=True)[:LIMIT]


def test_a_month_that_is_over_is_told_from_what_is_kept(world: World, anew: list[object]) -> None:
    month = Period(SEPTEMBER, OCTOBER)
    with db.platform_transaction() as session:
        session.execute(sa.text("DELETE FROM costliest_month"))
    before = top(world, month)
    assert anew, "nothing was kept before"
    background.rank_months()
    anew.clear()
    assert top(world, month) == before
    assert [one.list_cost for one in before] == plain(world, month)
    assert not anew


@pytest.mark.parametrize(
    ("period", "filters", "limit", "count"),
    [
        (Period(SEPTEMBER, OCTOBER), (), LIMIT, LIMIT),
        (Period(SEPTEMBER, NOVEMBER), (), LIMIT, 0),
        (Period(SEPTEMBER, OCTOBER), (Filter(Dimension.REGION, ("gru",)),), LIMIT, 0),
        (Period(SEPTEMBER, OCTOBER), (Filter(Dimension.MACHINE, ("m01",), is_exclusion=True),), LIMIT, 0),
        (Period(SEPTEMBER, OCTOBER), (), 11, 0),
        (Period(NOVEMBER, DECEMBER), (), LIMIT, 0),
    ],
    ids=["a month", "two months", "a region", "without a machine", "more than are kept", "the month that runs"],
)
def test_a_rank_is_of_all_machines_of_a_month_that_is_over(
    world: World, period: Period, filters: tuple[Filter, ...], limit: int, count: int
) -> None:
    background.rank_months()
    with db.transaction(world.org_id) as session:
        view = View(Measure.LIST_COST, period, Dimension.MACHINE, filters)
        question = ask(session, know(session, world.org_id, None, None), view)
        found = kept_ranks.first(session, question, list(period.months()), limit)
    assert len(found or []) == count


def test_other_prices_rank_anew(world: World, anew: list[object]) -> None:
    month = Period(SEPTEMBER, OCTOBER)
    background.rank_months()
    expected = top(world, month)
    assert not anew
    with db.platform_transaction() as session:
        session.execute(sa.text("UPDATE costliest_month SET priced_by = 'others', resource_ids = '{1,2,3,4,5,6,7,8,9,10}'"))
    assert top(world, month) == expected
    assert anew
    background.rank_prices()
    anew.clear()
    assert top(world, month) == expected
    assert not anew


def test_a_late_event_takes_the_rank_of_its_month_away(world: World, anew: list[object]) -> None:
    month, end = Period(SEPTEMBER, OCTOBER), OCTOBER - HOUR
    background.rank_months()
    home = {"app": "web", "region": "dfw"}
    late = [started("late", _at(SEPTEMBER), vm_size="performance-8x", memory_mb=16384, **home), stopped("late", _at(end), **home)]
    assert ingest(late).accepted == 2
    catch_up(world.org_id)
    world.spans.append(Span("web", "dfw", "performance-8x", "machine.performance-8x", "late", SEPTEMBER, end, 1))
    world.forget_counted()
    assert [one.list_cost for one in top(world, month)] == plain(world, month)
    assert top(world, month)[0].name == "late"
    assert anew
    background.rank_months()
    anew.clear()
    assert [one.list_cost for one in top(world, month)] == plain(world, month)
    assert not anew
    assert ingest([voided(one, _at(OCTOBER)) for one in late]).accepted == 2
    catch_up(world.org_id)
    world.spans.pop()
    world.forget_counted()
    assert [one.list_cost for one in top(world, month)] == plain(world, month)
    assert anew


def test_a_worker_of_before_that_counts_nothing_takes_the_rank_away_too(world: World) -> None:
    """While an upgrade is under way. It writes what a month used, as every version has, and knows of no revision."""
    month = Period(SEPTEMBER, OCTOBER)
    background.rank_months()
    assert kept(world, month) > 0
    for write in (
        "UPDATE resource_month SET quantity = quantity + 1 WHERE org_id = :org AND month = '2026-09-01'",
        """INSERT INTO resource_month SELECT org_id, month, resource_id + 1000000, app_id, region_id, vm_size_id, sku_id, 1 FROM resource_month
           WHERE org_id = :org AND month = '2026-09-01' LIMIT 1""",
    ):
        with pytest.raises(Undone), db.platform_transaction() as session:
            assert session.connection().execute(sa.text(write), {"org": world.org_id}).rowcount
            assert session.scalar(sa.text(HOLDS), {"org": world.org_id, "month": month.start.date()}) is False
            assert session.scalar(sa.text(HOLDS), {"org": world.org_id, "month": OCTOBER.date()}) is True
            raise Undone
    assert kept(world, month) > 0


class Undone(Exception):
    """What a test has written is taken back."""


HOLDS = """
SELECT revision = (SELECT coalesce(max(revision), 0) FROM resource_month_revision WHERE org_id = :org AND month = :month)
FROM costliest_month WHERE org_id = :org AND month = :month"""


def kept(world: World, month: Period) -> int:
    """Machines that are ranked of a month, if what they are ranked by still holds."""
    with db.platform_transaction() as session:
        asked = {"org": world.org_id, "month": month.start.date()}
        found = session.scalar(
            sa.text("SELECT cardinality(resource_ids) FROM costliest_month WHERE org_id = :org AND month = :month"), asked
        )
        return found or 0 if session.scalar(sa.text(HOLDS), asked) else 0


def _at(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
