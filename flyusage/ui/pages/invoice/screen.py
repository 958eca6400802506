"""An issued invoice, printed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from fractions import Fraction
from typing import assert_never
from urllib.parse import urlencode

from flyusage.invoices.breakdowns import By, Part
from flyusage.invoices.document import Document, Party
from flyusage.invoices.models import Kind, State
from flyusage.invoices.queries import InvoiceDetail, InvoiceEntry
from flyusage.invoices.settlement import Receipt
from flyusage.money import Currency, format_minor
from flyusage.periods import DAY, Period, midnight
from flyusage.ui import present, statements
from flyusage.ui.charts.text import visible
from flyusage.ui.components.crumbs import Step
from flyusage.ui.components.month_files import month_files
from flyusage.ui.pages.billing.address import Choice, billing_href, invoice_href
from flyusage.ui.pages.billing.listing import due_words, row
from flyusage.ui.pages.billing.rows import Choosing, Phrase
from flyusage.ui.pages.billing.screen import by_product, invoice_totals
from flyusage.ui.pages.invoice.rows import FactRow, PartRow, PaymentRow, Screen

WAYS = {By.REGION: "Region", By.APP: "App", By.VM_SIZE: "VM size", By.COST_CENTRE: "Cost centre", By.MACHINE: "Machine", By.DAY: "Day"}
STAFF_INVOICES = "/staff/invoices"
MOST_PARTS = 25  # the rest are one line, so that the sum stays


@dataclass(frozen=True)
class Told:
    """An invoice, its parts by `by`, the invoice that a credit note corrects, and what there is to say of its payment.

    Whoever sees no machines is shown no way to them.
    """

    slug: str
    invoice: InvoiceDetail
    by: By
    parts: Sequence[Part]
    corrected: str = ""
    news: str = ""
    sees_machines: bool = True
    may_correct: bool = False


def by_in(given: object) -> By:
    """The way in an address to break an invoice down; by region for anything else."""
    return next((way for way in WAYS if way == given), By.REGION)


def screen(told: Told) -> Screen:
    """The whole page."""
    invoice, document, entry = told.invoice, told.invoice.document, told.invoice.entry
    currency, href = document.currency, invoice_href(told.slug, entry.number)
    products = statements.products(
        statements.invoice_lines(told.slug, invoice.lines, document, invoice.questions, sees_machines=told.sees_machines), currency
    )
    shown = row(told.slug, entry)
    return Screen(
        title=f"{_noun(entry)} {visible(entry.number)}",
        state=shown.state,
        tone=shown.tone,
        crumbs=[
            Step("Billing", billing_href(told.slug, Choice())),
            Step(f"{entry.starts_on:%B %Y}", billing_href(told.slug, Choice(month=entry.starts_on))),
            Step(visible(entry.number)),
        ],
        lead=_lead(entry),
        figure=format_minor(entry.balance_minor if _is_owed(entry) else document.gross_minor, currency),
        sentence=_sentence(told),
        news=visible(told.news) if told.news else "",
        by_product=by_product(products),
        totals=invoice_totals(invoice),
        pdf_label=f"{entry.starts_on:%B} {_noun(entry).lower()} (PDF)",
        pdf_href=f"{href}.pdf" if invoice.pdf_sha256 else "",
        xml_href=f"{href}.xml" if invoice.xml_sha256 else "",
        csv_href=f"{href}.csv",
        staff_href=f"{STAFF_INVOICES}?{urlencode({'invoice': entry.number})}" if told.may_correct else "",
        ways=[
            Choosing(label, href if way is By.REGION else f"{href}?by={way.value}", way is told.by)
            for way, label in WAYS.items()
            if way is not By.MACHINE or told.sees_machines
        ],
        parts=parts(told.parts, document.net_minor, currency),
        parts_head=WAYS[told.by],
        parts_total=format_minor(sum(part.amount_minor for part in told.parts), currency),
        parts_note="before tax; the parts sum to the net, to the cent",
        products=products,
        payments=[_payment(one, currency) for one in invoice.payments],
        notes=[row(told.slug, note) for note in invoice.credit_notes],
        facts=facts(document),
        files_month=f"{entry.starts_on:%B %Y}",
        files=month_files(told.slug, entry.starts_on),
    )


def parts(found: Sequence[Part], net_minor: int, currency: Currency) -> list[PartRow]:
    """The parts that sum to the net, the smallest of many as one."""
    shown, others = list(found[:MOST_PARTS]), list(found[MOST_PARTS:])
    if len(found) <= 31 and found and _is_day(found[0].key):
        shown, others = list(found), []
    largest = max((abs(part.amount_minor) for part in shown), default=0)
    rows = [_part(part, net_minor, largest, currency) for part in shown]
    if others:
        rest = Part("", f"{len(others):,} others", sum(part.amount_minor for part in others))
        rows.append(_part(rest, net_minor, largest, currency))
    return rows


def facts(document: Document) -> list[FactRow]:
    """Who bills whom, for which days, and the terms, as printed."""
    first, last = document.period
    found = [
        ("Billed to", _party(document.buyer)),
        ("From", _party(document.seller)),
        ("Days billed", present.period_text(Period(midnight(first), midnight(last) + DAY))),
        ("Issued", _day(document.issued_on)),
        ("Due", _day(document.due_on) if document.due_on else ""),
        ("Purchase order", document.purchase_order or ""),
        ("Terms", document.payment_terms),
        ("Pay to", f"{document.bank.iban} · {document.bank.bic or ''} · {document.bank.reference}" if document.bank else ""),
        ("Notes", " ".join(document.notes)),
        ("Marked", document.demo_label or ""),
    ]
    return [FactRow(label, visible(value)) for label, value in found if value]


def _is_day(key: str) -> bool:
    return len(key) == len("2026-10-01") and key[4:5] == key[7:8] == "-" and key[:4].isdecimal()


def _part(part: Part, net_minor: int, largest: int, currency: Currency) -> PartRow:
    has_code = bool(part.key) and part.key != part.label and not _is_day(part.key)
    return PartRow(
        label=visible(part.key if has_code else part.label),
        detail=visible(part.label) if has_code else "",
        title=visible(part.label),
        share=present.share_text(Fraction(part.amount_minor), Fraction(net_minor)) if part.amount_minor > 0 and net_minor > 0 else "",
        amount=format_minor(part.amount_minor, currency),
        width=f"{max(0, part.amount_minor) * 100 // largest if largest else 0}%",
        is_negative=part.amount_minor < 0,
    )


def _is_owed(entry: InvoiceEntry) -> bool:
    return entry.state in (State.OPEN, State.UNCOLLECTIBLE)


def _lead(entry: InvoiceEntry) -> str:
    if entry.kind is Kind.CREDIT_NOTE:
        return "Given back"
    match entry.state:
        case State.OPEN:
            return "Still to be paid"
        case State.PAID:
            return "Paid"
        case State.VOID:
            return "Void; it came to"
        case State.UNCOLLECTIBLE:
            return "Given up"
        case State.DRAFT:
            return "Draft"
        case _:
            assert_never(entry.state)


def _sentence(told: Told) -> list[Phrase]:
    entry, invoice = told.invoice.entry, told.invoice
    issued = f"Issued on {present.day_text(entry.issued_at.astimezone(UTC), year=True)}"
    reason = f" Reason: {visible(invoice.closed_reason)}" if invoice.closed_reason else ""
    if entry.kind is Kind.CREDIT_NOTE:
        correcting = [Phrase(f"{issued}; it corrects invoice "), Phrase(visible(told.corrected), invoice_href(told.slug, told.corrected))]
        return (
            [*correcting, Phrase(".")] if told.corrected else [Phrase(f"{issued}; it gives back what did not fit on the month's invoice.")]
        )
    return [Phrase(f"{issued}{due_words(entry)}.{reason}")]


def _payment(receipt: Receipt, currency: Currency) -> PaymentRow:
    return PaymentRow(
        _day(receipt.received_on),
        receipt.method[:1].upper() + receipt.method[1:],
        visible(receipt.reference),
        format_minor(receipt.amount_minor, currency),
    )


def _noun(entry: InvoiceEntry) -> str:
    return "Credit note" if entry.kind is Kind.CREDIT_NOTE else "Invoice"


def _party(party: Party) -> str:
    town = f"{party.postcode} {party.city}".strip()
    return ", ".join(filter(None, (party.name, *party.lines, town, party.country, f"VAT {party.vat_number}" if party.vat_number else "")))


def _day(day: date) -> str:
    return present.day_text(midnight(day), year=True)
