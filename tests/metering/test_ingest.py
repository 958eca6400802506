"""From lines to the database: identity, conflicts, writers at once, what must be re-rolled, and a process killed midway."""

import io
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from factories import (
    deployed,
    destroyed,
    egress_reported,
    event,
    ingest,
    line,
    lines,
    started,
    stopped,
    voided,
    volume_created,
)  # fmt: skip
from metering import stored
from waiting import until

from flyusage import clock, db
from flyusage.metering.catalog import facts
from flyusage.metering.events import parse_line
from flyusage.metering.ingest import Ingest, ingest_events
from flyusage.metering.intervals import derive
from flyusage.metering.locks import lock_subjects, shard_of

NOW = datetime(2026, 11, 15, tzinfo=UTC)
D = "2026-10-01T"
PRESETS = {row["name"]: int(row["memory_mb_default"]) for row in facts("vm_sizes.csv")}


@pytest.fixture(autouse=True)
def november():
    with clock.freeze(NOW):
        yield


def counts(result):
    return result.accepted, result.duplicate, result.refused


def test_the_same_event_again_changes_nothing(database):
    events = [started("m", f"{D}00:00:00Z"), stopped("m", f"{D}01:00:00Z")]
    assert counts(ingest(events)) == (2, 0, 0)
    before = stored.intervals(), stored.rows("SELECT revision FROM rollup_state")
    assert counts(ingest([*events, *events])) == (0, 4, 0)
    assert (stored.intervals(), stored.rows("SELECT revision FROM rollup_state")) == before


def test_another_content_under_the_same_identity_is_refused_and_reported(database):
    ingest([started("m", f"{D}00:00:00Z", id="1")])
    result = ingest([started("other", f"{D}00:00:00Z", id="2"), started("m", f"{D}05:00:00Z", id="1")])
    assert counts(result) == (1, 0, 1)
    (refusal,) = result.refusals
    assert (refusal.line, refusal.code, refusal.org) == (2, "event_conflict", "prism")
    assert refusal.raw == line(started("m", f"{D}05:00:00Z", id="1")).rstrip()
    assert stored.codes() == ["event_conflict"]
    assert ("m", "machine.performance-1x", "10-01 00:00:00", None, 1) in stored.spans()
    assert stored.rows("SELECT org_slug, line, code FROM refused_event") == [("prism", 2, "event_conflict")]


def test_what_comes_again_is_judged_by_every_field(database):
    """One life of each kind sent again is duplicates; each with one field changed is a conflict, and changes nothing."""
    report = {"bytes": 10**9, "start": f"{D}01:00:00Z", "end": f"{D}02:00:00Z"}
    sent = [
        started("m", f"{D}00:00:00Z", id="1"), stopped("m", f"{D}03:00:00Z", rootfs_gb=8, id="2"), destroyed("m", f"{D}04:00:00Z", id="3"),
        event("egress.reported", "m", f"{D}02:10:00Z", report, id="4"), event("volume.created", "v", f"{D}00:00:00Z", {"gb": 10}, id="5"),
        event("ipv4.allocated", "198.18.0.1", f"{D}00:00:00Z", {}, id="6"),
        event("app.deployed", "web", f"{D}00:00:00Z", {"version": "v1"}, id="7"),
        event("event.voided", "x", f"{D}00:00:00Z", {"source": "/a", "id": "b"}, id="8"),
    ]  # fmt: skip
    ingest(sent)
    before = (stored.intervals(), stored.rows("SELECT revision FROM rollup_state"), stored.rows("SELECT count(*) FROM usage_event"))
    assert counts(ingest(list(reversed(sent)))) == (0, len(sent), 0)

    def but(one: dict[str, Any], **changed: object) -> dict[str, Any]:
        outer = {key: value for key, value in changed.items() if key in one}
        return {**one, **outer, "data": {**one["data"], **{key: value for key, value in changed.items() if key not in one}}}

    others = [but(one, **{key: value}) for one in sent for key, value in (
        ("subject", "other"), ("time", f"{D}05:00:00Z"), ("app", "api"), ("region", "iad"))]  # fmt: skip
    others += [
        but(sent[0], memory_mb=8192), but(sent[0], vm_size="performance-2x"), but(sent[1], rootfs_gb=9), but(sent[2], type=sent[1]["type"]),
        but(sent[3], bytes=1), but(sent[3], start=f"{D}00:30:00Z"), but(sent[3], end=f"{D}01:30:00Z"), but(sent[4], gb=11),
        but(sent[4], type="flyusage.volume.resized"), but(sent[5], type="flyusage.ipv4.released"), but(sent[6], version="v2"),
        {**sent[7], "data": {**sent[7]["data"], "source": "/b"}}, but(sent[0], id="7"), but(sent[6], id="1"),
    ]  # fmt: skip
    result = ingest([*others, *sent])  # what is sent again counts as such, whatever leads the batch
    assert counts(result) == (0, len(sent), len(others))
    assert (stored.intervals(), stored.rows("SELECT revision FROM rollup_state"), stored.rows("SELECT count(*) FROM usage_event")) == before


def test_a_conflict_within_a_batch_leaves_the_first(database):
    first, second = started("m", f"{D}00:00:00Z", id="1"), started("m", f"{D}05:00:00Z", id="1")
    assert counts(ingest([first, second, first, second])) == (1, 1, 2)
    assert stored.spans() == [("m", "machine.performance-1x", "10-01 00:00:00", None, 1)]
    assert stored.codes() == ["event_conflict"]
    # the ledger's first one stands, whichever leads a later batch
    assert counts(ingest([second, first])) == (0, 1, 1)


def test_what_only_refused_events_name_is_not_created(database):
    ingest([started("m", f"{D}00:00:00Z", id="1")])
    ingest([started("ghost", f"{D}00:00:00Z", id="1", app="ghost-app")])
    assert stored.rows("SELECT name FROM resource") == [("m",)]
    assert stored.rows("SELECT name FROM app") == [("web",)]


def test_the_same_identity_in_two_organizations_is_two_events(database):
    assert counts(ingest([started("m", f"{D}00:00:00Z", id="1", org=org) for org in ("prism", "acme")])) == (2, 0, 0)
    assert stored.spans("acme") == stored.spans("prism")


def test_unknown_organizations_are_made_unless_told_otherwise(database):
    result = ingest([started("m", f"{D}00:00:00Z", org="nova")], strict_orgs=True)
    assert [refusal.code for refusal in result.refusals] == ["org_unknown"]
    assert stored.rows("SELECT slug FROM organization WHERE slug = 'nova'") == []
    ingest([started("m", f"{D}00:00:00Z", org="nova")])
    assert stored.rows("SELECT slug, name FROM organization WHERE slug = 'nova'") == [("nova", "nova")]
    result = ingest([started("m", f"{D}00:00:00Z", org=org) for org in ("nova", "other")], only_org="nova")
    assert (counts(result), result.refusals[0].code) == ((0, 1, 1), "org_unknown")


def test_the_rest_goes_in_and_line_numbers_are_the_files(database):
    good = line(started("m", f"{D}00:00:00Z"))
    result = Ingest().run([b"\n", good, b"nonsense\n", b"\r\n", good.replace(b"dfw", b"xyz"), b"\n", b"\n"], name="test")
    assert [(refusal.line, refusal.code) for refusal in result.refusals] == [
        (1, "not_json"), (3, "not_json"), (4, "not_json"), (5, "unknown_region"),
    ]  # fmt: skip
    assert counts(result) == (1, 0, 4)
    assert stored.rows("SELECT name, accepted, duplicate, refused, finished_at FROM ingest_run") == [("test", 1, 0, 4, NOW)]


def test_a_refused_line_is_kept_once_however_often_it_comes(database):
    start = started("m", f"{D}00:00:00Z")
    conflict, nowhere = {**start, "time": f"{D}01:00:00Z"}, started("x", f"{D}00:00:00Z", region="atlantis")
    file = [*lines(start, conflict, nowhere), b"nonsense\n", b"nonsense\r\n"]
    assert counts(Ingest().run(file, name="first")) == (1, 0, 4)  # a run counts its lines
    with clock.freeze(NOW + timedelta(days=1)):
        assert counts(Ingest().run([b"nonsense\n", *file], name="again")) == (0, 1, 5)
    ingest([{**nowhere, "data": {**nowhere["data"], "org": "rival"}}])  # the same of another organization is another
    kept = stored.rows("SELECT org_slug, code, name, line, at FROM refused_event r JOIN ingest_run i ON i.id = ingest_run_id ORDER BY 1, 2")
    later = NOW + timedelta(days=1)
    assert kept == [
        ("prism", "event_conflict", "again", 3, later),
        ("prism", "unknown_region", "again", 4, later),
        ("rival", "unknown_region", "test", 1, NOW),
        (None, "not_json", "again", 6, later),
    ]


@pytest.mark.parametrize("name", ["<b>%{y}</b>", "\u202egnp", "=1+1", "n" * 500, "🦊", "a\tb\nc\\d\r", "\\N", "\\.", "'; --", "e\u0301"])
def test_hostile_names_reach_the_tables_literally(database, name):
    ingest([started(name, f"{D}00:00:00Z", app=name, source=name, id=name), deployed(name, f"{D}00:00:00Z", version=name)])
    assert stored.rows("SELECT name FROM resource") == [(name,)]
    assert stored.rows("SELECT name FROM app") == [(name,)]
    assert stored.rows("SELECT version FROM deployment") == [(name,)]
    assert (name, name) in stored.rows("SELECT source, event_id FROM usage_event")


def test_the_database_refuses_quantities_too(database):
    ingest([started("m", f"{D}00:00:00Z")])
    for broken in ("memory_mib = -1", "capacity_mib = -1", "bytes = -1"):
        with pytest.raises(sa.exc.IntegrityError), db.platform_transaction() as session:
            session.execute(sa.text(f"UPDATE usage_event SET {broken}"))


def test_usage_in_a_retired_region_is_accepted_and_flagged_from_that_day(database):
    ingest([started("m", "2025-10-15T23:59:59Z", region="bog"), stopped("m", "2025-10-16T00:00:00Z", region="bog")])
    assert len(stored.spans()) == 1
    assert stored.codes() == ["retired_region"]
    ingest([voided(stopped("m", "2025-10-16T00:00:00Z", region="bog"), f"{D}00:00:00Z")])
    assert stored.codes() == []


def test_deployments_can_be_withdrawn(database):
    deploy = deployed("web", f"{D}00:00:00Z", version="v7")
    ingest([deploy])
    assert stored.rows("SELECT version FROM deployment") == [("v7",)]
    ingest([voided(deploy, f"{D}01:00:00Z")])
    assert stored.rows("SELECT version FROM deployment") == []


def test_first_and_last_event_cover_reports_and_only_grow(database):
    ingest([egress_reported("m", "2026-09-30T23:00:00Z", f"{D}01:00:00Z", count=1)])
    ingest([started("m", f"{D}00:30:00Z")])
    assert stored.rows("SELECT first_event_at, last_event_at, revision FROM rollup_state") == [
        (datetime(2026, 9, 30, 23, tzinfo=UTC), datetime(2026, 10, 1, 1, tzinfo=UTC), 2)
    ]


def rolled_through(moment):
    with db.platform_transaction() as session:
        for table in ("dirty_day", "dirty_resource"):
            session.execute(sa.text(f"DELETE FROM {table}"))
        session.execute(sa.text("UPDATE rollup_state SET rolled_through = :moment"), {"moment": moment})


def dirty():
    days = [day.isoformat() for (day,) in stored.rows("SELECT day FROM dirty_day ORDER BY day")]
    return days, stored.rows("SELECT d.month, r.name FROM dirty_resource d JOIN resource r ON r.id = d.resource_id ORDER BY 1, 2")


OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)


def test_only_days_that_changed_and_were_rolled_are_dirty(database):
    ingest([started("m", "2026-10-10T06:00:00Z"), volume_created("v", "2026-10-01T00:00:00Z")])
    assert dirty() == ([], [])  # nothing was rolled yet
    rolled_through(datetime(2026, 10, 14, 5, tzinfo=UTC))
    ingest([stopped("m", "2026-10-12T18:00:00Z")])  # it ran on until the 14th: the afternoon of the 12th, the 13th and the 14th change
    assert dirty() == (["2026-10-12", "2026-10-13", "2026-10-14"], [(OCTOBER, "m")])
    rolled_through(datetime(2026, 10, 14, 5, tzinfo=UTC))
    ingest([stopped("m", "2026-10-12T18:00:00Z")])
    assert dirty() == ([], [])  # the same event again
    ingest([started("n", "2026-10-14T05:00:00Z"), started("m", "2026-10-20T00:00:00Z")])
    assert dirty() == ([], [])  # not rolled yet
    ingest([started("m", "2026-10-10T05:59:59Z", id="late")])  # one more second, and the older run is now an inferred one
    assert dirty() == (["2026-10-10"], [(OCTOBER, "m")])


def test_a_stop_at_midnight_leaves_the_day_that_follows_alone(database):
    ingest([started("m", "2026-10-10T06:00:00Z"), stopped("m", "2026-10-12T12:00:00Z")])
    rolled_through(datetime(2026, 10, 14, tzinfo=UTC))
    ingest([stopped("m", "2026-10-12T00:00:00Z", id="earlier")])
    assert dirty()[0] == ["2026-10-12"]
    rolled_through(datetime(2026, 10, 14, tzinfo=UTC))
    ingest([volume_created("v", "2026-10-13T23:59:59Z")])
    assert dirty() == (["2026-10-13"], [(OCTOBER, "v")])


def test_a_correction_over_months_marks_each(database):
    ingest([started("m", "2026-10-30T00:00:00Z")])
    rolled_through(datetime(2026, 11, 3, tzinfo=UTC))
    ingest([voided(started("m", "2026-10-30T00:00:00Z"), "2026-11-03T00:00:00Z")])
    assert dirty() == (
        ["2026-10-30", "2026-10-31", "2026-11-01", "2026-11-02"],
        [(OCTOBER, "m"), (NOVEMBER, "m")],
    )


def test_a_late_report_marks_its_own_days(database):
    ingest([started("m", "2026-10-01T00:00:00Z")])
    rolled_through(datetime(2026, 11, 3, tzinfo=UTC))
    ingest([egress_reported("m", "2026-10-05T12:00:00Z", "2026-10-06T12:00:00Z", count=5, at="2026-11-02T00:00:00Z")])
    assert dirty() == (["2026-10-05", "2026-10-06"], [(OCTOBER, "m")])


def test_listeners_hear_which_organization_grew(database):
    with db.engine().connect() as listener:
        raw = listener.connection.driver_connection
        raw.autocommit = True
        raw.execute("LISTEN flyusage")
        ingest([started("m", f"{D}00:00:00Z")])
        (org_id,) = stored.rows("SELECT id FROM organization WHERE slug = 'prism'")[0]
        assert [notice.payload for notice in raw.notifies(timeout=30, stop_after=1)] == [str(org_id)]


def test_writers_at_once_end_as_one_would(database):
    """Four writers, the same events each in its own order and batches, with a conflict between them."""
    events = []
    for number in range(60):
        machine = f"m{number % 7}"
        make = started if number % 3 else stopped
        events.append(make(machine, f"{D}{number % 24:02d}:{number:02d}:00Z", id=f"e{number}", org=("prism", "acme")[number % 2]))
    results, failures = [], []

    def write(seed):
        try:
            chance = random.Random(seed)
            mine = [*events, started("m0", f"{D}23:59:0{seed}Z", id="contested")]
            chance.shuffle(mine)
            while mine:
                size = chance.randint(1, 20)
                results.append(ingest(mine[:size]))
                mine = mine[size:]
        except BaseException as error:  # noqa: BLE001 shown by the test itself
            failures.append(error)

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sum(result.accepted for result in results) == 61
    assert sum(result.duplicate for result in results) == 180
    assert Counter(refusal.code for result in results for refusal in result.refusals) == {"event_conflict": 3}
    (stands,) = stored.rows("SELECT extract(second FROM time)::int FROM usage_event WHERE event_id = 'contested'")
    kept = [*events, started("m0", f"{D}23:59:0{stands[0]}Z", id="contested")]
    expected = derive([parse_line(line(event), line=1, now=NOW) for event in kept], PRESETS)
    assert stored.intervals("prism") + stored.intervals("acme") == Counter(expected.intervals)


def test_ingest_says_when_it_is_called_inside_a_savepoint(database):
    event = parse_line(line(started("m", f"{D}00:00:00Z")), line=1, now=NOW)
    with db.platform_transaction() as session:
        ingest_events(session, [event])
    with pytest.raises(RuntimeError, match="savepoint"), db.platform_transaction() as session, session.begin_nested():
        ingest_events(session, [event, parse_line(line(started("n", f"{D}00:00:00Z")), line=1, now=NOW)])


def test_a_large_batch_is_written_by_two_at_once_and_comes_out_whole(database):
    """2,400 events of 800 machines, with a duplicate, twenty conflicts and a damaged line among them."""
    events = [
        event
        for number in range(800)
        for event in (
            started(f"m{number}", f"{D}00:00:00Z", app=f"app-{number % 50}"),
            egress_reported(f"m{number}", f"{D}00:00:00Z", f"{D}01:00:00Z", count=number, app=f"app-{number % 50}"),
            stopped(f"m{number}", f"{D}02:00:00Z", app=f"app-{number % 50}"),
        )
    ]
    # another machine's event under a taken identity: that machine may be the other writer's, and still the first one stands
    conflicts = [{**started(f"elsewhere{number}", f"{D}00:00:00Z"), "id": events[number]["id"]} for number in range(0, 60, 3)]
    result = Ingest().run([*lines(*events), b"damaged\n", *lines(events[5], *conflicts)], name="test")
    assert counts(result) == (2400, 1, 21)
    assert [(refusal.line, refusal.code) for refusal in result.refusals] == [
        (2401, "not_json"), *((2403 + number, "event_conflict") for number in range(20)),
    ]  # fmt: skip
    assert stored.rows("SELECT accepted, duplicate, refused FROM ingest_run") == [(2400, 1, 21)]
    expected = derive([parse_line(line(event), line=1, now=NOW) for event in events], PRESETS)
    assert stored.intervals() == Counter(expected.intervals)
    assert stored.rows("SELECT count(*) FROM app") == [(50,)]


def two_batches(monkeypatch, *, contested_by):
    """Forty starts, of twenty machines of each writer, and forty more, of which the first claims an identity of the first writer's again."""
    monkeypatch.setattr("flyusage.metering.ingest.BATCH_EVENTS", 40)
    monkeypatch.setattr("flyusage.metering.ingest.WORTH_SPLITTING", 10)
    names = [f"m{number}" for number in range(400)]
    machines = [[name for name in names if shard_of(name) % 2 == writer][:40] for writer in (0, 1)]
    first = [started(name, f"{D}00:00:00Z") for half in machines for name in half[:20]]
    contested = {**started(machines[contested_by].pop(), f"{D}05:00:00Z"), "id": first[7]["id"]}
    return [*first, contested, *(started(name, f"{D}00:00:00Z") for half in machines for name in half[20:])]


def test_the_first_claim_stands_though_its_writer_is_behind_by_a_batch(database, monkeypatch):
    """Two batches of 40; whoever writes the first half of the first is held up until the other has written its halves of both."""
    batches = two_batches(monkeypatch, contested_by=1)
    ingest([started("there", f"{D}00:00:00Z")])  # and with it the organization
    [(org_id,)] = stored.rows("SELECT id FROM organization")
    with ThreadPoolExecutor(1) as beside:
        with db.platform_transaction() as holder:
            lock_subjects(holder, [(org_id, shard) for shard in range(0, 8, 2)])
            running = beside.submit(Ingest().run, lines(*batches), name="test")
            until(lambda: stored.rows("SELECT count(*) FROM usage_event") == [(1 + 20 + 19,)])
        result = running.result()
    assert counts(result) == (79, 0, 1)
    assert [(refusal.line, refusal.code) for refusal in result.refusals] == [(41, "event_conflict")]
    assert stored.rows(f"SELECT count(*) FROM usage_event WHERE time = '{D}05:00:00Z'") == [(0,)]
    assert stored.rows("SELECT count(*) FROM usage_event") == [(80,)]


def test_where_a_batch_failed_its_writer_takes_nothing_that_comes_behind(database, monkeypatch):
    """The second batch claims an identity of the first again. Were it taken, the first could not be when all is sent once more."""
    batches = two_batches(monkeypatch, contested_by=0)
    sent = lines(*batches)
    take = ingest_events

    def fail(session, batch, **how):
        if any(event.subject == batches[7]["subject"] for event in batch):
            raise ZeroDivisionError("the connection was cut")
        return take(session, batch, **how)

    with monkeypatch.context() as cut:
        cut.setattr("flyusage.metering.ingest.ingest_events", fail)
        with pytest.raises(ZeroDivisionError):
            Ingest().run(sent, name="test")
    assert stored.rows("SELECT count(*) FROM usage_event") == [(40,)]  # the other writer's halves
    result = Ingest().run(sent, name="again")
    assert counts(result) == (39, 40, 1)
    assert stored.rows(f"SELECT count(*) FROM usage_event WHERE time = '{D}05:00:00Z'") == [(0,)]


def test_a_run_is_on_the_disk_once_it_has_ended_and_no_batch_waits_for_that(database):
    told = []

    @contextmanager
    def told_how_it_commits():
        with db.platform_transaction() as session:
            session.execute(sa.text("SET LOCAL synchronous_commit = 'local'"))  # whatever the server's own is
            yield session
            told.append(session.scalar(sa.text("SHOW synchronous_commit")))

    Ingest(told_how_it_commits).run(lines(*(started(f"m{number}", f"{D}00:00:00Z") for number in range(3))), name="three")
    assert told == ["local", "off", "local"]  # the run begins, its batch, its end, which comes after the batch in the log


def test_writers_at_once_make_a_month_once(database):
    failures = []
    start = threading.Barrier(4)

    def write(number):
        try:
            start.wait()
            ingest([started(f"m{number}-{month}", f"2026-{month:02d}-01T00:00:00Z") for month in range(1, 11)])
        except BaseException as error:  # noqa: BLE001 shown by the test itself
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert stored.rows("SELECT count(*), count(*) FILTER (WHERE tableoid = 'usage_event_default'::regclass) FROM usage_event") == [(40, 0)]


def test_a_long_life_is_read_from_its_last_start_on(database):
    """Starts and stops over a year, then one more report, a late stop and a void: the same as from the whole ledger."""
    events = []
    for month in range(1, 11):
        events += [started("m", f"2026-{month:02d}-03T00:00:00Z"), stopped("m", f"2026-{month:02d}-20T00:00:00Z", rootfs_gb=1)]
        events.append(egress_reported("m", f"2026-{month:02d}-05T00:00:00Z", f"2026-{month:02d}-06T00:00:00Z", count=month))
    later = [
        egress_reported("m", "2026-10-10T00:00:00Z", "2026-10-11T00:00:00Z", count=99),
        stopped("m", "2026-04-04T00:00:00Z"),
        started("m", "2026-11-01T00:00:00Z", vm_size="shared-cpu-1x"),
        egress_reported("m", "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z", count=98, at="2026-11-02T00:00:00Z"),
        voided(events[0], "2026-11-03T00:00:00Z"),
    ]
    ingest(events)
    for one in later:
        ingest([one])
    expected = derive([parse_line(line(one), line=1, now=NOW) for one in events + later], PRESETS)
    assert stored.intervals() == Counter(expected.intervals)
    assert stored.findings() == Counter(expected.findings)


STREAM = """
import sys
from flyusage.metering import ingest
ingest.BATCH_EVENTS = 40
ingest.Ingest().run(sys.stdin.buffer, name="killed")
"""


def machine_months(count):
    """Starts and stops of `count` machines, in the order of time."""
    events = []
    for number in range(count):
        events.append(started(f"m{number}", f"{D}00:{number % 60:02d}:00Z"))
        events.append(stopped(f"m{number}", f"{D}{1 + number % 20:02d}:00:00Z", rootfs_gb=number % 2))
    return sorted(events, key=lambda event: event["time"])


def test_a_run_killed_at_any_moment_and_repeated_ends_as_one_clean_run(database):
    events = machine_months(300)
    data = b"".join(lines(*events))
    environment = {**os.environ, "FLYUSAGE_CLOCK": NOW.isoformat()}
    chance = random.Random(5)
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", STREAM], stdin=subprocess.PIPE, env=environment)
        feeder = threading.Thread(target=_feed, args=(process, data))
        feeder.start()
        time.sleep(chance.uniform(1.0, 2.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        feeder.join()
    assert ingest(events).refused == 0
    expected = derive([parse_line(line(event), line=1, now=NOW) for event in events], PRESETS)
    assert stored.intervals() == Counter(expected.intervals)
    assert stored.rows("SELECT (SELECT count(*) FROM usage_event), (SELECT count(*) FROM event_identity)") == [(600, 600)]


def _feed(process, data):
    try:
        with io.BytesIO(data) as source, process.stdin:
            while chunk := source.read(4096):
                process.stdin.write(chunk)
                time.sleep(0.02)
    except BrokenPipeError:
        pass
