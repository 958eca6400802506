"""The explorer's answers, part by part."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from background import run_async
from factories import ingest, started
from metering.rolled import org_id, roll

from flyusage import clock, db
from flyusage.metering import history
from flyusage.metering.cost_centres import Assignment, assign
from flyusage.orgs.permissions import Permission
from flyusage.pricing import counting
from flyusage.pricing.asking import know
from flyusage.pricing.question import Question
from flyusage.pricing.totals import used
from flyusage.pricing.view import Dimension
from flyusage.ui import live
from flyusage.ui.pages.explorer import recalled
from flyusage.ui.pages.explorer.question import Asked, answers, prepared, table
from flyusage.ui.pages.explorer.rows import Changed, Screen, Table
from flyusage.ui.session import OpenOrganization

NOW = datetime(2026, 11, 15, 10, 40, tzinfo=UTC)
APPS = 30  # twenty of them are drawn, twenty-five fit a page
BY_APP = {"by": "app", "from": "2026-11-01", "to": "2026-12-01"}


@pytest.fixture(autouse=True)
def prism(database, monkeypatch):
    monkeypatch.setattr(recalled, "_kept", {})  # of the test before, whose organization was the same to the letter
    with clock.freeze(NOW):
        ingest(started(f"m{number}", f"2026-10-{number + 1:02d}T00:00:00Z", app=f"app-{number:02d}") for number in range(APPS))
        roll(NOW)
        yield


def parts(asked: Asked, kind: type):
    async def collect():
        return [part async for answered in answers(asked) for part in answered.shown if isinstance(part, kind)]

    return run_async(collect())


def test_small_lines_follow_the_table_for_rows_that_are_not_drawn():
    first, second = parts(Asked("prism", BY_APP), Table)
    assert [bool(row.spark) for row in first.rows] == [True] * 20 + [False] * 5
    assert all(row.spark for row in second.rows)
    assert [row.value for row in first.rows] == [row.value for row in second.rows]
    (again, _) = parts(Asked("prism", BY_APP), Table)  # from now on they are there at once
    assert again == second


def test_another_page_of_the_table_has_its_lines_too():
    last = run_async(table(Asked("prism", BY_APP, page=2)))
    assert (len(last.rows), all(row.spark for row in last.rows)) == (APPS - 25, True)


async def total(**query: str) -> tuple[str, str]:
    """What the total row of a view by app says, and its first row."""
    async for answered in answers(Asked("prism", BY_APP | query)):
        for part in answered.shown:
            if isinstance(part, Table):
                return part.total_row.value, part.rows[0].value
    raise AssertionError("no table")


def assign_a_centre() -> None:
    with db.transaction(org_id("prism")) as session:
        assign(session, org_id("prism"), [Assignment("app-00", date(2026, 11, 1), "Post")], actor="test", origin="test")


def test_another_measure_or_chart_is_told_from_what_was_found_of_the_same_usage_until_anything_has_come(monkeypatch: pytest.MonkeyPatch):
    views = [{}, {"as": "lines"}, {"show": "machine_hours"}, {"show": "memory_gb_hours", "as": "bars"}, {"show": "running_mean"}]
    asked: list[Question] = []
    monkeypatch.setattr(counting, "used", lambda session, question: (asked.append(question), used(session, question))[1])

    async def all_of_them() -> tuple[list[tuple[str, str]], int]:
        asked.clear()
        found = [await total(**view) for view in views]
        return found, sum(one.group_by is Dimension.APP and one.period.start == datetime(2026, 11, 1, tzinfo=UTC) for one in asked)

    async def run():
        alone = await all_of_them()  # nothing is kept while nobody would be told of events
        listener = live.Listener(live._connect)
        monkeypatch.setattr(live, "listener", lambda: listener)
        news = listener.subscribe()
        try:
            await asyncio.to_thread(listener.is_listening.wait, 5)
            await asyncio.wait_for(news.has_come.wait(), 5)
            news.has_come.clear()
            first, again = await all_of_them(), await all_of_them()
            await asyncio.to_thread(ingest, [started("late", "2026-11-02T00:00:00Z", app="app-00")])
            await asyncio.wait_for(news.has_come.wait(), 5)
            await asyncio.to_thread(roll, NOW)
            late = await all_of_them()
            await asyncio.to_thread(assign_a_centre)
            return alone, first, again, late, await all_of_them()
        finally:
            await asyncio.to_thread(listener.close)

    alone, first, again, late, assigned = run_async(run())
    assert [count for _, count in (alone, first, again, late, assigned)] == [5, 1, 0, 1, 1]
    assert first[0] == again[0] == alone[0]
    assert all(after != before for (after, _), (before, _) in zip(late[0], alone[0], strict=True))
    assert assigned[0] == late[0]


def test_what_was_found_is_for_who_may_see_just_that_and_not_for_long(monkeypatch: pytest.MonkeyPatch):
    org = OpenOrganization(org_id("prism"), "prism", "Prism", False, frozenset({Permission.USAGE_READ}))
    with db.transaction(org.id) as session:
        kept = recalled.Recalled(NOW, None, know(session, org.id, None, NOW))
        assert recalled.stamp_of(session, org) is None
        monkeypatch.setattr(live, "heard_of", lambda _: 1)
        stamp = recalled.stamp_of(session, org)
        assert stamp is not None
        assert recalled.stamp_of(session, replace(org, apps=frozenset({1}))) is None
    recalled.keep(org, "usage", stamp, kept)
    assert recalled.recall(org, "usage", stamp) is kept
    others = [replace(org, permissions=frozenset()), replace(org, id=org.id + 1)]
    assert [recalled.recall(one, "usage", stamp) for one in others] == [None, None]
    assert [recalled.recall(org, *asked) for asked in (("other", stamp), ("usage", ("other",)), ("usage", None))] == [None] * 3
    with clock.freeze(NOW + timedelta(seconds=recalled.KEPT_SECONDS)):
        assert recalled.recall(org, "usage", stamp) is None


def test_a_view_that_was_prepared_is_answered_with_the_very_figure_sent_ahead(monkeypatch: pytest.MonkeyPatch):
    async def run():
        listener = live.Listener(live._connect)
        monkeypatch.setattr(live, "listener", lambda: listener)
        news = listener.subscribe()
        await asyncio.to_thread(listener.is_listening.wait, 5)
        await asyncio.wait_for(news.has_come.wait(), 5)
        try:
            ahead = await prepared(Asked("prism", BY_APP))
            first = await anext(answers(Asked("prism", BY_APP)))
            return ahead, first, await anext(answers(Asked("prism", BY_APP | {"by": "region"}))), await prepared(Asked("nowhere", BY_APP))
        finally:
            await asyncio.to_thread(listener.close)

    ahead, first, other, nowhere = run_async(run())
    assert ahead is not None
    assert (first.number, first.figure) == (ahead.number, ahead.figure)
    assert other.number != ahead.number
    assert nowhere is None


def test_where_every_row_is_drawn_there_is_one_table():
    assert len(parts(Asked("prism", BY_APP | {"by": "region"}), Table)) == 1


def test_hours_are_said_to_be_in_the_zone_of_the_address():
    one_day = {"by": "region", "from": "2026-11-10", "to": "2026-11-11", "zone": "05:30"}
    (shown,) = parts(Asked("prism", one_day), Screen)
    assert (shown.zone_minutes, shown.zone_at, shown.page_note) == (
        330,
        "2026-11-10T00:00:00+00:00",
        "all times UTC, the chart's hours UTC+5:30",
    )
    assert shown.chart_unit == "US dollars · UTC+5:30"
    assert "zone" not in shown.zone_href
    assert "zone" not in shown.command
    (by_day,) = parts(Asked("prism", BY_APP | {"zone": "05:30"}), Screen)
    assert (by_day.zone_at, by_day.page_note, by_day.chart_unit) == ("", "all times UTC", "US dollars · UTC")


def test_what_still_loads_is_said_instead_of_compared():
    with db.platform_transaction() as session:
        history.note_load(session, org_id(), date(2026, 10, 25), 43)
    asked = Asked("prism", BY_APP | {"vs": "previous"})
    (shown,), (changed,) = parts(asked, Screen), parts(asked, Changed)
    assert shown.notices == ["Older history is still loading: 43 %. The comparison waits for Oct 1, 2026 to be in."]
    assert changed == Changed([], "Older history is still loading: 43 %. What changed follows once the days before are in.")
