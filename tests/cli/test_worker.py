"""The worker as a process that an embedded database counts on: no failure of a job, and no absence at its start, ends it."""

import threading

import pytest

from flyusage import db, schema
from flyusage.cli import worker


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "AGAIN_SECONDS", 0.0)


@pytest.mark.usefixtures("at_once")
def test_a_failing_job_begins_again_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch):
    stop, calls, others = threading.Event(), [], threading.Event()

    def fails_twice(asked: threading.Event) -> None:
        calls.append(asked)
        if len(calls) < 3:
            raise ValueError("a row that nobody expected")
        assert others.wait(10)
        asked.set()

    def lasts(asked: threading.Event) -> None:
        others.set()
        asked.wait()

    monkeypatch.setattr(worker, "JOBS", (fails_twice, lasts))
    worker.work(stop)
    assert calls == [stop] * 3


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(("leaving", "asked"), [(False, 3), (True, 1)])
def test_a_database_that_is_away_at_the_start_is_waited_for_until_it_is_to_leave(
    monkeypatch: pytest.MonkeyPatch, leaving: bool, asked: int
):
    answers = iter([db.DatabaseUnreachable("It is away."), db.DatabaseUnreachable("It is away."), None])
    given: list[object] = []

    def answer() -> None:
        given.append(error := next(answers))
        if error is not None:
            raise error

    stop = threading.Event()
    if leaving:
        stop.set()
    monkeypatch.setattr(schema, "require_known", answer)
    worker.wait_for_database(stop)
    assert len(given) == asked


def test_a_schema_that_no_waiting_mends_ends_it(monkeypatch: pytest.MonkeyPatch):
    def refuse() -> None:
        raise schema.SchemaMismatch("The database is at another version.")

    monkeypatch.setattr(schema, "require_known", refuse)
    with pytest.raises(schema.SchemaMismatch):
        worker.wait_for_database(threading.Event())
