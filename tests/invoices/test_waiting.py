"""What the outbox still has to do, for staff: how much, since when, why not, and at once."""

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from billing_world import NOW, bill_to, billed, rows, take_in, volume

from flyusage import clock, db
from flyusage.invoices.errors import TaskUnknown
from flyusage.invoices.waiting import backlogs, try_now, waiting
from flyusage.orgs.acting import member, system
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role

if TYPE_CHECKING:
    from conftest import Database

FAIL = """UPDATE outbox SET attempts = 3, last_error = 'it answered 503', due_at = created_at + interval '1 day'
          WHERE kind = 'payment' AND org_id = :org"""


@pytest.fixture
def known(database: "Database") -> dict[str, int]:
    """Two organizations with an invoice each; Prism's payment was refused three times."""
    known = take_in(*volume("v1", 1000), *volume("v2", 10, org="rival"))
    for org_id in known.values():
        bill_to(org_id)
        billed(org_id)
    with db.platform_transaction() as session:
        session.execute(sa.text(FAIL), {"org": known["prism"]})
    return known


def test_each_kind_says_how_much_waits_and_what_failed(known: dict[str, int]) -> None:
    with db.platform_transaction() as session:
        found = {one.kind: (one.waiting, one.failing, one.oldest) for one in backlogs(session)}
    assert found["payment"] == (2, 1, NOW)
    assert found["document"] == (2, 0, NOW)


def test_a_task_names_its_invoice_and_why_it_failed(known: dict[str, int]) -> None:
    with db.platform_transaction() as session:
        assert [one.slug for one in waiting(session, "payment")] == ["prism", "rival"]
        (one,) = waiting(session, "payment", failing_only=True)
    # 150.00 and 19 % of it
    assert (one.number, one.gross_minor, one.currency, one.attempts, one.last_error) == ("PRISM-000001", 17850, "USD", 3, "it answered 503")
    assert one.due_at == NOW + timedelta(days=1)


def test_trying_now_makes_it_due_once_and_is_audited(known: dict[str, int]) -> None:
    with clock.freeze(NOW), db.platform_transaction() as session:
        (one,) = waiting(session, "payment", failing_only=True)
        try_now(session, one.org_id, one.id, by=system("staff"))
        (after,) = waiting(session, "payment", failing_only=True)
    assert after.due_at == NOW
    ((actor, subject),) = rows("SELECT actor, subject FROM audit_event WHERE action = 'outbox.try_now'")
    assert (actor, subject) == ("system:staff", f"outbox:{one.id}")


def test_what_is_done_or_another_organizations_cannot_be_hurried(known: dict[str, int]) -> None:
    with db.platform_transaction() as session:
        (one,) = waiting(session, "payment", failing_only=True)
        with pytest.raises(TaskUnknown):
            try_now(session, known["rival"], one.id, by=system("staff"))
        with pytest.raises(NotPermitted):
            try_now(session, one.org_id, one.id, by=member(1, Role.OWNER))
        session.execute(sa.text("UPDATE outbox SET done_at = :now WHERE id = :id"), {"now": NOW, "id": one.id})
        with pytest.raises(TaskUnknown):
            try_now(session, one.org_id, one.id, by=system("staff"))
