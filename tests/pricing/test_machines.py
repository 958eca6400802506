"""Machines: the costliest of a period, every hour of one, and lines that explain its cost to the last event."""

from collections import defaultdict
from datetime import UTC, datetime
from fractions import Fraction

import pytest
import usage_world as w
from hypothesis import given
from hypothesis import strategies as st
from usage_world import NOW, World

from flyusage import db
from flyusage.periods import HOUR, Period
from flyusage.pricing.machines import hours_of, top_machines, why
from flyusage.pricing.ranking import least_seconds
from flyusage.pricing.view import Dimension, Filter

SEPTEMBER, OCTOBER, NOVEMBER, DECEMBER = (datetime(2026, month, 1, tzinfo=UTC) for month in range(9, 13))
MACHINES = [f"m{number:02d}" for number in range(36)]


def reckoned(world: World, period: Period, *, region: str | None = None) -> dict[str, Fraction]:
    costs: defaultdict[str, Fraction] = defaultdict(Fraction)
    for cell in world.cells(NOW):
        if cell.machine and cell.hour in period and region in (None, cell.region):
            costs[cell.machine] += world.cost(cell)
    return costs


@pytest.mark.parametrize("limit", [1, 3, 10, 50])
@pytest.mark.parametrize(
    "period",
    [
        Period(OCTOBER, NOVEMBER),
        Period(SEPTEMBER, NOVEMBER),
        Period(SEPTEMBER, DECEMBER),
        Period(NOVEMBER, DECEMBER),
        Period(OCTOBER + 5 * HOUR, NOVEMBER - 30 * HOUR),
    ],
)
@pytest.mark.parametrize("region", [None, "gru"])
def test_the_costliest_machines_are_those_of_plain_addition(world: World, period: Period, limit: int, region: str | None) -> None:
    filters = (Filter(Dimension.REGION, (region,)),) if region else ()
    with db.transaction(world.org_id) as session:
        listed = top_machines(session, world.org_id, period, filters=filters, limit=limit)
    costs = reckoned(world, period, region=region)
    largest = sorted(costs.values(), reverse=True)[:limit]
    assert [one.list_cost for one in listed if one.list_cost] == [cost for cost in largest if cost]
    assert all(costs[one.name] == one.list_cost for one in listed)


@pytest.mark.parametrize("machine", MACHINES[:8])
def test_every_hour_of_a_machine_adds_up(world: World, machine: str) -> None:
    period = Period(OCTOBER, DECEMBER)
    with db.transaction(world.org_id) as session:
        hours = hours_of(session, world.org_id, machine, period)
    seconds: defaultdict[datetime, int] = defaultdict(int)
    costs: defaultdict[datetime, Fraction] = defaultdict(Fraction)
    for cell in world.cells(NOW):
        if cell.machine == machine and cell.hour in period:
            costs[cell.hour] += world.cost(cell)
            seconds[cell.hour] += cell.quantity if cell.sku not in w.METER else 0
    assert [hour.at for hour in hours] == [OCTOBER + number * HOUR for number in range(45 * 24 + 1)]  # to the hour that runs
    assert {hour.at: hour.seconds for hour in hours if hour.seconds} == {at: count for at, count in seconds.items() if count}
    assert {hour.at: hour.list_cost for hour in hours if hour.list_cost} == {at: cost for at, cost in costs.items() if cost}


@pytest.mark.parametrize("machine", MACHINES[:8])
def test_lines_explain_the_cost_to_the_last_event(world: World, machine: str) -> None:
    period = Period(OCTOBER, DECEMBER)
    with db.transaction(world.org_id) as session:
        told = why(session, world.org_id, machine, period)
    assert told is not None
    assert told.total == sum((line.cost for line in told.lines), Fraction(0)) == reckoned(world, period)[machine]
    for line in told.lines:
        assert line.cost == (Fraction(line.quantity) * Fraction(line.amount) / line.per if line.amount is not None else 0)
        began = {event.time for event in line.events} if not line.sku.startswith("egress") else {line.started_at}
        assert line.events
        assert line.started_at in began or line.started_at in (OCTOBER, datetime(2026, 10, 17, tzinfo=UTC))
    assert told.unpriced == (("machine.a10",) if machine == "m00" else ())


def test_a_price_step_splits_a_run(world: World) -> None:
    step = datetime(2026, 10, 17, tzinfo=UTC)
    with db.transaction(world.org_id) as session:
        told = [why(session, world.org_id, machine, Period(step - HOUR, step + HOUR)) for machine in MACHINES]
    lines = [line for one in told if one for line in one.lines if line.title.startswith("Machine") and line.amount]
    before = [line for line in lines if line.stopped_at == step]
    after = [line for line in lines if line.started_at == step]
    assert before
    assert {(line.sku, line.amount * 105 / 100) for line in before if line.amount} <= {(line.sku, line.amount) for line in lines}
    assert {line.price_since for line in after} == {step.date()}


def test_an_unknown_machine_is_nobody(world: World) -> None:
    with db.transaction(world.org_id) as session:
        assert why(session, world.org_id, "m00\0", Period(OCTOBER, NOVEMBER)) is None
        assert why(session, world.org_id, "vol0", Period(OCTOBER, NOVEMBER)) is None
        assert hours_of(session, world.org_id, "nobody", Period(OCTOBER, NOVEMBER)) == []


@given(
    prices=st.lists(st.integers(1, 50), min_size=1, max_size=6, unique=True),
    shares=st.lists(st.integers(0, 100), min_size=6, max_size=6),
    cost=st.integers(1, 60_000),
)
def test_nobody_who_costs_enough_ran_shorter_than_they_must(prices: list[int], shares: list[int], cost: int) -> None:
    """However a month of 1,000 s is shared among sizes: who costs `cost` has run the least that is claimed, in dear sizes."""
    whole = max(1, sum(shares[: len(prices)]))
    ran = [1000 * share / whole for share in shares[: len(prices)]]
    needed = least_seconds([float(price) for price in prices], 1000, float(cost))
    if sum(price * seconds for price, seconds in zip(prices, ran, strict=True)) < cost:
        return
    assert needed is not None
    assert sum(seconds for price, seconds in zip(prices, ran, strict=True) if price >= needed[0]) >= needed[1] - 1e-6
