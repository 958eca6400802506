import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from cast import Cast
from hypothesis import given
from hypothesis import strategies as st

from flyusage import clock, db, schema
from flyusage.orgs import acting, audit
from flyusage.orgs.audit import NewEntry, Wanted
from flyusage.orgs.audit_export import audit_csv, audit_json_lines

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


@pytest.mark.parametrize("table", ["audit_link", "audit_head", "staff_event"])
@pytest.mark.parametrize("who", ["app", "platform"])
@pytest.mark.parametrize("attempt", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_no_run_time_role_touches_the_chain_or_the_log_of_staff(cast: Cast, table: str, who: str, attempt: str):
    record(cast.prism.id, "app:web")
    scope = db.transaction(cast.prism.id) if who == "app" else db.platform_transaction()
    column = "action" if table == "staff_event" else "position"
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), scope as session:
        session.execute(sa.text(attempt.format(table, column, column)))


@pytest.mark.parametrize("table", ["audit_link", "staff_event"])
def test_not_even_the_owner_of_the_tables_rewrites_them(cast: Cast, table: str):
    for attempt in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises((sa.exc.DBAPIError, schema.SchemaForbidden), match="only ever added"), schema.owner_session() as session:
            session.execute(sa.text(attempt))


def test_no_run_time_role_lengthens_the_chain_by_itself(cast: Cast):
    record(cast.prism.id, "app:web")
    for attempt in (
        "SELECT audit_chain(1, 0)",
        "INSERT INTO audit_link VALUES (1, 99, 99, 'x')",
        "INSERT INTO audit_head VALUES (1, 99, 'x')",
    ):
        for scope in (db.transaction(cast.prism.id), db.platform_transaction()):
            with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), scope as session:
                session.execute(sa.text(attempt))


def verdict(org_id: int) -> audit.Verdict:
    with db.transaction(org_id) as session:
        return audit.verify(session, org_id)


def test_a_chain_is_the_hash_of_each_entry_and_of_all_before_it(cast: Cast):
    assert verdict(cast.prism.id) == audit.Verdict(0, bytes(32))
    moment = datetime(2026, 10, 5, 12, tzinfo=UTC)
    with clock.freeze(moment):
        record(cast.prism.id, 'app:"web"\n')
        record(cast.prism.id, "app:db")
    with db.transaction(cast.prism.id) as session:
        ids = [entry.id for entry in reversed(audit.entries(session, cast.prism.id))]
    # Worked by hand: Postgres' jsonb orders keys by length, then bytes, and writes ", " and ": ".
    last = bytes(32)
    for position, (entry_id, subject) in enumerate(zip(ids, ('app:\\"web\\"\\n', "app:db"), strict=True), start=1):
        content = (
            f'{{"at": "2026-10-05T12:00:00.000000Z", "id": {entry_id}, "actor": "user:1", "action": "cost_centres.edit", '
            f'"detail": {{"to": "Infra", "from": null}}, "org_id": {cast.prism.id}, "address": "", "subject": "{subject}", '
            f'"position": {position}}}'
        )
        last = hashlib.sha256(last + content.encode()).digest()
    assert verdict(cast.prism.id) == audit.Verdict(2, last)


def tamper(*statements: str) -> None:
    """As a superuser, who may do anything, without the triggers that would stop or follow it."""
    with schema.owner_session() as session:
        session.execute(sa.text("RESET ROLE"))
        session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            session.execute(sa.text(statement))


THIRD = "(SELECT entry_id FROM audit_link WHERE position = 3)"
TAMPERINGS = {
    "changed": ((f"UPDATE audit_event SET actor = 'user:9' WHERE id = {THIRD}",), 2, r"\(position 3\) is not what was recorded"),
    "detail": ((f"UPDATE audit_event SET detail = '{{}}' WHERE id = {THIRD}",), 2, "position 3"),
    "taken out": ((f"DELETE FROM audit_event WHERE id = {THIRD}",), 2, r"\(position 3\) is gone"),
    "taken out with its link": (
        (f"DELETE FROM audit_event WHERE id = {THIRD}", "DELETE FROM audit_link WHERE position = 3"), 2, "position 3 is gone",
    ),
    "cut off": (
        ("DELETE FROM audit_event WHERE id IN (SELECT entry_id FROM audit_link WHERE position > 3)", "DELETE FROM audit_link WHERE position > 3"),
        3, "what followed position 3 is gone; there were 5 entries",
    ),
    "put in": (
        ("INSERT INTO audit_event (org_id, at, actor, action, subject) SELECT org_id, at, actor, action, subject FROM audit_event LIMIT 1",),
        5, "was put in past the chain",
    ),
    "hash replaced": (("UPDATE audit_link SET sha256 = sha256('x') WHERE position = 3",), 2, "position 3"),
    "head replaced": (("UPDATE audit_head SET sha256 = sha256('x')",), 4, r"\(position 5\) is not the head"),
    "head gone": (("DELETE FROM audit_head",), 5, "the head of the chain is gone"),
}  # fmt: skip


@pytest.mark.parametrize("how", TAMPERINGS)
def test_verifying_names_the_first_entry_that_is_not_as_it_was(cast: Cast, how: str):
    statements, good, said = TAMPERINGS[how]
    for number in range(5):
        record(cast.prism.id, f"app:{number}")
    tamper(*statements)
    found = verdict(cast.prism.id)
    assert found.count == good
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(found.broken)


def test_two_entries_that_swap_places_are_noticed(cast: Cast):
    for number in range(3):
        record(cast.prism.id, f"app:{number}")
    tamper(
        "UPDATE audit_link SET position = 99 WHERE position = 1",
        "UPDATE audit_link SET position = 1 WHERE position = 2",
        "UPDATE audit_link SET position = 2 WHERE position = 99",
    )
    assert verdict(cast.prism.id).count == 0


def test_writers_at_the_same_time_make_one_chain_per_organization(cast: Cast):
    both = (cast.prism.id, cast.rival.id)

    def write(number: int) -> None:
        with db.platform_transaction() as session:
            order = both if number % 2 else both[::-1]
            audit.record_many(session, [NewEntry(org, f"user:{number}", "app.add", f"app:{n}") for org in order for n in range(3)])
        with db.transaction(both[number % 2]) as session:
            audit.record(session, both[number % 2], actor=f"user:{number}", action="app.add", subject="app:last")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(40)))
    assert [(one.count, one.broken) for one in map(verdict, both)] == [(140, None), (140, None)]


def test_a_long_transaction_keeps_nobody_from_recording(cast: Cast):
    with db.transaction(cast.prism.id) as long:
        audit.record(long, cast.prism.id, actor="system:ingest", action="event.void", subject="m")
        record(cast.prism.id, "app:meanwhile")  # would wait for ever behind a lock that is held from the entry on
        assert verdict(cast.prism.id).count == 1
    assert verdict(cast.prism.id) == audit.Verdict(2, verdict(cast.prism.id).head)
    with db.transaction(cast.prism.id) as session:
        order = [json.loads(one.content)["subject"] for one in audit.chained(session, cast.prism.id)]
    assert order == ["app:meanwhile", "m"]  # in the order of commit


def test_what_was_recorded_before_there_were_chains_is_chained_too(cast: Cast):
    schema.downgrade("20261125_2200")
    with schema.owner_session() as session:
        session.execute(sa.text("RESET ROLE"))
        for number in range(3):
            session.execute(
                sa.text("INSERT INTO audit_event (org_id, at, actor, action, subject) VALUES (:org, now(), 'user:1', 'app.add', :subject)"),
                {"org": cast.prism.id, "subject": f"app:{number}"},
            )
    schema.upgrade()
    found = verdict(cast.prism.id)
    assert (found.count, found.broken) == (3, None)


def test_an_entry_keeps_the_address_it_came_from(cast: Cast):
    acting.acts_from("192.0.2.7")
    try:
        record(cast.prism.id, "app:web")
    finally:
        acting.acts_from("")
    with db.transaction(cast.prism.id) as session:
        assert audit.entries(session, cast.prism.id)[0].address == "192.0.2.7"


def test_entries_are_found_by_actor_action_and_time(cast: Cast):
    start = datetime(2026, 10, 5, tzinfo=UTC)
    for day, (actor, action) in enumerate([("user:1", "app.add"), ("user:2", "app.add"), ("user:1", "session.start")]):
        with clock.freeze(start + timedelta(days=day)), db.transaction(cast.prism.id) as session:
            audit.record(session, cast.prism.id, actor=actor, action=action, subject=f"day:{day}")

    def found(wanted: Wanted) -> list[str]:
        with db.transaction(cast.prism.id) as session:
            newest = [entry.subject for entry in audit.entries(session, cast.prism.id, wanted)]
            assert [entry.subject for entry in audit.all_entries(session, cast.prism.id, wanted)] == newest[::-1]
            return newest

    assert found(Wanted(actor="user:1")) == ["day:2", "day:0"]
    assert found(Wanted(action="app.add")) == ["day:1", "day:0"]
    assert found(Wanted(actor="user:1", action="app.add")) == ["day:0"]
    assert found(Wanted(since=start + timedelta(days=1), until=start + timedelta(days=2))) == ["day:1"]
    with db.transaction(cast.prism.id) as session:
        assert audit.actors_and_actions(session, cast.prism.id) == (["user:1", "user:2"], ["app.add", "session.start"])


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


def test_any_text_can_be_exported_and_checked_by_somebody_else(cast: Cast):
    """The JSON lines alone, without the database: each line's hash is that of the one before it and of its own text."""

    @given(st.lists(st.tuples(texts, texts, st.dictionaries(texts, texts | st.integers() | st.none(), max_size=3)), max_size=4))
    def check(said: list[tuple[str, str, dict[str, object]]]) -> None:
        with db.transaction(cast.prism.id) as session:
            for actor, subject, detail in said:
                audit.record(session, cast.prism.id, actor=actor, action="app.add", subject=subject, detail=detail)
        with db.transaction(cast.prism.id) as session:
            lines = list(audit_json_lines(audit.chained(session, cast.prism.id)))
            table = list(audit_csv(audit.all_entries(session, cast.prism.id, Wanted())))
        last = bytes(32)
        for line in lines:
            parsed = json.loads(line)
            assert parsed["previous_sha256"] == last.hex()
            content = line[line.index('"entry":') + len('"entry":') : -2]
            last = hashlib.sha256(last + content.encode()).digest()
            assert parsed["sha256"] == last.hex()
        recorded = [json.loads(line)["entry"] for line in lines]
        if said:
            assert [(one["actor"], one["subject"], one["detail"]) for one in recorded[-len(said) :]] == said
        assert verdict(cast.prism.id).head == last
        assert len(table) == len(lines) + 1
        assert not [row for row in table if row[0] in "=+@"]

    check()
