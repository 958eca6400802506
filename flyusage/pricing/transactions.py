"""Percentages of single transactions: a fixed fee for each, free ones first, bounds for each. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from flyusage.pricing.errors import PriceInvalid, QuantityNegative
from flyusage.pricing.rating import ZERO, RatedCharge, Step, charge, plain


@dataclass(frozen=True)
class TransactionPrice:
    """`rate_percent` of a transaction's amount and `fixed_amount`, within `minimum` and `maximum` for each.

    Free are transactions from the first on: at most `free_count`, and amounts up to `free_amount` in all, whichever ends
    first (None: this one gives no bound; both None: none are free). What exceeds `free_amount` is charged.
    """

    rate_percent: Fraction
    fixed_amount: Fraction = ZERO
    free_count: int | None = None
    free_amount: Fraction | None = None
    minimum: Fraction | None = None
    maximum: Fraction | None = None


def rate_transactions(amounts: Sequence[Fraction], price: TransactionPrice) -> RatedCharge:
    """What transactions of `amounts`, in order, cost. Raises QuantityNegative and PriceInvalid."""
    _refuse_nonsense(price)
    if any(amount < 0 for amount in amounts):
        raise QuantityNegative("A transaction below zero cannot be rated.")
    steps: list[Step] = []
    has_free = price.free_count is not None or price.free_amount is not None
    running = ZERO
    for number, amount in enumerate(amounts, 1):
        left = None if price.free_amount is None else price.free_amount - running
        has_free = has_free and (price.free_count is None or number <= price.free_count) and (left is None or left > 0)
        free = ZERO if not has_free else amount if left is None else min(amount, left)
        running += amount
        if has_free and free == amount:
            steps.append(Step(f"Transaction {number}: {plain(amount)} free", ZERO, amount, ZERO))
        else:
            steps += _paid(number, amount - free, price)
            has_free = False
    return charge(steps or [Step("No transactions", ZERO)])


def _paid(number: int, amount: Fraction, price: TransactionPrice) -> list[Step]:
    share = price.rate_percent / 100
    before = f"Transaction {number}: "
    steps = [Step(f"{before}{plain(price.rate_percent)} % of {plain(amount)}", amount * share, amount, share)]
    if price.fixed_amount:
        steps.append(Step(f"{before}fixed {plain(price.fixed_amount)}", price.fixed_amount))
    total = amount * share + price.fixed_amount
    if price.minimum is not None and total < price.minimum:
        steps.append(Step(f"{before}up to the minimum of {plain(price.minimum)}", price.minimum - total))
    elif price.maximum is not None and total > price.maximum:
        steps.append(Step(f"{before}above the maximum of {plain(price.maximum)}", price.maximum - total))
    return steps


def _refuse_nonsense(price: TransactionPrice) -> None:
    bounds = (price.rate_percent, price.fixed_amount, price.free_count, price.free_amount, price.minimum, price.maximum)
    if any(bound is not None and bound < 0 for bound in bounds):
        raise PriceInvalid("A price holds no negative amount.")
    if price.minimum is not None and price.maximum is not None and price.minimum > price.maximum:
        raise PriceInvalid(f"The minimum of {plain(price.minimum)} for each transaction is above the maximum of {plain(price.maximum)}.")
