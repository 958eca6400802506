"""From what a form says to what is agreed. Every field is text, read exactly or refused by its name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from sqlmodel import Session

from flyusage import clock
from flyusage.invoices.subscribing import change_book, refuse_billed
from flyusage.metering.catalog import region_ids
from flyusage.money import Currency
from flyusage.orgs.acting import Actor
from flyusage.periods import midnight
from flyusage.pricing import agreements, grants, typed
from flyusage.pricing.agreements import GLOBAL, MOST_MONTHS
from flyusage.pricing.books import PER_QUANTITY, book_of, prices_of
from flyusage.pricing.errors import InputInvalid, InputMissing
from flyusage.pricing.listed import terms_json, tiers_from
from flyusage.pricing.rating import Model, Price
from flyusage.pricing.tax import TaxTreatment
from flyusage.pricing.terms import CpuKind, CreditKind, Discount, OneOffCharge, PriceOverride, RecurringFee, Reservation, SpendLimit
from flyusage.ui.addresses import month_in

FIELDS = (
    "description", "sku", "scope", "amount", "unit", "model", "tiers", "package_size", "free", "minimum", "maximum", "since", "until", "note",
    "percent", "first_month", "months", "region", "cpu", "upfront", "monthly", "kind", "expires", "quantity", "book", "treatment", "reason",
)  # fmt: skip

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True)
class Form:
    """A form's texts, trimmed, in an open transaction of an organization's terms."""

    session: Session
    org_id: int
    currency: Currency
    by: Actor
    texts: Mapping[str, str]

    def text(self, name: str) -> str:
        """What stands in a field; empty where nothing does."""
        return self.texts.get(name, "")

    def needed(self, name: str, label: str) -> str:
        """What stands in a field that must hold something. Raises InputMissing."""
        if not self.text(name):
            raise InputMissing(f"{label} is missing.")
        return self.text(name)

    def minor(self, name: str, label: str) -> int | None:
        """An amount in minor units, None where the field is empty. Raises InputInvalid."""
        return typed.minor(self.text(name), label, self.currency) if self.text(name) else None

    def owed(self, name: str, label: str) -> int:
        """An amount that must be there, in minor units. Raises InputMissing and InputInvalid."""
        return typed.minor(self.needed(name, label), label, self.currency)

    def decimal(self, name: str, label: str) -> Decimal | None:
        """A number, None where the field is empty. Raises InputInvalid."""
        return typed.decimal(self.text(name), label) if self.text(name) else None

    def exact(self, name: str, label: str) -> Fraction | None:
        """As `decimal`, for what is rated."""
        found = self.decimal(name, label)
        return Fraction(found) if found is not None else None

    def day(self, name: str, label: str) -> date | None:
        """A date, None where the field is empty. Raises InputInvalid."""
        return day_of(self.text(name), label) if self.text(name) else None

    def since(self) -> date:
        """The first day; this month's where none is said."""
        return self.day("since", "The first day") or clock.now().date().replace(day=1)

    def count(self, name: str, label: str) -> int | None:
        """A number of months from 1 to 120, None where the field is empty. Raises InputInvalid."""
        text = self.text(name)
        if not text:
            return None
        if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_MONTHS)) and 1 <= int(text) <= MOST_MONTHS):
            raise InputInvalid(f"{label}: a whole number from 1 to {MOST_MONTHS}.")
        return int(text)


def day_of(text: str, label: str) -> date:
    """A day written 2026-10-01. Raises InputInvalid."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputInvalid(f"{label} is no day. Choose one, as 2026-10-01.") from error


def one_of(choices: type[Choice], text: str, label: str) -> Choice:
    """The choice written so. Raises InputInvalid."""
    try:
        return choices(text)
    except ValueError as error:
        raise InputInvalid(f"{label}: choose one of {', '.join(choices)}.") from error


def _price(form: Form) -> None:
    sku = form.needed("sku", "The sku")
    unit = form.text("unit") or _unit_of(form, sku)
    quantity, value = PER_QUANTITY.get(unit, 1), form.decimal("amount", "The amount") or Decimal(0)
    tiers, model = form.text("tiers"), one_of(Model, form.text("model") or Model.PER_UNIT.value, "The model")
    rated = Price(
        model,
        unit_amount=Fraction(value),
        per_quantity=quantity,
        tiers=tiers_from(typed.tiers_json(tiers, "Tiers"), model) if tiers else (),
        package_size=form.exact("package_size", "The package"),
        free_quantity=form.exact("free", "Free units") or Fraction(0),
        minimum=form.exact("minimum", "The minimum"),
        maximum=form.exact("maximum", "The maximum"),
    )
    if not (form.text("amount") or tiers):
        raise InputMissing("The amount is missing.")
    until, scope = form.day("until", "The day after the last"), form.text("scope") or GLOBAL
    agreed = PriceOverride(sku, scope, value, quantity, unit, form.since(), until, terms_json(rated), form.text("note"))
    agreements.agree_price(form.session, form.org_id, agreed, by=form.by)


def _discount(form: Form) -> None:
    amount = form.minor("amount", "The amount")
    first = month_in(form.text("first_month")) if form.text("first_month") else form.since()
    if first is None:
        raise InputInvalid("The first month is no month. Write it as 2026-10.")
    given = Discount(
        form.text("description") or "Discount",
        first,
        form.decimal("percent", "The percentage"),
        amount,
        form.currency.code if amount is not None else None,
        form.count("months", "For so many months"),
        form.text("sku") or None,
    )
    agreements.give_discount(form.session, form.org_id, given, by=form.by)


def _reservation(form: Form) -> None:
    place = region_ids(form.session).get(form.needed("region", "The region"))
    if place is None:
        raise InputInvalid("There is no such region.")
    sold = Reservation(
        place,
        one_of(CpuKind, form.text("cpu"), "The CPU kind"),
        form.owed("upfront", "What is paid up front"),
        form.owed("monthly", "The credit of each month"),
        form.currency.code,
        form.since(),
        form.count("months", "For so many months") or 12,
    )
    if sold.upfront_minor:
        refuse_billed(form.session, form.org_id, sold.starts_on, sold.starts_on)
    agreements.reserve(form.session, form.org_id, sold, by=form.by)


def _credit(form: Form) -> None:
    expires = form.day("expires", "The day it expires")
    grants.grant(
        form.session,
        form.org_id,
        one_of(CreditKind, form.text("kind"), "The kind"),
        form.owed("amount", "The amount"),
        description=form.text("description") or "Credit",
        expires_at=midnight(expires) if expires else None,
        by=form.by,
    )


def _fee(form: Form) -> None:
    unit = form.decimal("amount", "The amount")
    fee = RecurringFee(
        form.needed("description", "What the invoice calls it"),
        form.day("since", "The first day") or clock.now().date(),
        form.day("until", "The last day"),
        unit,
        form.currency.code if unit is not None else None,
        form.decimal("quantity", "How many") or Decimal(1),
        form.text("sku") or None,
    )
    refuse_billed(form.session, form.org_id, fee.first_day, fee.last_day)
    agreements.add_fee(form.session, form.org_id, fee, by=form.by)


def _charge(form: Form) -> None:
    said, amount = form.needed("description", "What the invoice calls it"), form.owed("amount", "The amount")
    day = form.day("since", "The day") or clock.now().date()
    refuse_billed(form.session, form.org_id, day, day)
    agreements.add_charge(form.session, form.org_id, OneOffCharge(said, amount, form.currency.code, day), by=form.by)


def _limit(form: Form) -> None:
    least, most = form.minor("minimum", "The minimum"), form.minor("maximum", "The maximum")
    if least is None and most is None:
        raise InputMissing("Name a minimum, a maximum or both.")
    agreed = SpendLimit(form.currency.code, form.since(), form.day("until", "The day after the last"), least, most)
    agreements.limit_spend(form.session, form.org_id, agreed, by=form.by)


def _book(form: Form) -> None:
    change_book(form.session, form.org_id, form.needed("book", "The book"), by=form.by)


def _tax(form: Form) -> None:
    treatment = one_of(TaxTreatment, form.text("treatment"), "The treatment")
    agreements.set_tax_treatment(form.session, form.org_id, treatment, form.text("reason"), by=form.by)


def _unit_of(form: Form, sku: str) -> str:
    found = prices_of(form.session, book_of(form.session, form.org_id).id, clock.now().date())
    unit = next((one.unit for one in found if one.sku == sku), None)
    if unit is None:
        raise InputMissing("Its book has no price of that, so the unit is not known. Name the unit.")
    return unit


AGREE: Mapping[str, Callable[[Form], None]] = {
    "price": _price,
    "discount": _discount,
    "credit": _credit,
    "fee": _fee,
    "charge": _charge,
    "reservation": _reservation,
    "limit": _limit,
    "book": _book,
    "tax": _tax,
}
