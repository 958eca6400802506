"""What the billing page says: amounts, words and ways on, from made-up months."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
import statements as made
from statements import AFTER, FRA, GRU, MEMORY, PERFORMANCE, SHARED, VOLUME, compiled, credit, hours, used

from flyusage.alerts.budgets import Budget, Plan, Standing
from flyusage.invoices.models import Kind, State
from flyusage.invoices.outlook import Outlook
from flyusage.invoices.queries import CurrencySum, InvoiceEntry, InvoicePage
from flyusage.invoices.statement import Statement
from flyusage.money import USD
from flyusage.pricing.forecast import Forecast
from flyusage.pricing.tax import TaxKey
from flyusage.pricing.terms import CreditKind, Discount, RecurringFee
from flyusage.ui import statements
from flyusage.ui.pages.billing.address import Choice, billing_href, choice_in, invoice_href
from flyusage.ui.pages.billing.listing import Issued, due_words, listing
from flyusage.ui.pages.billing.rows import Screen
from flyusage.ui.pages.billing.screen import Told, draft_screen

OCTOBER, SEPTEMBER = date(2026, 10, 1), date(2026, 9, 1)
MIDDLE = datetime(2026, 10, 15, tzinfo=UTC)
CLOSES = datetime(2026, 11, 1, 6, tzinfo=UTC)
HOSTILE = "<img src=x> \u202egnp %{y}"


def told(**changes: object) -> Told:
    return replace(Told("prism", OCTOBER, (OCTOBER, SEPTEMBER), MIDDLE, Choice(), CLOSES), **changes)


def open_draft(statement: Statement) -> Statement:
    return replace(statement, as_of=MIDDLE, is_open=True)


def said(screen: Screen) -> str:
    return "".join(phrase.text for phrase in screen.sentence)


def test_the_answer_comes_first_in_a_sentence() -> None:
    # 100 h of 1.00 = 100.00, 19 % of it = 19.00
    shown = draft_screen(told(), open_draft(compiled([hours(100)])), Outlook(24990, "As before."))
    assert (shown.lead, shown.owed) == ("You owe so far for October", "$119.00")
    assert said(shown) == "complete to Oct 15, 00:00 UTC; heading for $249.90 by the end of October."
    assert shown.note == "October 2026 so far"
    assert [(one.label, one.amount) for one in shown.totals] == [
        ("Net", "$100.00"),
        ("VAT 19 %", "$19.00"),
        ("Gross", "$119.00"),
        ("Due so far", "$119.00"),
    ]


def test_the_budget_has_its_line() -> None:
    budget = Budget(1, Plan("All <b>", 20_000), "USD", MIDDLE)
    tight = Standing(budget, OCTOBER, 8_120, Forecast(19_050.4, 18_000, 20_000))
    shown = draft_screen(told(budget=tight), open_draft(compiled([hours(100)])), None)
    assert said(shown).endswith(
        " Budget All <b>: $81.20 of $200.00 used (41 %); $190.50 expected by the month's end, before discounts, fees and tax."
    )
    assert shown.sentence[-2].href == "/orgs/prism/budgets"
    spent = replace(tight, spent_minor=20_000, expected=None)
    assert "(100 %), so it is spent, before" in said(draft_screen(told(budget=spent), open_draft(compiled([hours(1)])), None))
    assert "Budget" not in said(draft_screen(told(now=AFTER, budget=tight), compiled([hours(1)]), None))


def test_a_month_that_is_over_says_until_when_late_events_count() -> None:
    over = told(now=datetime(2026, 11, 1, 1, tzinfo=UTC))
    assert said(draft_screen(over, compiled([hours(100)]), None)) == (
        "for the whole month. Late events still count until Nov 1, 06:00 UTC; then it is issued."
    )
    assert "It is issued when the month is closed." in said(draft_screen(told(now=AFTER), compiled([hours(100)]), None))


def test_a_month_before_that_waits_for_its_invoice_is_named_with_a_way_to_it() -> None:
    shown = draft_screen(told(unbilled=SEPTEMBER), open_draft(compiled([hours(1)])), None)
    assert said(shown).endswith("September is not billed yet.")
    assert "/orgs/prism/billing?month=2026-09" in [phrase.href for phrase in shown.sentence]


def test_subtotals_and_lines_sum_to_the_net() -> None:
    fee = RecurringFee("Support", OCTOBER, unit_amount=Decimal(29), currency="USD")
    statement = compiled([hours(100), hours(7, size=PERFORMANCE, region=GRU), used(VOLUME, made.GB_MONTH * 10)], fees=[fee])
    # 100.00 + 70.00 machines, 1.50 volumes, 29.00 support
    shown = draft_screen(told(), open_draft(statement), None)
    assert [(one.name, one.amount) for one in shown.products] == [
        ("Machines", "$170.00"),
        ("Storage", "$1.50"),
        ("Plans and fees", "$29.00"),
    ]
    assert shown.totals[0].amount == "$200.50"


def test_a_region_with_several_lines_has_a_heading_and_one_with_a_single_line_needs_none() -> None:
    several = statements.products(statements.draft_lines("prism", compiled([hours(1), hours(2, size=PERFORMANCE)])), USD)
    assert [(one.name, one.count, one.amount) for one in several[0].regions] == [("fra · Frankfurt", "2 lines", "$21.00")]
    single = statements.products(statements.draft_lines("prism", compiled([hours(1), hours(2, region=GRU)])), USD)
    assert [(line.description, line.where) for line in single[0].regions[0].lines] == [
        ("shared-cpu-1x", "fra · Frankfurt"),
        ("shared-cpu-1x", "gru · São Paulo"),
    ]


def test_the_regions_of_a_long_statement_wait_closed() -> None:
    lines = statements.draft_lines("prism", compiled([hours(1), hours(2, size=PERFORMANCE)]))
    assert all(region.is_open for region in statements.products(lines, USD)[0].regions)
    assert not any(region.is_open for region in statements.products(lines * 40, USD)[0].regions)


def test_why_goes_from_quantity_to_the_cent_and_on_to_the_usage() -> None:
    statement = open_draft(compiled([used(made.CPU_SHARED, 3601, size=SHARED), used(MEMORY, 1024 * 3600, size=SHARED)]))
    (line,) = [one.row for one in statements.draft_lines("prism", statement)]
    assert line.description == "shared-cpu-1x with extra memory"
    assert line.price == ""  # quantity times price would not tell the amount
    # 3601 ÷ 3600 × 1.00 + 1 × 0.50 = 1.500277…, rounded by −0.000277…
    assert [step.amount for step in line.steps] == ["1.000277777778…", "0.5", "−0.000277777778…"]
    assert line.amount == "$1.50"
    assert line.source == "Price version of Jan 1, 2020."
    assert line.source_href == "/orgs/prism/prices?region=fra&sku=machine.shared-cpu-1x"
    assert line.evidence_href.startswith("/orgs/prism/usage?show=list_cost")
    assert "sku=machine.shared-cpu-1x,machine.extra_ram" in line.evidence_href
    assert line.command == f"flyusage costs why --org prism --month 2026-10 {line.key}"


def test_a_reduction_says_what_it_takes_from_where() -> None:
    statement = compiled([hours(100)], discounts=[Discount("Launch", OCTOBER, percent=Decimal(10))])
    line = statements.draft_lines("prism", statement)[-1].row
    assert (line.description, line.amount, line.is_reduction) == ("Launch", "−$10.00", True)
    assert [(step.text, step.amount) for step in line.taken] == [("shared-cpu-1x, fra · Frankfurt", "−$10.00")]


def test_prepaid_credits_stand_between_gross_and_due() -> None:
    statement = compiled([hours(100)], prepaid=[credit(CreditKind.PREPAID, 1900)])
    rows = [(one.label, one.amount) for one in statements.reckoned(statement)]
    assert rows[-3:] == [("Gross", "$119.00"), ("Paid from prepaid credits", "−$19.00"), ("Due", "$100.00")]


def test_undecided_tax_is_no_zero_and_says_the_next_step() -> None:
    statement = open_draft(compiled([hours(100)], tax=TaxKey("", Decimal(0), "The customer's country is not known.")))
    shown = draft_screen(told(), statement, None)
    assert ("Tax", "not yet known") in [(one.label, one.amount) for one in shown.totals]
    assert "complete to Oct 15, 00:00 UTC, before tax." in said(shown)
    assert shown.troubles[0].text == "The customer's country is not known. Enter the billing address, then the tax can be reckoned."


def test_unpriced_usage_is_named_with_a_way_to_see_it() -> None:
    # nobody has a price for the GPU
    shown = draft_screen(told(), open_draft(compiled([hours(5, size=made.GPU)])), None)
    (trouble,) = shown.troubles
    assert "no price for machine.a10" in trouble.text
    assert "sku=machine.a10" in trouble.href
    assert shown.nothing == "Nothing was used or agreed in October so far."


def test_hostile_names_stand_there_literally() -> None:
    fee = RecurringFee(HOSTILE, OCTOBER, unit_amount=Decimal(1), currency="USD")
    (line,) = [one.row for one in statements.draft_lines("prism", compiled([], fees=[fee]))]
    assert line.description == "<img src=x> ‹RLO›gnp %{y}"


def test_the_command_repeats_the_numbers_of_the_screen() -> None:
    shown = draft_screen(told(), open_draft(compiled([hours(1)])), None)
    assert shown.command == "flyusage invoices draft --org prism --month 2026-10 --as-of 2026-10-15T00:00:00Z"
    over = draft_screen(told(now=AFTER), compiled([hours(1)]), None)
    assert over.command == "flyusage invoices draft --org prism --month 2026-10"


@pytest.mark.parametrize(
    ("quantity", "unit", "text"),
    [
        (Decimal("1488"), "hours", "1,488 hours"),
        (Decimal("126976.204167"), "hours", "126,976.20 hours"),
        (Decimal("18.666667"), "GB-months", "18.67 GB-months"),
        (Decimal("0.250000"), "GB", "0.25 GB"),
        (Decimal(1), "month", "1 month"),
        (Decimal(1), "hours", "1 hour"),
        (Decimal(1), "", ""),
        (Decimal(-3), "hours", "−3 hours"),
        (Decimal("1E+3"), "GB", "1,000 GB"),
    ],
)
def test_quantities_read_as_on_the_invoice(quantity: Decimal, unit: str, text: str) -> None:
    assert statements.quantity_text(quantity, unit) == text


def test_unit_prices_keep_every_digit() -> None:
    assert statements.price_text(Decimal("0.0538194456"), "per hour", USD) == "$0.0538194456 per hour"
    assert statements.price_text(Decimal("29"), "per month", USD) == "$29.00 per month"


def entry(number: str, **changes: object) -> InvoiceEntry:
    made_entry = InvoiceEntry(
        org_id=1, id=1, number=number, kind=Kind.INVOICE, state=State.OPEN, starts_on=OCTOBER, issued_at=AFTER, due_on=date(2026, 12, 2),
        currency="USD", net_minor=10000, tax_minor=1900, gross_minor=11900, due_minor=11900, balance_minor=1900, buyer="Prism GmbH",
        refers_to=None, is_overdue=False,
    )  # fmt: skip
    return replace(made_entry, **changes)


def test_the_list_tells_open_overdue_and_given_back_apart() -> None:
    note = entry("PRISM-C000001", kind=Kind.CREDIT_NOTE, due_on=None, state=State.PAID)
    page = InvoicePage(
        (entry("PRISM-000002", is_overdue=True), entry("PRISM-000001"), note), (CurrencySum("USD", 3, 1, 11900, 3800),), None
    )
    shown = listing("prism", Issued(page, (2026,), OCTOBER), Choice())
    assert [(row.state, row.tone, row.total, row.balance) for row in shown.rows] == [
        ("Overdue", "late", "$119.00", "$19.00"),
        ("Open", "open", "$119.00", "$19.00"),
        ("Credited", "ok", "−$119.00", "–"),
    ]
    assert (shown.sums[0].total, shown.sums[0].balance) == ("$119.00", "$38.00")
    assert (shown.count, shown.older_href) == ("3 documents", "")


def test_an_empty_list_teaches_and_a_narrow_one_says_what_is_searched() -> None:
    nothing = Issued(InvoicePage((), (), None), (), SEPTEMBER)
    assert not listing("prism", nothing, Choice()).has_any
    assert listing("prism", nothing, Choice()).empty_command == "flyusage bill close 2026-09 --org prism"
    assert listing("prism", nothing, Choice(find="x")).has_any


def test_the_list_continues_behind_its_last_entry() -> None:
    shown = listing("prism", Issued(InvoicePage((entry("A"),), (), "2026-11-02T00:00:00+00:00_7"), (2026,), OCTOBER), Choice(state="open"))
    assert choice_in({"after": "2026-11-02T00:00:00+00:00_7"}).after == "2026-11-02T00:00:00+00:00_7"
    assert shown.older_href == "/orgs/prism/billing?state=open&after=2026-11-02T00%3A00%3A00%2B00%3A00_7"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.OPEN, "; $19.00 is to be paid by Dec 2, 2026"),
        (State.PAID, " and is paid"),
        (State.VOID, " and is void: nothing is owed on it"),
        (State.UNCOLLECTIBLE, "; $19.00 was given up as uncollectible"),
    ],
)
def test_what_there_is_to_say_about_paying(state: State, words: str) -> None:
    assert due_words(entry("A", state=state)) == words


def test_an_address_says_the_choice_and_gives_it_back() -> None:
    choice = Choice(OCTOBER, "overdue", 2026, "<x> & y", "2026_7")
    href = billing_href("prism", choice)
    assert href == "/orgs/prism/billing?month=2026-10&state=overdue&year=2026&find=%3Cx%3E+%26+y&after=2026_7"
    assert choice_in({"month": "2026-10", "state": "overdue", "year": "2026", "find": "<x> & y", "after": "2026_7"}) == choice
    assert invoice_href("prism", "A/ B") == "/orgs/prism/invoices/A%2F%20B"


@pytest.mark.parametrize(
    "query",
    [
        {"month": "2026-13", "state": "sold", "year": "9999", "find": ["x"], "after": 7},
        {"month": None, "year": "0000"},
        {"year": "20٢6"},
        {},
    ],
)
def test_nonsense_in_the_address_chooses_nothing(query: dict[str, object]) -> None:
    assert choice_in(query) == Choice()


def test_the_amounts_of_a_page_are_never_rounded_twice() -> None:
    # two lines of 0.005 are two cents, not one: each is rounded once, and the subtotal is their sum
    halves = [used(made.CPU_SHARED, 18, size=SHARED, region=region) for region in (FRA, GRU)]
    statement = compiled(halves)
    assert [Fraction(line.exact) for line in statement.lines] == [Fraction(1, 200)] * 2
    (machines,) = statements.products(statements.draft_lines("prism", statement), USD)
    assert machines.amount == "$0.02"
