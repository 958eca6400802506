from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from cast import Cast

from flyusage import clock, db, schema
from flyusage.orgs import audit

ATTEMPTS = ("UPDATE audit_event SET actor = 'nobody'", "DELETE FROM audit_event", "TRUNCATE audit_event")


def record(org_id: int, subject: str, *, scope=None) -> None:
    with scope or db.transaction(org_id) as session:
        audit.record(session, org_id, actor="user:1", action="cost_centres.edit", subject=subject, detail={"from": None, "to": "Infra"})


def test_an_entry_says_who_did_what_to_what_and_when(cast: Cast):
    moment = datetime(2026, 10, 5, 12, tzinfo=UTC)
    with clock.freeze(moment):
        record(cast.prism.id, "app:web")
    with db.transaction(cast.prism.id) as session:
        (entry,) = audit.entries(session, cast.prism.id)
    assert (entry.at, entry.actor, entry.action, entry.subject) == (moment, "user:1", "cost_centres.edit", "app:web")
    assert entry.detail == {"from": None, "to": "Infra"}


def test_entries_come_newest_first_in_pages(cast: Cast):
    for number in range(5):
        record(cast.prism.id, f"app:{number}")
    with db.transaction(cast.prism.id) as session:
        first = audit.entries(session, cast.prism.id, limit=2)
        second = audit.entries(session, cast.prism.id, limit=2, before_id=first[-1].id)
    assert [entry.subject for entry in first + second] == ["app:4", "app:3", "app:2", "app:1"]


def test_what_is_rolled_back_leaves_no_entry(cast: Cast):
    with pytest.raises(ZeroDivisionError), db.transaction(cast.prism.id) as session:
        audit.record(session, cast.prism.id, actor="user:1", action="members.manage", subject="user:2")
        raise ZeroDivisionError
    with db.transaction(cast.prism.id) as session:
        assert audit.entries(session, cast.prism.id) == []


def test_an_outsider_sees_nothing_of_it_and_adds_nothing_to_it(cast: Cast):
    record(cast.prism.id, "app:web")
    with db.transaction(cast.rival.id) as session:
        assert audit.entries(session, cast.prism.id) == []
    with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
        record(cast.prism.id, "app:web", scope=db.transaction(cast.rival.id))


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize("who", ["app", "platform", "owner"])
def test_nobody_changes_or_removes_an_entry(cast: Cast, who: str, attempt: str):
    record(cast.prism.id, "app:web")
    scope = {"app": lambda: db.transaction(cast.prism.id), "platform": db.platform_transaction, "owner": schema.owner_session}[who]()
    with pytest.raises((sa.exc.DBAPIError, schema.SchemaForbidden), match="permission denied|only ever added"), scope as session:
        session.execute(sa.text(attempt))
    with db.transaction(cast.prism.id) as session:
        assert [entry.subject for entry in audit.entries(session, cast.prism.id)] == ["app:web"]
