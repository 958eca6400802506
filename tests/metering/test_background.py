"""Roll-ups keep up by themselves."""

import threading

import pytest
from factories import ingest, started, stopped
from metering import rolled
from metering.rolled import roll, utc
from waiting import until

from flyusage import clock, db
from flyusage.metering import background
from flyusage.metering.background import Background
from flyusage.metering.locks import lock_organizations

NOW = utc("2026-11-15 10:40")


@pytest.fixture(autouse=True)
def november():
    with clock.freeze(NOW):
        yield


def waiting() -> int:
    return rolled.rows("SELECT count(*) FROM dirty_day")[0][0] + (rolled.rows("SELECT rolled_through FROM rollup_state")[0][0] is None)


def test_a_worker_rolls_what_comes_in_and_leaves_when_asked(database):
    ingest([started("m", "2026-11-10T00:00:00Z"), started("m", "2026-11-12T00:00:00Z", org="rival")])
    stop = threading.Event()
    worker = threading.Thread(target=background.run, args=(stop,))
    worker.start()
    try:
        until(lambda: rolled.totals("usage_month") and rolled.totals("usage_month", "rival") and waiting() == 0)
        ingest([started("late", "2026-11-12T00:00:00Z"), stopped("late", "2026-11-12T00:00:05Z")])
        until(lambda: rolled.hours().get(("machine.performance-1x", "11-12 00")) == 3605)
    finally:
        stop.set()
        worker.join(10)
    assert not worker.is_alive()


def test_a_load_under_way_is_rolled_once_it_is_quiet(database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(background, "QUIET_SECONDS", 60.0)
    monkeypatch.setattr(background, "LONGEST_WAIT_SECONDS", 60.0)
    ingest([started("m", "2026-10-01T00:00:00Z")])
    roll(NOW)
    work = Background().work
    ingest([started("n", "2026-10-10T00:00:00Z")])
    for number in range(3):
        ingest([started(f"n{number}", "2026-10-10T00:00:00Z")])
        assert work() is False
        assert waiting() > 30
    monkeypatch.setattr(background, "QUIET_SECONDS", 0.0)
    while work():
        pass
    assert waiting() == 0


def test_a_few_late_days_are_rolled_at_once(database):
    ingest([started("m", "2026-10-01T00:00:00Z")])
    roll(NOW)
    ingest([started("n", "2026-10-10T00:00:00Z"), stopped("n", "2026-10-11T00:00:01Z")])
    assert waiting() == 2
    Background().work()
    assert waiting() == 0


def test_an_organization_that_is_held_does_not_hold_up_the_others(database, monkeypatch):
    ingest([started("m", "2026-11-15T00:00:00Z"), started("m", "2026-11-15T00:00:00Z", org="rival")])
    monkeypatch.setattr(background, "PATIENCE_MS", 100)
    monkeypatch.setattr(background, "QUIET_SECONDS", 0)
    with db.platform_transaction() as session:
        lock_organizations(session, [rolled.org_id()])
        Background().work()
    assert rolled.totals("usage_month") == {}
    assert rolled.totals("usage_month", "rival") != {}
