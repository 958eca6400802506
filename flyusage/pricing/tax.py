"""Who sells to whom, and how that is taxed. Pure; rates are dated facts (facts/tax_rates.csv).

Place of supply is that of electronic services: the customer's country. Categories are those of EN 16931.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

from flyusage.pricing.vat import EU, is_valid

NOTHING = Decimal(0)
REVERSE_CHARGE = "Reverse charge: the customer accounts for the VAT (Article 196, Council Directive 2006/112/EC)."
ZERO_RATED = "Zero-rated supply."


class TaxTreatment(StrEnum):
    """How a customer is taxed: by the rules (standard), or as agreed with the tax office and stated in the profile."""

    STANDARD = "standard"
    EXEMPT = "exempt"
    ZERO_RATED = "zero_rated"
    OUTSIDE_SCOPE = "outside_scope"


@dataclass(frozen=True, order=True)
class TaxKey:
    """How a line is taxed: an EN 16931 category (S, AE, E, Z, O) and the rate in percent; `reason` says why no tax is charged.

    `category` is empty while the tax cannot be decided; such a statement is not issued.
    """

    category: str
    percent: Decimal
    reason: str = ""

    @property
    def is_decided(self) -> bool:
        """Whether an invoice may be issued with it."""
        return self.category != ""


@dataclass(frozen=True)
class TaxRate:
    """A country's standard rate in percent, in `[starts_on, ends_on)`."""

    country: str
    percent: Decimal
    starts_on: date
    ends_on: date | None
    name: str


@dataclass(frozen=True)
class Seller:
    """Who issues the invoices from `starts_on` on. `is_demo` marks the invented one that an installation begins with.

    `country` is ISO 3166; `vat_number` with its country's letters; `registration` the number in the companies' register.
    `logo` is a PNG or JPEG, printed in place of the name.
    """

    starts_on: date
    name: str
    address_lines: tuple[str, ...]
    postcode: str
    city: str
    country: str
    email: str
    vat_number: str | None = None
    tax_number: str | None = None
    registration: str | None = None
    iban: str | None = None
    bic: str | None = None
    is_demo: bool = False
    logo: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class BillingProfile:
    """Who an organization's invoices are made out to, how they are taxed and where they go."""

    legal_name: str
    address_lines: tuple[str, ...]
    postcode: str
    city: str
    country: str
    emails: tuple[str, ...] = ()
    vat_number: str | None = None
    tax_treatment: TaxTreatment = TaxTreatment.STANDARD
    tax_reason: str = ""
    purchase_order: str | None = None
    payment_terms_days: int = 14

    @cached_property
    def has_valid_vat_number(self) -> bool:
        """Whether there is a VAT number, of the profile's country, that passes its check."""
        return self.vat_number is not None and is_valid(self.country, self.vat_number)


def tax_of(seller: Seller, buyer: BillingProfile | None, rates: Sequence[TaxRate], on: date) -> TaxKey:
    """How what `seller` supplies to `buyer` is taxed when the supply is complete on `on`."""
    if buyer is None:
        return TaxKey("", NOTHING, "The customer's country is not known.")
    if agreed := _agreed(seller, buyer):
        return agreed
    if seller.vat_number is None:
        return TaxKey("O", NOTHING, "The seller is not registered for VAT.")
    if buyer.country == seller.country:
        return _standard(seller.country, rates, on)
    if seller.country in EU and buyer.country in EU:
        return TaxKey("AE", NOTHING, REVERSE_CHARGE) if buyer.has_valid_vat_number else _standard(buyer.country, rates, on)
    return TaxKey("O", NOTHING, _outside(seller))


def _agreed(seller: Seller, buyer: BillingProfile) -> TaxKey | None:
    match buyer.tax_treatment:
        case TaxTreatment.EXEMPT:
            return TaxKey("E", NOTHING, buyer.tax_reason)
        case TaxTreatment.ZERO_RATED:
            return TaxKey("Z", NOTHING, buyer.tax_reason or ZERO_RATED)
        case TaxTreatment.OUTSIDE_SCOPE:
            return TaxKey("O", NOTHING, buyer.tax_reason or _outside(seller))
        case TaxTreatment.STANDARD:
            return None


def _standard(country: str, rates: Sequence[TaxRate], on: date) -> TaxKey:
    for rate in rates:
        if rate.country == country and rate.starts_on <= on and (rate.ends_on is None or on < rate.ends_on):
            return TaxKey("S", rate.percent)
    return TaxKey("", NOTHING, f"No tax rate of {country} is known for {on:%b %-d, %Y}.")


def _outside(seller: Seller) -> str:
    return f"Outside the scope of VAT in {seller.country}: the service is supplied where the customer is."
