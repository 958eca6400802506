"""How fresh and how sound an organization's data is, and how far it is rolled."""

from datetime import date, timedelta

import pytest
from factories import deployed, ingest, started, stopped, volume_created
from metering import rolled
from metering.rolled import roll, utc

from flyusage import clock, db
from flyusage.metering import queries
from flyusage.periods import Period

NOW = utc("2026-11-15 10:40")


@pytest.fixture(autouse=True)
def november():
    with clock.freeze(NOW):
        yield


def ask(question, *rest, slug: str = "prism", **options):
    """A question as the organization's members ask it."""
    org = rolled.org_id(slug)
    with db.transaction(org) as session:
        return question(session, org, *rest, **options)


def test_nothing_is_fresh_before_the_first_event(database, cast):
    assert ask(queries.freshness) is None
    assert ask(queries.rollup_progress) is None


def test_as_of_is_now_while_the_roll_up_is_up(database):
    ingest([started("m", "2026-11-15T08:00:00Z"), stopped("m", "2026-11-15T10:30:00Z"), started("n", "2026-11-15T10:30:00Z")])
    roll(NOW)
    fresh = ask(queries.freshness)
    assert (fresh.as_of, fresh.lag, fresh.rolled_through) == (NOW, timedelta(0), utc("2026-11-15 10:00"))
    assert (fresh.first_event_at, fresh.last_event_at) == (utc("2026-11-15 08:00"), utc("2026-11-15 10:30"))
    assert (fresh.is_stale, fresh.running_now, fresh.backlog_days) == (False, 1, 0)


def test_a_late_roll_up_says_how_late(database):
    ingest([started("m", "2026-11-15T05:00:00Z")])
    roll(utc("2026-11-15 06:30"))
    fresh = ask(queries.freshness)
    assert (fresh.as_of, fresh.lag) == (utc("2026-11-15 07:00"), timedelta(hours=3, minutes=40))


def test_before_the_first_roll_up_nothing_is_closed(database):
    ingest([started("m", "2026-11-15T05:20:00Z")])
    fresh = ask(queries.freshness)
    assert fresh.as_of == fresh.rolled_through == utc("2026-11-15 05:00")
    assert ask(queries.rollup_progress) == queries.RollupProgress(0, 1, None)


def test_without_an_event_for_six_hours_it_is_stale_and_says_what_rests_on_that(database):
    ingest([started("m", "2026-11-14T00:00:00Z", memory_mb=4096), started("n", "2026-11-15T04:40:00Z", region="ams")])
    ingest([volume_created("v", "2026-11-14T00:00:00Z", gb=3)])
    roll(NOW)
    assert not ask(queries.freshness).is_stale  # six hours to the second
    fresh = ask(queries.freshness, now=NOW + timedelta(seconds=1))
    assert fresh.is_stale
    assert fresh.resting_since == utc("2026-11-15 04:40")
    assert sorted((one.running, one.capacity) for one in fresh.resting) == [(1, 1), (1, 1), (1, 2048), (1, 3072)]
    assert fresh.running_now == 2


def test_progress_tells_what_still_loads(database):
    ingest([started("m", "2026-06-01T00:00:00Z")])
    seen = []
    roll(NOW, progress=lambda _: seen.append(ask(queries.rollup_progress)))
    assert (seen[0].rolled_days, seen[0].total_days, seen[0].complete_from) == (0, 168, None)
    assert (seen[1].rolled_days, seen[1].complete_from) == (1, date(2026, 11, 15))
    assert [one.complete_from for one in seen[1:]] == sorted((one.complete_from for one in seen[1:]), reverse=True)
    assert seen[-1] == queries.RollupProgress(168, 168, date(2026, 6, 1))
    assert seen[-1].is_complete


def test_findings_are_counted_by_kind(database):
    start = started("m", "2026-11-01T00:00:00Z")
    ingest([start, started("m", "2026-11-02T00:00:00Z"), stopped("n", "2026-11-02T00:00:00Z"), {**start, "time": "2026-11-03T00:00:00Z"}])
    ingest([stopped("m", "2026-11-04T00:00:00Z", region="ams"), started("x", "2026-11-04T00:00:00Z", region="atlantis")])
    health = ask(queries.data_health)
    assert (health.inferred_stops, health.orphan_stops, health.conflicts, health.contradictions) == (1, 1, 1, 1)
    assert health.refused_events == 2  # the conflict, and the region that does not exist


def test_an_organization_sees_its_own_only(database):
    ingest([stopped("n", "2026-11-02T00:00:00Z"), deployed("web", "2026-11-02T00:00:00Z")])
    ingest([started("m", "2026-11-02T00:00:00Z", org="rival")])
    org = rolled.org_id()
    with db.transaction(rolled.org_id("rival")) as session:
        assert queries.freshness(session, org) is None
        assert queries.data_health(session, org).orphan_stops == 0
        assert queries.deployments(session, org, Period(utc("2026-11-01 00:00"), NOW)) == []
        assert queries.machine_names(session, org, "n") == []


def test_deployments_of_a_period_oldest_first(database):
    ingest([deployed("web", f"2026-11-0{day}T00:00:00Z", version=f"v{day}") for day in (1, 2, 3, 4)])
    ingest([deployed("api", "2026-11-02T12:00:00Z", version="a")])
    period = Period(utc("2026-11-02 00:00"), utc("2026-11-04 00:00"))
    assert [one.version for one in ask(queries.deployments, period)] == ["v2", "a", "v3"]
    assert [one.version for one in ask(queries.deployments, period, apps=["web"])] == ["v2", "v3"]
    assert [one.version for one in ask(queries.deployments, period, limit=2)] == ["a", "v3"]


def test_machines_are_found_by_beginning_then_by_part(database):
    ingest([started(name, "2026-11-01T00:00:00Z") for name in ("ab1", "ab2", "xab", "100%_", "é💥")])
    ingest([volume_created("abv", "2026-11-01T00:00:00Z")])
    assert ask(queries.machine_names, "ab") == ["ab1", "ab2"]
    assert ask(queries.machine_names, "ab", limit=1) == ["ab1"]
    assert ask(queries.machine_names, "xab") == ["xab"]
    assert ask(queries.machine_names, "0%_") == ["100%_"]
    assert ask(queries.machine_names, "%") == []
    assert ask(queries.machine_names, "é") == ["é💥"]


def test_beginnings_are_found_by_index_under_row_level_security(database):
    ingest([started("ab1", "2026-11-01T00:00:00Z")])
    org = rolled.org_id()
    with db.owner_engine().begin() as connection:
        connection.exec_driver_sql("ALTER TABLE resource NO FORCE ROW LEVEL SECURITY; ALTER TABLE resource DISABLE ROW LEVEL SECURITY")
        connection.exec_driver_sql(
            f"INSERT INTO resource (org_id, kind, name, app_id, region_id) SELECT {org}, 1, md5(n::text), 1, 1 FROM generate_series(1, 20000) n"
        )
        connection.exec_driver_sql(
            "ALTER TABLE resource ENABLE ROW LEVEL SECURITY; ALTER TABLE resource FORCE ROW LEVEL SECURITY; ANALYZE resource"
        )
    with db.transaction(org) as session:
        plan = (
            session.connection()
            .exec_driver_sql(f"EXPLAIN SELECT name FROM resource WHERE org_id = {org} AND kind = 1 AND name ^@ 'ab' ORDER BY name LIMIT 20")
            .scalars()
            .all()
        )
    assert any("Index" in step and "uq_resource_org_id_kind_name" in step for step in plan), plan
    assert any("name >=" in step for step in plan), plan
