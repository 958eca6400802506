"""Documents to print: a small invoice worked by hand, and ways to vary it."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Any

from flyusage.invoices.document import Bank, Document, DocumentLine, DocumentTax, Party
from flyusage.money import EUR, Currency, to_minor

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))
SELLER = Party(
    name="Northwind Compute GmbH", lines=("Torstraße 140",), postcode="10119", city="Berlin", country="DE", vat_number="DE136695976",
    email="billing@northwind.example", registration_number="HRB 204711 B",
)  # fmt: skip
BUYER = Party(
    name="Prism Analytics SAS", lines=("12 rue de la Paix", "Bâtiment C"), postcode="75002", city="Paris", country="FR",
    vat_number="FR40303265045", email="ap@prism.example",
)  # fmt: skip
BANK = Bank(iban="DE02 1203 0000 0000 2020 51", bic="BYLADEM1001", reference="PRISM-000042")
REASONS = {
    "AE": "Reverse charge: VAT is owed by the buyer (article 196, directive 2006/112/EC).",
    "E": "Exempt under article 135, directive 2006/112/EC.",
    "O": "Outside the scope of VAT.",
}


def line(position: int, amount_minor: int, *, tax: str = "S", percent: int | str = 19, **changes: Any) -> DocumentLine:
    """A line of 100 hours of a machine in Frankfurt, unless told otherwise."""
    values: dict[str, Any] = {
        "position": position, "group": "Machines", "subgroup": "Frankfurt (fra)", "description": "shared-cpu-1x", "quantity": Decimal(100),
        "unit": "hours", "unit_price": None, "per": "per hour", "period": OCTOBER, "amount_minor": amount_minor, "tax_category": tax,
        "tax_percent": Decimal(percent),
    }  # fmt: skip
    return DocumentLine(**values | changes)


def document(*lines: DocumentLine, prepaid_minor: int = 0, currency: Currency = EUR, **changes: Any) -> Document:
    """An invoice of `lines` with its sums; two lines of 100.00 and 23.45 at 19 % unless told otherwise."""
    lines = lines or (line(1, 10000, quantity=Decimal(5000), unit_price=Decimal("0.02")), line(2, 2345))
    taxes = taxes_of(lines)
    net, tax = sum(each.amount_minor for each in lines), sum(each.tax_minor for each in taxes)
    values: dict[str, Any] = {
        "kind": "invoice", "number": "PRISM-000042", "issued_on": date(2026, 11, 1), "due_on": date(2026, 12, 1), "period": OCTOBER,
        "currency": currency, "seller": SELLER, "buyer": BUYER, "lines": lines, "net_minor": net, "taxes": taxes, "tax_minor": tax,
        "gross_minor": net + tax, "prepaid_minor": prepaid_minor, "due_minor": net + tax - prepaid_minor,
        "payment_terms": "Payable within 30 days without deduction.", "bank": BANK, "purchase_order": "PO-7781",
        "notes": ("Quantities are metered by the second in UTC.",),
    }  # fmt: skip
    return Document(**values | changes)


def taxes_of(lines: tuple[DocumentLine, ...]) -> tuple[DocumentTax, ...]:
    """One tax for each key among `lines`, rounded once."""
    taxes = []
    for key, group in groupby(sorted(lines, key=lambda each: each.tax_key), key=lambda each: each.tax_key):
        basis = sum(each.amount_minor for each in group)
        tax = to_minor(Fraction(basis) * Fraction(key[1]) / 100, Currency("XXX", 0, ""))
        taxes.append(DocumentTax(key[0], key[1], basis, tax, REASONS.get(key[0], "")))
    return tuple(taxes)


def credit_note(of: Document, **changes: Any) -> Document:
    """What gives all of an invoice back."""
    return replace(of, kind="credit_note", number="PRISM-CN-000003", due_on=None, refers_to=(of.number, of.issued_on), **changes)
