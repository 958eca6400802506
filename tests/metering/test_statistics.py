"""The planner knows what a bulk load brought, as soon as it is in."""

import pytest
import sqlalchemy as sa
from factories import ingest, started, stopped
from metering.rolled import roll, utc
from sqlalchemy.exc import ProgrammingError

from flyusage import clock, db
from flyusage.metering import statistics

NOW = utc("2026-11-15 10:40")


@pytest.fixture(autouse=True)
def november():
    with clock.freeze(NOW):
        yield


def known_rows(table: str) -> float:
    """What the planner takes the table to hold; −1 for a table it knows nothing of."""
    with db.platform_transaction() as session:
        return session.scalar(sa.text("SELECT reltuples FROM pg_class WHERE relname = :table"), {"table": table})  # type: ignore[return-value]


def test_what_grew_is_analyzed_and_partitioned_tables_as_a_whole(database):
    ingest([started("m", "2026-10-01T00:00:00Z"), stopped("m", "2026-10-01T01:00:00Z"), started("n", "2026-11-01T00:00:00Z")])
    roll(NOW)
    assert known_rows("usage_event_2026_10") == -1
    grown = statistics.refresh(smallest_bytes=1)
    assert (known_rows("usage_event_2026_10"), known_rows("usage_event_2026_11"), known_rows("usage_event")) == (2, 1, 3)
    assert {"event_identity", "usage_day", "usage_interval", "usage_month", "resource_month"} <= set(grown)
    assert statistics.refresh(smallest_bytes=1) == []


def test_nothing_is_gathered_of_columns_that_nobody_asks_by(database):
    ingest([started("m", "2026-10-01T00:00:00Z"), stopped("m", "2026-10-01T01:00:00Z")])
    roll(NOW)
    statistics.refresh(smallest_bytes=1)
    with db.owner_engine().connect() as connection:
        known = connection.execute(
            sa.text(
                "SELECT tablename, attname FROM pg_stats WHERE tablename IN ('usage_day_2026_10', 'usage_month', 'usage_event_2026_10')"
            )
        )
        gathered = {(row.tablename, row.attname) for row in known}
    assert {("usage_day_2026_10", "app_id"), ("usage_month", "total"), ("usage_event_2026_10", "resource_id")} <= gathered
    assert not {("usage_day_2026_10", "h00"), ("usage_month", "d31"), ("usage_event_2026_10", "identity")} & gathered


def test_a_table_that_is_small_is_left_to_autovacuum(database):
    ingest([started("m", "2026-10-01T00:00:00Z")])
    assert statistics.refresh() == []


@pytest.mark.parametrize("name", ["no_such_table", "pg_class", "usage_event; DROP TABLE app", "pk_app"])
def test_nothing_but_a_table_of_ours_is_analyzed(database, name):
    with db.platform_transaction() as session:
        assert session.scalar(sa.text("SELECT analyze_table(:name)"), {"name": name}) is False


def test_the_application_may_not(database):
    with pytest.raises(ProgrammingError, match="permission denied for function analyze_table"), db.lookup_transaction() as session:
        session.execute(sa.text("SELECT analyze_table('app')"))
