"""The life of machines, volumes and addresses, worked by hand; and SQL against the Python that says the rules."""

import itertools
from collections import Counter
from datetime import UTC, datetime

import pytest
from factories import (
    destroyed,
    egress_reported,
    ingest,
    ipv4_allocated,
    ipv4_released,
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
from metering import stored

from flyusage import clock
from flyusage.metering.catalog import facts
from flyusage.metering.events import Parser
from flyusage.metering.intervals import derive

NOW = datetime(2026, 11, 15, tzinfo=UTC)
PRESETS = {row["name"]: int(row["memory_mb_default"]) for row in facts("vm_sizes.csv")}
D = "2026-10-01T"
ORGS = itertools.count()


@pytest.fixture(autouse=True)
def november():
    with clock.freeze(NOW):
        yield


def test_a_stop_and_a_start_in_one_second_are_a_resize(database):
    ingest(
        [
            started("m", f"{D}00:00:00Z"),
            stopped("m", f"{D}01:00:00Z"),
            started("m", f"{D}01:00:00.9Z", vm_size="shared-cpu-1x"),
        ]
    )
    assert stored.spans() == [
        ("m", "machine.performance-1x", "10-01 00:00:00", "10-01 01:00:00", 1),
        ("m", "machine.shared-cpu-1x", "10-01 01:00:00", None, 1),
    ]
    assert stored.codes() == []


def test_a_start_while_running_closes_the_older_run_and_says_so(database):
    ingest([started("m", f"{D}00:00:00Z"), started("m", f"{D}02:00:00Z"), stopped("m", f"{D}03:00:00Z")])
    assert [(stored.at(one.started_at), one.is_inferred) for one in stored.intervals()] == [
        ("10-01 00:00:00", True),
        ("10-01 02:00:00", False),
    ]
    assert stored.codes() == ["inferred_stop"]


def test_a_stop_with_nothing_open_bills_nothing_and_starts_no_root_filesystem(database):
    ingest([stopped("m", f"{D}00:00:00Z", rootfs_gb=8)])
    assert stored.spans() == []
    assert stored.codes() == ["orphan_stop"]


def test_a_stopped_machine_pays_for_its_root_filesystem_until_it_starts_or_goes(database):
    ingest([started("m", f"{D}00:00:00Z"), stopped("m", f"{D}01:00:00Z", rootfs_gb=8), stopped("m", f"{D}02:00:00Z", rootfs_gb=50),
            started("m", f"{D}03:00:00Z"), stopped("m", f"{D}04:00:00Z", rootfs_gb=0.5), destroyed("m", f"{D}05:00:00Z")])  # fmt: skip
    # 8 GB are 8,192 MiB; the second stop finds nothing running, so the first one's root filesystem goes on
    assert stored.spans() == [
        ("m", "machine.performance-1x", "10-01 00:00:00", "10-01 01:00:00", 1),
        ("m", "machine.performance-1x", "10-01 03:00:00", "10-01 04:00:00", 1),
        ("m", "machine.rootfs_stopped", "10-01 01:00:00", "10-01 03:00:00", 8192),
        ("m", "machine.rootfs_stopped", "10-01 04:00:00", "10-01 05:00:00", 512),
    ]
    assert stored.codes() == ["orphan_stop"]
    assert {one.vm_size for one in stored.intervals()} == {"performance-1x"}


def test_memory_beyond_the_preset_is_extra_and_less_is_not_negative(database):
    ingest([started("m", f"{D}00:00:00Z", memory_mb=5120), started("n", f"{D}00:00:00Z", memory_mb=512)])
    # performance-1x includes 2,048 MiB: 5,120 - 2,048 = 3,072
    assert {one.subject: one.extra_mib for one in stored.intervals()} == {"m": 3072, "n": 0}


def test_intervals_of_no_length_vanish(database):
    ingest(
        [
            started("m", f"{D}00:00:00.1Z"),
            started("m", f"{D}00:00:00.7Z", memory_mb=4096),
            stopped("m", f"{D}00:00:09Z"),
        ]
    )
    assert stored.spans() == [("m", "machine.performance-1x", "10-01 00:00:00", "10-01 00:00:09", 1)]


def test_a_volume_is_created_resized_and_destroyed(database):
    ingest([volume_created("v", f"{D}00:00:00Z", gb=10), volume_resized("v", f"{D}01:00:00Z", gb=20),
            volume_destroyed("v", f"{D}02:00:00Z"),
            volume_resized("v", f"{D}03:00:00Z", gb=30), volume_destroyed("v", f"{D}04:00:00Z")])  # fmt: skip
    assert stored.spans() == [
        ("v", "volume", "10-01 00:00:00", "10-01 01:00:00", 10240),
        ("v", "volume", "10-01 01:00:00", "10-01 02:00:00", 20480),
    ]
    assert stored.codes() == ["orphan_resize", "orphan_stop"]


def test_an_address_may_move_to_another_app(database):
    ingest([ipv4_allocated("1.2.3.4", f"{D}00:00:00Z", app="web"), ipv4_released("1.2.3.4", f"{D}01:00:00Z", app="web"),
            ipv4_allocated("1.2.3.4", f"{D}02:00:00Z", app="api")])  # fmt: skip
    assert sorted((one.app, stored.at(one.started_at)) for one in stored.intervals()) == [
        ("api", "10-01 02:00:00"),
        ("web", "10-01 00:00:00"),
    ]
    assert stored.codes() == []


def test_a_contradicting_event_is_kept_unbilled_and_reported(database):
    ingest([started("m", f"{D}00:00:00Z", region="dfw"), started("m", f"{D}01:00:00Z", region="ams")])
    assert stored.spans() == [("m", "machine.performance-1x", "10-01 00:00:00", None, 1)]
    assert stored.codes() == ["contradicting_home"]
    assert stored.rows("SELECT count(*) FROM usage_event") == [(2,)]


def test_an_earlier_event_moves_the_home_when_it_arrives_late(database):
    ingest([started("m", f"{D}02:00:00Z", region="ams"), stopped("m", f"{D}04:00:00Z", region="ams")])
    ingest([started("m", f"{D}01:00:00Z", region="dfw")])
    assert [(one.region, stored.at(one.started_at), one.stopped_at) for one in stored.intervals()] == [("dfw", "10-01 01:00:00", None)]
    assert stored.codes() == ["contradicting_home", "contradicting_home"]
    assert stored.rows("SELECT g.code FROM resource r JOIN region g ON g.id = r.region_id") == [("dfw",)]


def test_egress_carries_the_size_that_ran_before_its_end(database):
    ingest([
        started("m", f"{D}00:00:00Z"),
        egress_reported("m", f"{D}00:00:00Z", f"{D}01:00:00Z", count=10),
        stopped("m", f"{D}01:00:00Z"),
        started("m", f"{D}01:00:00Z", vm_size="shared-cpu-1x"),
        egress_reported("m", f"{D}00:30:00Z", f"{D}01:00:01Z", count=20),
        destroyed("m", f"{D}02:00:00Z"),
        egress_reported("m", f"{D}02:00:00Z", f"{D}03:00:00Z", count=30),
        egress_reported("never-started", f"{D}02:00:00Z", f"{D}03:00:00Z", count=40),
    ])  # fmt: skip
    found = sorted((one.capacity, one.vm_size) for one in stored.intervals() if one.sku == "egress.public")
    assert found == [(10, "performance-1x"), (20, "shared-cpu-1x"), (30, "none"), (40, "none")]


def test_equal_reports_add_up_and_one_can_be_withdrawn(database):
    first, second = (egress_reported("m", f"{D}00:00:00Z", f"{D}01:00:00Z", count=7, id=name) for name in ("a", "b"))
    ingest([first, second])
    assert [one.capacity for one in stored.intervals().elements()] == [7, 7]
    ingest([voided(second, f"{D}02:00:00Z")])
    assert [one.capacity for one in stored.intervals().elements()] == [7]


def test_a_void_withdraws_whether_it_comes_before_or_after(shared_database):
    for order in itertools.permutations(range(3)):
        org = f"void-{next(ORGS)}"
        stop = stopped("m", f"{D}01:00:00Z", org=org)
        events = [started("m", f"{D}00:00:00Z", org=org), stop, voided(stop, f"{D}05:00:00Z")]
        for number in order:
            ingest([events[number]])
        assert stored.spans(org) == [("m", "machine.performance-1x", "10-01 00:00:00", None, 1)]
        assert stored.audited(org) == ["event.void"]


def test_a_void_is_final(shared_database):
    for order in itertools.permutations(range(4)):
        org = f"final-{next(ORGS)}"
        stop = stopped("m", f"{D}01:00:00Z", org=org)
        void = voided(stop, f"{D}05:00:00Z")
        events = [started("m", f"{D}00:00:00Z", org=org), stop, void, voided(void, f"{D}06:00:00Z")]
        for number in order:
            ingest([events[number]])
        assert stored.spans(org) == [("m", "machine.performance-1x", "10-01 00:00:00", None, 1)]
        assert stored.codes(org) == ["void_is_final"]


def test_a_machine_whose_only_event_was_withdrawn_beforehand_exists_without_intervals(database):
    start = started("m", f"{D}00:00:00Z")
    ingest([voided(start, f"{D}01:00:00Z")])
    ingest([start])
    assert stored.spans() == []
    assert stored.rows("SELECT name FROM resource") == [("m",)]


moments = st.integers(0, 7).map(lambda slot: f"2026-10-01T{slot * 3:02d}:00:00Z")
machines = st.sampled_from(["m", "n"])
homes = st.sampled_from([{}, {}, {}, {"app": "api"}, {"region": "ams"}])
sizes = st.sampled_from([("performance-1x", 5120), ("shared-cpu-1x", 256)])


@st.composite
def histories(draw):
    """A few subjects' events, often in the same second, some withdrawn, some in another home."""
    made = []
    for number in range(draw(st.integers(1, 14))):
        common = {**draw(homes), "id": f"e{number}"}
        moment = draw(moments)
        match draw(st.integers(0, 9)):
            case 0 | 1 | 2:
                size, memory = draw(sizes)
                made.append(started(draw(machines), moment, vm_size=size, memory_mb=memory, **common))
            case 3 | 4:
                made.append(stopped(draw(machines), moment, rootfs_gb=draw(st.sampled_from([0, 8])), **common))
            case 5:
                made.append(destroyed(draw(machines), moment, **common))
            case 6:
                make = draw(st.sampled_from([volume_created, volume_resized, volume_destroyed]))
                made.append(make("v", moment, **({} if make is volume_destroyed else {"gb": draw(st.integers(1, 2))}), **common))
            case 7:
                made.append(draw(st.sampled_from([ipv4_allocated, ipv4_released]))("1.2.3.4", moment, **common))
            case 8:
                start = draw(st.sampled_from(["2026-09-30T23:30:00Z", "2026-10-01T02:59:59Z"]))
                made.append(egress_reported(draw(machines), start, "2026-10-01T03:00:00Z", count=7, at="2026-10-01T21:00:00Z", **common))
            case _ if made:
                made.append(voided(draw(st.sampled_from(made)), moment, id=f"e{number}"))
    return made


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(events=histories(), data=st.data())
def test_any_order_duplication_and_splitting_gives_what_the_rules_say(shared_database, events, data):
    org = f"org-{next(ORGS)}"
    for event in events:
        event["data"]["org"] = org
    arrivals = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events or [None]), max_size=4 if events else 0))))
    with clock.freeze(NOW):
        while arrivals:
            size = data.draw(st.integers(1, len(arrivals)))
            ingest(arrivals[:size])
            arrivals = arrivals[size:]
    parser = Parser(NOW)
    expected = derive([parser.parse(line(event), 1) for event in events], PRESETS)
    derived_codes = {"orphan_stop", "orphan_resize", "inferred_stop", "contradicting_home"}
    assert stored.intervals(org) == Counter(expected.intervals)
    assert Counter(one for one in stored.findings(org).elements() if one.code in derived_codes) == Counter(expected.findings)
