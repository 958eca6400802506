"""What staff's pages say, from made-up answers."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from flyusage.invoices.closing import Closed, Failure
from flyusage.invoices.issuing import Outcome, Result
from flyusage.invoices.models import Kind, State
from flyusage.invoices.outbox import Backlog, Waiting
from flyusage.invoices.queries import InvoiceEntry
from flyusage.invoices.statement import Problem
from flyusage.money import EUR, USD
from flyusage.pricing.agreed_words import withdrawn_words
from flyusage.pricing.books import PriceBook
from flyusage.pricing.cohort_revenue import CohortMonth
from flyusage.pricing.experiments import Experiment
from flyusage.pricing.listed import ListedPrice
from flyusage.pricing.tax import Seller
from flyusage.pricing.versions import Comparison, PriceChange, Version
from flyusage.ui.pages.staff.bank import state as bank
from flyusage.ui.pages.staff.close import question as closing
from flyusage.ui.pages.staff.experiments import state as experiments
from flyusage.ui.pages.staff.prices import question as prices
from flyusage.ui.pages.staff.queue.state import screen_of as queue_screen
from flyusage.ui.pages.staff.revenue.state import screen_of as revenue_screen
from flyusage.ui.pages.staff.seller import state as seller

NOW = datetime(2026, 11, 15, tzinfo=UTC)
OCTOBER = date(2026, 10, 1)
BOOK = PriceBook(1, "list", "List prices", "USD", False)
IN_FORCE = Version(1, BOOK, date(2024, 11, 1), datetime(2024, 10, 1, tzinfo=UTC), "", 2)
DRAFT = Version(2, BOOK, date(2027, 1, 1), None, "up", 2)
JUMP = Problem("total_jump", "$90.00 net is 80 % more than last month's $50.00.")


def closed(*outcomes: Outcome, failures: list[Failure] | None = None) -> Closed:
    return Closed(OCTOBER, list(outcomes), failures or [])


def outcome(slug: str, result: Result, **changes: object) -> Outcome:
    return replace(Outcome(1, slug, result, currency=USD, net_minor=1000, gross_minor=1190), **changes)


def close_screen(found: Closed, now: datetime = NOW) -> closing.Screen:
    return closing.screen(OCTOBER, found, now, organizations=len(found.outcomes))


def test_closing_asks_once_and_says_what_it_does() -> None:
    shown = close_screen(closed(outcome("a", Result.ISSUED), outcome("b", Result.PRESENT), outcome("c", Result.ISSUED, currency=EUR)))
    assert (shown.lead, shown.figure) == ("October 2026: invoices that could be issued now", "2")
    assert shown.close_says.startswith("This issues 2 invoices for October 2026, with numbers")
    assert shown.close_does == "Issue 2 invoices"
    assert [(one.label, one.amount) for one in shown.totals] == [
        ("1 invoice in EUR, net", "€10.00"), ("with tax", "€11.90"), ("2 invoices in USD, net", "$20.00"), ("with tax", "$23.80"),
    ]  # fmt: skip


def test_what_waits_comes_first_and_what_is_released_last() -> None:
    shown = close_screen(
        closed(
            outcome("a", Result.ISSUED, problems=(JUMP,)),
            outcome("b", Result.HELD, held="they asked"),
            outcome("c", Result.WAITING, problems=(JUMP,), waiting=(JUMP,)),
            failures=[Failure(9, "d", "No price book.")],
        )
    )
    assert [(one.org, one.code, one.state) for one in shown.rows] == [
        ("c", "total_jump", "Waits"),
        ("b", "", "Held"),
        ("a", "total_jump", "Released"),
    ]
    assert shown.failures == ["d: No price book."]
    assert "1 waits for a decision" in shown.sentence


def test_hundreds_of_exceptions_are_cut_and_the_command_is_named() -> None:
    many = [outcome(f"c{number:03}", Result.WAITING, problems=(JUMP,), waiting=(JUMP,)) for number in range(201)]
    shown = close_screen(closed(*many))
    assert len(shown.rows) == 200
    assert shown.rows_note.startswith("the first 200 of 201; `flyusage bill release 2026-10 --exception")


def test_a_month_that_late_events_still_change_is_not_closed_yet() -> None:
    shown = close_screen(closed(outcome("a", Result.ISSUED)), datetime(2026, 11, 1, 1, tzinfo=UTC))
    assert (shown.close_label, shown.early) == ("", "Late events still count until Nov 1, 06:00 UTC; then October can be closed.")


def test_many_organizations_are_closed_by_the_command() -> None:
    shown = closing.screen(OCTOBER, closed(), NOW, organizations=30_000, is_too_many=True)
    assert shown.too_many.startswith("30,000 organizations are more than")
    assert shown.command == "flyusage bill close 2026-10"


def task(**changes: object) -> Waiting:
    made = Waiting(3, "prism", 9, "payment", 7, "PRISM-000001", "issued", NOW - timedelta(days=2), NOW, 0, None, None, "USD", 17850)
    return replace(made, **changes)


def test_the_queue_says_age_and_last_error_literally() -> None:
    failed = task(attempts=4, last_error="<b>503</b>\u202e", due_at=NOW + timedelta(minutes=5))
    shown = queue_screen(
        "payment", {"payment": Backlog("payment", 2, 1, NOW - timedelta(days=2))}, [failed, task()], NOW, failing_only=False
    )
    assert shown.sentence == "2 wait, 1 failed before; the oldest since 2 days ago."
    first, second = shown.rows
    assert (first.key, first.age, first.state, first.tone, first.error) == (
        "3-7", "2 days ago", "4 attempts, again at Nov 15, 00:05 UTC", "late", "<b>503</b>‹RLO›",
    )  # fmt: skip
    assert (second.key, second.state, second.tone, second.amount) == ("", "due now", "open", "$178.50")
    assert [one.label for one in shown.kinds] == ["Payment processor · 2", "Mail", "Documents"]


def test_an_empty_queue_teaches() -> None:
    shown = queue_screen("mail", {}, [], NOW, failing_only=False)
    assert (shown.nothing, shown.rows) == ("All mail is sent.", [])


def price(amount: str) -> ListedPrice:
    return ListedPrice("machine.a", "fra", Decimal(amount), 1, "machine-second")


def books(*changes: PriceChange) -> prices.Told:
    comparison = Comparison(IN_FORCE, DRAFT, changed=changes, added=(), removed=())
    return prices.Told([IN_FORCE, DRAFT], NOW.date(), comparison, (), "prism")


def test_a_draft_stands_beside_what_is_in_force() -> None:
    shown = prices.screen(books(PriceChange("machine.a", "fra", price("0.000001"), price("0.00000105"))))
    assert [(one.name, one.state) for one in shown.versions] == [("list@2027-01-01", "Draft"), ("list@2024-11-01", "In force")]
    assert shown.compared.title == "list@2027-01-01 (draft) beside list@2024-11-01"
    (row,) = shown.compared.rows
    # 0.000001 × 3,600 = 0.0036, 0.00000105 × 3,600 = 0.00378
    assert (row.before, row.after, row.change, row.tone) == ("$0.0036 per hour", "$0.0038 per hour", "+5 %", "up")
    assert shown.compared.publish_says.startswith("Everybody who buys from list pays these 2 prices from Jan 1, 2027, 00:00 UTC on.")
    assert shown.compared.what_if_href == "/orgs/prism/what-if?version=list@2027-01-01&everyone=1"


def test_the_same_prices_say_so() -> None:
    assert prices.screen(books()).compared.summary == "The prices are the same."


def test_cohorts_stand_side_by_side_for_each_organization() -> None:
    experiment = Experiment(1, "winter", BOOK, replace(BOOK, slug="trial", name="Trial"), Decimal("10.0"), date(2026, 10, 1), None, "")
    months = [CohortMonth(OCTOBER, True, 2, Fraction(30), False), CohortMonth(OCTOBER, False, 4, Fraction(40), False)]
    shown, figure = revenue_screen([], [experiment], experiment, months, None)
    assert figure is None
    (row,) = shown.cohorts
    # 15.00 each beside 10.00 each
    assert (row.part, row.part_mean, row.rest_mean, row.difference) == ("$30.00 of 2 organizations", "$15.00", "$10.00", "+50.0 %")
    assert shown.about.startswith("10 % of the buyers of List prices buy at Trial from Oct 1, 2026, until it is ended.")


def owed(number: str, state: State, due_on: date, balance_minor: int, currency: str = "USD") -> InvoiceEntry:
    return InvoiceEntry(
        1, 1, number, Kind.INVOICE, state, OCTOBER, NOW, due_on, currency, 9000, 0, 9000, 9000, balance_minor, "Prism <b>", None, False
    )  # fmt: skip


def test_what_is_longest_due_is_paid_first_and_the_form_begins_with_what_is_left() -> None:
    late, yen = owed("P-1", State.OPEN, date(2026, 11, 1), 4050), owed("P-2", State.OPEN, date(2026, 12, 1), 9000, "JPY")
    shown = bank.screen_of(late, [yen, late], [], "", NOW.date())
    assert [(one.number, one.due, one.tone, one.balance) for one in shown.rows] == [
        ("P-1", "overdue since Nov 1, 2026", "late", "$40.50"), ("P-2", "due Dec 1, 2026", "open", "¥9,000"),
    ]  # fmt: skip
    assert (shown.opened.amount, shown.opened.says) == ("40.50", "$40.50 of $90.00 is to be paid, due Nov 1, 2026.")
    paid = bank.screen_of(replace(late, state=State.PAID, balance_minor=0), [], [], "", NOW.date()).opened
    assert (paid.amount, paid.says.startswith("Nothing of it is to be paid (paid)")) == ("", True)
    assert bank.screen_of(yen, [], [], "", NOW.date()).opened.amount == "9000"


def test_an_experiment_says_what_ending_it_does_and_one_that_is_over_cannot_be_ended() -> None:
    trial = replace(BOOK, id=2, slug="trial", name="Trial")
    runs = Experiment(1, "spring", BOOK, trial, Decimal("12.5000"), date(2026, 11, 1), None, "", frozenset({7}), frozenset())
    over, later = replace(runs, ends_on=date(2026, 11, 10)), replace(runs, starts_on=date(2026, 12, 1))
    last_day, never = replace(runs, ends_on=date(2026, 11, 16)), replace(later, ends_on=date(2026, 12, 1))
    rows = experiments.screen_of([runs, over, later, last_day, never], [(3, 4)] * 5, ["list", "trial"], NOW.date()).rows
    assert [(one.state, one.end) for one in rows] == [
        ("Runs", "End it"), ("Over", ""), ("To come", "End it"), ("Runs", ""), ("Never began", ""),
    ]  # fmt: skip
    assert (rows[0].who, rows[0].cohorts) == ("12.5 % of its buyers, 1 named", "3 in, 4 not")
    assert rows[0].end_says.startswith("3 organizations buy from List prices again from tomorrow, Nov 16, 2026, 00:00 UTC on")
    assert rows[2].end_says.startswith("spring then never begins.")


def test_withdrawing_says_which_billed_months_stay() -> None:
    months = [date(2026, 9, 1), OCTOBER]
    assert withdrawn_words(months, date(2026, 11, 1), None).endswith("the audit keeps what it said.")
    assert "October 2026 is billed with it and stays as issued" in withdrawn_words(months, date(2026, 10, 9), None)
    assert "2 months, September 2026 to October 2026, are billed" in withdrawn_words(months, date(2026, 1, 1), None)
    assert "September 2026 is billed" in withdrawn_words(months, date(2026, 1, 1), OCTOBER)


def test_the_form_begins_with_the_last_seller_but_not_with_the_invented_one() -> None:
    invented = Seller(date(2024, 1, 1), "Demo", ("Street 1",), "1", "Town", "DE", "a@demo.example", is_demo=True)
    ours = Seller(
        date(2026, 12, 1), "Acme", ("Street 1", "Floor 2"), "1", "Town", "DE", "a@acme.example", iban="DE89", logo=b"\x89PNG\r\n\x1a\n"
    )
    assert seller.screen_of([invented], NOW.date()).form == seller.SellerForm(starts_on="2026-11-01")
    shown = seller.screen_of([invented, ours], NOW.date())
    assert [(one.name, one.state) for one in shown.rows] == [("Acme", "To come"), ("Demo", "Now")]
    assert (shown.form.starts_on, shown.form.address, shown.form.keep_logo) == ("2026-12-01", "Street 1\nFloor 2", "on")
