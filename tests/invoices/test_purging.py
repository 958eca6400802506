"""Thirty days after its deletion an organization is emptied of what nobody has to keep."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from billing_world import BY, NOW, acting, bill_to, billed, take_in, value, volume
from conftest import Begun
from factories import ingest
from sqlmodel import SQLModel

from flyusage import clock, db
from flyusage.alerts import models as _alerts  # noqa: F401 tables are known once their module is imported
from flyusage.auth import accounts
from flyusage.invoices import purging
from flyusage.invoices.payments import models as _payments  # noqa: F401
from flyusage.invoices.settlement import Receipt, record_payment
from flyusage.metering.locks import lock_subjects
from flyusage.orgs import api_tokens, audit, organizations
from flyusage.orgs import idempotency as _idempotency  # noqa: F401
from flyusage.orgs.sso import models as _sso  # noqa: F401

MONTH = timedelta(days=30)


def two_worlds() -> dict[str, int]:
    """Prism's and Rival's October, Prism's issued and paid for; Prism has a token and a member."""
    known = take_in(*volume("v1", 1000), *volume("r1", 10, org="rival"))
    bill_to(known["prism"])
    issued = billed(known["prism"])
    with acting() as session:
        owner = accounts.create(session, "owner@prism.example", is_verified=True).user_id
        session.execute(
            sa.text("INSERT INTO membership VALUES (:org, :user, 'owner', :now)"), {"org": known["prism"], "user": owner, "now": NOW}
        )
        api_tokens.create(session, known["prism"], name="ci", scopes=["usage.read"], by=BY, user_id=owner)
    return {**known, "invoice": issued.id, "owner": owner}


@pytest.fixture
def worlds(begun: Begun) -> dict[str, int]:
    return begun(two_worlds)


def delete(org_id: int) -> None:
    with acting() as session:
        organizations.delete(session, org_id, by=BY)
        session.execute(sa.text("UPDATE organization SET deleted_at = :now WHERE id = :org"), {"now": NOW, "org": org_id})


def counts(org_id: int, tables: tuple[str, ...]) -> dict[str, int]:
    return {table: found for table in tables if (found := value(f"SELECT count(*) FROM {table} WHERE org_id = {org_id}"))}


def test_usage_and_people_go_and_invoices_and_audit_stay(worlds: dict[str, int]):
    prism, rival = worlds["prism"], worlds["rival"]
    delete(prism)
    kept, others = counts(prism, purging.KEPT), counts(rival, purging.GONE)
    assert {"usage_event", "usage_day", "app", "api_token", "membership"} <= set(counts(prism, purging.GONE))
    assert {"invoice", "invoice_line", "audit_event"} <= set(kept)
    with acting(NOW + MONTH) as session:
        assert purging.due(session) == []  # $178.50 are owed
        record_payment(session, prism, worlds["invoice"], Receipt(17850, NOW.date(), "SEPA"), by=BY)
    kept = counts(prism, purging.KEPT)
    with acting(NOW + MONTH - timedelta(seconds=1)) as session:
        assert purging.purge(session, prism) is None
    with acting(NOW + MONTH) as session:
        assert purging.due(session) == [prism]
    with acting(NOW + MONTH):
        purging.work()
        purging.work()
    assert counts(prism, purging.GONE) == {}
    assert counts(rival, purging.GONE) == others
    now_kept = counts(prism, purging.KEPT)
    more = {"audit_event": 1, "audit_link": 1}
    assert now_kept == {table: found + more.get(table, 0) for table, found in kept.items()}
    with acting() as session:
        last = audit.entries(session, prism, limit=1)[0]
        assert audit.verify(session, prism).broken is None
        assert accounts.find(session, "owner@prism.example") is not None
    assert (last.actor, last.action, last.detail["rows"]["membership"]) == ("system:purge", "organization.purge", 1)


def test_a_month_that_is_still_to_be_invoiced_holds_it_back(worlds: dict[str, int]):
    delete(worlds["rival"])
    with acting(NOW + MONTH) as session:
        closed = sa.text("INSERT INTO billing_close (org_id, month, state, at) VALUES (:org, :month, 'nothing', :now)")
        session.execute(closed, {"org": worlds["prism"], "month": "2026-09-01", "now": NOW})  # this installation bills
        assert purging.due(session) == []
        session.execute(closed, {"org": worlds["rival"], "month": "2026-10-01", "now": NOW})
        assert purging.due(session) == [worlds["rival"]]


def test_whoever_adds_a_table_decides_whether_it_goes():
    tenant = {table.name for table in SQLModel.metadata.tables.values() if "org_id" in table.columns}
    assert sorted([*purging.GONE, *purging.KEPT]) == sorted(tenant)


def test_what_is_sent_after_it_is_refused_and_nothing_that_was_billed_is_credited(worlds: dict[str, int]):
    prism = worlds["prism"]
    delete(prism)
    with acting(NOW + MONTH) as session:
        record_payment(session, prism, worlds["invoice"], Receipt(17850, NOW.date(), "SEPA"), by=BY)
    with acting(NOW + MONTH):
        purging.work()
    with clock.freeze(NOW + MONTH):
        result = ingest([*volume("late", 10), *volume("v1", 1000), *volume("r2", 20, org="rival")])
    assert (result.accepted, [one.code for one in result.refusals]) == (2, ["org_unknown"] * 4)
    assert counts(prism, (*purging.GONE, "late_month")) == {}


def test_it_waits_for_who_writes_its_usage(worlds: dict[str, int]):
    with db.platform_transaction() as writing:
        lock_subjects(writing, [(worlds["prism"], 0)])
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"), db.platform_transaction() as session:
            session.execute(sa.text("SET LOCAL lock_timeout = '100ms'"))
            purging.purge(session, worlds["prism"])
