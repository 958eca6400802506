"""Filling the demo platform into a database, through the features' own functions."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from conftest import Server, clone

from flyusage import clock, db
from flyusage.demo import platform
from flyusage.demo.company import COST_CENTRES
from flyusage.demo.platform import Progress, advance, fill, loading
from flyusage.invoices.closing import rehearse
from flyusage.metering.history import HistoryLoad, history_load
from flyusage.orgs.queries import directory
from flyusage.pricing.books import book_of

NOW = datetime(2026, 11, 23, 15, 30, 12, tzinfo=UTC)
VMS, MONTHS = 150, 7  # small, but with an outage, a migration, a retired region and every meter
CELLS = ("usage_day", "usage_month", "usage_day_by_region", "usage_month_by_region", "resource_month", "open_cell")


def fill_at_now(*, vms: int = 30, months: int = 2, progress: Callable[[Progress], None] | None = None) -> platform.Filled:
    with clock.freeze(NOW):
        return fill(vms=vms, months=months, now=NOW, progress=progress)


def number(query: str, **binds: object) -> int:
    with db.platform_transaction() as session:
        return session.scalar(sa.text(query), binds)  # type: ignore[return-value]


def contents() -> dict[str, str]:
    """A digest of every cell table and of the intervals, by names: ids follow from the order in which things were met."""
    with db.platform_transaction() as session:
        return {table: session.scalar(sa.text(_digest(table))) for table in (*CELLS, "usage_interval")}  # type: ignore[misc]


def _digest(table: str) -> str:
    row, names, joins = "(to_jsonb(t) - 'app_id' - 'org_id' - 'resource_id')::text", "o.slug", "JOIN organization o ON o.id = t.org_id"
    if not table.endswith("by_region"):
        names, joins = f"{names}, a.name", f"{joins} JOIN app a ON a.org_id = t.org_id AND a.id = t.app_id"
    if table in ("usage_interval", "resource_month"):
        names, joins = f"{names}, r.name", f"{joins} JOIN resource r ON r.org_id = t.org_id AND r.id = t.resource_id"
    return f"""SELECT count(*) || ' ' || md5(string_agg(concat_ws('|', {names}, {row}), E'\n' ORDER BY {names}, {row}))
               FROM {table} t {joins}"""


class Killed(Exception):
    """Stands for kill -9: nothing after it runs."""


@pytest.fixture(scope="module")
def said() -> list[Progress]:
    """What the fill of `filled` reported."""
    return []


@pytest.fixture(scope="module")
def loads() -> list[HistoryLoad | None]:
    """What the large company said of its history meanwhile."""
    return []


@pytest.fixture(scope="module")
def filled(shared_database: object, said: list[Progress], loads: list[HistoryLoad | None]) -> platform.Filled:
    def look(progress: Progress) -> None:
        said.append(progress)
        with db.platform_transaction() as session:
            org_id = session.scalar(sa.text("SELECT id FROM organization WHERE slug = 'demo'"))
            loads.append(history_load(session, org_id))  # type: ignore[arg-type]

    return fill_at_now(vms=VMS, months=MONTHS, progress=look)


def test_there_are_three_labelled_companies(filled: platform.Filled) -> None:
    with db.lookup_transaction() as session:
        found = {entry.slug: entry for entry in directory(session)}
    assert filled.slugs == ("demo", "demo-tidepool", "demo-marlow")
    assert set(found) == set(filled.slugs)
    assert all(entry.is_synthetic and entry.name.endswith("(demo)") for entry in found.values())


def test_closing_a_month_has_one_thing_to_decide(filled: platform.Filled) -> None:
    with db.lookup_transaction() as session:
        org_ids = [entry.id for entry in directory(session) if entry.slug in filled.slugs]
    with clock.freeze(NOW):
        outcomes = {one.slug: one for one in rehearse(date(2026, 10, 1), org_ids).outcomes}
    assert {slug: [problem.code for problem in one.waiting] for slug, one in outcomes.items()} == {
        "demo": [],
        "demo-tidepool": [],
        "demo-marlow": ["tax_undecided"],
    }
    taxes = {slug: one.gross_minor - one.net_minor for slug, one in outcomes.items()}
    assert taxes["demo"] == (outcomes["demo"].net_minor * 19 + 50) // 100  # in Germany
    assert taxes["demo-tidepool"] == 0  # reversed


def test_machines_run_now_and_until_now(filled: platform.Filled) -> None:
    large = "(SELECT id FROM organization WHERE slug = 'demo')"
    running = number(f"SELECT sum(running) FROM open_cell JOIN sku ON sku.id = sku_id WHERE meter = 'machine' AND org_id = {large}")
    assert 0.8 * VMS < running < 1.3 * VMS
    assert number("SELECT count(*) FROM dirty_day") == 0
    with db.platform_transaction() as session:
        through, last = session.execute(sa.text("SELECT min(rolled_through), max(last_event_at) FROM rollup_state")).one()
    assert through == datetime(2026, 11, 23, 15, tzinfo=UTC)
    assert NOW - timedelta(hours=3) < last <= NOW


def test_every_meter_is_used(filled: platform.Filled) -> None:
    with db.platform_transaction() as session:
        meters = set(session.scalars(sa.text("SELECT DISTINCT meter FROM usage_month JOIN sku ON sku.id = sku_id")))
    assert meters == {"machine", "extra_memory", "rootfs", "volume", "ipv4", "egress"}


def test_days_of_the_whole_history_are_there(filled: platform.Filled) -> None:
    # From Apr 23 to Nov 23, 2026: 8 days of April, 31 + 30 + 31 + 31 + 30 + 31 of May to October, 23 of November.
    days = "SELECT count(DISTINCT day) FROM usage_day JOIN organization o ON o.id = org_id WHERE slug = 'demo'"
    assert number(days) == 8 + 31 + 30 + 31 + 31 + 30 + 31 + 23


def test_late_events_came_after_the_rest_and_all_events_are_kept(filled: platform.Filled) -> None:
    accepted = number("SELECT sum(accepted) FROM ingest_run")
    assert accepted == filled.events == number("SELECT count(*) FROM usage_event")
    assert number("SELECT sum(duplicate) FROM ingest_run") == 0


def test_prices_step_up_where_the_book_says_it_is_invented(filled: platform.Filled) -> None:
    with db.platform_transaction() as session:
        org_id = session.scalar(sa.text("SELECT id FROM organization WHERE slug = 'demo'"))
        book = book_of(session, org_id)  # type: ignore[arg-type]
        steps = session.execute(
            sa.text(
                """SELECT starts_on, amount FROM price_segment s JOIN sku ON sku.id = s.sku_id JOIN region r ON r.id = s.region_id
                   WHERE book_id = :book AND sku.code = :sku AND r.code = 'iad' ORDER BY starts_on"""
            ),
            {"book": book.id, "sku": "machine.performance-1x"},
        ).all()
    # A performance-1x in iad is $31 per 30 days: 31 / 2,592,000 = 0.000011959877 (12 decimals); 4 % more is 0.000012438272.
    assert (book.slug, book.is_synthetic) == ("demo", True)
    assert [tuple(step) for step in steps] == [
        (date(2026, 4, 23), Decimal("0.000011959877")),
        (date(2026, 11, 1), Decimal("0.000012438272")),
    ]


def test_apps_belong_to_cost_centres(filled: platform.Filled) -> None:
    large = "org_id = (SELECT id FROM organization WHERE slug = 'demo')"
    assert len(COST_CENTRES) == 12  # at this size not all of them have an app
    used = number(f"SELECT count(DISTINCT cost_centre_id) FROM cost_centre_app WHERE {large}")
    assert 1 < used == number(f"SELECT count(*) FROM cost_centre WHERE {large}")
    assert number(f"SELECT count(*) FROM app WHERE {large} AND id NOT IN (SELECT app_id FROM cost_centre_app)") <= 2


def test_filling_again_changes_nothing(filled: platform.Filled) -> None:
    assert fill_at_now(vms=9, months=1) == platform.Filled(filled.slugs, filled.anchor, 0)
    with db.platform_transaction() as session:
        assert loading(session) == []
    assert number("SELECT count(*) FROM audit_event WHERE action = 'cost_centres.edit'") == 3  # one for each company
    assert number("SELECT count(*) FROM rollup_state WHERE whole_from IS NOT NULL OR loaded_percent IS NOT NULL") == 0


def test_it_said_from_when_on_days_are_complete(filled: platform.Filled, said: list[Progress]) -> None:
    # The last 31 days begin on Oct 23; then calendar months, the last from the first day of history on.
    firsts = [date(2026, 10, 23), *(date(2026, month, 1) for month in (10, 9, 8, 7, 6, 5)), date(2026, 4, 23)]
    assert list(dict.fromkeys(progress.complete_since for progress in said)) == [None, *firsts]
    assert [progress.is_usable for progress in said] == sorted(progress.is_usable for progress in said)
    assert [progress.share for progress in said] == sorted(progress.share for progress in said)
    assert (said[-1].share, said[-1].events) == (1, filled.events)


def test_the_large_company_says_how_far_its_history_is_in(filled: platform.Filled, loads: list[HistoryLoad | None]) -> None:
    assert loads[0] is not None
    assert loads[0].whole_from == date(2026, 11, 24)  # nothing is whole yet
    told = [load for load in loads if load is not None]
    assert [load.whole_from for load in told] == sorted((load.whole_from for load in told), reverse=True)
    assert [load.percent for load in told] == sorted(load.percent for load in told)
    assert told[-1].whole_from == date(2026, 4, 23)
    assert 0 < told[0].percent < 100


def test_a_fill_that_was_killed_is_completed_as_if_it_had_not_been(server: Server, template: str) -> None:
    with clone(server, template):
        fill_at_now()
        clean = contents()
    steps = 0

    def kill_at(progress: Progress) -> None:
        nonlocal steps
        steps += 1
        if steps in (1, 2, 5, 7):
            raise Killed

    with clone(server, template):
        for _ in range(4):
            with pytest.raises(Killed):
                fill_at_now(progress=kill_at)
            with db.platform_transaction() as session:
                assert loading(session) != []
        fill_at_now()
        assert contents() == clean


def test_a_complete_platform_lives_on(database: object) -> None:
    fill_at_now()
    later = NOW + timedelta(hours=26)
    with clock.freeze(later):
        events = advance(now=later)
        assert events > 20
        assert advance(now=later) == 0
    assert number("SELECT count(*) FROM usage_event WHERE time > :now", now=NOW) == events
    assert number("SELECT count(*) FROM event_finding WHERE code = 'event_conflict'") == 0
    with db.platform_transaction() as session:
        assert session.scalar(sa.text("SELECT min(rolled_through) FROM rollup_state")) == datetime(2026, 11, 24, 17, tzinfo=UTC)
