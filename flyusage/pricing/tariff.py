"""What quantities cost by one set of prices, exactly, line by line. Pure.

A linear price is multiplied; any other is rated once for everything that it is for in a billing month, and its amount spread
over the lines by quantity.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from flyusage.pricing.agreed_prices import AgreedPrice, AgreedPrices
from flyusage.pricing.rating import ZERO, rate
from flyusage.pricing.slices import Epoch

Line = Hashable


@dataclass(frozen=True)
class Metered:
    """Base units of a sku in a region in one epoch, and the line they count in."""

    line: Line
    sku_id: int
    region_id: int
    epoch: int
    quantity: int


@dataclass(frozen=True)
class Priced:
    """Exact cost by line, and the (sku, region) that had no price and cost nothing here."""

    costs: dict[Line, Fraction]
    unpriced: frozenset[tuple[int, int]]

    @property
    def total(self) -> Fraction:
        """Of all lines."""
        return sum(self.costs.values(), ZERO)


def price_usage(usage: Iterable[Metered], prices: AgreedPrices, epochs: Sequence[Epoch]) -> Priced:
    """What `usage` costs. No epoch may straddle a change of price or the end of a month."""
    linear: dict[tuple[Line, AgreedPrice], int] = defaultdict(int)
    rated: dict[tuple[Hashable, date], list[Metered]] = defaultdict(list)
    agreed_of: dict[Hashable, AgreedPrice] = {}
    unpriced = set()
    find = _remembering(prices, epochs)
    for one in usage:
        agreed = find(one.sku_id, one.region_id, one.epoch)
        if agreed is None:
            if one.quantity:
                unpriced.add((one.sku_id, one.region_id))
        elif agreed.is_linear:
            linear[one.line, agreed] += one.quantity
        else:
            key = (one.sku_id, agreed.source)
            agreed_of[key] = agreed
            rated[key, epochs[one.epoch].starts_on.replace(day=1)].append(one)
    costs: dict[Line, Fraction] = defaultdict(Fraction)
    for (line, agreed), quantity in linear.items():
        costs[line] += quantity * agreed.price.unit_amount / agreed.price.per_quantity
    for (key, _), members in rated.items():
        _spread(members, agreed_of[key], costs)
    return Priced(dict(costs), frozenset(unpriced))


def _remembering(prices: AgreedPrices, epochs: Sequence[Epoch]) -> Callable[[int, int, int], AgreedPrice | None]:
    found: dict[tuple[int, int, int], AgreedPrice | None] = {}

    def find(sku_id: int, region_id: int, epoch: int) -> AgreedPrice | None:
        key = (sku_id, region_id, epoch)
        if key not in found:
            found[key] = prices.on(sku_id, region_id, epochs[epoch].starts_on)
        return found[key]

    return find


def _spread(members: list[Metered], agreed: AgreedPrice, costs: dict[Line, Fraction]) -> None:
    whole = sum(one.quantity for one in members)
    amount = rate(Fraction(whole), agreed.price).amount
    for one in members:
        share = Fraction(one.quantity, whole) if whole else Fraction(1, len(members))
        costs[one.line] += amount * share
