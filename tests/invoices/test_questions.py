"""Questions on a line: a member asks, staff answers, both are audited, and nobody else sees them."""

from typing import TYPE_CHECKING

import pytest
from billing_world import bill_to, billed, rows, take_in, volume

from flyusage import db
from flyusage.invoices import questions
from flyusage.invoices.errors import AmountInvalid, InvoiceUnknown, StateForbids
from flyusage.invoices.storing import Issued
from flyusage.orgs.acting import member, system
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role

if TYPE_CHECKING:
    from conftest import Begun

STAFF = system("staff")
OWNER = member(7, Role.OWNER)


def an_invoice() -> tuple[int, Issued]:
    """Prism's invoice of $150.00."""
    org_id = take_in(*volume("v1", 1000), *volume("v2", 1, org="rival"))["prism"]
    bill_to(org_id)
    return org_id, billed(org_id)


@pytest.fixture
def issued(begun: "Begun") -> tuple[int, Issued]:
    return begun(an_invoice)


def ask(org_id: int, invoice_id: int, note: str = "Why?", **changes: object) -> int:
    with db.transaction(org_id) as session:
        return questions.ask(session, org_id, invoice_id, **{"position": 1, "note": note, "by": OWNER, **changes})


def asked(org_id: int, invoice_id: int) -> list[questions.Question]:
    with db.transaction(org_id) as session:
        return questions.questions(session, org_id, invoice_id)


def test_a_member_asks_staff_answers_and_the_audit_knows_both(issued: tuple[int, Issued]) -> None:
    org_id, invoice = issued
    made = ask(org_id, invoice.id, "  Why so much?  ")
    with db.platform_transaction() as session:
        (waiting,) = questions.open_questions(session)
        assert (waiting.org_id, waiting.number, waiting.question.note) == (org_id, "PRISM-000001", "Why so much?")
        questions.answer(session, org_id, made, "1,000 GB all month.", by=STAFF)
        assert questions.open_questions(session) == []
    (one,) = asked(org_id, invoice.id)
    assert (one.state, one.answer, one.asked_by, one.answered_by) == ("answered", "1,000 GB all month.", "user:7", "system:staff")
    kept = rows("SELECT actor, action FROM audit_event WHERE action IN ('invoice.question', 'invoice.answer') ORDER BY id")
    assert kept == [("user:7", "invoice.question"), ("system:staff", "invoice.answer")]


def test_an_answer_can_be_given_anew_until_the_question_is_closed(issued: tuple[int, Issued]) -> None:
    org_id, invoice = issued
    made = ask(org_id, invoice.id)
    with db.platform_transaction() as session:
        questions.answer(session, org_id, made, "So.", by=STAFF)
        questions.answer(session, org_id, made, "Or so.", by=STAFF)
        questions.close(session, org_id, made, by=STAFF)
    with pytest.raises(StateForbids, match="closed"), db.platform_transaction() as session:
        questions.answer(session, org_id, made, "Late.", by=STAFF)
    assert [(one.state, one.answer) for one in asked(org_id, invoice.id)] == [("closed", "Or so.")]


def test_who_may_not_read_invoices_may_not_ask_and_members_do_not_answer(issued: tuple[int, Issued]) -> None:
    org_id, invoice = issued
    with pytest.raises(NotPermitted, match=r"invoices\.read"):
        ask(org_id, invoice.id, by=member(8, Role.VIEWER))
    made = ask(org_id, invoice.id)
    for verb in (
        lambda session: questions.answer(session, org_id, made, "Mine.", by=OWNER),
        lambda session: questions.close(session, org_id, made, by=OWNER),
    ):
        with pytest.raises(NotPermitted), db.platform_transaction() as session:
            verb(session)


def test_another_organization_neither_sees_nor_asks(issued: tuple[int, Issued]) -> None:
    org_id, invoice = issued
    ask(org_id, invoice.id)
    rival = rows("SELECT id FROM organization WHERE slug = 'rival'")[0][0]
    assert asked(rival, invoice.id) == []
    with pytest.raises(InvoiceUnknown):
        ask(rival, invoice.id)


@pytest.mark.parametrize(("note", "said"), [("", "Write"), (" \0 ", "Write"), ("x" * 10_001, "10,000 fit")])
def test_a_note_has_words_and_an_end(issued: tuple[int, Issued], note: str, said: str) -> None:
    with pytest.raises(AmountInvalid, match=said):
        ask(*[issued[0], issued[1].id], note)


def test_what_is_no_line_and_no_question_is_said(issued: tuple[int, Issued]) -> None:
    org_id, invoice = issued
    with pytest.raises(InvoiceUnknown, match="no line 99"):
        ask(org_id, invoice.id, position=99)
    with pytest.raises(InvoiceUnknown, match="no question 99"), db.platform_transaction() as session:
        questions.find(session, 99)
