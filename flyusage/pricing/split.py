"""The exact split of a difference into price, amount and mix. Pure.

With q and p the quantities and prices of a meter's skus, Q = Σq and C = Σq·p, 0 before and 1 after:
price = Σ q₁(p₁ − p₀), amount = (Q₁ − Q₀)·C₀/Q₀, mix = Σ q₁p₀ − Q₁·C₀/Q₀. They add up to C₁ − C₀, exactly. If Q₀ or Q₁
is 0, all is amount. A sku that is new takes its p₀ from the price book of the earlier period.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Used:
    """What a sku in a region came to: base units and exact cost, before and after."""

    sku_id: int
    region_id: int
    quantity_before: int
    quantity_after: int
    cost_before: Fraction
    cost_after: Fraction


@dataclass(frozen=True)
class Split:
    """A difference in three parts that add up to it."""

    price: Fraction = Fraction(0)
    amount: Fraction = Fraction(0)
    mix: Fraction = Fraction(0)

    def __add__(self, other: "Split") -> "Split":
        return Split(self.price + other.price, self.amount + other.amount, self.mix + other.mix)


def split(used: Iterable[Used], earlier_price: Callable[[int, int], Fraction | None]) -> Split:
    """One meter's difference. `earlier_price(sku, region)`: a base unit's price in the earlier period, None where it had none."""
    lines = list(used)
    before, after = sum(one.quantity_before for one in lines), sum(one.quantity_after for one in lines)
    cost_before = sum((one.cost_before for one in lines), Fraction(0))
    cost_after = sum((one.cost_after for one in lines), Fraction(0))
    if before <= 0 or after <= 0:
        return Split(amount=cost_after - cost_before)
    at_old_prices = sum((_at_old_price(one, earlier_price) for one in lines), Fraction(0))
    scaled = after * cost_before / before
    return Split(price=cost_after - at_old_prices, amount=scaled - cost_before, mix=at_old_prices - scaled)


def _at_old_price(one: Used, earlier_price: Callable[[int, int], Fraction | None]) -> Fraction:
    """What is used after, at the price of before: the mean one paid, or the book's for a sku that is new."""
    if one.quantity_before:
        return one.quantity_after * one.cost_before / one.quantity_before
    price = earlier_price(one.sku_id, one.region_id)
    return one.cost_after if price is None else one.quantity_after * price
