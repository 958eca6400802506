import json

import sqlalchemy as sa
from cast import Cast

from flyusage import db, schema
from flyusage.orgs import audit


def test_it_says_for_each_organization_whether_its_audit_holds(flyusage, cast: Cast):
    with db.transaction(cast.prism.id) as session:
        audit.record(session, cast.prism.id, actor="user:1", action="app.add", subject="app:web")
        audit.record(session, cast.prism.id, actor="user:1", action="app.add", subject="app:db")
    good = flyusage("audit", "verify")
    assert good.code == 0
    with db.transaction(cast.prism.id) as session:
        head = audit.verify(session, cast.prism.id).head.hex()
    assert good.out.splitlines() == [f"prism: ok, 2 entries, head {head}", f"rival: ok, 0 entries, head {'0' * 64}"]
    with schema.owner_session() as session:
        session.execute(sa.text("RESET ROLE"))
        session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        session.execute(sa.text("UPDATE audit_event SET subject = 'app:other' WHERE subject = 'app:db'"))
    broken = flyusage("audit", "verify", "prism")
    assert (broken.code, broken.out.partition(": entry")[0]) == (1, "prism: BROKEN after 1 entry")
    told = flyusage("audit", "verify", "--json")
    assert told.code == 1
    assert [(one["org"], one["is_ok"], one["entries"]) for one in json.loads(told.out)] == [("prism", False, 1), ("rival", True, 0)]


def test_an_organization_that_is_none_is_said_in_a_sentence(flyusage, cast: Cast):
    ran = flyusage("audit", "verify", "nobody")
    assert ran.code == 1
    assert "There is no organization 'nobody'" in ran.err
