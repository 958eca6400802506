"""Questions on a line: who may ask and answer, and what a member sees of an invoice."""

import pytest
from billing_world import BY, NOW, acting, bill_to, billed, rows, take_in, volume
from cast import Cast, make_cast
from conftest import Database

from flyusage import clock, db
from flyusage.invoices import queries
from flyusage.invoices.errors import AmountInvalid, DocumentPending, InvoiceUnknown, StateForbids
from flyusage.invoices.evidence import evidence
from flyusage.invoices.questions import answer, ask, close, open_questions, questions
from flyusage.invoices.storing import Issued
from flyusage.orgs.acting import Actor, member
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role


@pytest.fixture
def cast(database: Database) -> Cast:
    with db.platform_transaction() as session:
        return make_cast(session)


@pytest.fixture
def one(cast: Cast) -> Issued:
    """Prism's invoice of October."""
    take_in(*volume("v1", 1000))
    bill_to(cast.prism.id)
    return billed(cast.prism.id)


def asked(org_id: int, one: Issued, by: Actor, note: str = "Why so much?", position: int = 1) -> int:
    with clock.freeze(NOW), db.transaction(org_id) as session:
        return ask(session, org_id, one.id, position, note, by=by)


def test_a_member_asks_staff_answers_and_both_are_audited(cast, one):
    owner = member(cast.owner.user_id, Role.OWNER)
    number = asked(cast.prism.id, one, owner)
    with acting() as session:
        (waiting,) = open_questions(session)
        assert (waiting.number, waiting.question.note, waiting.question.asked_by) == ("PRISM-000001", "Why so much?", owner.name)
        answer(session, cast.prism.id, number, "1,000 GB for 30 days.", by=BY)
    with db.transaction(cast.prism.id) as session:
        (told,) = questions(session, cast.prism.id, one.id)
    assert (told.state, told.answer, told.answered_by, told.answered_at) == ("answered", "1,000 GB for 30 days.", "system:tests", NOW)
    with acting() as session:
        assert open_questions(session) == []
        close(session, cast.prism.id, number, by=BY)
        with pytest.raises(StateForbids, match="is closed"):
            answer(session, cast.prism.id, number, "More.", by=BY)
    actions = rows("SELECT action, actor FROM audit_event WHERE subject = :subject ORDER BY id", subject=f"invoice_question:{number}")
    assert actions == [("invoice.question", owner.name), ("invoice.answer", "system:tests"), ("invoice.close_question", "system:tests")]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEVELOPER])
def test_who_may_not_read_invoices_asks_nothing(cast, one, role):
    with pytest.raises(NotPermitted, match="invoices.read"):
        asked(cast.prism.id, one, member(cast.member.user_id, role))


def test_members_answer_nothing(cast, one):
    owner = member(cast.owner.user_id, Role.OWNER)
    number = asked(cast.prism.id, one, owner)
    with pytest.raises(NotPermitted, match="Questions are answered by the platform's staff"), acting() as session:
        answer(session, cast.prism.id, number, "x", by=owner)


def test_an_outsider_finds_neither_invoice_nor_question(cast, one):
    outsider = member(cast.outsider.user_id, Role.OWNER)
    with pytest.raises(InvoiceUnknown, match="no line 1"):
        asked(cast.rival.id, one, outsider)
    with db.transaction(cast.rival.id) as session:
        assert queries.invoices(session, cast.rival.id).entries == ()
        assert queries.invoices(session, cast.prism.id).entries == ()  # whoever is asked for, the transaction's organization answers
        for wanted in (lambda: queries.detail(session, cast.prism.id, one.id), lambda: queries.find(session, one.number)):
            with pytest.raises(InvoiceUnknown):
                wanted()


def test_nonsense_is_no_question(cast, one):
    owner = member(cast.owner.user_id, Role.OWNER)
    for note, told in (("  ", "Write what"), ("x" * 10_001, "10,001 characters; 10,000 fit"), ("\0", "Write what")):
        with pytest.raises(AmountInvalid, match=told):
            asked(cast.prism.id, one, owner, note)
    with pytest.raises(InvoiceUnknown, match="no line 9"):
        asked(cast.prism.id, one, owner, position=9)


def test_a_member_sees_everything_about_their_invoice(cast, one):
    asked(cast.prism.id, one, member(cast.owner.user_id, Role.OWNER))
    with clock.freeze(NOW), db.transaction(cast.prism.id) as session:
        page = queries.invoices(session, cast.prism.id)
        found = queries.detail(session, cast.prism.id, page.entries[0].id)
        assert evidence(session, cast.prism.id, one.id, 1).startswith(b"PK")
        with pytest.raises(DocumentPending):
            queries.pdf_of(session, cast.prism.id, one.id)
    assert [(total.currency, total.gross_minor, total.balance_minor) for total in page.sums] == [("USD", 17850, 17850)]
    assert (found.document, len(found.lines), [one.note for one in found.questions]) == (one.document, 1, ["Why so much?"])
    assert (found.pdf_sha256, found.payments, found.credit_notes) == (None, (), ())
