"""Block tiers: quantities bought in blocks whose size and price change from tier to tier. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from flyusage.pricing.errors import PriceInvalid, QuantityNegative
from flyusage.pricing.rating import ZERO, RatedCharge, Step, charge, plain


@dataclass(frozen=True)
class BlockTier:
    """Up to `max_blocks` blocks (None: any number) of `block` units, each at `amount`; a begun block is a whole one."""

    block: Fraction
    max_blocks: int | None
    amount: Fraction


def rate_blocks(quantity: Fraction, tiers: Sequence[BlockTier], *, is_top_tier: bool = False) -> RatedCharge:
    """Every tier filled in turn; with `is_top_tier` all units in blocks of the tier that the last one falls into.

    A tier ends where its blocks, laid after those of the tiers before, end. The last tier holds whatever is beyond.
    Raises PriceInvalid and QuantityNegative.
    """
    _refuse_nonsense(tiers)
    if quantity < 0:
        raise QuantityNegative(f"A quantity of {plain(quantity)} cannot be rated.")
    steps, left = [], quantity
    for number, tier in enumerate(tiers, 1):
        held = None if tier.max_blocks is None or number == len(tiers) else tier.block * tier.max_blocks
        is_final = held is None or left <= held
        units = quantity if is_top_tier else left if is_final or held is None else held
        if is_final or not is_top_tier:
            steps.append(_blocks(units, tier, number))
        if is_final:
            break
        left -= held or ZERO
    return charge(steps)


def _blocks(units: Fraction, tier: BlockTier, number: int) -> Step:
    count = Fraction(ceil(units / tier.block))
    text = f"Tier {number}: {plain(units)} in blocks of {plain(tier.block)}: {plain(count)} × {plain(tier.amount)}"
    return Step(text, count * tier.amount, count, tier.amount)


def _refuse_nonsense(tiers: Sequence[BlockTier]) -> None:
    if not tiers:
        raise PriceInvalid("Block prices have tiers.")
    for number, tier in enumerate(tiers, 1):
        if tier.block <= 0 or tier.amount < 0 or (tier.max_blocks is not None and tier.max_blocks <= 0):
            raise PriceInvalid(f"Tier {number} needs a block above zero, an amount not below zero and one block or more.")
        if tier.max_blocks is None and number < len(tiers):
            raise PriceInvalid(f"Tier {number} of {len(tiers)} is open; only the last may be.")
