"""Where a void finds the event that it withdraws."""

import pytest
import sqlalchemy as sa
from factories import deployed, ingest, started, stopped, voided
from metering import stored
from metering.rolled import utc

from flyusage import clock, db


@pytest.fixture(autouse=True)
def november():
    with clock.freeze(utc("2026-11-15 10:40")):
        yield


def test_one_batch_withdraws_from_several_months(database):
    machines = {"a": "2026-08-31T23:59:59Z", "b": "2026-09-01T00:00:00Z", "c": "2026-10-15T12:00:00Z", "d": "2026-10-31T23:59:59Z"}
    starts = [started(name, at) for name, at in machines.items()]
    release = deployed("web", "2026-10-01T00:00:00Z")
    ingest([*starts, release])
    ingest(voided(one, "2026-11-01T00:00:00Z") for one in (starts[0], starts[1], starts[3], release))
    assert [name for name, *_ in stored.spans()] == ["c"]
    assert stored.rows("SELECT count(*) FROM deployment") == [(0,)]


def test_an_identity_from_before_days_were_noted_is_found_too(database):
    start, stop = started("m", "2026-10-01T00:00:00Z"), stopped("m", "2026-10-02T00:00:00Z")
    ingest([start, stop])
    with db.platform_transaction() as session:
        session.execute(sa.text("UPDATE event_identity SET day = NULL"))
    ingest([voided(stop, "2026-11-01T00:00:00Z")])
    assert stored.spans() == [("m", "machine.performance-1x", "10-01 00:00:00", None, 1)]
