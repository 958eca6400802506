"""Block tiers, all and top."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyusage.pricing.blocks import BlockTier, rate_blocks
from flyusage.pricing.errors import PriceInvalid, QuantityNegative

F = Fraction

SINGLE = (BlockTier(F(1), 10, F("1.5")), BlockTier(F(1), 100, F(1)), BlockTier(F(1), 1000, F("0.5")))
LARGE = (BlockTier(F(100), 10, F(1)), BlockTier(F(1000), 100, F(1)), BlockTier(F(1000), 100, F("0.5")))


def all_tiers(quantity: int, tiers=SINGLE) -> F:
    return rate_blocks(F(quantity), tiers).amount


def top_tier(quantity: int, tiers=LARGE) -> F:
    return rate_blocks(F(quantity), tiers, is_top_tier=True).amount


def test_all_tiers_are_filled_in_turn() -> None:
    assert all_tiers(111) == F("115.5")  # 10 × 1.5 + 100 × 1 + 1 × 0.5
    assert all_tiers(10) == 15
    assert all_tiers(5325, LARGE[:2]) == 15  # 1,000 in 10 blocks of 100, and 4,325 in 5 begun blocks of 1,000
    assert all_tiers(0) == 0


def test_the_top_tier_prices_everything() -> None:
    assert top_tier(1000) == 10  # the first tier holds 10 × 100
    assert top_tier(101_000) == 101  # and the second 100,000 more: 101 blocks of 1,000
    assert top_tier(101_001) == 51  # 102 begun blocks at 0.5
    assert top_tier(111, SINGLE) == F("55.5")


def test_the_last_tier_holds_what_is_beyond() -> None:
    assert top_tier(300_000) == 150
    assert all_tiers(1210) == 15 + 100 + 550  # 1,100 in the last, which ends at 1,000


def test_working_names_tiers_and_blocks() -> None:
    assert [step.text for step in rate_blocks(F(5325), LARGE[:2]).steps] == [
        "Tier 1: 1,000 in blocks of 100: 10 × 1",
        "Tier 2: 4,325 in blocks of 1,000: 5 × 1",
    ]


@pytest.mark.parametrize("tiers", [(), (BlockTier(F(0), 1, F(1)),), (BlockTier(F(1), None, F(1)), SINGLE[0]), (BlockTier(F(1), 0, F(1)),)])
def test_nonsense_is_refused(tiers: tuple[BlockTier, ...]) -> None:
    with pytest.raises(PriceInvalid):
        rate_blocks(F(1), tiers)


def test_a_negative_quantity_is_refused() -> None:
    with pytest.raises(QuantityNegative):
        rate_blocks(F(-1), SINGLE)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_all_tiers_never_cost_less_for_more(one: int, other: int) -> None:
    assert all_tiers(min(one, other), LARGE) <= all_tiers(max(one, other), LARGE)
