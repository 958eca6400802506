"""Hours, days, months, marginals and months of resources, from events; totals worked by hand."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from factories import (
    egress_reported,
    event,
    ingest,
    ipv4_allocated,
    line,
    started,
    stopped,
    voided,
    volume_created,
    volume_destroyed,
    volume_resized,
)  # fmt: skip
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from metering import rolled
from metering.rolled import roll, utc

from flyusage import clock, db
from flyusage.metering import rollups
from flyusage.metering.ingest import Ingest
from flyusage.metering.verify import verify

NOW = utc("2026-11-15 10:20")
MACHINE = "machine.performance-1x"
EXTRA, ROOTFS, VOLUME, IPV4, EGRESS = "machine.extra_ram", "machine.rootfs_stopped", "volume", "ipv4.dedicated", "egress.public"
CELLS = ("usage_day", "usage_day_by_region", "usage_month", "usage_month_by_region")


@pytest.fixture(autouse=True)
def november():
    with clock.freeze(NOW):
        yield


def test_a_run_fills_its_hours(database):
    ingest([started("m", "2026-10-01T00:59:50Z"), stopped("m", "2026-10-01T03:00:05Z")])
    roll(NOW)
    # 10 s before one o'clock, two whole hours, 5 s after three
    assert rolled.hours() == {(MACHINE, "10-01 00"): 10, (MACHINE, "10-01 01"): 3600, (MACHINE, "10-01 02"): 3600, (MACHINE, "10-01 03"): 5}
    assert all(rolled.totals(table) == {MACHINE: 7215} for table in (*CELLS, "resource_month"))


def test_a_run_within_one_hour_counts_its_seconds(database):
    ingest([started("m", "2026-10-01T23:59:58Z"), stopped("m", "2026-10-01T23:59:59Z")])
    roll(NOW)
    assert rolled.hours() == {(MACHINE, "10-01 23"): 1}


def test_a_run_of_no_length_leaves_nothing(database):
    ingest([started("m", "2026-10-01T12:00:00Z"), started("m", "2026-10-01T12:00:00.9Z"), stopped("m", "2026-10-01T12:00:01Z")])
    ingest([volume_created("v", "2026-10-01T12:00:00Z", gb=0)])
    roll(NOW)
    assert rolled.hours() == {(MACHINE, "10-01 12"): 1}
    assert len(rolled.everything()["usage_month"]) == 1


def test_every_meter_counts_in_its_own_unit(database):
    ingest(
        [
            # 2,048 MiB beyond the preset of 2,048; 4 GB of root filesystem once stopped
            started("m", "2026-10-01T00:00:00Z", memory_mb=4096),
            stopped("m", "2026-10-01T00:30:00Z", rootfs_gb=4),
            volume_created("v", "2026-10-01T00:00:00Z", gb=1),
            volume_resized("v", "2026-10-01T00:10:00Z", gb=3),
            volume_destroyed("v", "2026-10-01T01:00:00Z"),
            ipv4_allocated("10.0.0.1", "2026-10-01T00:59:00Z"),
            egress_reported("m", "2026-10-01T00:15:00Z", "2026-10-01T01:15:00Z", count=1001),
        ]
    )
    roll(utc("2026-10-01 02:00"))
    assert rolled.hours() == {
        (MACHINE, "10-01 00"): 1800,
        (EXTRA, "10-01 00"): 1800 * 2048,
        (ROOTFS, "10-01 00"): 1800 * 4096,
        (ROOTFS, "10-01 01"): 3600 * 4096,
        (VOLUME, "10-01 00"): 600 * 1024 + 3000 * 3072,
        (IPV4, "10-01 00"): 60,
        (IPV4, "10-01 01"): 3600,
        # 45 of 60 minutes: 750.75, and 250.25: the larger remainder takes the odd byte
        (EGRESS, "10-01 00"): 751,
        (EGRESS, "10-01 01"): 250,
    }


def test_a_leap_day_a_months_end_and_a_run_of_two_years(database):
    ingest([started("m", "2024-10-31T23:00:00Z"), stopped("m", "2026-11-01T01:00:00Z")], max_age=40)
    ingest([started("leap", "2024-02-28T23:00:00Z"), stopped("leap", "2024-03-01T01:00:00Z")], max_age=40)
    roll(NOW)
    days = (date(2026, 11, 1) - date(2024, 11, 1)).days
    assert rolled.totals("usage_day") == {MACHINE: 3600 + days * 86_400 + 3600 + 3600 + 86_400 + 3600}
    months = dict(
        rolled.rows("SELECT month, total FROM usage_month WHERE month IN ('2024-02-01', '2024-03-01', '2024-10-01', '2025-02-01')")
    )
    assert months == {date(2024, 2, 1): 90_000, date(2024, 3, 1): 3600, date(2024, 10, 1): 3600, date(2025, 2, 1): 28 * 86_400}
    assert rolled.rows("SELECT d28, d29, d30 FROM usage_month WHERE month = '2024-02-01'") == [(3600, 86_400, 0)]
    assert verify(rolled.org_id()) == []


def test_days_are_utc_whatever_the_servers_zone(database):
    with db.owner_engine().begin() as connection:  # +05:45, no whole hours
        connection.execute(sa.text(f"ALTER DATABASE {database.name} SET timezone = 'Asia/Kathmandu'"))
    db.reset()
    ingest([started("m", "2026-10-24T22:30:00Z"), stopped("m", "2026-10-25T02:30:00Z")])  # clocks change in Europe that night
    roll(NOW)
    assert rolled.rows("SELECT day, total FROM usage_day ORDER BY day") == [(date(2026, 10, 24), 5400), (date(2026, 10, 25), 9000)]
    assert rolled.hours()[MACHINE, "10-25 02"] == 1800


def test_an_open_run_counts_to_the_closed_hour_and_the_tail_goes_on(database):
    ingest([started("m", "2026-11-15T08:30:00Z")])
    roll(NOW)
    assert rolled.hours() == {(MACHINE, "11-15 08"): 1800, (MACHINE, "11-15 09"): 3600}
    assert rolled.tail(NOW) == {MACHINE: 1200}
    roll(utc("2026-11-15 12:00"))
    assert rolled.hours()[MACHINE, "11-15 11"] == 3600
    assert rolled.totals("resource_month") == {MACHINE: 1800 + 3 * 3600}


def test_closing_hours_one_by_one_ends_as_closing_them_at_once(database):
    day = "2026-11-15T0"
    ingest(
        [started("m", f"{day}1:10:00Z", memory_mb=3000), stopped("m", f"{day}4:50:00Z", rootfs_gb=1), ipv4_allocated("a", f"{day}3:00:00Z")]
    )
    ingest([egress_reported("m", f"{day}1:30:00Z", f"{day}4:10:00Z", count=777_777)])
    with clock.freeze(utc("2026-11-15 01:30")):
        rollups.catch_up(rolled.org_id())
    for hour in range(2, 10):
        roll(utc(f"2026-11-15 {hour:02d}:01"))
    one_by_one = rolled.everything()
    assert verify(rolled.org_id()) == []
    with db.platform_transaction() as session:
        session.execute(sa.text("UPDATE rollup_state SET rolled_through = NULL"))
    roll(utc("2026-11-15 09:01"))
    assert rolled.everything() == one_by_one


def test_a_late_event_rerolls_only_its_days(database):
    ingest([started(f"m{number}", "2026-10-01T00:00:00Z", app=f"app{number}") for number in range(3)])
    roll(NOW)
    versions = dict(rolled.rows("SELECT (day, app_id)::text, xmin::text FROM usage_day"))
    ingest([started("late", "2026-10-05T10:00:00Z"), stopped("late", "2026-10-05T10:00:07Z")])
    assert rolled.rows("SELECT day FROM dirty_day") == [(date(2026, 10, 5),)]
    roll(NOW)
    changed = {key for key, version in rolled.rows("SELECT (day, app_id)::text, xmin::text FROM usage_day") if versions.get(key) != version}
    assert len(changed) == 1  # one new cell, of app web; the three others of that day are left as they were
    assert rolled.hours()[MACHINE, "10-05 10"] == 3 * 3600 + 7
    assert verify(rolled.org_id()) == []


def marks() -> list[tuple[date, list[str] | None]]:
    """What waits: the day, and the apps that changed in it (None: anything)."""
    return rolled.rows(
        """SELECT d.day, CASE WHEN d.app_ids IS NOT NULL
                              THEN ARRAY(SELECT a.name FROM app a WHERE a.org_id = d.org_id AND a.id = ANY (d.app_ids) ORDER BY 1) END
           FROM dirty_day d ORDER BY d.day"""
    )


def an_hour_of(app: str, day: int) -> list[dict]:
    """A machine of its own in that app, on a day of October."""
    at = f"2026-10-{day:02d}T10:00:00Z"
    return [started(f"late-{app}-{day}", at, app=app), stopped(f"late-{app}-{day}", at.replace("T10", "T11"), app=app)]


def test_days_say_which_apps_changed_until_they_are_many(database):
    ingest([started("m", "2026-10-01T00:00:00Z", app="app0")])
    roll(NOW)
    ingest(an_hour_of("app1", 5))
    ingest([*an_hour_of("app1", 5), *an_hour_of("app2", 5), *an_hour_of("app2", 6)])
    assert marks() == [(date(2026, 10, 5), ["app1", "app2"]), (date(2026, 10, 6), ["app2"])]
    for number in range(3, 9):
        ingest(an_hour_of(f"app{number}", 5))
    assert marks()[0] == (date(2026, 10, 5), [f"app{number}" for number in range(1, 9)])
    ingest(an_hour_of("app9", 5))
    ingest(an_hour_of("app3", 6))
    assert marks() == [(date(2026, 10, 5), None), (date(2026, 10, 6), ["app2", "app3"])]
    ingest([one for number in range(9) for one in an_hour_of(f"app{number}", 7)])
    assert marks()[2] == (date(2026, 10, 7), None)
    roll(NOW)
    assert marks() == []
    assert verify(rolled.org_id()) == []


def test_an_app_that_did_not_change_is_not_summed_again(database):
    ingest([started("m", "2026-10-01T00:00:00Z", app="still"), started("n", "2026-11-15T06:00:00Z", app="still")])
    roll(NOW)
    with db.platform_transaction() as session:  # no roll-up makes this: it tells whether the row was looked at
        session.execute(sa.text("UPDATE usage_day SET h01 = h01 + 7, total = total + 7 WHERE day = '2026-10-05'"))
        session.execute(sa.text("UPDATE open_cell SET capacity = 5"))
    ingest([*an_hour_of("busy", 5), started("o", "2026-11-15T10:05:00Z", app="busy")])
    roll(NOW)
    assert rolled.rows("SELECT h01, h10 FROM usage_day WHERE day = '2026-10-05' ORDER BY total") == [(0, 3600), (3607, 3600)]
    assert rolled.rows("SELECT capacity FROM open_cell ORDER BY 1") == [(1,), (5,)]


def test_a_withdrawn_event_takes_its_cells_away(database):
    start = started("m", "2026-10-05T10:00:00Z")
    ingest([start, stopped("m", "2026-10-05T11:00:00Z")])
    roll(NOW)
    ingest([voided(start, "2026-10-06T00:00:00Z")])
    roll(NOW)
    assert all(rolled.everything()[table] == [] for table in (*CELLS, "resource_month"))


def test_rolling_again_writes_nothing(database):
    ingest([started("m", "2026-10-01T00:10:00Z"), egress_reported("m", "2026-10-01T00:15:00Z", "2026-10-01T05:15:00Z", count=1001)])
    roll(NOW)
    tables = (*CELLS, "resource_month", "open_cell")
    versions = {table: sorted(rolled.rows(f"SELECT xmin::text, ctid::text FROM {table}")) for table in tables}
    with db.platform_transaction() as session:
        session.execute(sa.text("INSERT INTO dirty_day SELECT DISTINCT org_id, day FROM usage_day"))
        session.execute(sa.text("INSERT INTO dirty_resource SELECT DISTINCT org_id, month, 0 FROM usage_month"))
    progress = roll(NOW)
    assert (progress.rolled_days, progress.pending_days, progress.pending_months) == (46, 0, 0)
    assert {table: sorted(rolled.rows(f"SELECT xmin::text, ctid::text FROM {table}")) for table in tables} == versions


def test_the_newest_days_come_first(database):
    ingest([started("m", "2026-06-01T00:00:00Z")])
    seen = []
    roll(NOW, progress=lambda _: seen.append(rolled.rows("SELECT min(day), max(day) FROM usage_day")[0]))
    assert seen[1] == (date(2026, 11, 15), date(2026, 11, 15))
    assert [first for first, _ in seen[1:]] == sorted((first for first, _ in seen[1:]), reverse=True)
    assert seen[-1] == (date(2026, 6, 1), date(2026, 11, 15))


def test_oldest_first_ends_the_same(database):
    ingest([started("m", "2026-09-28T00:30:00Z"), volume_created("v", "2026-10-01T00:00:00Z")])
    roll(NOW)
    newest = rolled.everything()
    with db.platform_transaction() as session:
        session.execute(sa.text("UPDATE rollup_state SET rolled_through = NULL"))
    roll(NOW, newest_first=False)
    assert rolled.everything() == newest


def test_quantities_past_2_63_are_reported_and_hold_nothing_up(database):
    petabyte = 10**15
    reports = [
        egress_reported("m", "2026-10-05T00:00:00Z", "2026-10-05T01:00:00Z", count=petabyte, source=f"/hosts/{n}") for n in range(9300)
    ]
    start, stop = started("m", "2026-10-04T00:00:00Z"), stopped("m", "2026-10-06T00:00:00Z")
    ingest([start, stop, *reports])
    progress = roll(NOW)
    assert progress.pending_days == 0
    assert rolled.rows("SELECT time, code FROM event_finding") == [(utc("2026-10-05 00:00"), "quantity_overflow")]
    assert rolled.rows("SELECT day, total FROM usage_day") == [(date(2026, 10, 4), 86_400)]
    ingest(an_hour_of("another", 5))  # that day would hold nothing else, and be called whole
    roll(NOW)
    assert rolled.rows("SELECT code FROM event_finding") == [("quantity_overflow",)]
    assert rolled.rows("SELECT day, total FROM usage_day") == [(date(2026, 10, 4), 86_400)]
    ingest([voided(one, "2026-10-06T12:00:00Z") for one in an_hour_of("another", 5)])
    ingest([voided(one, "2026-10-07T00:00:00Z") for one in reports[:200]])
    roll(NOW)
    assert rolled.rows("SELECT code FROM event_finding WHERE code = 'quantity_overflow'") == []
    assert rolled.totals("usage_month") == {MACHINE: 2 * 86_400, EGRESS: 9100 * petabyte}


def _mixed(seed: int, *, days: int = 40, machines: int = 30) -> list[dict]:
    """Runs, volumes, addresses and reports in several apps and regions, over days around two months' ends."""
    chance, made = random.Random(seed), []
    first = utc("2026-09-20 00:00")

    def moment(low: float, high: float) -> str:
        return (first + timedelta(seconds=int(chance.uniform(low, high) * 86_400))).strftime("%Y-%m-%dT%H:%M:%SZ")

    for number in range(machines):
        where = {"app": f"app{number % 3}", "region": chance.choice(("dfw", "ams"))}
        at = chance.uniform(0, days)
        memory = chance.choice((2048, 2048, 4096))
        made.append(started(f"m{number}", moment(at, at), memory_mb=memory, **where))
        if chance.random() < 0.8:
            made.append(stopped(f"m{number}", moment(at, days), rootfs_gb=chance.choice((None, 1)), **where))
        made.append(volume_created(f"v{number}", moment(0, days), gb=chance.choice((0, 1, 7)), **where))
        made.append(ipv4_allocated(f"10.0.0.{number}", moment(0, days), **where))
        start, length = chance.uniform(0, days), chance.choice((0.001, 0.02, 0.5, 1.0))
        made.append(
            egress_reported(
                f"m{number}", moment(start, start), moment(start + length, start + length), count=chance.randrange(10**6), **where
            )
        )
    return made


@given(seed=st.integers(0, 10**6), late=st.integers(0, 10))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hours_sum_to_days_months_marginals_and_resources(database, seed, late):
    """Whatever comes, in whatever batches: everything agrees with everything and with the ledger."""
    slug = f"org-{seed}-{late}"
    events = [event_in(one, slug) for one in _mixed(seed)]
    random.Random(seed).shuffle(events)
    cut = len(events) * late // 10
    ingest(events[cut:])
    if cut < len(events):
        roll(utc("2026-10-15 07:00"), slug)
    ingest(events[:cut])
    roll(NOW, slug)
    sums: dict[str, int] = {}
    for (code, _), quantity in rolled.hours(slug).items():
        sums[code] = sums.get(code, 0) + quantity
    assert all(rolled.totals(table, slug) == sums for table in (*CELLS, "resource_month"))
    assert verify(rolled.org_id(slug)) == []


def event_in(one: dict, org: str) -> dict:
    """The same event, of another organization."""
    return {**one, "data": {**one["data"], "org": org}}


ROLL = """
from flyusage import clock
from flyusage.metering import rollups
from datetime import datetime
import sys
with clock.freeze(datetime.fromisoformat(sys.argv[2])):
    rollups.catch_up(int(sys.argv[1]), progress=lambda _: print("step", flush=True))
"""


@pytest.mark.parametrize("steps", [0, 1, 3, 5])
def test_a_roll_up_killed_at_any_step_and_repeated_ends_the_same(database, steps):
    ingest(_mixed(5))
    command = [sys.executable, "-c", ROLL, str(rolled.org_id()), NOW.isoformat()]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ})
    for _ in range(steps):
        running.stdout.readline()
    time.sleep(random.Random(steps).uniform(0, 0.2))
    running.send_signal(signal.SIGKILL)
    running.wait()
    running.stdout.close()
    roll(NOW)
    killed = rolled.everything()
    assert verify(rolled.org_id()) == []
    with db.platform_transaction() as session:
        for table in killed:
            session.execute(sa.text(f"DELETE FROM {table}"))
        session.execute(sa.text("UPDATE rollup_state SET rolled_through = NULL"))
    roll(NOW)
    assert rolled.everything() == killed


def test_no_event_falls_between_ingest_and_roll_up(database):
    """Two roll-ups and two writers at once, while the clock moves; afterwards everything follows from the ledger."""
    events = _mixed(11, machines=30)
    ingest(events[:1])
    org, failures = rolled.org_id(), []
    ends = threading.Event()

    def rolling() -> None:
        try:
            while not ends.is_set():
                rollups.catch_up(org, until=utc("2026-09-25 00:00") + timedelta(seconds=5000 * int(time.monotonic() * 10) % 3_000_000))
        except Exception as error:  # noqa: BLE001 told by the test itself
            failures.append(error)

    def writing(part: list[dict]) -> None:
        try:
            for one in part:
                Ingest().run([line(one)], name="test")
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    rollers = [threading.Thread(target=rolling) for _ in range(2)]
    writers = [threading.Thread(target=writing, args=(events[1 + number :: 2],)) for number in range(2)]
    for thread in (*rollers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    ends.set()
    for thread in rollers:
        thread.join()
    assert failures == []
    roll(NOW)
    assert verify(org) == []


def test_a_long_gap_is_closed_with_the_present_first(database):
    ingest([started("m", "2026-06-01T00:00:00Z")])
    roll(utc("2026-07-01 00:00"))
    seen = []
    roll(NOW, progress=seen.append)
    assert seen[0].rolled_through == utc("2026-11-15 10:00")
    assert seen[0].pending_days == 138  # July 1 to November 15
    assert rolled.totals("usage_month") == {MACHINE: int((utc("2026-11-15 10:00") - utc("2026-06-01 00:00")).total_seconds())}


def test_an_event_of_the_future_waits_for_its_hour(database):
    ingest([event("machine.started", "m", "2026-11-15T10:24:00Z", {"vm_size": "performance-1x", "memory_mb": 2048})])
    roll(NOW)
    assert rolled.hours() == {}
    assert rolled.tail(NOW) == {}
    assert rolled.tail(utc("2026-11-15 10:25")) == {MACHINE: 60}


def test_a_new_months_partition_keeps_no_reader_out_of_the_step(database):
    """The month of an open run without events of its own: its partition is there before the step ends, and apart from it."""
    ingest([started("m", "2026-08-20T00:00:00Z")])
    assert rolled.rows("SELECT to_regclass('usage_day_2026_10')") == [(None,)]
    with db.platform_transaction() as session:
        rollups.roll_day(session, rolled.org_id(), date(2026, 10, 5), NOW)
        read = "SELECT count(*) FROM usage_day WHERE day = '2026-10-05'"
        assert rolled.rows(read) == [(0,)]  # another connection, meanwhile: neither kept waiting nor shown half
    assert rolled.rows("SELECT tableoid::regclass::text, total FROM usage_day") == [("usage_day_2026_10", 86_400)]
