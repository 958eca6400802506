"""What a load left half empty is rebuilt once its month is over; nothing else is."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from factories import ingest, started
from metering.rolled import utc
from sqlalchemy.exc import ProgrammingError

from flyusage import clock, db
from flyusage.metering import compaction, statistics

NOW = utc("2026-11-15 10:40")
OCTOBER = "usage_event_2026_10_resource_id_org_id_type_time_idx"
# Each before all others, so that the first page splits again and again, and its right half stays a half.
BACKWARDS = """
INSERT INTO usage_event (org_id, time, resource_id, type, identity, source, event_id, app_id, region_id, received_at)
SELECT org_id, time, -n, type, gen_random_uuid(), source, n::text, app_id, region_id, received_at
FROM usage_event CROSS JOIN generate_series(1, 6000) AS n ORDER BY n"""


@pytest.fixture(autouse=True)
def november():
    with clock.freeze(NOW):
        yield


def size_of(index: str) -> int:
    with db.platform_transaction() as session:
        return session.execute(sa.text("SELECT pg_relation_size(CAST(:index AS regclass))"), {"index": index}).scalar_one()


def file_of(index: str) -> int:
    """What changes when it is rebuilt."""
    with db.platform_transaction() as session:
        return session.execute(sa.text("SELECT pg_relation_filenode(CAST(:index AS regclass))"), {"index": index}).scalar_one()


def test_the_index_of_a_month_that_is_over_is_rebuilt_once(database):
    ingest([started("m", "2026-10-01T00:00:00Z"), started("n", "2026-11-01T00:00:00Z")])
    with db.platform_transaction() as session:
        session.execute(sa.text(BACKWARDS))
    statistics.refresh(smallest_bytes=1)
    before = size_of(OCTOBER)
    assert compaction.compact(smallest_bytes=1) == [OCTOBER]
    assert size_of(OCTOBER) < 0.7 * before
    assert compaction.compact(smallest_bytes=1) == []


def test_the_index_of_what_waited_is_rebuilt_once_nothing_does(database):
    queue = "INSERT INTO dirty_resource SELECT id, '2026-10-01', n FROM organization CROSS JOIN generate_series(1, 6000) AS n"
    ingest([started("m", "2026-10-01T00:00:00Z")])
    with db.platform_transaction() as session:
        session.execute(sa.text(queue))
    assert compaction.compact(smallest_bytes=1) == []
    full = size_of("pk_dirty_resource")
    with db.platform_transaction() as session:
        session.execute(sa.text("DELETE FROM dirty_resource"))
    assert compaction.compact(smallest_bytes=1) == ["pk_dirty_resource"]
    assert size_of("pk_dirty_resource") < 0.2 * full
    assert compaction.compact(smallest_bytes=1) == []


def test_a_month_in_use_is_left_for_the_next_time(database, monkeypatch):
    monkeypatch.setattr(compaction, "PATIENCE", "50ms")
    monkeypatch.setattr(compaction, "WASTE", 0)
    ingest([started("m", "2026-10-01T00:00:00Z")])
    statistics.refresh(smallest_bytes=1)
    with db.platform_transaction() as writer:
        writer.execute(sa.text("UPDATE usage_event SET version = 'v1'"))
        assert [index for index in compaction.compact(smallest_bytes=1) if index.startswith("usage_event")] == []
    assert OCTOBER in compaction.compact(smallest_bytes=1)


def test_a_worker_rebuilds_one_index_a_round_and_none_again_for_nothing(database):
    ingest([started("m", "2026-10-01T00:00:00Z"), started("n", "2026-09-01T00:00:00Z")])
    with db.platform_transaction() as session:
        session.execute(sa.text(BACKWARDS))
    wasteful = {OCTOBER, OCTOBER.replace("_10_", "_09_")}
    before, work = {index: size_of(index) for index in wasteful}, compaction.Upkeep(smallest_bytes=1).work

    def rebuilt() -> set[str]:
        return {index for index in wasteful if size_of(index) < 0.7 * before[index]}

    for rounds in range(3):
        assert len(rebuilt()) == min(rounds, 2)
        assert work() is False
    assert rebuilt() == wasteful


def test_a_worker_gives_way_at_once_and_tries_again(database, monkeypatch):
    monkeypatch.setattr(compaction, "WASTE", 0)
    ingest([started("m", "2026-10-01T00:00:00Z")])
    work, rounds = compaction.Upkeep(smallest_bytes=1).work, range(20)  # more than there are indexes
    was = file_of(OCTOBER)
    with db.platform_transaction() as writer:
        writer.execute(sa.text("UPDATE usage_event SET version = 'v1'"))
        assert [work() for _ in rounds] == [False for _ in rounds]
    with monkeypatch.context() as limited:
        limited.setattr(compaction, "LARGEST_BYTES", size_of(OCTOBER) - 1)
        assert [work() for _ in rounds] == [False for _ in rounds]
    assert file_of(OCTOBER) == was
    assert [work() for _ in rounds] == [False for _ in rounds]
    assert file_of(OCTOBER) != was


def test_a_worker_begins_when_the_server_has_settled_and_leaves_when_asked(database, monkeypatch):
    monkeypatch.setattr(compaction, "FIRST_SECONDS", 0.01)
    stop, worked = threading.Event(), threading.Event()
    monkeypatch.setattr(compaction.Upkeep, "work", lambda _: worked.set())
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(compaction.run, stop)
        assert worked.wait(20)
        stop.set()
        running.result(20)
    worked.clear()
    compaction.run(stop)  # asked to leave before it began
    assert not worked.is_set()


def test_whoever_reads_a_month_and_then_writes_it_is_given_way(database, monkeypatch):
    monkeypatch.setattr(compaction, "WASTE", 0)
    monkeypatch.setattr(compaction, "PATIENCE", "30s")
    ingest([started("m", "2026-10-01T00:00:00Z")])
    statistics.refresh(smallest_bytes=1)
    with ThreadPoolExecutor(1) as threads:
        with db.platform_transaction() as writer:
            writer.execute(sa.text("SELECT count(*) FROM usage_event")).one()
            rebuilding = threads.submit(compaction.compact, smallest_bytes=1)
            _until_somebody_waits()
            writer.execute(sa.text("UPDATE usage_event SET version = 'v1'"))  # each waits for the other now
        assert OCTOBER not in rebuilding.result()


def _until_somebody_waits() -> None:
    here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    for _ in range(2000):
        with db.platform_transaction() as session:
            if session.scalar(sa.text(f"SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock' AND {here}")):
                return
    pytest.fail("nobody waits for the index")


@pytest.mark.parametrize("name", ["no_such_index", "pk_app", "usage_event", "pg_class_oid_index", f"{OCTOBER}; DROP TABLE app"])
def test_nothing_but_an_index_of_a_month_is_rebuilt(database, name):
    with db.platform_transaction() as session:
        assert session.scalar(sa.text("SELECT rebuild_index(:name)"), {"name": name}) is False


def test_the_application_may_not(database):
    with pytest.raises(ProgrammingError, match="permission denied for function rebuild_index"), db.lookup_transaction() as session:
        session.execute(sa.text("SELECT rebuild_index('pk_app')"))
