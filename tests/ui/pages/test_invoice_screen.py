"""What an invoice's page says, from an invoice made by hand: 100.00 and 23.45 at 19 % VAT are 123.45 + 23.46 = 146.91."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from documents import credit_note, document

from flyusage.invoices.breakdowns import By, Part
from flyusage.invoices.document import Document
from flyusage.invoices.lines_csv import lines_csv
from flyusage.invoices.models import Kind, State
from flyusage.invoices.queries import InvoiceDetail, InvoiceEntry, InvoiceLine
from flyusage.invoices.settlement import Receipt
from flyusage.money import EUR, USD
from flyusage.ui.pages.invoice.screen import MOST_PARTS, Told, by_in, facts, parts, screen

HOSTILE = "=<b>x</b>\u202egnp"
STEPS = [{"text": "100 × 1", "amount": "100"}, {"text": "1/3 left", "amount": "-1/3"}]


def invoice_line(position: int, amount_minor: int, **changes: object) -> InvoiceLine:
    made = InvoiceLine(
        position=position, kind="usage", key=f"machine/{position}", product="Machines", region="fra · Frankfurt", description="shared-cpu-1x",
        starts_on=date(2026, 10, 1), ends_on=date(2026, 11, 1), quantity=Decimal(100), unit="hours", unit_price=Decimal(1),
        amount_minor=amount_minor, exact="100", tax_category="S", tax_percent=Decimal(19), price_id=1, price_version=date(2024, 7, 1),
        working={"steps": STEPS}, components=[{}], evidence="show=list_cost&region=fra", refers_to_position=None,
    )  # fmt: skip
    return replace(made, **changes)


def detail(printed: Document | None = None, **changes: object) -> InvoiceDetail:
    printed = printed or document()
    kind = Kind(printed.kind)
    entry = InvoiceEntry(
        org_id=1, id=1, number=printed.number, kind=kind, state=State.OPEN, starts_on=date(2026, 10, 1),
        issued_at=datetime(2026, 11, 1, 6, tzinfo=UTC), due_on=printed.due_on, currency="EUR", net_minor=printed.net_minor,
        tax_minor=printed.tax_minor, gross_minor=printed.gross_minor, due_minor=printed.due_minor, balance_minor=printed.due_minor,
        buyer="Prism", refers_to=None, is_overdue=False,
    )  # fmt: skip
    entry = replace(entry, **{name: changes.pop(name) for name in ("state", "balance_minor", "is_overdue") if name in changes})
    made = InvoiceDetail(
        entry=entry, lines=(invoice_line(1, 10000), invoice_line(2, 2345)), document=printed, snapshot_sha256="a", pdf_sha256="b",
        xml_sha256="c", payments=(), credit_notes=(), questions=(), closed_at=None, closed_reason=None,
    )  # fmt: skip
    return replace(made, **changes)


def shown(invoice: InvoiceDetail, *found: Part, corrected: str = ""):
    return screen(Told("prism", invoice, By.REGION, found, corrected))


def said(page) -> str:
    return "".join(phrase.text for phrase in page.sentence)


def test_what_is_to_be_paid_comes_first() -> None:
    page = shown(detail())
    assert (page.title, page.state, page.lead, page.figure) == ("Invoice PRISM-000042", "Open", "Still to be paid", "€146.91")
    assert said(page) == "Issued on Nov 1, 2026; €146.91 is to be paid by Dec 1, 2026."
    assert [(row.label, row.amount) for row in page.totals] == [
        ("Net", "€123.45"), ("VAT 19 %", "€23.46"), ("Gross", "€146.91"), ("Still to be paid", "€146.91"),
    ]  # fmt: skip


def test_a_part_payment_leaves_the_rest() -> None:
    receipt = Receipt(10000, date(2026, 11, 9), HOSTILE)
    page = shown(detail(balance_minor=4691, payments=(receipt,)))
    assert page.figure == "€46.91"
    assert ("Paid or credited since", "−€100.00") in [(row.label, row.amount) for row in page.totals]
    assert (page.payments[0].received, page.payments[0].amount, page.payments[0].reference) == (
        "Nov 9, 2026", "€100.00", "=<b>x</b>‹RLO›gnp",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "balance", "lead", "figure"),
    [
        (State.PAID, 0, "Paid", "€146.91"),
        (State.VOID, 14691, "Void; it came to", "€146.91"),
        (State.UNCOLLECTIBLE, 4691, "Given up", "€46.91"),
    ],
)
def test_each_state_says_what_it_is(state: State, balance: int, lead: str, figure: str) -> None:
    page = shown(detail(state=state, balance_minor=balance, closed_reason="Billed twice." if state == State.VOID else None))
    assert (page.lead, page.figure) == (lead, figure)
    assert ("Reason: Billed twice." in said(page)) == (state == State.VOID)


def test_an_overdue_invoice_says_so() -> None:
    assert said(shown(detail(is_overdue=True))).endswith("by Dec 1, 2026; it is overdue.")


def test_a_credit_note_leads_to_what_it_corrects_and_owes_nothing() -> None:
    page = shown(detail(credit_note(document()), state=State.PAID, balance_minor=0), corrected="PRISM-000042")
    assert (page.title, page.lead) == ("Credit note PRISM-CN-000003", "Given back")
    assert ("PRISM-000042", "/orgs/prism/invoices/PRISM-000042") in [(phrase.text, phrase.href) for phrase in page.sentence]
    assert page.totals[-1].label == "Gross"
    assert page.pdf_label == "October credit note (PDF)"


def test_downloads_stand_at_the_pages_own_address() -> None:
    page = shown(detail())
    assert (page.pdf_href, page.xml_href, page.csv_href) == tuple(
        f"/orgs/prism/invoices/PRISM-000042.{ending}" for ending in ("pdf", "xml", "csv")
    )
    assert page.pdf_label == "October invoice (PDF)"
    assert shown(detail(pdf_sha256=None)).pdf_href == ""


def test_a_line_opens_its_frozen_working() -> None:
    (machines,) = shown(detail()).products
    line = machines.regions[0].lines[0]
    assert [(step.text, step.amount) for step in line.steps] == [("100 × 1", "100"), ("1/3 left", "−0.333333333333…")]
    assert line.evidence_href == "/orgs/prism/usage?show=list_cost&region=fra"
    assert line.price == "€1.00 per hour"
    assert line.source == "Price version of Jul 1, 2024."


def test_parts_sum_to_the_net_however_many_there_are() -> None:
    many = [Part(f"app{number}", f"app{number}", 100) for number in range(40)]
    rows = parts(many, 4000, USD)
    assert len(rows) == MOST_PARTS + 1
    assert (rows[-1].label, rows[-1].amount, rows[-1].share) == ("15 others", "$15.00", "37.5 %")


def test_parts_below_zero_have_neither_bar_nor_share() -> None:
    rows = parts([Part("fra", "Frankfurt", 200), Part("", "No region", -50)], 150, EUR)
    assert [(row.label, row.detail, row.amount, row.width, row.is_negative) for row in rows] == [
        ("fra", "Frankfurt", "€2.00", "100%", False),
        ("No region", "", "−€0.50", "0%", True),
    ]
    assert rows[1].share == ""


def test_all_days_of_a_month_are_shown() -> None:
    days = [Part(f"2026-10-{day:02d}", f"Oct {day}", 1) for day in range(1, 32)]
    assert [row.label for row in parts(days, 31, EUR)] == [f"Oct {day}" for day in range(1, 32)]


def test_what_was_printed_stands_below() -> None:
    found = {fact.label: fact.value for fact in facts(document())}
    assert found["Days billed"] == "Oct 1 – 31, 2026"
    assert found["Purchase order"] == "PO-7781"
    assert found["Pay to"].startswith("DE02 1203")


def test_the_csv_sums_to_the_net_and_runs_nothing() -> None:
    invoice = detail(lines=(invoice_line(1, 10000, description=HOSTILE), invoice_line(2, 2345, product="@x")))
    rows = list(lines_csv(invoice))
    assert rows[0].startswith("invoice,position,kind,product,region,description,from,until,quantity")
    assert ",'=<b>x</b>" in rows[1]
    assert ",'@x," in rows[2]
    assert [row.split(",EUR")[0].rpartition(",")[2] for row in rows[1:]] == ["100.00", "23.45", "123.45"]


@pytest.mark.parametrize(
    ("given", "by"), [("app", By.APP), ("day", By.DAY), ("sku", By.REGION), ("", By.REGION), (None, By.REGION), (["app"], By.REGION)]
)
def test_the_address_says_the_way_to_break_it_down(given: object, by: By) -> None:
    assert by_in(given) is by
