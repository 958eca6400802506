"""Contracted cost: usage at the prices that an organization negotiated, against plain Python over what happened."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
import usage_world as w
from factories import ingest, started
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from metering.rolled import org_id, roll
from usage_world import NOW, Cell, World

from flyusage import clock, db
from flyusage.orgs.acting import system
from flyusage.periods import HOUR, Period
from flyusage.pricing.agreements import agree_price
from flyusage.pricing.changes import what_changed
from flyusage.pricing.explorer import explore
from flyusage.pricing.export import csv_lines
from flyusage.pricing.negotiated import contracted
from flyusage.pricing.price_table import DatedPrice, PriceTable
from flyusage.pricing.terms import PriceOverride
from flyusage.pricing.view import Answer, Comparison, Dimension, Filter, Granularity, Measure, View

BY = system("tests")
MONTH = 2_592_000  # seconds
GB_MONTH = 1024 * MONTH
TIERS = {"model": "graduated", "tiers": [{"up_to": "10", "unit_amount": "0"}, {"up_to": None, "unit_amount": "0.05"}]}
PACKAGES = {"model": "package", "package_size": "10"}
OVERRIDES = [
    PriceOverride("machine.performance-2x", "global", Decimal("0.00002"), 1, "machine-second", date(2026, 9, 1)),
    PriceOverride("machine.performance-2x", "fra", Decimal("0.00001"), 1, "machine-second", date(2026, 10, 5), date(2026, 11, 3)),
    PriceOverride("machine.a10", "global", Decimal("0.0005"), 1, "machine-second", date(2026, 10, 10)),  # without a list price
    PriceOverride("volume", "na_eu", Decimal(0), GB_MONTH, "GB-month", date(2026, 10, 1), model=TIERS),
    PriceOverride("egress.public", "ap_oc_sa", Decimal(1), 10**9, "GB", date(2026, 10, 20), model=PACKAGES),
]
GROUPS = {
    Dimension.APP: lambda cell: cell.app,
    Dimension.REGION: lambda cell: cell.region,
    Dimension.CONTINENT: lambda cell: w.REGIONS[cell.region],
    Dimension.VM_SIZE: lambda cell: cell.size,
    Dimension.SKU: lambda cell: cell.sku,
    Dimension.COST_CENTRE: lambda cell: w.centre_of(cell.app, cell.hour.date()),
    Dimension.MACHINE: lambda cell: cell.machine or "",
    None: lambda _cell: "",
}
FIRST = datetime(2026, 9, 18, tzinfo=UTC)


def agreed_price(cell: Cell) -> Fraction | None:
    """By hand: what a base unit costs by what was negotiated, None where nothing was."""
    day = cell.hour.date()
    if cell.sku == "machine.performance-2x":
        is_special = cell.region == "fra" and date(2026, 10, 5) <= day < date(2026, 11, 3)
        return Fraction(1, 100_000) if is_special else Fraction(2, 100_000)
    if cell.sku == "machine.a10" and day >= date(2026, 10, 10):
        return Fraction(5, 10_000)
    if cell.sku == "volume" and cell.region in ("dfw", "fra") and day >= date(2026, 10, 1):
        return Fraction(5, 100) / GB_MONTH  # the first tier that costs anything
    if cell.sku == "egress.public" and cell.region in ("gru", "nrt") and day >= date(2026, 10, 20):
        return Fraction(1, 10 * 10**9)  # a tenth of what ten cost
    return None


def cost(world: World, cell: Cell) -> Fraction:
    price = agreed_price(cell)
    return world.cost(cell) if price is None else cell.quantity * price


@pytest.fixture(scope="module")
def negotiated(world: World) -> World:
    with db.platform_transaction() as session:
        for one in OVERRIDES:
            agree_price(session, world.org_id, one, by=BY)
    return world


def ask(world: World, view: View) -> Answer:
    with db.transaction(world.org_id) as session:
        return explore(session, world.org_id, view)


@st.composite
def views(draw: st.DrawFn) -> View:
    start = FIRST + draw(st.integers(0, 60 * 24)) * HOUR
    regions = draw(st.lists(st.sampled_from(list(w.REGIONS)), max_size=2, unique=True))
    return View(
        measure=Measure.CONTRACTED_COST,
        period=Period(start, start + draw(st.integers(1, 60 * 24)) * HOUR),
        group_by=draw(st.sampled_from(list(GROUPS))),
        filters=(Filter(Dimension.REGION, tuple(regions), draw(st.booleans())),) if regions else (),
        granularity=draw(st.none() | st.sampled_from(list(Granularity))),
        as_of=draw(st.none() | st.integers(0, 50 * 86_400).map(lambda ago: NOW - timedelta(seconds=ago))),
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(view=views())
def test_every_grouping_is_usage_at_the_negotiated_prices_and_adds_up(negotiated: World, view: View) -> None:
    answer = ask(negotiated, view)
    expected, listed = defaultdict(Fraction), Fraction(0)
    for cell in negotiated.cells(view.as_of or NOW):
        if cell.hour in view.period and all((cell.region in one.values) is not one.is_exclusion for one in view.filters):
            expected[GROUPS[view.group_by](cell)] += cost(negotiated, cell)
            listed += negotiated.cost(cell)
    assert {one.key: one.total for one in answer.series if one.total} == {key: value for key, value in expected.items() if value}
    assert answer.total == sum(expected.values(), Fraction(0))
    assert answer.totals.list_cost == listed == sum((one.list_cost for one in answer.series), Fraction(0))
    drawn = sum(sum(one.points) for one in answer.drawn)
    assert drawn == pytest.approx(float(answer.total), rel=1e-9, abs=1e-9)


def test_it_differs_from_list_cost_and_is_exported_beside_it(negotiated: World) -> None:
    october = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
    answer = ask(negotiated, View(Measure.CONTRACTED_COST, october, Dimension.SKU))
    assert answer.total != answer.totals.list_cost
    lines = list(csv_lines(answer))
    assert "# measure,contracted_cost\r\n" in lines
    assert "sku,name,contracted_cost_usd,list_cost_usd,machine_hours\r\n" in lines
    whole = next(line for line in lines if line.startswith(",Total"))
    assert sum(Decimal(line.split(",")[2]) for line in lines if line.startswith("machine.") and "unpriced" not in line) < Decimal(
        whole.split(",")[2]
    )


def test_what_has_a_negotiated_price_alone_is_priced(negotiated: World) -> None:
    since = Period(datetime(2026, 10, 10, tzinfo=UTC), datetime(2026, 11, 15, tzinfo=UTC))
    gpu = (Filter(Dimension.SKU, ("machine.a10",)),)
    contracted_, listed = (ask(negotiated, View(measure, since, filters=gpu)) for measure in (Measure.CONTRACTED_COST, Measure.LIST_COST))
    assert contracted_.total > 0
    assert not contracted_.notices
    assert listed.total == 0
    assert listed.notices == ("Unpriced, and so not in the cost: machine.a10.",)


def test_a_negotiated_price_is_a_change_of_price(database) -> None:
    """One shared-cpu-1x in fra, 0.02 for 1,000 s from October on (20 $ per million): by hand below."""
    with clock.freeze(datetime(2026, 11, 1, tzinfo=UTC)):
        ingest([started("m", "2026-09-01T00:00:00Z", vm_size="shared-cpu-1x", memory_mb=256, region="fra")])
        roll(datetime(2026, 11, 1, tzinfo=UTC))
        with db.platform_transaction() as session:
            half = PriceOverride("machine.shared-cpu-1x", "fra", Decimal("0.02"), 1000, "machine-second", date(2026, 10, 1))
            agree_price(session, org_id(), half, by=BY)
        period = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC))
        view = View(Measure.CONTRACTED_COST, period, comparison=Comparison.PREVIOUS)
        with db.transaction(org_id()) as session:
            changes, answer = what_changed(session, org_id(), view), explore(session, org_id(), view)
            listed = explore(session, org_id(), View(Measure.LIST_COST, period))
    # 30 days = 2,592,000 s: 2,592 × 0.02 = 51.84; before, 30 days of September at list price, all of it price.
    assert answer.total == Fraction("51.84")
    assert answer.previous_total == listed.total == changes.total.before
    assert (changes.total.amount, changes.total.mix) == (0, 0)
    assert changes.total.price == Fraction("51.84") - listed.total


days = st.integers(0, 30).map(lambda number: date(2026, 1, 1) + timedelta(days=number))


@given(st.lists(st.tuples(days, st.integers(1, 20), st.integers(1, 9)), max_size=5), days)
def test_the_newest_of_alike_prices_holds_and_the_list_fills_the_gaps(agreed: list[tuple[date, int, int]], day: date) -> None:
    base = PriceTable(1, {(1, 1): [DatedPrice(Decimal(100), 1, date(2025, 1, 1), None, "second")]})
    overrides = [
        PriceOverride(
            "x", "fra", Decimal(amount), 1, "second", since, since + timedelta(days=length), id=n, sku_id=1, region_ids=frozenset({1})
        )
        for n, (since, length, amount) in enumerate(agreed)
    ]
    table = contracted(base, overrides)
    held = [one.amount for one in overrides if one.starts_on <= day < one.ends_on]
    assert table.on(1, 1, day).amount == (held[-1] if held else 100)
    assert [price.amount for _, _, price in table.agreed_on(day)] == held[-1:]
