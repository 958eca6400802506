"""The present beside the closed hours: from open cells, or, for other moments, from intervals; never two answers."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from factories import egress_reported, ingest, ipv4_allocated, started, stopped, volume_created, volume_resized
from metering import rolled
from metering.rolled import roll, utc

from flyusage import clock, db
from flyusage.metering.tail import refresh_open_cells, tail_of

NOW = utc("2026-11-15 10:40")
MACHINE, VOLUME, EGRESS, ROOTFS = "machine.performance-1x", "volume", "egress.public", "machine.rootfs_stopped"
HOUR = "2026-11-15T10"


@pytest.fixture(autouse=True)
def november():
    with clock.freeze(NOW):
        yield


def uses_open_cells(as_of) -> bool:
    with db.platform_transaction() as session:
        tail = tail_of(session, rolled.org_id(), as_of=as_of)
    return tail is not None and "FROM open_cell" in tail.cells_sql


def test_nothing_is_known_before_the_first_roll_up(database):
    ingest([started("m", f"{HOUR}:00:00Z")])
    with db.platform_transaction() as session:
        assert tail_of(session, rolled.org_id(), as_of=NOW) is None
    assert rolled.tail(NOW) == {}


def test_the_tail_counts_what_runs_what_ended_and_what_began(database):
    ingest(
        [
            started("runs", "2026-11-01T00:00:00Z"),
            started("ended", "2026-11-01T00:00:00Z"),
            stopped("ended", f"{HOUR}:10:00Z", rootfs_gb=2),
            started("began", f"{HOUR}:30:00Z"),
            started("came and went", f"{HOUR}:05:00Z"),
            stopped("came and went", f"{HOUR}:05:30Z"),
            volume_created("v", "2026-11-01T00:00:00Z", gb=1),
            volume_resized("v", f"{HOUR}:20:00Z", gb=2),
        ]
    )
    roll(NOW)
    expected = {MACHINE: 2400 + 600 + 600 + 30, ROOTFS: 1800 * 2048, VOLUME: 1200 * 1024 + 1200 * 2048}
    assert uses_open_cells(NOW)
    assert rolled.tail(NOW) == expected
    # five minutes on, without any event: 5 minutes more of what runs
    later = NOW + timedelta(minutes=5)
    assert rolled.tail(later) == {MACHINE: expected[MACHINE] + 600, ROOTFS: 2100 * 2048, VOLUME: expected[VOLUME] + 300 * 2048}


def test_a_pinned_moment_gives_the_same_later(database):
    ingest([started("m", "2026-11-15T07:20:00Z"), ipv4_allocated("a", f"{HOUR}:10:00Z")])
    ingest([stopped("m", f"{HOUR}:15:00Z"), egress_reported("m", "2026-11-15T09:50:00Z", f"{HOUR}:10:00Z", count=100)])
    roll(NOW)
    pins = [utc(f"2026-11-15 10:{minute:02d}") + timedelta(seconds=7) for minute in (0, 5, 10, 12, 15, 39)]
    asked_at_once = [rolled.tail(pin) for pin in pins]
    assert [uses_open_cells(pin) for pin in pins] == [False, False, False, False, True, True]
    assert asked_at_once[1][MACHINE] == 307
    roll(utc("2026-11-15 14:03"))
    assert [rolled.tail(pin) for pin in pins] == asked_at_once
    assert not any(uses_open_cells(pin) for pin in pins)


def test_at_the_hours_end_the_tail_is_the_closed_hour(database):
    ingest([started("m", f"{HOUR}:20:00Z"), egress_reported("m", "2026-11-15T09:50:00Z", f"{HOUR}:17:00Z", count=101)])
    roll(NOW)
    end = utc("2026-11-15 11:00")
    tail = rolled.tail(end)
    roll(end)
    assert {sku: quantity for (sku, hour), quantity in rolled.hours().items() if hour == "11-15 10"} == tail


def test_a_report_counts_once_its_part_of_the_hour_has_passed(database):
    # 20 minutes of 30 fall into the open hour: 60 of 90 bytes
    ingest([egress_reported("m", "2026-11-15T09:50:00Z", f"{HOUR}:20:00Z", count=90)])
    roll(NOW)
    assert rolled.tail(utc("2026-11-15 10:19:59")) == {}
    assert rolled.tail(utc("2026-11-15 10:20")) == {EGRESS: 60}


def test_a_late_roll_up_never_answers_past_its_next_hour(database):
    ingest([started("m", "2026-11-15T07:00:00Z")])
    roll(utc("2026-11-15 08:00"))
    with db.platform_transaction() as session:
        tail = tail_of(session, rolled.org_id(), as_of=NOW)
    assert (tail.since, tail.as_of) == (utc("2026-11-15 08:00"), utc("2026-11-15 09:00"))
    assert rolled.tail(NOW) == {MACHINE: 3600}


def test_new_events_show_at_once_without_a_roll_up(database):
    ingest([started("m", "2026-11-15T07:00:00Z")])
    roll(NOW)
    ingest([started("n", f"{HOUR}:35:00Z")])
    assert uses_open_cells(NOW)
    assert rolled.tail(NOW) == {MACHINE: 2400 + 300}


def test_resources_sum_to_the_cells(database):
    ingest([started(f"m{number}", f"{HOUR}:0{number}:00Z", memory_mb=4096) for number in range(5)])
    ingest([egress_reported("m1", f"{HOUR}:00:00Z", f"{HOUR}:30:00Z", count=33)])
    roll(NOW)
    with db.platform_transaction() as session:
        tail = tail_of(session, rolled.org_id(), as_of=NOW)
        query = sa.text(f"SELECT sku_id, sum(quantity) FROM ({tail.resources_sql}) AS tail GROUP BY 1 ORDER BY 1")
        by_resource = session.execute(query, tail.binds).all()
        by_cell = session.execute(sa.text(str(query).replace(tail.resources_sql, tail.cells_sql)), tail.binds).all()
    assert by_resource == by_cell
    assert len(by_cell) == 3


def test_refreshing_again_writes_nothing(database):
    ingest([started("m", "2026-11-15T07:00:00Z"), volume_created("v", f"{HOUR}:01:00Z")])
    roll(NOW)
    before = rolled.rows("SELECT xmin::text, ctid::text FROM open_cell ORDER BY 2")
    with db.platform_transaction() as session:
        refresh_open_cells(session, rolled.org_id())
    assert rolled.rows("SELECT xmin::text, ctid::text FROM open_cell ORDER BY 2") == before
    assert len(before) == 2
