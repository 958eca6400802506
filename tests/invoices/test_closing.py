"""Closing a month: all that can be billed, once, whatever happens on the way."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from random import Random

import forked
import pytest
import sqlalchemy as sa
from billing_world import BY, NOW, OCTOBER, acting, bill_to, invoice_row, rows, take_in, volume
from conftest import Server, clone, copied, pointed_at
from factories import ingest, started
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from waiting import until

from flyusage import clock, db
from flyusage.invoices import issuing
from flyusage.invoices.closing import close, rehearse
from flyusage.invoices.errors import PeriodOpen
from flyusage.invoices.examining import hold_back, release
from flyusage.invoices.issuing import Result
from flyusage.invoices.totals import platform_month_totals, recount

SHARED = 2
SLUGS = [f"org-{n:02d}" for n in range(12)]


@pytest.fixture(scope="module")
def billed(server: Server, template: str) -> Iterator[tuple[str, dict[str, int]]]:
    """The name of a database to copy, and its organizations: what `twelve` are."""
    with copied(server, template) as name:
        with pointed_at(server, name):
            known = take_in(*(event for n, slug in enumerate(SLUGS) for event in volume(f"v{n}", 100 * (n + 1), org=slug)))
            for org_id in known.values():
                bill_to(org_id)
        yield name, known


@pytest.fixture
def twelve(server: Server, billed: tuple[str, dict[str, int]]) -> Iterator[dict[str, int]]:
    """Twelve German customers with n + 1 times 100 GB in October: $15.00 each 100 GB."""
    name, known = billed
    with clone(server, name):
        yield known


def series() -> list[tuple[str, int, str]]:
    return rows(
        "SELECT o.slug, i.net_minor, i.number FROM invoice i JOIN organization o ON o.id = i.org_id WHERE state <> 'void' ORDER BY 1, i.id"
    )


EXPECTED = [(slug, 1500 * (n + 1), f"{slug.upper()}-000001") for n, slug in enumerate(SLUGS)]


def test_every_organization_gets_its_invoice_and_a_second_run_finds_them(twelve):
    heard = []
    with clock.freeze(NOW):
        closed = close(OCTOBER, list(twelve.values()), by=BY, progress=lambda done, total: heard.append((done, total)), share=5)
        again = close(OCTOBER, list(twelve.values()), by=BY)
    assert (series(), closed.count(Result.ISSUED), closed.is_complete) == (EXPECTED, 12, True)
    assert heard == [(0, 12), (5, 12), (10, 12), (12, 12)]
    assert (again.count(Result.PRESENT), again.is_complete) == (12, True)
    assert Counter(rows("SELECT kind, action FROM outbox")) == {(kind, "issued"): 12 for kind in ("document", "mail", "payment")}
    assert rows("SELECT state, count(*) FROM billing_close GROUP BY 1") == [("issued", 12)]


def test_processes_share_the_work_and_come_to_the_same(twelve):
    heard = []
    with acting() as session:
        hold_back(session, twelve[SLUGS[4]], OCTOBER, reason="A dispute.", by=BY)
    ids = list(twelve.values())
    with clock.freeze(NOW):
        closed = close(OCTOBER, ids, by=BY, progress=lambda done, _total: heard.append(done), share=2, processes=2)
    assert [one.org_id for one in closed.outcomes] == ids
    assert (closed.count(Result.ISSUED), closed.count(Result.HELD), closed.is_complete) == (11, 1, True)
    assert series() == [one for one in EXPECTED if one[0] != SLUGS[4]]
    assert heard == [0, 2, 4, 6, 8, 10, 12]
    assert rows("SELECT DISTINCT issued_at FROM invoice") == [(NOW,)]


def test_processes_stop_at_what_is_everybodys(twelve, monkeypatch):
    assert series() == []
    monkeypatch.setenv("FLYUSAGE_DATABASE_URL", "postgresql://u@127.0.0.1:1/d")  # read by the processes, known otherwise to this one
    with clock.freeze(NOW), pytest.raises(db.DatabaseUnreachable):
        close(OCTOBER, list(twelve.values()), by=BY, share=2, processes=2)
    assert series() == []


def test_a_month_that_is_not_over_is_not_closed(twelve):
    with clock.freeze(datetime(2026, 11, 1, 3, tzinfo=UTC)), pytest.raises(PeriodOpen):
        close(OCTOBER, list(twelve.values()), by=BY)


def test_what_is_behind_is_rolled_up_first(twelve):
    with clock.freeze(NOW):
        ingest(volume("late", 100, org=SLUGS[0]))
        closed = close(OCTOBER, list(twelve.values()), by=BY)
    assert (closed.is_complete, series()[0]) == (True, (SLUGS[0], 3000, "ORG-00-000001"))


def test_exceptions_wait_are_released_or_held_and_the_rest_is_billed(twelve):
    take_in(started("m", "2026-10-20T00:00:00Z", org=SLUGS[3]))  # runs on in silence
    with acting() as session:
        hold_back(session, twelve[SLUGS[4]], OCTOBER, reason="A dispute.", by=BY)
    with clock.freeze(NOW):
        closed = close(OCTOBER, list(twelve.values()), by=BY)
    results = {one.slug: one.result for one in closed.outcomes}
    assert (results.pop(SLUGS[3]), results.pop(SLUGS[4]), set(results.values())) == (Result.WAITING, Result.HELD, {Result.ISSUED})
    assert not closed.is_complete
    (waiting,) = [one.waiting for one in closed.outcomes if one.waiting]
    assert [problem.code for problem in waiting] == ["stale"]
    with acting() as session:
        release(session, twelve[SLUGS[3]], OCTOBER, codes=["stale"], reason="Known.", by=BY)
    with clock.freeze(NOW):
        again = close(OCTOBER, list(twelve.values()), by=BY)
    assert (again.count(Result.ISSUED), again.count(Result.HELD), again.is_complete) == (1, 1, True)


def test_one_organizations_failure_never_stops_the_rest(twelve, monkeypatch):
    real, broken = issuing.begin, twelve[SLUGS[5]]

    def begin(session, papers):
        if any(paper.org_id == broken for paper in papers):
            session.execute(sa.text("SELECT 1 / 0"))
        return real(session, papers)

    monkeypatch.setattr(issuing, "begin", begin)
    with clock.freeze(NOW):
        closed = close(OCTOBER, list(twelve.values()), by=BY)
    assert [(one.slug, one.sentence) for one in closed.failures] == [(SLUGS[5], "DivisionByZero: division by zero")]
    assert (closed.count(Result.ISSUED), closed.is_complete) == (11, False)
    assert rows("SELECT org_id, error FROM billing_close WHERE state = 'failed'") == [(broken, "DivisionByZero: division by zero")]
    monkeypatch.undo()
    with clock.freeze(NOW):
        assert close(OCTOBER, list(twelve.values()), by=BY).count(Result.ISSUED) == 1
    assert series() == EXPECTED
    assert rows("SELECT count(*) FROM billing_close WHERE state = 'failed'") == [(0,)]


def test_a_rehearsal_changes_nothing_and_tells_what_would_be(twelve):
    with clock.freeze(NOW):
        closed = rehearse(OCTOBER, list(twelve.values()), share=5)
    assert (closed.count(Result.ISSUED), sum(one.net_minor for one in closed.outcomes)) == (12, sum(net for _, net, _ in EXPECTED))
    assert (series(), rows("SELECT count(*) FROM billing_close")) == ([], [(0,)])


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.integers(2, 5), st.integers(1, 7))
def test_any_interleaving_of_closes_gives_one_series_without_a_gap(twelve, seed, closers, share):
    """Several closes of the same months at once, each in an order of its own; one of them gives up shares half-way."""
    months = [OCTOBER, date(2026, 9, 1)]
    start = threading.Barrier(closers)

    def run(n: int) -> None:
        chance = Random(seed + n)
        start.wait()
        for month in chance.sample(months, 2):
            close(month, chance.sample(list(twelve.values()), 12), by=BY, share=share)

    with clock.freeze(NOW), ThreadPoolExecutor(closers) as threads:
        list(threads.map(run, range(closers)))
    assert series() == EXPECTED  # nothing was used in September
    assert rows("SELECT last FROM invoice_counter") == [(1,)] * 12


@pytest.mark.parametrize("seed", [0, 1, SHARED])
def test_killed_at_any_instant_and_repeated_each_has_one_invoice(twelve, seed, tmp_path):
    """kill -9 within the first second, then a second more each time, over and over, until one run ends by itself.

    The last seed shares the work among processes, as with thousands of organizations: those of the killed end without it.
    """
    chance, out, err = Random(seed), tmp_path / "out", tmp_path / "err"
    given = {"settings": {"FLYUSAGE_CLOCK": NOW.isoformat()}, "out": str(out), "err": str(err)}
    for attempt in range(20):
        if seed == SHARED:
            close_all = forked.start(partial(close, OCTOBER, list(twelve.values()), by=BY, share=2, processes=2), **given)
        else:
            close_all = forked.start_command("bill", "close", "2026-10", **given)
        close_all.join(chance.random() * (1 + attempt))
        if close_all.exitcode is None:
            close_all.kill()
            close_all.join()
            continue
        assert close_all.exitcode == 0, err.read_text()
        assert seed == SHARED or "12" in out.read_text()
        break
    _wait_for_the_killed()
    assert series() == EXPECTED
    assert rows("SELECT last FROM invoice_counter") == [(1,)] * 12
    assert rows("SELECT count(*), sum(amount_minor) FROM invoice_cell") == [(12, sum(net for _, net, _ in EXPECTED))]
    assert rows("SELECT count(*) FROM invoice WHERE state = 'draft'") == [(0,)]
    with db.platform_transaction() as session:
        assert recount(session) == []
        (total,) = platform_month_totals(session)
    assert (total.invoices, total.net_minor) == (12, sum(net for _, net, _ in EXPECTED))


def _wait_for_the_killed() -> None:
    """The server notices a killed client when it next talks to it."""
    busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()"
    until(lambda: rows(busy) == [(0,)])


def test_an_invoice_issued_by_a_close_is_the_same_as_one_issued_alone(twelve):
    with clock.freeze(NOW):
        close(OCTOBER, [twelve[SLUGS[0]]], by=BY)
        with db.platform_transaction() as session:
            alone = issuing.issue(session, twelve[SLUGS[1]], OCTOBER, by=BY, render=False)
    (first,) = rows("SELECT id FROM invoice WHERE org_id = :org", org=twelve[SLUGS[0]])
    assert {key for key, value in invoice_row(first[0]).items() if value is None} == {
        key for key, value in invoice_row(alone.id).items() if value is None
    }
