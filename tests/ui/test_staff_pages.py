"""Who may see and do what on staff's pages, asked of the functions that every handler calls."""

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

import billed_site
import pytest

from flyusage import clock, db
from flyusage.invoices.breakdowns import By
from flyusage.invoices.crediting import Coming
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import StaffRole
from flyusage.ui import session
from flyusage.ui.pages.invoice import question as invoice
from flyusage.ui.pages.staff.bank import state as bank
from flyusage.ui.pages.staff.close import question as closing
from flyusage.ui.pages.staff.experiments import state as experiments
from flyusage.ui.pages.staff.invoices import question as correcting
from flyusage.ui.pages.staff.prices import question as prices
from flyusage.ui.pages.staff.questions import state as questions
from flyusage.ui.pages.staff.queue import state as queue
from flyusage.ui.pages.staff.revenue import state as revenue
from flyusage.ui.pages.staff.seller import state as seller
from flyusage.ui.pages.staff.terms import question as terms
from flyusage.ui.pages.what_if import question as what_if
from flyusage.ui.pages.what_if.address import Choice

if TYPE_CHECKING:
    from conftest import Database

OCTOBER = date(2026, 10, 1)
READS: list[Callable[[], object]] = [
    lambda: closing.ask(OCTOBER), lambda: prices.ask("", ""), lambda: queue._ask("payment", False), lambda: revenue._ask(None, None),
    questions._waiting, lambda: terms.ask("prism", "price", ""), lambda: terms.ask("", "", "pr"), experiments._ask, seller._ask,
    lambda: bank._ask("PRISM-000001", ""), lambda: correcting.ask("PRISM-000001", ""),
]  # fmt: skip
CHANGES: list[Callable[[], object]] = [
    lambda: closing.close(OCTOBER, lambda _done, _total: None), lambda: closing.decide(OCTOBER, "rival", "", release=False, reason="x"),
    lambda: prices.new_draft("list", "", "2027-01-01", ""), lambda: prices.scale("list@2027-01-01", "5", "", ""),
    lambda: prices.publish("list@2027-01-01"), lambda: prices.discard("list@2027-01-01"), lambda: queue._hurry("payment", 1, 1),
    lambda: terms.agree("prism", "charge", {}), lambda: terms.end("prism", "fee 1", "2027-01-01"), lambda: terms.take_back("prism", "fee 1"),
    lambda: experiments._start(dict.fromkeys(experiments.FIELDS, "")), lambda: experiments._end("spring"),
    lambda: bank._enter("PRISM-000001", {}), lambda: seller._name(seller.SellerForm()),
    lambda: correcting.plan("PRISM-000001", {}), lambda: correcting.void("PRISM-000001", {}), lambda: correcting.give_up("PRISM-000001", {}),
    lambda: correcting.issue(correcting.Request("PRISM-000001", "x", None, None, Coming(1, 0, 1, 0, 0))),
]  # fmt: skip


@pytest.fixture(scope="module")
def number(shared_database: "Database") -> str:
    return billed_site.fill()


def hold(monkeypatch: pytest.MonkeyPatch, *roles: StaffRole) -> None:
    monkeypatch.setattr(session, "present_person", lambda: session.Person("Ann", session.LOOPBACK, frozenset(roles)))


@pytest.mark.parametrize("ask", [*READS, *CHANGES])
def test_who_is_not_staff_gets_nothing(number: str, ask: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    hold(monkeypatch)
    with pytest.raises(NotPermitted, match="platform's staff"):
        ask()


@pytest.mark.parametrize("role", list(StaffRole))
@pytest.mark.parametrize("ask", READS)
def test_every_role_reads(number: str, role: StaffRole, ask: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    hold(monkeypatch, role)
    with clock.freeze(billed_site.ISSUED_AT):
        assert ask() is not None


@pytest.mark.parametrize("role", [StaffRole.SUPPORT, StaffRole.OPERATOR])
@pytest.mark.parametrize("ask", CHANGES)
def test_only_billing_changes(number: str, role: StaffRole, ask: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    hold(monkeypatch, role)
    with pytest.raises(NotPermitted, match="billing"):
        ask()


def test_support_answers_and_operators_do_not(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(monkeypatch, StaffRole.OPERATOR)
    with pytest.raises(NotPermitted, match="support, billing"):
        questions._answer(1, "So.")


def test_a_member_tries_published_prices_alone_and_sees_nobody_else(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with clock.freeze(billed_site.ISSUED_AT):
        name = prices.new_draft("list", "", "2027-01-01", "secret plans")
        asked = Choice(version=name, everyone=True)
        staffs = what_if.ask("prism", asked)
        hold(monkeypatch)
        members = what_if.ask("prism", asked)
    assert staffs is not None
    assert [one.org for one in staffs.everyone.rows] == []  # the same prices as in force: nobody wins or loses
    assert staffs.everyone.sentence.startswith("0 organizations would pay more")
    assert members is not None
    assert (members.everyone.sentence, members.everyone.href, members.version) == ("", "", "")
    assert name not in {one.value for one in members.versions}
    monkeypatch.undo()
    with clock.freeze(billed_site.ISSUED_AT):
        prices.discard(name)


def test_drafting_changing_and_publishing_go_together(number: str) -> None:
    with clock.freeze(billed_site.ISSUED_AT):
        name = prices.new_draft("list", "trial", "2026-12-01", "for a trial")
        assert prices.scale(name, "-10", "machine.*", "gru") > 0
        assert {one.change for one in prices.ask(name, "").compared.rows} == {f"{prices.present.MINUS}10 %"}
        prices.publish(name)
        shown = prices.ask(name, "").compared
    assert not shown.is_draft


def test_a_decision_is_kept_and_shown(number: str) -> None:
    with clock.freeze(billed_site.ISSUED_AT):
        closing.decide(OCTOBER, "rival", "tax_undecided", release=True, reason="they told us")
        assert not [one for one in closing.ask(OCTOBER).rows if one.state == "Waits" and one.code == "tax_undecided"]
    with db.platform_transaction() as opened:
        kept = opened.connection().exec_driver_sql("SELECT decided_by, reason FROM billing_hold WHERE exception = 'tax_undecided'").one()
    assert tuple(kept) == ("system:loopback", "they told us")


HANDED_OVER = """INSERT INTO processor_invoice (org_id, invoice_id, processor_id, total_minor, created_at, compared_at, difference)
                 SELECT org_id, id, 'in_1', gross_minor, issued_at, issued_at, 'It shows <b>$1.00</b>.' FROM invoice"""
REFUSED = "UPDATE outbox SET attempts = 1, failure = 'down', last_error = 'no answer' WHERE kind = 'payment'"


def test_what_differs_at_the_processor_is_seen_and_a_member_is_told_why_payment_is_late(number: str) -> None:
    with db.platform_transaction() as opened:
        for statement in (HANDED_OVER, REFUSED):
            opened.connection().exec_driver_sql(statement)
    with clock.freeze(billed_site.ISSUED_AT):
        (row,) = queue._ask("payment", False).differing
        shown = invoice.ask(invoice.Asked("prism", number, By.REGION)).screen
    assert (row.number, row.said) == (number, "It shows <b>$1.00</b>. (seen Nov 2, 09:00 UTC)")
    assert shown is not None
    assert shown.news.startswith("Your invoice is correct; payment is delayed because the payment processor does not answer.")
