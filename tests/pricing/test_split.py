"""The split of a difference: worked by hand, and adding up whatever is put in."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from flyusage.pricing.split import Split, Used, split

small = st.integers(0, 10**6)
prices = st.fractions(0, 5, max_denominator=10**6)


def used(sku: int, before: int, after: int, *, old: Fraction | int, new: Fraction | int) -> Used:
    return Used(sku, 1, before, after, before * Fraction(old), after * Fraction(new))


def test_more_of_the_same_is_all_amount() -> None:
    # 10 h at 2 become 15 h at 2: +10.
    assert split([used(1, 10, 15, old=2, new=2)], {}.get) == Split(amount=Fraction(10))


def test_a_dearer_price_is_all_price() -> None:
    # 10 h at 2 become 10 h at 3: +10.
    assert split([used(1, 10, 10, old=2, new=3)], {}.get) == Split(price=Fraction(10))


def test_a_move_to_a_larger_size_is_all_mix() -> None:
    # 10 h at 2 become 10 h of another size that cost 5 then: C goes from 20 to 50, Q stays 10: mix = 50 − 10 × 20/10 = 30.
    assert split([used(1, 10, 0, old=2, new=2), used(2, 0, 10, old=5, new=5)], lambda sku, _: Fraction(5)) == Split(mix=Fraction(30))


def test_all_three_at_once() -> None:
    # Before: 10 at 2 and 10 at 4: Q = 20, C = 60, mean 3. After: 10 at 2 and 30 at 5 (was 4): Q = 40, C = 170.
    # price = 30 × (5 − 4) = 30; amount = (40 − 20) × 3 = 60; mix = (10 × 2 + 30 × 4) − 40 × 3 = 20. 30 + 60 + 20 = 110 = 170 − 60.
    assert split([used(1, 10, 10, old=2, new=2), used(2, 10, 30, old=4, new=5)], {}.get) == Split(Fraction(30), Fraction(60), Fraction(20))


def test_what_is_new_or_gone_is_all_amount() -> None:
    assert split([used(1, 0, 10, old=0, new=3)], {}.get) == Split(amount=Fraction(30))
    assert split([used(1, 10, 0, old=3, new=0)], {}.get) == Split(amount=Fraction(-30))


def test_a_sku_without_an_earlier_price_changes_no_price() -> None:
    got = split([used(1, 10, 10, old=2, new=2), used(2, 0, 10, old=0, new=7)], lambda sku, _: None)
    assert got == Split(price=Fraction(0), amount=Fraction(20), mix=Fraction(50))


@given(st.lists(st.tuples(small, small, prices, prices), max_size=6), st.none() | prices)
def test_the_parts_add_up_to_the_difference(lines: list[tuple[int, int, Fraction, Fraction]], earlier: Fraction | None) -> None:
    held = [used(sku, before, after, old=old, new=new) for sku, (before, after, old, new) in enumerate(lines)]
    got = split(held, lambda sku, region: earlier)
    assert got.price + got.amount + got.mix == sum((one.cost_after - one.cost_before for one in held), Fraction(0))
