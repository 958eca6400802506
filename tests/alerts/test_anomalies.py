"""Anomalies from events to what is told: found once, with the machines that caused them, whoever looks and whatever comes late."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from billing_world import take_in
from conftest import Database, chosen
from factories import Event, started, stopped, volume_created, volume_resized
from sqlmodel import Session

from flyusage import clock, db
from flyusage.alerts import anomalies, background, deliveries, endpoints
from flyusage.alerts.anomalies import Found, facts_of, look_for, sentence, view_of
from flyusage.metering.history import note_load, note_whole
from flyusage.orgs.acting import system
from flyusage.periods import Period
from flyusage.pricing.explorer import explore

BEGINS, NOW = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 16, tzinfo=UTC)
RUNAWAY, DARK = datetime(2026, 10, 15, 6, tzinfo=UTC), datetime(2026, 10, 12, 8, tzinfo=UTC)
AMOUNTS = ((1250, "USD"), (-500, "JPY"), (2**63 - 1, "EUR"))
SIZE = {"vm_size": "performance-8x", "memory_mb": 16384}


def iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def events() -> Iterator[Event]:
    """Four machines of each of three apps in fra, six of each of two in dfw, since September; fra is dark for four hours, and web runs away."""
    for app in ("web", "api", "jobs"):
        for number in range(4):
            name, where = f"{app}-fra-{number}", {"app": app, "region": "fra"}
            yield started(name, iso(BEGINS), **SIZE, **where)
            yield stopped(name, iso(DARK), **where)
            yield started(name, iso(DARK + timedelta(hours=4)), **SIZE, **where)
    for app in ("web", "api"):
        for number in range(6):
            yield started(f"{app}-dfw-{number}", iso(BEGINS), app=app, region="dfw", **SIZE)
    for number in range(30):
        yield started(f"runaway-{number:02d}", iso(RUNAWAY), app="web", region="dfw", **SIZE)
    yield started("rival", iso(BEGINS), org="rival", **SIZE)


@pytest.fixture(scope="module")
def prism(shared_database: Database) -> Iterator[int]:
    """A month and a half of steady use with two faults, looked at by four workers at once."""
    with chosen({"FLYUSAGE_DELIVERY_NETWORKS": "127.0.0.1/32", "FLYUSAGE_BASE_URL": "https://usage.example"}), clock.freeze(NOW):
        org_id = take_in(*events(), at=NOW)["prism"]
        with db.transaction(org_id) as session:
            endpoints.create(
                session, org_id, kind="webhook", name="Hook", url="http://127.0.0.1:1/", topics=("anomalies",), by=system("test")
            )

        def look() -> None:
            with clock.freeze(NOW), db.transaction(org_id) as session:
                look_for(session, org_id)

        look()
        with ThreadPoolExecutor(3) as threads:
            for one in [threads.submit(look) for _ in range(3)]:
                one.result()
        yield org_id


def test_nothing_is_looked_for_while_what_is_usual_is_still_loading(database: Database):
    """A history that loads newest first: the last month is in, and the month that it is held against is not."""
    with clock.freeze(NOW):
        org_id = take_in(*events(), at=NOW)["prism"]
        with db.platform_transaction() as session:
            note_load(session, org_id, (NOW - timedelta(days=40)).date(), 30)
        with db.transaction(org_id) as session:
            assert not look_for(session, org_id)
            assert anomalies.anomalies(session, org_id, all_of_them=True) == []
        with db.platform_transaction() as session:
            note_whole(session, org_id)
        with db.transaction(org_id) as session:
            look_for(session, org_id)
            assert {one.where for one in anomalies.anomalies(session, org_id)} == {"web in dfw", "everything in fra"}


def test_what_one_organization_breaks_leaves_the_others_alone(database: Database, monkeypatch: pytest.MonkeyPatch):
    look = anomalies.look_for

    def breaks_prism(session: Session, org_id: int, *, days: int | None = None) -> bool:
        is_more = look(session, org_id, days=days)
        if org_id == ids["prism"]:
            raise KeyError("a currency that nobody expected")  # all that was looked at is looked at again
        return is_more

    def looked_at() -> set[int]:
        with db.platform_transaction() as session:
            return set(session.scalars(sa.text("SELECT org_id FROM anomaly_watch")))

    with clock.freeze(NOW):
        ids = take_in(*events(), at=NOW)
        monkeypatch.setattr(anomalies, "look_for", breaks_prism)
        background.look_for_anomalies()
        assert looked_at() == {ids["rival"]}
        monkeypatch.setattr(anomalies, "look_for", look)
        background.look_for_anomalies()
        assert looked_at() == {ids["rival"], ids["prism"]}


def found(org_id: int, period: Period | None = None) -> list[Found]:
    with db.transaction(org_id) as session:
        return anomalies.anomalies(session, org_id, period)


def test_the_runaway_and_the_dark_region_are_told_and_nothing_else(prism: int):
    told = {one.where: one for one in found(prism)}
    assert set(told) == {"web in dfw", "everything in fra"}
    runaway, dark = told["web in dfw"], told["everything in fra"]
    assert (runaway.is_rise, runaway.since, runaway.is_over) == (True, RUNAWAY, False)
    assert (dark.is_rise, dark.since, dark.until, dark.is_over) == (False, DARK, DARK + timedelta(hours=4), True)
    # 30 machines instead of none beside the six: five times the ordinary more
    assert runaway.difference_minor == pytest.approx(5 * runaway.expected_minor, rel=0.01)
    assert dark.difference_minor == pytest.approx(-dark.expected_minor, rel=0.01)


def test_each_says_its_cause_and_leads_to_the_view_that_shows_it(prism: int):
    told = {one.where: one for one in found(prism)}
    runaway, dark = told["web in dfw"], told["everything in fra"]
    assert (runaway.cause.count, runaway.cause.sku, runaway.cause.machines[0]) == (30, "machine.performance-8x", "runaway-00")
    assert runaway.cause.words(with_names=False) == "30 machines started, most of it machine.performance-8x."
    assert (dark.cause.count, dark.cause.app_count) == (12, 3)
    assert "api-fra-0" not in dark.cause.words(with_names=False)
    assert sentence(runaway).startswith("web in dfw cost $")
    assert "more than is usual since Oct 15, 06:00 UTC" in sentence(runaway)
    with db.transaction(prism) as session:
        answer = explore(session, prism, view_of(runaway), now=NOW)
    at = answer.buckets.index(RUNAWAY)
    line = [sum(one.points[place] for one in answer.drawn) for place in range(len(answer.buckets))]
    assert line[at] == pytest.approx(6 * line[at - 1], rel=0.01)


def test_only_what_is_fresh_is_sent_and_only_once(prism: int):
    with db.transaction(prism) as session:
        (listed,) = deliveries.log(session, prism)
        sent = deliveries.delivery_of(session, prism, listed.id)
    said = json.loads(sent.body)["data"]
    assert (sent.type, said["app"], said["region"], said["direction"]) == ("anomaly.found", "web", "dfw", "rise")
    assert said["cause"]["machines"][:2] == ["runaway-00", "runaway-01"]
    told = next(one for one in found(prism) if one.app == "web")
    assert said == {**facts_of(told), "until": said["until"], "text": said["text"], "link": said["link"]}
    whole = [facts_of(replace(told, difference_minor=minor, currency=currency))["difference"] for minor, currency in AMOUNTS]
    assert whole == ["12.50", "-500", "92233720368547758.07"]
    assert said["link"].startswith("https://usage.example/orgs/prism/usage?")


def leak_and_move() -> Iterator[Event]:
    """Ten machines of web in dfw ($3.58 an hour) and a volume, which grows by a tenth of that; api in fra moves to twice as many of half the size."""
    for number in range(10):
        yield started(f"web-{number}", iso(BEGINS), app="web", region="dfw", **SIZE)
        yield started(f"old-{number}", iso(BEGINS), app="api", region="fra", **SIZE)
        yield stopped(f"old-{number}", iso(RUNAWAY), app="api", region="fra")
        for half in "ab":
            yield started(f"new-{number}{half}", iso(RUNAWAY), app="api", region="fra", vm_size="performance-4x", memory_mb=8192)
    yield volume_created("leak", iso(BEGINS), gb=100, app="web", region="dfw")
    yield volume_resized("leak", iso(RUNAWAY), gb=1_800, app="web", region="dfw")


def test_a_sku_that_leaks_in_a_large_place_is_told_and_a_move_between_sizes_is_not(database: Database):
    with clock.freeze(NOW):
        org_id = take_in(*leak_and_move(), at=NOW)["prism"]
        with db.transaction(org_id) as session:
            look_for(session, org_id)
            (told,) = anomalies.anomalies(session, org_id)
    assert (told.where, told.is_rise, told.since, told.cause.sku) == ("web in dfw", True, RUNAWAY, "volume")
    # 1,700 GB at $0.15 for 30 days, from 6:00 to 22:00: 16 hours of $0.35417
    assert told.difference_minor == pytest.approx(567, abs=2)


def test_a_deleted_organization_is_not_looked_at(prism: int):
    with db.platform_transaction() as session:
        session.execute(sa.text("UPDATE anomaly_watch SET looked_through = looked_through - interval '1 day'"))
        assert prism in anomalies.organizations_to_look_at(session)
        session.execute(sa.text("UPDATE organization SET deleted_at = now() WHERE id = :org"), {"org": prism})
        assert prism not in anomalies.organizations_to_look_at(session)
        session.rollback()


def test_an_hour_is_looked_at_once_whatever_comes_late(prism: int):
    before = found(prism)
    take_in(*[started(f"late-{number}", iso(DARK - timedelta(days=2)), app="late", region="fra", **SIZE) for number in range(50)], at=NOW)
    with clock.freeze(NOW + timedelta(minutes=50)), db.transaction(prism) as session:
        assert look_for(session, prism) is False
    assert found(prism) == before


def test_a_period_leaves_what_lies_outside_of_it_and_rival_has_none(prism: int):
    assert [one.where for one in found(prism, Period(DARK, DARK + timedelta(hours=1)))] == ["everything in fra"]
    assert found(3 - prism) == []
