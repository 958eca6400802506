"""What members see of their invoices, and outsiders do not."""

import pytest
from billing_world import NOW, bill_to, billed, take_in, volume
from cast import Cast, make_cast
from conftest import Database

from flyusage import clock, db
from flyusage.invoices import queries
from flyusage.invoices.errors import DocumentPending, InvoiceUnknown
from flyusage.invoices.evidence import evidence
from flyusage.invoices.questions import ask
from flyusage.invoices.storing import Issued
from flyusage.orgs.acting import Actor, member
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
