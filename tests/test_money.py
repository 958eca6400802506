from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyusage.money import EUR, JPY, USD, format_money, format_quantity, parse_minor, round_half_away, split_fractions, to_minor

amounts = st.fractions(min_value=-(10**12), max_value=10**12)
weights = st.lists(st.fractions(min_value=0, max_value=10**9), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        (Fraction(5, 1000), USD, 1),  # half a cent goes away from zero
        (Fraction(-5, 1000), USD, -1),
        (Fraction(4999, 1_000_000), USD, 0),
        (Fraction(1005, 1000), USD, 101),  # 1.005 is exact here, as a float it would be 1.00499…
        (Fraction(1, 2), JPY, 1),
        (Fraction(-5, 2), JPY, -3),
        (Fraction(0), EUR, 0),
    ],
)
def test_amounts_owed_round_halves_away_from_zero(amount: Fraction, currency, minor: int):
    assert to_minor(amount, currency) == minor


@given(amounts)
def test_rounding_moves_an_amount_by_half_a_unit_at_most(amount: Fraction):
    assert abs(to_minor(amount, USD) - amount * 100) <= Fraction(1, 2)
    assert abs(Fraction(round_half_away(amount, 4)) - amount) <= Fraction(1, 20_000)


@given(amounts)
def test_rounding_is_the_same_on_both_sides_of_zero(amount: Fraction):
    assert to_minor(-amount, USD) == -to_minor(amount, USD)
    assert round_half_away(-amount, 2) == -round_half_away(amount, 2)


@given(amounts, st.integers(0, 12))
def test_rounding_what_is_rounded_changes_nothing(amount: Fraction, places: int):
    once = round_half_away(amount, places)
    assert round_half_away(Fraction(once), places) == once
    assert -once.as_tuple().exponent == places


def test_an_amount_of_any_length_keeps_every_digit():
    # Decimal's own context would keep 28 digits
    amount = Fraction(123456789012345678901234567890123456789, 1)
    assert round_half_away(amount, 2) == Decimal("123456789012345678901234567890123456789.00")
    assert format_money(amount) == "$123,456,789,012,345,678,901,234,567,890,123,456,789.00"


@pytest.mark.parametrize(
    ("amount", "currency", "places", "text"),
    [
        (Fraction(123456, 100), USD, None, "$1,234.56"),
        (Fraction(-123456, 100), USD, None, "−$1,234.56"),  # a true minus
        (Fraction(-1, 1000), USD, None, "$0.00"),  # never a minus zero
        (Fraction(779247, 10**12), USD, 12, "$0.000000779247"),
        (Fraction(99999), JPY, None, "¥99,999"),
        (Fraction(5, 2), EUR, 0, "€3"),
        (Decimal("0.125"), USD, 2, "$0.13"),
        (7, USD, None, "$7.00"),
    ],
)
def test_money_is_written_as_people_read_it(amount, currency, places, text: str):
    assert format_money(amount, currency, places=places) == text


def test_a_remainder_goes_to_the_largest_fraction_and_ties_to_the_earlier():
    # 100 over 1:1:1 is 33.3 each: one unit left, all fractions equal, so the first gets it
    assert split_fractions(100, [Fraction(1)] * 3) == [34, 33, 33]
    # 10 over 1:2:3 is 1.67, 3.33, 5.00: the one unit left goes to the first, whose fraction is largest
    assert split_fractions(10, [Fraction(1), Fraction(2), Fraction(3)]) == [2, 3, 5]


@given(st.integers(-(10**15), 10**15), weights)
def test_parts_sum_to_the_whole(total: int, given_weights: list[Fraction]):
    assert sum(split_fractions(total, given_weights)) == total


@given(st.integers(0, 10**12), weights)
def test_each_part_is_its_exact_share_up_or_down(total: int, given_weights: list[Fraction]):
    whole = sum(given_weights)
    if whole == 0:
        return
    for part, weight in zip(split_fractions(total, given_weights), given_weights, strict=True):
        assert abs(part - total * weight / whole) < 1


@given(st.integers(0, 10**9), st.lists(st.integers(0, 1000), min_size=1, max_size=20), st.integers(1, 10**6))
def test_only_proportions_of_weights_count(total: int, plain: list[int], factor: int):
    once = split_fractions(total, [Fraction(weight) for weight in plain])
    assert once == split_fractions(total, [Fraction(weight * factor) for weight in plain])


def test_nothing_weighs_anything_all_goes_to_the_first():
    assert split_fractions(7, [Fraction(0), Fraction(0)]) == [7, 0]


@pytest.mark.parametrize("bad", [[], [Fraction(1), Fraction(-1)]])
def test_impossible_weights_are_refused(bad: list[Fraction]):
    with pytest.raises(ValueError, match="weights"):
        split_fractions(1, bad)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1,250.00", USD, 125000),
        (" 12.5 ", USD, 1250),
        ("-3", EUR, -300),
        ("7", JPY, 7),
        ("7.5", JPY, None),
        ("0.001", USD, None),
        ("1e3", USD, 100000),
        ("1,250,000", JPY, 1250000),
        ("1,50", USD, None),  # somebody's 1.50, and not 150
        ("12,50.00", USD, None),
        ("1,2500", USD, None),
        (",500", USD, None),
        ("1_000", USD, None),
        ("\u0663", USD, None),
        ("NaN", USD, None),
        ("Infinity", USD, None),
        ("9" * 16, USD, None),
        ("", USD, None),
        ("ten", USD, None),
    ],
)
def test_amounts_are_read_in_whole_minor_units(text: str, currency, minor: int | None):
    assert parse_minor(text, currency) == minor


@given(st.integers(-(10**14), 10**14))
def test_what_is_written_is_read_again(minor: int):
    assert parse_minor(f"{Decimal(minor).scaleb(-2):,f}", USD) == minor


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        (Decimal("1488"), "1,488"),
        (Decimal("1488.000000"), "1,488"),
        (Decimal("43.284444"), "43.28"),
        (Decimal("-43.285"), "−43.29"),
        (Decimal("126976.204167"), "126,976.20"),
        (Decimal("0.250000"), "0.25"),
        (Fraction(1, 3), "0.3333"),
        (Decimal("0.999999"), "1"),
        (Decimal("0.000123456"), "0.000123"),
        (Fraction(-1, 10**9), "−0.000000001"),
        (0, "0"),
    ],
)
def test_a_quantity_is_as_long_as_a_reader_needs(quantity, text: str):
    assert format_quantity(quantity) == text


@given(st.fractions(min_value=-(10**12), max_value=10**12).filter(bool))
def test_a_quantity_that_is_something_never_reads_as_nothing(quantity: Fraction):
    assert any(digit in format_quantity(quantity) for digit in "123456789")
