"""Refused lines are kept for a hundred days, and for as long as a month waits for them."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from billing_world import acting, rows, take_in, value, volume
from factories import ingest, started

from flyusage import clock, config, db
from flyusage.invoices import old_refusals, purging
from flyusage.metering.ingest import Ingest
from flyusage.metering.queries import data_health

OCTOBER_15, NOVEMBER_20 = datetime(2026, 10, 15, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
DAYS = timedelta(days=1)


@pytest.fixture
def refused(database) -> dict[str, int]:
    """Two lines of Prism in October and one in November, one of Rival in October, and one of nobody."""
    known = take_in(*volume("v1", 10), *volume("r1", 10, org="rival"))
    for at, names, org in ((OCTOBER_15, ("a", "b"), "prism"), (OCTOBER_15, ("c",), "rival"), (NOVEMBER_20, ("d",), "prism")):
        with clock.freeze(at):
            ingest([started(name, "2026-10-02T00:00:00Z", org=org, region="moon") for name in names])
    with clock.freeze(OCTOBER_15):
        Ingest().run([b"no json"], name="a file")
    return known


def swept(at: datetime) -> int:
    """Lines that went."""
    with clock.freeze(at):
        before = value("SELECT count(*) FROM refused_event")
        old_refusals.sweep()
        return before - value("SELECT count(*) FROM refused_event")


def bill(org_id: int, month: str, state: str = "issued") -> None:
    with acting() as session:
        closed = sa.text("INSERT INTO billing_close (org_id, month, state, at) VALUES (:org, :month, :state, now())")
        session.execute(closed, {"org": org_id, "month": month, "state": state})


def test_they_go_after_a_hundred_days_some_at_a_time(refused: dict[str, int], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(old_refusals, "AT_ONCE", 3)  # the first run here is of a later day
    events = value("SELECT count(*) FROM usage_event")
    assert swept(OCTOBER_15 + 100 * DAYS) == 0
    with clock.freeze(OCTOBER_15 + 101 * DAYS):
        purging.work()  # as the worker does
    assert rows("SELECT org_slug, at FROM refused_event") == [("prism", NOVEMBER_20)]
    assert value("SELECT count(*) FROM usage_event") == events
    assert value("SELECT count(*) FROM ingest_run WHERE started_at < :at", at=OCTOBER_15 + DAYS) == 0


def test_what_a_month_to_be_billed_holds_stays_until_it_is(refused: dict[str, int]):
    bill(refused["rival"], "2026-09-01")  # this installation bills
    bill(refused["prism"], "2026-10-01", "failed")
    late = NOVEMBER_20 + 300 * DAYS
    assert swept(late) == 1  # nobody's: no month waits for it
    bill(refused["rival"], "2026-10-01", "nothing")
    assert swept(late) == 1
    with acting() as session:
        session.execute(sa.text("UPDATE billing_close SET state = 'issued' WHERE state = 'failed'"))
    assert swept(late) == 2
    assert rows("SELECT org_slug, at FROM refused_event") == [("prism", NOVEMBER_20)]
    assert swept(datetime(2028, 12, 21, tzinfo=UTC)) == 1  # 25 months later nobody can send it again, billed or not


def test_the_count_of_thirty_days_is_never_short_of_any(refused: dict[str, int], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FLYUSAGE_REFUSED_KEPT_DAYS", "31")
    config.settings.cache_clear()
    at = NOVEMBER_20 + 30 * DAYS
    assert swept(at) == 4
    with db.transaction(refused["prism"]) as session:
        assert data_health(session, refused["prism"], now=at).refused_events == 1
    monkeypatch.setenv("FLYUSAGE_REFUSED_KEPT_DAYS", "30")
    config.settings.cache_clear()
    with pytest.raises(config.SettingsInvalid, match="FLYUSAGE_REFUSED_KEPT_DAYS"):
        config.settings()


def test_a_demonstration_goes_on_knowing_what_it_has_loaded(database):
    with db.platform_transaction() as session:
        session.execute(
            sa.text("INSERT INTO ingest_run (name, started_at) VALUES ('demo/prism', :at), ('a.ndjson', :at)"), {"at": OCTOBER_15}
        )
    swept(OCTOBER_15 + 101 * DAYS)
    assert rows("SELECT name FROM ingest_run") == [("demo/prism",)]
