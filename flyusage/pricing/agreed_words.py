"""What was agreed with an organization, in words: for the command and for staff's pages alike. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from flyusage.money import CURRENCIES, format_minor
from flyusage.periods import add_months, midnight
from flyusage.pricing.agreements import Agreement
from flyusage.pricing.listed import price_of
from flyusage.pricing.price_list import terms_told
from flyusage.pricing.terms import Credit

CREDIT = "credit"
NAMES = {
    "price": Agreement.PRICE,
    "discount": Agreement.DISCOUNT,
    "reservation": Agreement.RESERVATION,
    "fee": Agreement.FEE,
    "charge": Agreement.CHARGE,
    "limit": Agreement.LIMIT,
}
WORDS = {kind: name for name, kind in NAMES.items()}


def what(kind: Agreement, one: Mapping[str, Any]) -> str:
    """An agreement as `agreements.agreed` has it, in a sentence's words."""
    match kind:
        case Agreement.PRICE:
            told = terms_told(price_of(one["amount"], one["per_quantity"], one["model"]))
            return f"{one['sku']} in {one['scope']}: {one['amount']:f} per {one['unit']}{f' ({told})' if told else ''}"
        case Agreement.DISCOUNT:
            off = f"{one['percent'].normalize():f} %" if one["percent"] is not None else _amount(one, "amount_minor")
            return f"{one['description']}: {off} off {one['sku'] or 'usage and fees'}"
        case Agreement.RESERVATION:
            paid, credit = _amount(one, "upfront_minor"), _amount(one, "monthly_credit_minor")
            return f"{paid} for {credit} a month, {one['cpu_kind']} CPUs in {one['region']}"
        case Agreement.FEE:
            each = (
                f"{one['unit_amount'].normalize():f} {one['currency']}" if one["unit_amount"] is not None else f"{one['sku']} by its book"
            )
            return f"{one['description']}: {one['quantity'].normalize():f} × {each} a month"
        case Agreement.CHARGE:
            return f"{one['description']}: {_amount(one, 'amount_minor')} once"
        case Agreement.LIMIT:
            bounds = (("at least", "minimum_minor"), ("at most", "maximum_minor"))
            return " and ".join(f"{word} {_amount(one, name)}" for word, name in bounds if one[name] is not None) + " a month"


def withdrawn_words(billed: Sequence[date], since: date, until: date | None) -> str:
    """What withdrawing does to an agreement that held in `[since, until)`; `billed`: the first days of billed months."""
    held = [month for month in billed if month >= since.replace(day=1) and (until is None or month < until)]
    if not held:
        return "It is taken back as if it had never been; the audit keeps what it said."
    which, stay, of = (
        (f"{held[0]:%B %Y} is", "stays", "it")
        if len(held) == 1
        else (f"{len(held)} months, {held[0]:%B %Y} to {held[-1]:%B %Y}, are", "stay", "them")
    )
    return (
        f"It is taken back as if it had never been. {which} billed with it and {stay} as issued; what comes late of {of} "
        "is then billed without it. To give back what it cost, issue a credit note."
    )


def credit_words(one: Credit) -> str:
    """A credit and what is left of it."""
    return f"{one.description}: {format_minor(one.left_minor, CURRENCIES[one.currency])} left, {one.kind.value}"


def first_day(one: Mapping[str, Any]) -> date:
    """The first day that an agreement holds."""
    return next(one[name] for name in ("starts_on", "first_month", "first_day", "charged_on") if one.get(name))


def end_day(one: Mapping[str, Any]) -> date | None:
    """The day after its last, where it has one."""
    if one.get("months"):
        return add_months(midnight(one["starts_on"]), one["months"]).date()
    if one.get("periods"):
        return add_months(midnight(one["first_month"]), one["periods"]).date()
    last = one.get("last_day") or one.get("charged_on")
    return last + timedelta(days=1) if last else one.get("ends_on")


def _amount(one: Mapping[str, Any], name: str) -> str:
    return format_minor(one[name], CURRENCIES[one["currency"]])
