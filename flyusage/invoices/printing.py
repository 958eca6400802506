"""From a statement to what is printed and kept of it: the document with every string, and the rows of its lines. Pure.

Nothing printed is looked up again: seller, buyer, terms and names are taken from the arguments once, at issue.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus, urlencode

from flyusage.invoices.document import Bank, Document, DocumentLine, DocumentTax, Page, Party
from flyusage.invoices.models import Kind
from flyusage.invoices.rows import exact_text
from flyusage.invoices.statement import Component, Line, LineKind, Statement
from flyusage.invoices.taxing import tax_lines
from flyusage.money import Currency
from flyusage.periods import DAY, Period
from flyusage.pricing.rating import Step
from flyusage.pricing.tax import BillingProfile, Seller, TaxKey
from flyusage.pricing.urls import view_to_query
from flyusage.pricing.view import View

ON_THE_WHOLE = (
    LineKind.RESERVATION, LineKind.DISCOUNT, LineKind.MINIMUM, LineKind.MAXIMUM, LineKind.PROMOTIONAL, LineKind.CARRIED,
)  # fmt: skip
LETTER_COUNTRIES = ("US", "CA", "MX", "CL", "CO", "PH")
METERED = "Quantities are metered by the second. Days, months and times are UTC."
DEMO = "Sample: an invented company"
UNDECIDED = TaxKey("O", Decimal(0), "No tax is charged, as the customer's country is not known.")


@dataclass(frozen=True)
class Parties:
    """Who bills whom, as known on the day of issue. `name` stands for the buyer where nobody has entered a billing profile."""

    seller: Seller
    profile: BillingProfile | None
    name: str
    is_synthetic: bool = False

    @property
    def buyer(self) -> str:
        """The buyer's name as printed."""
        return self.profile.legal_name if self.profile else self.name

    @property
    def terms_days(self) -> int:
        """Days from issue to due date."""
        return self.profile.payment_terms_days if self.profile else 14


def settled_taxes(statement: Statement) -> Statement:
    """The statement with tax that could not be decided as none, outside the scope: for staff who release it so."""
    if all(line.tax.is_decided for line in statement.lines):
        return statement
    lines = tuple(line if line.tax.is_decided else replace(line, tax=UNDECIDED) for line in statement.lines)
    carried = tuple(one if one.tax.is_decided else replace(one, tax=UNDECIDED) for one in statement.carried)
    return replace(statement, lines=lines, taxes=tax_lines(lines), carried=carried)


def given_back(statement: Statement) -> Statement:
    """A statement that comes to less than nothing, as a credit note has it: what is given back as positive amounts.

    `statement` is one whose lines were brought to zero by what is carried; that line is left out and all others are turned over.
    """
    lines = tuple(_turned(line) for line in statement.lines if line.kind is not LineKind.CARRIED)
    taxes = tax_lines(lines)
    net, tax = sum(line.amount_minor for line in lines), sum(one.tax_minor for one in taxes)
    return replace(
        statement, lines=lines, taxes=taxes, net_minor=net, tax_minor=tax, gross_minor=net + tax, prepaid_minor=0,
        due_minor=net + tax, carried=(),
    )  # fmt: skip


def what_is_carried(statement: Statement) -> Statement:
    """The statement of what did not fit, for a credit note beside the invoice."""
    lines = tuple(line for line in statement.lines if line.kind is LineKind.CARRIED)
    turned = tuple(replace(line, description="Carried over, since no invoice is negative") for line in lines)
    return given_back(replace(statement, lines=tuple(replace(_turned(line), kind=LineKind.ADJUSTMENT) for line in turned)))


def document(
    statement: Statement, parties: Parties, *, kind: Kind, number: str, issued_on: date, notes: tuple[str, ...] = ()
) -> Document:  # fmt: skip
    """Everything that the statement prints as an invoice, or as a credit note (one that says what is `given_back`)."""
    is_invoice, seller, profile = kind is Kind.INVOICE, parties.seller, parties.profile
    has_bank = is_invoice and statement.due_minor > 0 and seller.iban
    return Document(
        kind="invoice" if is_invoice else "credit_note",
        number=number,
        issued_on=issued_on,
        due_on=issued_on + timedelta(days=parties.terms_days) if is_invoice else None,
        period=days_of(statement.period),
        currency=statement.currency,
        seller=seller_party(seller),
        buyer=_buyer(parties),
        lines=tuple(_line(position, line) for position, line in enumerate(statement.lines, 1)),
        net_minor=statement.net_minor,
        taxes=tuple(DocumentTax(one.category, one.percent, one.basis_minor, one.tax_minor, one.reason) for one in statement.taxes),
        tax_minor=statement.tax_minor,
        gross_minor=statement.gross_minor,
        prepaid_minor=statement.prepaid_minor,
        due_minor=statement.due_minor,
        payment_terms=_terms(parties, statement.due_minor) if is_invoice else "",
        bank=Bank(seller.iban or "", seller.bic, number) if has_bank else None,
        purchase_order=(profile.purchase_order or None) if profile else None,
        notes=(METERED, *notes),
        page=_page(profile),
        logo=seller.logo,
        demo_label=DEMO if seller.is_demo or parties.is_synthetic else None,
    )


def line_rows(lines: Iterable[tuple[int, Line]], currency: Currency) -> list[dict[str, Any]]:
    """Rows of `invoice_line`, without the keys of their invoice."""
    return [_row(position, line, currency) for position, line in lines]


def days_of(period: Period) -> tuple[date, date]:
    """The first and the last day of a period, both inside; the same day for one that is shorter."""
    return period.start.date(), max(period.start, period.end - DAY).date()


def steps_json(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """A working as JSON: amounts and quantities as text, exact; what a step does not have is absent."""
    return [_step(step) for step in steps]


def _step(step: Step) -> dict[str, Any]:
    said: dict[str, Any] = {"text": step.text, "amount": exact_text(step.amount)}
    if step.quantity is not None:
        said["quantity"] = exact_text(step.quantity)
    if step.unit_amount is not None:
        said["unit_amount"] = exact_text(step.unit_amount)
    said["per_quantity"] = step.per_quantity
    return said


def _turned(line: Line) -> Line:
    steps = tuple(replace(step, amount=-step.amount, quantity=None if step.quantity is None else -step.quantity) for step in line.working)
    shares = tuple(replace(share, amount_minor=-share.amount_minor) for share in line.shares)
    return replace(
        line, quantity=-line.quantity, exact=-line.exact, amount_minor=-line.amount_minor, working=steps, shares=shares,
        components=tuple(replace(one, exact=-one.exact) for one in line.components),
    )  # fmt: skip


def _line(position: int, line: Line) -> DocumentLine:
    return DocumentLine(
        position=position,
        group=line.product,
        subgroup=line.region,
        description=line.description,
        quantity=line.quantity,
        unit=line.unit,
        unit_price=line.unit_price,
        per=line.per,
        period=days_of(line.period),
        amount_minor=line.amount_minor,
        tax_category=line.tax.category,
        tax_percent=line.tax.percent,
        is_allowance=line.kind in ON_THE_WHOLE,
    )


def _row(position: int, line: Line, currency: Currency) -> dict[str, Any]:
    working: dict[str, Any] = {"steps": steps_json(line.explained(currency).steps)}
    if line.shares:
        working["shares"] = [{"key": share.key, "amount_minor": share.amount_minor} for share in line.shares]
    return {
        "position": position, "kind": line.kind, "key": line.key, "product": line.product, "region": line.region,
        "description": line.description, "starts_on": line.period.start.date(),
        "ends_on": (line.period.end if line.period.end.date() > line.period.start.date() else line.period.start + DAY).date(),
        "quantity": line.quantity, "unit": line.unit, "unit_price": line.unit_price, "exact": exact_text(line.exact),
        "amount_minor": line.amount_minor, "tax_category": line.tax.category, "tax_percent": line.tax.percent,
        "region_id": line.region_id, "sku_id": line.sku_id, "vm_size_id": line.vm_size_id, "price_id": line.price_id,
        "price_version": line.price_version, "working": working, "components": [_component(one) for one in line.components],
        "evidence": _address(line.evidence) if line.evidence else None,
    }  # fmt: skip


def _component(one: Component) -> Mapping[str, Any]:
    return {
        "sku_id": one.sku_id, "region_id": one.region_id, "vm_size_id": one.vm_size_id, "quantity": str(one.quantity),
        "exact": exact_text(one.exact), "amount": one.amount, "per_quantity": one.per_quantity,
    }  # fmt: skip


def seller_party(seller: Seller) -> Party:
    """The seller as documents print it."""
    return Party(
        name=seller.name, lines=seller.address_lines, postcode=seller.postcode, city=seller.city, country=seller.country,
        vat_number=seller.vat_number, email=seller.email, registration_number=seller.registration, tax_number=seller.tax_number,
    )  # fmt: skip


def _buyer(parties: Parties) -> Party:
    profile = parties.profile
    if profile is None:
        return Party(name=parties.name)
    return Party(
        name=profile.legal_name, lines=profile.address_lines, postcode=profile.postcode, city=profile.city, country=profile.country,
        vat_number=profile.vat_number, email=profile.emails[0] if profile.emails else None,
    )  # fmt: skip


def _terms(parties: Parties, due_minor: int) -> str:
    if not due_minor:
        return "Nothing is to be paid."
    days = parties.terms_days
    return f"Payable within {days} days without deduction." if days else "Payable on receipt without deduction."


def _page(profile: BillingProfile | None) -> Page:
    return "letter" if profile and profile.country in LETTER_COUNTRIES else "a4"


@lru_cache(10_000)  # regions, sizes and days of a month are few, the lines of a close many
def _address(evidence: View) -> str:
    return urlencode(view_to_query(evidence), quote_via=_quoted)


@lru_cache(10_000)
def _quoted(text: str, safe: str, encoding: str | None, errors: str | None) -> str:
    return quote_plus(text, safe, encoding, errors)
