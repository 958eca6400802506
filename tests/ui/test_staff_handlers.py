"""What staff do at their pages, called as the websocket would: by whom it is for it is done, by the rest of staff nothing is.

The other half of tests/ui/test_handlers.py, where nobody may: here every call has something to do, so that a refusal has something to
fail at. One story, in its order: what is drafted is changed before it is published, and a month is closed before what came of it is void.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import billed_site
import calling
import everybody
import pytest
import sqlalchemy as sa
from calling import Call, Form
from factories import ingest, volume_created

from flyusage import clock, db
from flyusage.metering.rollups import catch_up
from flyusage.orgs.queries import organization_by_slug
from flyusage.orgs.staff import STAFF_PERMISSIONS
from flyusage.orgs.staff import StaffPermission as S
from flyusage.ui.pages.staff.invoices import question as correcting

if TYPE_CHECKING:
    from conftest import Begun

FAILED = """UPDATE outbox SET attempts = 3, failure = 'refused', last_error = '503', due_at = '2026-12-01' WHERE kind = 'payment'"""
LIST, TRIAL, LATER = "list@2024-11-01", "trial@2026-12-01", "list@2027-03-01"
PRISMS, RIVALS = "/staff/invoices?invoice=PRISM-000001", "/staff/invoices?invoice=RIVAL-000001"
TERMS = "/staff/terms?org=prism"
TOLD = {"audit_event", "audit_head", "audit_link", "staff_event"}  # what a refusal or a visit may change


@dataclass(frozen=True)
class Firm:
    """Sessions of the staff by name; `invoice` is how the queue names Prism's, `question` the id of what Prism's owner asks of it."""

    secrets: dict[str, str]
    invoice: str
    question: str


def firm() -> Firm:
    """Prism with an invoice of which payment failed and a line is questioned; Rival with 1,000 GB since October 1, of which nothing is said."""
    made = everybody.gathered()
    assert not ingest([volume_created("big", "2026-10-01T00:00:00Z", gb=1000, org="rival", app="secret", region="lhr")]).refused
    with db.lookup_transaction() as session:
        ids = {slug: organization_by_slug(session, slug).id for slug in ("prism", "rival")}
    for org_id in ids.values():
        catch_up(org_id)
    number = billed_site.bill(ids["prism"])
    asked = Call({"form": Form(position="1", note="Why?")}, path=f"/orgs/prism/invoices/{number}")
    assert calling.called("InvoicePage.ask", asked, made.secrets["owner"]) is None
    with db.platform_transaction() as session:
        session.execute(sa.text(FAILED))
        found = session.execute(sa.text("SELECT org_id, id FROM invoice")).one()
        question = session.scalar(sa.text("SELECT id FROM invoice_question"))
    return Firm({name: made.secrets[name] for name in everybody.STAFF}, f"{found.org_id}-{found.id}", str(question))


def story(made: Firm) -> Iterator[tuple[str, S, Call]]:
    """Every call of staff's that changes something, and whatever others need before them."""

    def form(path: str, **said: str) -> Call:
        return Call({"form": said}, path=path)

    def confirmed(what: str) -> Call:
        return Call({"confirmed": what}, path="/staff/prices")

    yield "StaffPrices.draft", S.PRICES_EDIT, form("/staff/prices", source=LIST, book="trial", day="2026-12-01", note="Spring")
    yield "StaffPrices.scale", S.PRICES_EDIT, form(f"/staff/prices?version={TRIAL}", percent="5", pattern="machine.*", scope="")
    yield "StaffPrices.publish", S.PRICES_EDIT, confirmed(TRIAL)
    yield "StaffPrices.draft", S.PRICES_EDIT, form("/staff/prices", source=LIST, book="", day="2027-03-01", note="")
    yield "StaffPrices.discard", S.PRICES_EDIT, confirmed(LATER)
    spring = {"name": "spring", "base": "list", "book": "trial", "starts_on": "2027-01-01", "percent": "50", "notice": "30", "note": ""}
    yield "StaffExperiments.start", S.PRICES_EDIT, form("/staff/experiments", **spring)
    yield "StaffExperiments.end", S.PRICES_EDIT, confirmed("spring")
    yield "StaffTerms.agree", S.TERMS_AGREE, form(f"{TERMS}&agree=fee", agree="fee", description="Support", amount="29", since="2026-11-01")
    yield "StaffTerms.end", S.TERMS_AGREE, form(TERMS, key="fee 2", day="2026-12-31")
    yield (
        "StaffTerms.agree",
        S.TERMS_AGREE,
        form(f"{TERMS}&agree=credit", agree="credit", kind="promotional", amount="5", description="Sorry"),
    )
    yield "StaffTerms.take_back", S.TERMS_AGREE, form(TERMS, key="credit 3")
    yield "StaffClose.decide", S.MONTHS_CLOSE, form("/staff/close?month=2026-10", key="rival ", decision="release", reason="They told us")
    yield "StaffClose.close", S.MONTHS_CLOSE, Call({"confirmed": "2026-10"}, path="/staff/close?month=2026-10")
    yield "StaffInvoices.void", S.INVOICES_CORRECT, form(RIVALS, reason="Never owed")
    yield (
        "StaffBank.enter",
        S.PAYMENTS_ENTER,
        form("/staff/bank?invoice=PRISM-000001", amount="1.00", day="2026-11-10", reference="SEPA 1", key="k"),
    )
    yield "StaffQueue.try_now", S.MONTHS_CLOSE, form("/staff/payments", key=made.invoice)
    wanted, plan = _planned(made)
    yield "StaffInvoices.plan", S.INVOICES_CORRECT, form(PRISMS, what="amount", amount="1.00", reason="late")
    yield "StaffInvoices.issue", S.INVOICES_CORRECT, Call(path=PRISMS, before={"_wanted": wanted, "planned": plan})
    yield "StaffInvoices.give_up", S.INVOICES_CORRECT, form(PRISMS, reason="insolvent")
    yield "StaffQuestions.answer", S.QUESTIONS_ANSWER, form("/staff/questions", id=made.question, text="So.")
    seller = {
        "name": "Fly GmbH",
        "address": "Lindenallee 1",
        "postcode": "10115",
        "city": "Berlin",
        "country": "DE",
        "email": "ap@fly.example",
    }
    yield "StaffSeller.name", S.SELLER_NAME, form("/staff/seller", starts_on="2026-12-01", vat_number="DE136695976", **seller)


def _planned(made: Firm) -> tuple[Any, Any]:
    with calling.reading_as(made.secrets["staff for money"]):
        return correcting.plan("PRISM-000001", {"what": "amount", "amount": "1.00", "reason": "late"})


@pytest.fixture(autouse=True)
def november(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    calling.let_states_be_called(monkeypatch)
    with clock.freeze(datetime(2026, 11, 15, tzinfo=UTC)):
        yield


def test_whom_it_is_for_does_it_and_no_other_of_the_staff(begun: "Begun", monkeypatch: pytest.MonkeyPatch) -> None:
    made = begun(firm)
    asked = everybody.noting_what_is_asked(monkeypatch)
    done, before = set(), everybody.digest(of_prism=False)
    for handler, need, call in story(made):
        may = {who for who, role in everybody.STAFF.items() if need in STAFF_PERMISSIONS[role]}
        for who in set(everybody.STAFF) - may:
            asked.clear()
            calling.called(handler, call, made.secrets[who])
            assert asked[:1] == [need], (handler, who)
        refused = everybody.digest(of_prism=False)
        assert {table for table in before if before[table] != refused[table]} <= TOLD, handler
        for who in sorted(may)[:1]:
            asked.clear()
            refusal = calling.called(handler, call, made.secrets[who])
            assert (refusal, asked[:1]) == (None, [need]), (handler, who)
        before = everybody.digest(of_prism=False)
        changed = {table for table in before if before[table] != refused[table]} - TOLD
        assert bool(changed) == (handler != "StaffInvoices.plan"), handler
        done.add(handler)
    staffs = {
        f"{state.__name__}.{name}" for state in calling.states() if state.__name__.startswith("Staff") for name in state.event_handlers
    }
    assert {one for one in staffs - done if one.rpartition(".")[2] not in ("load", "search", "drop", "setvar")} == set()
