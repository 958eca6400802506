"""What lines are called, grouped by and counted in. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

from flyusage.invoices.statement import LineKind
from flyusage.money import Currency, round_half_away
from flyusage.pricing.reference import Reference

MACHINES, STORAGE, NETWORK = "Machines", "Storage", "Network"
FEES, ONE_OFF, ADJUSTMENTS = "Plans and fees", "One-off charges", "Adjustments"
RESERVATIONS, DISCOUNTS, LIMITS, CREDITS = "Reservations", "Discounts", "Spending limits", "Credits"
PRODUCTS = (MACHINES, STORAGE, NETWORK, FEES, ONE_OFF, ADJUSTMENTS, RESERVATIONS, DISCOUNTS, LIMITS, CREDITS)
PRODUCT_OF: Mapping[str | None, str] = {
    "machine": MACHINES,
    "extra_memory": MACHINES,
    "rootfs": STORAGE,
    "volume": STORAGE,
    "ipv4": NETWORK,
    "egress": NETWORK,
}
KINDS = tuple(LineKind)
PLACES = 6
EXACT = Context(prec=400)  # more digits than any product here has


@dataclass(frozen=True)
class Unit:
    """How quantities of a published unit read: `times` of it make one `name` ("hours"); a price is `per` of them."""

    name: str
    per: str
    times: int = 1


_MONTH = "GB-months", "per GB for 30 days"
UNITS = {
    "machine-second": Unit("hours", "per hour", 3600),
    "machine-hour": Unit("hours", "per hour"),
    "GB-second": Unit("GB-hours", "per GB and hour", 3600),
    "GB-hour": Unit("GB-hours", "per GB and hour"),
    "ip-hour": Unit("IP-hours", "per address and hour"),
    "GB-month": Unit(*_MONTH),
    "GB-month(30d)": Unit(*_MONTH),
    "ip-month": Unit("IP-months", "per IP for 30 days"),
    "GB": Unit("GB", "per GB"),
}
MONTHLY = Unit("month", "per month")


def unit_of(published: str) -> Unit:
    """How a published unit reads; one we do not know reads as it is."""
    return UNITS.get(published) or Unit(published, f"per {published}" if published else "")


def shown(quantity: Fraction) -> Decimal:
    """At six decimals, without trailing zeros."""
    if quantity.denominator == 1:
        return Decimal(quantity.numerator)
    rounded = round_half_away(quantity, PLACES)
    return rounded if rounded.as_tuple().digits[-1] else rounded.normalize(EXACT)


def times(amount: Decimal, factor: int) -> Decimal:
    """The product with every digit."""
    return EXACT.multiply(amount, Decimal(factor))


def telling(quantity: Decimal, unit_price: Decimal | None, amount_minor: int, currency: Currency) -> Decimal | None:
    """The unit price, where it times the quantity shown is the amount; None where it would mislead."""
    if unit_price is None:
        return None
    minor = EXACT.multiply(quantity, unit_price).scaleb(currency.exponent, EXACT)
    return unit_price if minor.to_integral_value(ROUND_HALF_UP) == amount_minor else None


def region_name(reference: Reference, region_ids: frozenset[int]) -> str:
    """`fra · Frankfurt, Germany`; several by their number."""
    if len(region_ids) > 1:
        return f"{len(region_ids)} regions"
    return "".join(f"{reference.regions[one].code} · {reference.regions[one].name}" for one in region_ids)
