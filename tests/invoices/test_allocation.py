"""Where amounts belong: by hand, and for all inputs that they sum."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyusage.invoices.allocation import Cell, Place, Usage, UsageCell, allocate, along, by_day, day_span
from flyusage.invoices.statement import Component, Line, LineKind, Share
from flyusage.money import in_proportion, split, split_fractions
from flyusage.periods import Period
from flyusage.pricing.tax import TaxKey

OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
FIRST = date(2026, 10, 1)
CPU, MEMORY, VOLUME = 1, 2, 3
DFW, FRA = 10, 11
SMALL, LARGE = 1, 2

amounts = st.integers(-(10**12), 10**12)
weights = st.lists(st.integers(0, 10**15), min_size=1, max_size=40)


def days(*used: int, first: int = 1) -> tuple[int, ...]:
    """A month's quantities, from its `first` day on."""
    found = [0] * (first - 1) + list(used)
    return tuple(found + [0] * (31 - len(found)))


def line(key: str, amount_minor: int, *components: Component, period: Period = OCTOBER, **changes) -> Line:
    return Line(
        kind=LineKind.USAGE, key=key, product="Machines", description=key, period=period, quantity=Decimal(1), unit="hour",
        unit_price=None, exact=Fraction(amount_minor, 100), amount_minor=amount_minor, tax=TaxKey("S", Decimal(19)), working=(),
        components=components, **changes,
    )  # fmt: skip


def component(sku: int, quantity: int, exact: Fraction | int, *, region: int = DFW, size: int | None = SMALL) -> Component:
    return Component(sku, region, size, quantity, Fraction(exact))


def test_units_left_over_go_to_the_largest_remainders_and_ties_to_the_earlier():
    # 100 over 1:1:1 is 33.3 each: one unit is left, all remainders are equal
    assert split(100, [1, 1, 1]) == [34, 33, 33]
    # 10 over 1:2:4 is 1.43, 2.86, 5.71: cut to 1, 2, 5; the two left go to .86 and .71
    assert split(10, [1, 2, 4]) == [1, 3, 6]
    assert split(-10, [1, 2, 4]) == [-1, -3, -6]
    assert split(7, [0, 0]) == [7, 0]
    with pytest.raises(ValueError, match="not negative"):
        split(1, [1, -1])
    with pytest.raises(ValueError, match="given"):
        split(1, [])


def test_weights_of_both_signs_get_parts_of_both():
    # 45 of 90, which is 100 less 10: half of each. 50 of it: 55.6 and −5.6, cut to 55 and −6; the unit left goes to .6
    assert in_proportion(45, [100, -10]) == [50, -5]
    assert in_proportion(50, [100, -10]) == [56, -6]
    assert in_proportion(90, [100, -10]) == [100, -10]
    assert in_proportion(-50, [100, -10]) == [-56, 6]  # as the positive amount, negated
    assert in_proportion(0, [5, -5]) == [0, 0]
    with pytest.raises(ValueError, match="cancel out"):
        in_proportion(1, [5, -5])


@given(amounts, weights)
def test_parts_always_sum_and_none_is_a_unit_off_its_share(total, parts):
    found = split(total, parts)
    assert sum(found) == total
    if any(parts):
        assert all(abs(part - Fraction(total * weight, sum(parts))) < 1 for part, weight in zip(found, parts, strict=True))


@given(st.integers(0, 10**9), weights)
def test_whole_weights_split_as_exact_ones_do(total, parts):
    assert split_fractions(total, [Fraction(one, 7) for one in parts]) == split(total, parts)


@given(amounts, weights)
def test_what_is_given_back_mirrors_what_was_taken(total, parts):
    assert [-part for part in split(total, parts)] == split(-total, parts)


def test_a_machine_line_is_split_over_apps_and_components_by_what_they_cost():
    # CPU: app 1 has 300 s, app 2 has 100 s, at 0.01 a second: 3.00 and 1.00. Extra memory: app 2 alone, 50 units, 0.50.
    # Billed: 4.51 (the exact 4.505 and its rounding). Shares of 4.50 … 451 × 3/4.5 = 300.67, × 1/4.5 = 100.22, × 0.5/4.5 = 50.11
    usage = Usage.of(
        FIRST,
        [
            UsageCell(Place(2, DFW, SMALL, MEMORY), days(50)),
            UsageCell(Place(1, DFW, SMALL, CPU), days(100, 200)),
            UsageCell(Place(2, DFW, SMALL, CPU), days(0, 0, 100)),
            UsageCell(Place(1, DFW, LARGE, CPU), days(999)),  # another size: another line
            UsageCell(Place(1, FRA, SMALL, CPU), days(999)),
        ],
    )
    billed = line("cpu", 451, component(CPU, 400, 4), component(MEMORY, 50, Fraction(1, 2)))
    assert allocate([(1, billed)], usage) == [
        Cell(1, Place(1, DFW, SMALL, CPU), 300, 301),
        Cell(1, Place(2, DFW, SMALL, CPU), 100, 100),
        Cell(1, Place(2, DFW, SMALL, MEMORY), 50, 50),
    ]


def test_a_line_counts_only_the_days_its_price_holds_for():
    usage = Usage.of(
        FIRST, [UsageCell(Place(1, DFW, SMALL, CPU), days(*[10] * 31)), UsageCell(Place(2, DFW, SMALL, CPU), days(7, first=20))]
    )
    from_17th = Period(datetime(2026, 10, 17, tzinfo=UTC), OCTOBER.end)
    before = line("a", 160, component(CPU, 160, 1), period=Period(OCTOBER.start, from_17th.start))
    after = line("b", 157, component(CPU, 157, 1), period=from_17th)
    assert allocate([(1, before), (2, after)], usage) == [
        Cell(1, Place(1, DFW, SMALL, CPU), 160, 160),
        Cell(2, Place(1, DFW, SMALL, CPU), 150, 150),
        Cell(2, Place(2, DFW, SMALL, CPU), 7, 7),
    ]


def test_reductions_follow_the_amounts_they_take_from_and_fees_stay_whole():
    usage = Usage.of(FIRST, [UsageCell(Place(1, DFW, SMALL, CPU), days(3)), UsageCell(Place(2, DFW, SMALL, CPU), days(1))])
    spent = line("spent", 400, component(CPU, 4, 4))
    fee = replace(line("fee", 1000), kind=LineKind.FEE)
    off = replace(line("off", -150, shares=(Share("spent", -50), Share("fee", -100))), kind=LineKind.DISCOUNT)
    promised = replace(line("promised", -10, shares=(Share("off", -10),)), kind=LineKind.PROMOTIONAL)
    nowhere = Place(0, 0, 0, 0)
    assert allocate([(1, spent), (2, fee), (3, off), (4, promised)], usage) == [
        Cell(1, Place(1, DFW, SMALL, CPU), 3, 300),
        Cell(1, Place(2, DFW, SMALL, CPU), 1, 100),
        Cell(2, nowhere, 0, 1000),
        Cell(3, nowhere, 0, -100),  # −50 of usage is −37.5 and −12.5: a tie, the odd cent to the smaller id
        Cell(3, Place(1, DFW, SMALL, CPU), 0, -38),
        Cell(3, Place(2, DFW, SMALL, CPU), 0, -12),
        Cell(4, nowhere, 0, -7),  # −10 over 100, 38 and 12 (of 150): 6.67, 2.53, 0.8
        Cell(4, Place(1, DFW, SMALL, CPU), 0, -2),
        Cell(4, Place(2, DFW, SMALL, CPU), 0, -1),
    ]


def test_usage_without_a_quantity_in_the_period_stays_whole_where_the_line_says():
    flat = line("flat", 500, component(VOLUME, 0, 5, size=None), region_id=FRA, sku_id=VOLUME)
    assert allocate([(1, flat)], Usage.of(FIRST, [])) == [Cell(1, Place(0, FRA, 0, VOLUME), 0, 500)]


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from([SMALL, LARGE]), st.sampled_from([CPU, MEMORY]), st.integers(0, 10**9)), max_size=12
    ),
    st.integers(0, 10**9),
    st.integers(0, 100),
    st.integers(0, 10**6),
)
def test_cells_always_sum_to_their_line(places, amount, percent, fee):
    cells = {}
    for app, size, sku, quantity in places:
        cells[Place(app, DFW, size, sku)] = quantity
    usage = Usage.of(FIRST, [UsageCell(place, days(quantity)) for place, quantity in cells.items()])
    by_sku = {sku: sum(quantity for place, quantity in cells.items() if place.sku_id == sku) for sku in (CPU, MEMORY)}
    spent = line("spent", amount, *(component(sku, total, Fraction(total, sku * 7), size=None) for sku, total in by_sku.items()))
    charged = replace(line("fee", fee), kind=LineKind.FEE)
    taken = [Share("spent", -amount * percent // 100), Share("fee", -fee * percent // 100)]
    off = replace(line("off", sum(one.amount_minor for one in taken), shares=tuple(taken)), kind=LineKind.DISCOUNT)
    found = allocate([(1, spent), (2, charged), (3, off)], usage)
    for position, one in ((1, spent), (2, charged), (3, off)):
        assert sum(cell.amount_minor for cell in found if cell.position == position) == one.amount_minor
    assert len({(cell.position, cell.place) for cell in found}) == len(found)


def test_a_day_span_counts_from_the_month():
    assert day_span(FIRST, OCTOBER) == (0, 31)
    assert day_span(FIRST, Period(datetime(2026, 10, 17, tzinfo=UTC), OCTOBER.end)) == (16, 31)
    assert day_span(FIRST, Period(OCTOBER.start, datetime(2026, 10, 2, 5, tzinfo=UTC))) == (0, 2)
    assert day_span(date(2026, 9, 1), Period(datetime(2026, 9, 1, tzinfo=UTC), OCTOBER.start)) == (0, 30)


def test_days_share_a_cell_as_they_were_used_and_evenly_where_nothing_was():
    assert by_day(100, days(1, 0, 3), (0, 31)) == [(0, 25), (2, 75)]
    assert by_day(-100, days(1, 0, 3), (1, 31)) == [(2, -100)]
    assert by_day(7, days(), (28, 31)) == [(28, 3), (29, 2), (30, 2)]


def test_late_usage_of_both_signs_is_shared_by_the_days_that_point_where_its_amount_does():
    assert along(5, [3, -4, 0]) == [3, 0, 0]
    assert along(-5, [3, -4, 0]) == [0, 4, 0]
    assert along(5, [-3, -1]) == [3, 1]
    assert along(5, [0, 0]) is None


@given(amounts, st.lists(st.integers(-(10**9), 10**9), min_size=31, max_size=31), st.integers(0, 30), st.integers(1, 31))
def test_days_always_sum_to_their_cell(amount, used, first, length):
    assert sum(part for _, part in by_day(amount, used, (first, min(31, first + length)))) == amount
