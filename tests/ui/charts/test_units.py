from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyusage.ui.charts.units import (
    DOLLARS,
    GB,
    MACHINES,
    PERCENT,
    Unit,
    hover_format,
    hover_number,
    hover_places,
    short_number,
    value_ticks,
)


@pytest.mark.parametrize(
    ("high", "unit", "labels"),
    [
        (4017, DOLLARS, ["$0", "$1,000", "$2,000", "$3,000", "$4,000"]),
        (2_547_700, DOLLARS, ["$0", "$1M", "$2M"]),
        (1_400_000, DOLLARS, ["$0", "$0.5M", "$1.0M"]),
        (0.011, DOLLARS, ["$0", "$0.0025", "$0.0050", "$0.0075", "$0.0100"]),
        (8921, MACHINES, ["0", "2,000", "4,000", "6,000", "8,000"]),
        (800, GB, ["0", "200", "400", "600", "800 GB"]),
        (100, PERCENT, ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]),
    ],
)
def test_ticks_are_round_and_say_their_unit(high: float, unit: Unit, labels: list[str]):
    assert list(value_ticks(0, high, unit).labels) == labels


def test_a_phone_writes_thousands_as_k():
    assert value_ticks(0, 96_000, DOLLARS, wanted=5, is_compact=True).labels[-1] == "$80k"


def test_nothing_spent_still_has_an_axis():
    ticks = value_ticks(0, 0, DOLLARS)
    assert ticks.low == 0
    assert ticks.high > 0


def test_whole_things_have_whole_ticks():
    assert list(value_ticks(0, 2, Unit(places=0)).values) == [0, 1, 2]


@given(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12))
def test_ticks_lie_on_the_axis_and_hold_zero(one: float, other: float):
    low, high = sorted((one, other))
    ticks = value_ticks(low, high, DOLLARS)
    assert 0 in [round(value, 12) for value in ticks.values]
    assert ticks.low <= min(ticks.values) <= max(ticks.values) <= ticks.high
    assert ticks.low <= low
    assert high <= ticks.high
    assert 1 <= len(ticks.values) <= 8
    assert len(set(ticks.labels)) == len(ticks.labels)


@given(st.integers(1, 10**9))
def test_a_hover_shows_no_digit_that_a_32_bit_point_lost(cents: int):
    value = cents / 100
    places = hover_places(DOLLARS, value)
    drawn = array("f", [value])[0]
    if places is None:
        assert value >= 2**21
    else:
        # The point may lie a quarter of the last shown digit away from the truth, never more.
        assert abs(drawn - value) <= 10.0**-places / 4


@pytest.mark.parametrize(
    ("highest", "is_double", "places"),
    [(4017.11, False, 2), (104_220, False, 0), (104_220, True, 2), (5_000_000, False, None), (5_000_000, True, 2)],
)
def test_money_shows_cents_where_they_are_exact(highest: float, is_double: bool, places: int | None):
    assert hover_places(DOLLARS, highest, is_double=is_double) == places


def test_small_money_shows_more_than_cents():
    assert hover_places(DOLLARS, 0.0042, is_double=True) == 5  # $0.00420


def test_hover_templates():
    assert hover_number(DOLLARS, 4000) == "$%{y:,.2f}"
    assert hover_number(GB, 100) == "%{y:,.1f} GB"
    assert hover_format(DOLLARS, 1e9) == ",.6~s"
    assert hover_number(DOLLARS, 0) == "$%{y:,.2f}"


@pytest.mark.parametrize(("value", "text"), [(300_000, "$300k"), (1_250_000, "$1.25M"), (50, "$50"), (2e9, "$2B"), (0, "$0")])
def test_short_numbers(value: float, text: str):
    assert short_number(value, DOLLARS) == text
