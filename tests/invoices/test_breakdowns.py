"""An issued invoice by every dimension: to the cent, and as it was used."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from billing_world import BY, OCTOBER, acting, billed, rows
from conftest import Database
from hypothesis import given
from hypothesis import strategies as st
from usage_world import NOW, STEP, World, centre_of, make_world

from flyusage import clock, db
from flyusage.invoices.allocation import Place
from flyusage.invoices.breakdowns import ITSELF, BilledCell, By, Part, Total, breakdown, by_days, by_machines
from flyusage.invoices.storing import Issued
from flyusage.pricing import agreements, grants
from flyusage.pricing.terms import CpuKind, CreditKind, Discount, RecurringFee, Reservation, SpendLimit

WEB = Place(1, 1, 1, 1)


@pytest.fixture(scope="module")
def plain(shared_database: Database) -> Iterator[tuple[World, Issued]]:
    """usage_world's October, with a price change on the 17th, billed by its price book alone."""
    world = make_world()
    one = billed(world.org_id, at=NOW)
    with clock.freeze(NOW):
        yield world, one


def parts(org_id: int, one: Issued, by: By) -> dict[str, int]:
    with db.transaction(org_id) as session:
        found: list[Part] = breakdown(session, org_id, one.id, by)
    return {part.key: part.amount_minor for part in found}


def exact(world: World, key) -> dict[str, Fraction]:
    """October's cost by `key` of each cell, unrounded."""
    found: dict[str, Fraction] = defaultdict(Fraction)
    for cell in world.cells(NOW):
        if cell.hour.date().replace(day=1) == OCTOBER:
            found[key(cell)] += 100 * world.cost(cell)
    return {name: cost for name, cost in found.items() if cost}


@pytest.mark.parametrize("by", By)
def test_every_breakdown_sums_to_the_net(plain, by: By):
    world, one = plain
    assert sum(parts(world.org_id, one, by).values()) == one.net_minor


@pytest.mark.parametrize(
    ("by", "key"),
    [
        (By.REGION, lambda cell: cell.region),
        (By.APP, lambda cell: cell.app),
        (By.COST_CENTRE, lambda cell: centre_of(cell.app, OCTOBER)),
        (By.VM_SIZE, lambda cell: "" if cell.size == "none" else cell.size),
        (By.SKU, lambda cell: cell.sku),
        (By.DAY, lambda cell: cell.hour.date().isoformat()),
    ],
)
def test_parts_are_what_was_used_but_for_rounding(plain, by: By, key):
    """A part differs from its exact cost by less than a cent for each cell it holds: 45 lines of at most five apps."""
    world, one = plain
    found, expected = parts(world.org_id, one, by), exact(world, key)
    assert found.keys() <= expected.keys() | {""}
    for name, cost in expected.items():
        assert abs(found.get(name, 0) - cost) < 120, name


def test_machines_are_billed_in_the_part_of_the_month_they_ran_in(plain):
    """Machine by machine: the exact cost of its seconds before and after the price change, but for its shares of a cent."""
    world, one = plain
    found = parts(world.org_id, one, By.MACHINE)
    expected = {name: cost for name, cost in exact(world, lambda cell: cell.machine or "").items() if name}
    for name, cost in expected.items():
        assert abs(found.get(name, 0) - cost) < 12, name
    assert {name for name in found if name.startswith("m")} <= expected.keys()


@pytest.fixture(scope="module")
def agreed(plain) -> Issued:
    """September of the same world, with terms of every kind."""
    world, _ = plain
    month = date(2026, 9, 1)
    with acting(NOW) as session:
        agreements.give_discount(session, world.org_id, Discount("Loyal", month, percent=Decimal("7.5"), periods=1), by=BY)
        agreements.add_fee(session, world.org_id, RecurringFee("Support", month, date(2026, 9, 30), Decimal(29), "USD"), by=BY)
        for kind in CpuKind:
            agreements.reserve(session, world.org_id, Reservation(1, kind, 500, 200, "USD", month, 1), by=BY)
        agreements.limit_spend(session, world.org_id, SpendLimit("USD", month, OCTOBER, minimum_minor=90000), by=BY)
    with acting(NOW.replace(month=9, day=25)) as session:
        grants.grant(session, world.org_id, CreditKind.PROMOTIONAL, 1234, description="Welcome", by=BY)
    return billed(world.org_id, month, at=NOW)


@pytest.mark.parametrize("by", By)
def test_fees_credits_and_minimums_belong_somewhere_too(plain, agreed, by: By):
    world, _ = plain
    found = parts(world.org_id, agreed, by)
    assert sum(found.values()) == agreed.net_minor
    if by is By.DAY:
        assert set(found) == {f"2026-09-{day:02d}" for day in range(1, 31)}  # the fee is spread over the whole month


def test_every_line_is_the_sum_of_its_cells(plain, agreed):
    assert rows(
        """SELECT invoice_id, position FROM invoice_line line
           LEFT JOIN (SELECT invoice_id, position, sum(amount_minor) AS total FROM invoice_cell GROUP BY 1, 2) AS cell USING (invoice_id, position)
           WHERE line.amount_minor IS DISTINCT FROM cell.total"""
    ) == []  # fmt: skip


def test_a_line_before_a_price_change_takes_only_the_machines_of_its_days():
    before = BilledCell(WEB, 100, OCTOBER, STEP)
    after = BilledCell(WEB, 300, STEP, date(2026, 11, 1))
    totals = {(ITSELF, WEB): [Total(OCTOBER, 7, 50), Total(STEP, 7, 50), Total(STEP, 8, 100)]}
    assert by_machines([before, after], totals) == {7: 100 + 100, 8: 200}
    assert by_machines([after], {(ITSELF, WEB): [Total(OCTOBER, 7, 1), Total(OCTOBER, 8, 2)]}) == {7: 100, 8: 200}
    assert by_machines([before], {}) == {0: 100}


def test_what_turns_over_an_amount_is_split_as_that_amount_was():
    """Late usage added 10 of machine 7 and took 3 of 8 on one place: 70 were charged for machine 7, and all of it goes back there."""
    totals, days = {(4, WEB): [Total(OCTOBER, 7, 10), Total(OCTOBER, 8, -3)]}, {(4, OCTOBER, WEB): (10, -3, *[0] * 29)}
    back = BilledCell(WEB, -70, OCTOBER, date(2026, 11, 1), held_by=4, is_turned=True)
    assert (by_machines([back], totals), by_days([back], days)) == ({7: -70, 8: 0}, {OCTOBER: -70})
    assert by_machines([back._replace(held_by=ITSELF)], totals) == {0: -70}  # another document's quantities say nothing of it


amounts = st.integers(-(10**6), 10**6)
quantities = st.integers(-(10**9), 10**9)


@given(
    st.lists(st.tuples(st.integers(1, 3), amounts), max_size=8),
    st.dictionaries(st.integers(1, 3), st.lists(quantities, min_size=31, max_size=31), max_size=3),
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 6), st.sampled_from([OCTOBER, STEP]), quantities), max_size=20),
)
def test_days_and_machines_always_sum_to_the_cells(billed_cells, days, used):
    cells = [BilledCell(Place(app, 1, 1, 1), amount, OCTOBER, date(2026, 11, 1)) for app, amount in billed_cells]
    usage = {(ITSELF, OCTOBER, Place(app, 1, 1, 1)): quantity for app, quantity in days.items()}
    totals = defaultdict(list)
    for app, machine, since, quantity in used:
        totals[ITSELF, Place(app, 1, 1, 1)].append(Total(since, machine, quantity))
    assert sum(by_days(cells, usage).values()) == sum(by_machines(cells, totals).values()) == sum(amount for _, amount in billed_cells)
