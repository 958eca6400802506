"""What the outbox still has to do, for staff: how much of each kind, and what failed."""

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from billing_world import NOW, bill_to, billed, take_in, volume

from flyusage import db
from flyusage.invoices.outbox import backlogs, waiting

if TYPE_CHECKING:
    from conftest import Begun

FAIL = "UPDATE outbox SET attempts = 3, last_error = 'it answered 503' WHERE kind = 'payment' AND org_id = :org"


def what_is_known() -> dict[str, int]:
    """Two organizations with an invoice each; Prism's payment was refused three times."""
    known = take_in(*volume("v1", 1000), *volume("v2", 10, org="rival"))
    for org_id in known.values():
        bill_to(org_id)
        billed(org_id)
    with db.platform_transaction() as session:
        session.execute(sa.text(FAIL), {"org": known["prism"]})
    return known


@pytest.fixture
def known(begun: "Begun") -> dict[str, int]:
    return begun(what_is_known)


def test_each_kind_says_how_much_waits_and_what_failed(known: dict[str, int]) -> None:
    with db.platform_transaction() as session:
        found = {one.kind: (one.waiting, one.failing, one.oldest) for one in backlogs(session)}
    assert found["payment"] == (2, 1, NOW)
    assert found["document"] == (2, 0, NOW)


def test_a_task_names_its_invoice_and_amount_and_what_failed_can_be_seen_alone(known: dict[str, int]) -> None:
    with db.platform_transaction() as session:
        assert [one.slug for one in waiting(session, "payment")] == ["prism", "rival"]
        (one,) = waiting(session, "payment", failing_only=True)
    # 150.00 and 19 % of it
    assert (one.number, one.gross_minor, one.currency, one.attempts, one.last_error) == ("PRISM-000001", 17850, "USD", 3, "it answered 503")
