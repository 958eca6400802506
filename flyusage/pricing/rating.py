"""Rating: what a quantity costs at a price, exactly, and why. Pure: no session, no float, and no rounding before `rounded`.

A price counts *units* of `per_quantity` base units each (a GB for 30 days, say): tier bounds, free quantity and package size
are in units, quantities in base units. Every charge carries its working, steps that sum to its amount.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import ceil, lcm

from flyusage.money import Currency, round_half_away, to_minor, to_units
from flyusage.pricing.errors import PriceInvalid, QuantityNegative, TierMissing

ZERO = Fraction(0)
SHOWN_PLACES = 12
ONE = 10**SHOWN_PLACES


class Model(StrEnum):
    """How a price makes an amount of a quantity."""

    PER_UNIT = "per_unit"
    GRADUATED = "graduated"
    VOLUME = "volume"
    PACKAGE = "package"
    PERCENTAGE = "percentage"
    FLAT = "flat"
    ONE_OFF = "one_off"


TIERED = (Model.GRADUATED, Model.VOLUME)


@dataclass(frozen=True)
class Tier:
    """Units up to and including `up_to`, None for all further ones. Its flat amount is due once it is reached.

    `rate_percent` is for prices of the model percentage, whose units are an amount of money. With a `package_size` the unit amount
    is for each package begun of the units that fall into the tier.
    """

    up_to: Fraction | None
    unit_amount: Fraction = ZERO
    flat_amount: Fraction = ZERO
    rate_percent: Fraction = ZERO
    package_size: Fraction | None = None


@dataclass(frozen=True)
class Price:
    """A price of one sku in a currency's major unit. Raises PriceInvalid for one that could not rate.

    `unit_amount` is for `per_quantity` base units, for a package, or (flat, one-off) for a piece. `free_quantity` goes first;
    `minimum` and `maximum` bound what one billing period comes to.
    """

    model: Model
    unit_amount: Fraction = ZERO
    per_quantity: int = 1
    tiers: tuple[Tier, ...] = ()
    package_size: Fraction | None = None
    rate_percent: Fraction = ZERO
    free_quantity: Fraction = ZERO
    minimum: Fraction | None = None
    maximum: Fraction | None = None

    def __post_init__(self) -> None:
        _refuse_nonsense(self)


@dataclass(frozen=True)
class Step:
    """A line of a working. With a quantity, `amount` = quantity × unit_amount ÷ per_quantity."""

    text: str
    amount: Fraction
    quantity: Fraction | None = None
    unit_amount: Fraction | None = None
    per_quantity: int = 1


@dataclass(frozen=True)
class RatedCharge:
    """An exact amount in the currency's major unit, and the steps that sum to it."""

    amount: Fraction
    steps: tuple[Step, ...]

    def __add__(self, other: "RatedCharge") -> "RatedCharge":
        return RatedCharge(self.amount + other.amount, self.steps + other.steps)

    def then(self, *steps: Step) -> "RatedCharge":
        """With further steps."""
        return self + charge(steps)


def charge(steps: Iterable[Step]) -> RatedCharge:
    """The charge that `steps` make."""
    kept = tuple(steps)
    return RatedCharge(summed([one.amount for one in kept]), kept)


def summed(amounts: Sequence[Fraction]) -> Fraction:
    """Their sum, reduced once, since reducing after every addition costs more than adding."""
    if len(amounts) == 1:
        return amounts[0]
    pairs = [amount.as_integer_ratio() for amount in amounts]
    shared = lcm(*[denominator for _, denominator in pairs])
    return Fraction(sum([numerator * (shared // denominator) for numerator, denominator in pairs]), shared)


def rate(quantity: Fraction, price: Price, *, is_first_flat_due: bool = True) -> RatedCharge:
    """What `quantity` base units of a whole billing period cost, between the price's minimum and maximum.

    `is_first_flat_due`: the first tier's flat amount is due without any usage too. Raises QuantityNegative, and TierMissing for
    more than the last tier holds.
    """
    return limit(rate_usage(quantity, price, is_first_flat_due=is_first_flat_due), minimum=price.minimum, maximum=price.maximum)


def rate_usage(quantity: Fraction, price: Price, *, is_first_flat_due: bool = True) -> RatedCharge:
    """The same before minimum and maximum, which come after discounts. Monotone in quantity for every model but volume."""
    if quantity.numerator < 0:
        raise QuantityNegative(f"A quantity of {plain(quantity)} cannot be rated; void the events that made it negative.")
    units = Fraction(quantity.numerator, quantity.denominator * price.per_quantity)
    free = min(units, price.free_quantity) if price.free_quantity else ZERO
    given = [Step(f"{plain(free)} of {plain(units)} free", ZERO, free * price.per_quantity, ZERO, price.per_quantity)] if free else []
    if price.model is Model.VOLUME:
        return charge([*given, *_volume(units - free, price, is_first_flat_due)])
    if price.tiers:
        return charge([*given, *_graduated(units - free, price, is_first_flat_due)])
    return charge([*given, _single(units - free if free else units, price)])


def limit(rated: RatedCharge, *, minimum: Fraction | None = None, maximum: Fraction | None = None) -> RatedCharge:
    """`rated`, cut at `maximum` and raised to `minimum`, each as a step of its own."""
    if maximum is not None and rated.amount > maximum:
        rated = rated.then(Step(f"Above the maximum of {plain(maximum)}", maximum - rated.amount))
    if minimum is not None and rated.amount < minimum:
        rated = rated.then(Step(f"Up to the minimum of {plain(minimum)}", minimum - rated.amount))
    return rated


def discount(rated: RatedCharge, *, percent: Fraction = ZERO, amount: Fraction = ZERO) -> RatedCharge:
    """`rated` less `percent` of it, then less `amount`; never below zero."""
    if percent and rated.amount > 0:
        rated = rated.then(Step(f"{plain(percent)} % discount on {plain(rated.amount)}", -rated.amount * min(percent, Fraction(100)) / 100))
    if amount and rated.amount > 0:
        rated = rated.then(Step(f"Discount of {plain(amount)}", -min(amount, rated.amount)))
    return rated


def rounded(rated: RatedCharge, currency: Currency) -> RatedCharge:
    """`rated` in whole minor units, halves away from zero; what rounding added or took is the last step."""
    minor, whole = to_minor(rated.amount, currency), 10**currency.exponent
    numerator, denominator = rated.amount.as_integer_ratio()
    more = minor * denominator - numerator * whole
    if not more:
        return rated
    owed = Fraction(minor, whole)
    said = f"{plain(rated.amount)} rounded to {round_half_away(owed, currency.exponent):,f} {currency.code}"
    return RatedCharge(owed, (*rated.steps, Step(said, Fraction(more, denominator * whole))))


def plain(value: Fraction) -> str:
    """`1,234.5`; at most 12 decimals, with … where there are more."""
    numerator, denominator = value.as_integer_ratio()
    if denominator == 1:
        return f"{'−' if numerator < 0 else ''}{abs(numerator):,}"
    units = abs(to_units(value, SHOWN_PLACES))
    whole, decimals = divmod(units, ONE)
    written = f"{whole:,}.{decimals:0{SHOWN_PLACES}d}".rstrip("0").rstrip(".")
    return f"{'−' if numerator < 0 and units else ''}{written}{'' if ONE % denominator == 0 else '…'}"


def _single(units: Fraction, price: Price) -> Step:
    """The models that know one amount for every unit."""
    if price.model is Model.PACKAGE:
        assert price.package_size is not None
        return _packages(units, price.package_size, price.unit_amount)
    if price.model is Model.PERCENTAGE:
        share = price.rate_percent / 100
        return Step(f"{plain(price.rate_percent)} % of {plain(units)}", units * share, units, share)
    return _times(units, price.unit_amount, price)


def _graduated(units: Fraction, price: Price, is_first_flat_due: bool) -> list[Step]:
    """Every tier's own units at its own amount."""
    steps, lower = [], ZERO
    for number, tier in enumerate(price.tiers, 1):
        if units <= lower and not (number == 1 and is_first_flat_due):
            break
        upper = units if tier.up_to is None else min(units, tier.up_to)
        steps += _tier(upper - lower, tier, price, number)
        lower = units if tier.up_to is None else tier.up_to
    _refuse_unheld(units, lower)
    return steps or [_times(ZERO, price.tiers[0].unit_amount, price)]


def _volume(units: Fraction, price: Price, is_first_flat_due: bool) -> list[Step]:
    """All units at the amount of the tier that the last one falls into."""
    for number, tier in enumerate(price.tiers, 1):
        if tier.up_to is None or units <= tier.up_to:
            if not units and not is_first_flat_due:
                return [_times(units, tier.unit_amount, price)]
            return _tier(units, tier, price, number)
    raise TierMissing(_unheld(units, price.tiers[-1].up_to or ZERO))


def _tier(units: Fraction, tier: Tier, price: Price, number: int) -> list[Step]:
    steps = []
    if price.model is Model.PERCENTAGE:
        share = tier.rate_percent / 100
        steps.append(Step(f"Tier {number}: {plain(tier.rate_percent)} % of {plain(units)}", units * share, units, share))
    elif tier.package_size is not None:
        steps.append(_packages(units, tier.package_size, tier.unit_amount, f"Tier {number}: "))
    elif tier.unit_amount or not tier.flat_amount:
        steps.append(_times(units, tier.unit_amount, price, f"Tier {number}: "))
    if tier.flat_amount:
        steps.append(Step(f"Tier {number}: flat {plain(tier.flat_amount)}", tier.flat_amount))
    return steps


def _packages(units: Fraction, size: Fraction, amount: Fraction, before: str = "") -> Step:
    count = Fraction(ceil(units / size))
    text = f"{before}{plain(units)} in packages of {plain(size)}: {plain(count)} × {plain(amount)}"
    return Step(text, count * amount, count, amount)


def _times(units: Fraction, amount: Fraction, price: Price, before: str = "") -> Step:
    text = f"{before}{plain(units)} × {plain(amount)}"
    (counted, of), (paid, per) = units.as_integer_ratio(), amount.as_integer_ratio()
    return Step(text, Fraction(counted * paid, of * per), Fraction(counted * price.per_quantity, of), amount, price.per_quantity)


def _refuse_unheld(units: Fraction, held: Fraction) -> None:
    if units > held:
        raise TierMissing(_unheld(units, held))


def _unheld(units: Fraction, held: Fraction) -> str:
    return f"The last tier ends at {plain(held)}, so {plain(units)} has no price. Leave the last tier open (up_to: null)."


def _refuse_nonsense(price: Price) -> None:
    """Raise PriceInvalid, saying what is wrong."""
    amounts = [price.unit_amount, price.rate_percent, price.free_quantity, price.minimum or ZERO, price.maximum or ZERO]
    amounts += [amount for tier in price.tiers for amount in (tier.unit_amount, tier.flat_amount, tier.rate_percent)]
    if min(amounts) < 0:
        raise PriceInvalid("A price holds no negative amount; grant a discount or a credit instead.")
    if price.per_quantity <= 0:
        raise PriceInvalid("A price is for one base unit or more.")
    if (price.model is Model.PACKAGE) != (price.package_size is not None) or (price.package_size is not None and price.package_size <= 0):
        raise PriceInvalid("A package price, and no other, has a package size above zero.")
    if bool(price.tiers) != (price.model in TIERED) and not (price.tiers and price.model is Model.PERCENTAGE):
        raise PriceInvalid("Graduated and volume prices have tiers, percentages may; other models have none.")
    if price.minimum is not None and price.maximum is not None and price.minimum > price.maximum:
        raise PriceInvalid(f"The minimum of {plain(price.minimum)} is above the maximum of {plain(price.maximum)}.")
    _refuse_disorder(price.tiers)


def _refuse_disorder(tiers: tuple[Tier, ...]) -> None:
    lower = ZERO
    for number, tier in enumerate(tiers, 1):
        if tier.package_size is not None and tier.package_size <= 0:
            raise PriceInvalid(f"The packages of tier {number} hold {plain(tier.package_size)}; they hold more than nothing.")
        if tier.up_to is None:
            if number < len(tiers):
                raise PriceInvalid(f"Tier {number} of {len(tiers)} is open; only the last may be.")
        elif tier.up_to <= lower:
            raise PriceInvalid(f"Tier {number} ends at {plain(tier.up_to)}, not above {plain(lower)}. Give tiers in ascending order.")
        else:
            lower = tier.up_to
