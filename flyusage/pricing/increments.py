"""What more is owed when a period's usage grows, under limits that hold for the whole period. Pure."""

from fractions import Fraction

from flyusage.pricing.rating import ZERO, Price, RatedCharge, Step, discount, limit, plain, rate_usage


def rate_increment(
    before: Fraction,
    now: Fraction,
    price: Price,
    *,
    already_billed: Fraction | None = None,
    discount_percent: Fraction = ZERO,
    is_last: bool = True,
    is_first_flat_due: bool = True,
) -> RatedCharge:
    """What `now` further base units of a period cost after its first `before`: the whole rated, less what came before.

    The maximum caps the period's total: no more is owed than it leaves beyond `already_billed` (by default what `before` comes
    to under it). The minimum falls due with the period's last part, `is_last`. Negative where a volume price falls.
    """

    def usage(quantity: Fraction) -> RatedCharge:
        return discount(rate_usage(quantity, price, is_first_flat_due=is_first_flat_due), percent=discount_percent)

    whole = usage(before + now)
    earlier = usage(before).amount if before or already_billed else ZERO
    billed = limit(usage(before), maximum=price.maximum).amount if already_billed is None and before else already_billed or ZERO
    more = whole.then(Step(f"Less what the first {plain(before)} came to", -earlier)) if earlier else whole
    if price.maximum is not None:
        more = _capped(more, whole.amount, earlier, billed, maximum=price.maximum)
    if price.minimum is not None and is_last and billed + more.amount < price.minimum:
        text = f"Up to the minimum of {plain(price.minimum)}, of which {plain(billed)} is billed"
        more = more.then(Step(text, price.minimum - billed - more.amount))
    return more


def _capped(more: RatedCharge, whole: Fraction, earlier: Fraction, billed: Fraction, *, maximum: Fraction) -> RatedCharge:
    """A growing total is cut at what the maximum leaves; a falling one falls from the maximum, not from above it."""
    if more.amount >= 0:
        room = max(ZERO, maximum - billed)
        text = f"Above the maximum of {plain(maximum)}, of which {plain(billed)} is billed"
        return more if more.amount <= room else more.then(Step(text, room - more.amount))
    owed = min(whole, maximum) - min(earlier, maximum)
    return more if owed == more.amount else more.then(Step(f"Nothing above the maximum of {plain(maximum)} was owed", owed - more.amount))
