"""A price as a book lists it: which sku, where, when, and how it rates; and its two stored forms, columns and JSON.

The JSON form holds what is beyond an amount per unit, numbers as texts so that no digit is lost:
`{"model": "graduated", "tiers": [{"up_to": "10", "unit_amount": "0.1", "flat_amount": "0", "rate_percent": "0"}, …], "package_size": …,
"rate_percent": …, "free_quantity": …, "minimum": …, "maximum": …}`, each optional but `model`; a tier may have a `package_size` of its own.
Negotiated prices are kept as it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from flyusage.money import round_half_away
from flyusage.pricing.case_inputs import Inputs
from flyusage.pricing.errors import PriceInvalid
from flyusage.pricing.rating import SHOWN_PLACES, TIERED, Model, Price, Tier

GLOBAL = "global"
TERMS = ("model", "tiers", "package_size", "rate_percent", "free_quantity", "minimum", "maximum")
MOST_PLACES = 40
MOST_QUANTITY = 2**63


@dataclass(frozen=True)
class ListedPrice:
    """A price as published: `amount` for `per_quantity` base units of `sku`, where `scope` says.

    `scope` is `global`, an egress group, a region's code, or words that name no region (such a price rates nothing).
    `effective_from` and `effective_to` (exclusive) narrow it inside its version. Of a price with tiers `amount` is the list price:
    that of the first tier which costs anything; of a package it is for `package_size` units. The rest is as in `rating.Price`.
    """

    sku: str
    scope: str
    amount: Decimal
    per_quantity: int
    unit: str
    effective_from: date | None = None
    effective_to: date | None = None
    note: str = ""
    model: Model = Model.PER_UNIT
    tiers: tuple[Tier, ...] = ()
    package_size: Decimal | None = None
    rate_percent: Decimal = Decimal(0)
    free_quantity: Decimal = Decimal(0)
    minimum: Decimal | None = None
    maximum: Decimal | None = None

    @property
    def price(self) -> Price:
        """How it rates. Raises PriceInvalid."""
        return price_of(self.amount, self.per_quantity, self.terms)

    @property
    def terms(self) -> dict[str, Any]:
        """The columns beyond the amount."""
        return {**{name: getattr(self, name) for name in TERMS}, "model": str(self.model), "tiers": _tiers_json(self.tiers) or None}

    @property
    def is_plain(self) -> bool:
        """An amount per unit and nothing else."""
        return is_plain(self.price)

    def checked(self) -> "ListedPrice":
        """Itself, with the list price of its tiers. Raises PriceInvalid for one that could not rate or be stored."""
        rating = self.price
        if self.package_size is not None and self.package_size != int(self.package_size):
            raise PriceInvalid("A package holds a whole number of units.")
        if self.per_quantity * (self.package_size or 1) >= MOST_QUANTITY:
            raise PriceInvalid("A price is for fewer than 2^63 base units.")
        return replace(self, amount=_of_tiers(rating.tiers)) if self.model in TIERED else self


def price_of(amount: Decimal | Fraction, per_quantity: int, terms: Mapping[str, Any] | None = None) -> Price:
    """The price that an amount per quantity and further `terms`, columns or JSON, say. Raises PriceInvalid."""
    if not terms:
        return Price(Model.PER_UNIT, Fraction(amount), per_quantity)
    try:
        return Price(
            Model(terms["model"]),
            Fraction(amount),
            per_quantity,
            tiers=tuple(_tier(one) for one in terms.get("tiers") or ()),
            package_size=_optional(terms.get("package_size")),
            rate_percent=Fraction(terms.get("rate_percent") or 0),
            free_quantity=Fraction(terms.get("free_quantity") or 0),
            minimum=_optional(terms.get("minimum")),
            maximum=_optional(terms.get("maximum")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PriceInvalid("The price is not written as one is: it has a model, and its numbers are numbers.") from error


def listed_amount(amount: Decimal, per_quantity: int, terms: Mapping[str, Any] | None = None) -> tuple[Decimal, int]:
    """(amount, base units it is for): the list price of `price_of`, as `price_segment` holds those of books."""
    price = price_of(amount, per_quantity, terms)
    if price.model in TIERED:
        return _of_tiers(price.tiers), per_quantity
    return amount, int(per_quantity * (price.package_size or 1))


def terms_json(price: Price) -> dict[str, Any] | None:
    """The JSON form of what `price` has beyond an amount per unit; None where that is all. Raises PriceInvalid for thirds."""
    if is_plain(price):
        return None
    numbers = {name: getattr(price, name) for name in ("package_size", "rate_percent", "free_quantity", "minimum", "maximum")}
    written = {name: _text(value) for name, value in numbers.items() if value is not None and (value or name in ("minimum", "maximum"))}
    return {"model": str(price.model), **({"tiers": _tiers_json(price.tiers)} if price.tiers else {}), **written}


def is_plain(price: Price) -> bool:
    """An amount per unit and nothing else, so that a quantity's parts cost what the whole does."""
    return price.model is Model.PER_UNIT and not price.free_quantity and price.minimum is None and price.maximum is None


def listed_from(row: Mapping[Any, Any]) -> ListedPrice:
    """A ListedPrice from columns of the same names."""
    tiers = tuple(_tier(one) for one in row["tiers"] or ())
    return ListedPrice(**{**row, "model": Model(row["model"]), "tiers": tiers})


def tiers_from(written: Any, model: Model) -> tuple[Tier, ...]:
    """A price's tiers as a case has them, so that a tried price is typed once: [{"up_to": 5, "unit": "7", "flat": "1"}, …].

    Those of a percentage have rate_pct in place of unit. Raises PriceInvalid, InputMissing and InputInvalid.
    """
    inputs, is_percentage = Inputs({"tiers": written}), model is Model.PERCENTAGE
    tiers = inputs.tiers(is_percentage=is_percentage)
    if unknown := inputs.unknown():
        has = "rate_pct" if is_percentage else "unit"
        raise PriceInvalid(f"{unknown[0]} is nothing that a tier of this model has. It has up_to, {has} and flat.")
    return tiers


def _of_tiers(tiers: Iterable[Tier]) -> Decimal:
    """The list price of tiers: a unit's in the first that costs anything, of packages its share at twelve decimals where it has no end."""
    costly = next((tier for tier in tiers if tier.unit_amount), None)
    if costly is None:
        return Decimal(0)
    if costly.package_size is None:
        return _decimal(costly.unit_amount)
    return round_half_away(costly.unit_amount / costly.package_size, SHOWN_PLACES)


def _tier(written: Mapping[str, Any]) -> Tier:
    amounts = (Fraction(written.get(name) or 0) for name in ("unit_amount", "flat_amount", "rate_percent"))
    return Tier(_optional(written.get("up_to")), *amounts, package_size=_optional(written.get("package_size")))


def _tiers_json(tiers: tuple[Tier, ...]) -> list[dict[str, str | None]]:
    names = ("unit_amount", "flat_amount", "rate_percent")
    return [
        {
            "up_to": None if tier.up_to is None else _text(tier.up_to),
            **{name: _text(getattr(tier, name)) for name in names},
            **({} if tier.package_size is None else {"package_size": _text(tier.package_size)}),
        }
        for tier in tiers
    ]


def _optional(value: Any) -> Fraction | None:
    return None if value is None else Fraction(value)


def _text(value: Fraction) -> str:
    return f"{_decimal(value):f}"


def _decimal(value: Fraction) -> Decimal:
    """Exactly. Raises PriceInvalid for what no decimal is."""
    places = next((places for places in range(MOST_PLACES + 1) if (value * 10**places).denominator == 1), None)
    if places is None:
        raise PriceInvalid(f"{value} has no end as a decimal; write prices as decimals.")
    return round_half_away(value, places)
