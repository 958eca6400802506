"""What more is owed as a period's usage grows."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from pricing.test_rating import STEPS, prices, quantities

from flyusage.pricing.increments import rate_increment
from flyusage.pricing.rating import Model, Price, Tier, limit, rate, rate_usage

F = Fraction


def more(before: str, now: str, price: Price, **options) -> F:
    return rate_increment(F(before), F(now), price, **options).amount


def test_the_maximum_leaves_less_and_less() -> None:
    # 12 × 10 = 120, of which 100 may be charged; 70 are billed.
    assert more("7", "5", Price(Model.PER_UNIT, F(10), maximum=F(100)), already_billed=F(70)) == 30
    # 100 + 50 + 25 + 7 = 182 less the 160 of the first 12 is 22; 170 − 160 leave 10.
    assert more("12", "10", Price(Model.GRADUATED, tiers=STEPS, maximum=F(170)), already_billed=F(160)) == 10
    assert more("12", "10", Price(Model.GRADUATED, tiers=STEPS)) == 22
    # 11 packages less 6: 75; 100 − 90 leave 10.
    assert more("60", "50", Price(Model.PACKAGE, F(15), package_size=F(10), maximum=F(100)), already_billed=F(90)) == 10
    assert more("17", "5", Price(Model.PACKAGE, F(15), package_size=F(10))) == 15
    assert more("100", "5", Price(Model.PER_UNIT, F(10), maximum=F(100))) == 0


def test_a_discount_comes_before_the_maximum() -> None:
    # 27 × 10 at half is 135, of which 35 are billed; 100 − 35 leave 65 of the 100 that the last 20 come to.
    price = Price(Model.PER_UNIT, F(10), maximum=F(100))
    assert more("7", "20", price, already_billed=F(35), discount_percent=F(50)) == 65


def test_the_minimum_waits_for_the_last_part_and_counts_what_is_billed() -> None:
    price = Price(Model.GRADUATED, tiers=STEPS, minimum=F(1000))
    assert more("0", "0", price, already_billed=F(100)) == 900
    assert more("2", "0", price, already_billed=F(100)) == 900
    assert more("2", "0", price, is_last=False) == 0


def test_the_first_flat_is_due_once() -> None:
    price = Price(Model.GRADUATED, tiers=STEPS)
    assert more("0", "3", price) == 100
    assert more("0", "3", price, already_billed=F(100)) == 0
    assert more("3", "1", price) == 0


def test_a_volume_price_that_falls_gives_back() -> None:
    price = Price(Model.VOLUME, tiers=(Tier(F(10), F(5)), Tier(None, F(2))))
    assert more("10", "1", price) == -28  # 11 × 2 − 10 × 5
    assert more("10", "1", Price(Model.VOLUME, tiers=price.tiers, maximum=F(30))) == -8  # 22, and 30 are billed


@given(st.lists(quantities, min_size=1, max_size=5), prices())
def test_parts_add_up_to_the_whole(parts: list[F], price: Price) -> None:
    """However a period is cut: the increments, each under what is billed by then, come to the period rated at once."""
    billed, before = F(0), F(0)
    for place, part in enumerate(parts):
        options = {"already_billed": billed} if place else {}
        step = rate_increment(before, part, price, is_last=place == len(parts) - 1, **options)
        assert sum(one.amount for one in step.steps) == step.amount
        billed, before = billed + step.amount, before + part
    if before or not price.tiers:
        assert billed == rate(before, price).amount


@given(quantities, quantities, prices())
def test_without_being_told_what_was_billed_it_is_what_the_limit_let_through(before: F, now: F, price: Price) -> None:
    if before:
        billed = limit(rate_usage(before, price), maximum=price.maximum).amount
        assert rate_increment(before, now, price).amount == rate_increment(before, now, price, already_billed=billed).amount
