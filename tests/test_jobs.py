"""The background worker: told, on time, through a restart of the database, and gone when asked."""

import threading
import time

import psycopg
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs
from waiting import until

from flyusage import db, jobs
from flyusage.jobs import Worker


class Job:
    """Counts its calls; more is left as often as told."""

    def __init__(self, *, left: int = 0) -> None:
        self.calls: list[float] = []
        self.left = left
        self.called = threading.Event()

    def __call__(self) -> bool:
        self.calls.append(time.monotonic())
        with db.platform_transaction() as session:
            session.execute(sa.text("SELECT 1"))
        self.called.set()
        self.left -= 1
        return self.left >= 0


@pytest.fixture
def working(database):
    """Start workers; they are gone after the test."""
    stop, threads = threading.Event(), []

    def start(job, **options) -> None:
        worker = Worker(job, channel="told", **options)
        threads.append(threading.Thread(target=worker.run, args=(stop,)))
        threads[-1].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_it_works_at_once_and_then_every_so_often(working):
    job, began = Job(), time.monotonic()
    working(job, every=0.2)
    until(lambda: len(job.calls) >= 3)
    assert job.calls[2] - began >= 0.4  # however late it was called the first time


def test_it_goes_on_at_once_while_more_is_left(working):
    job = Job(left=5)
    working(job, every=60)
    until(lambda: len(job.calls) == 6)
    time.sleep(0.3)
    assert len(job.calls) == 6


def test_a_notification_wakes_it(working):
    job = Job()
    working(job, every=60)
    until(lambda: len(job.calls) == 1)
    with db.platform_transaction() as session:
        session.execute(sa.text("SELECT pg_notify('told', '1')"))
    until(lambda: len(job.calls) == 2)


def test_a_database_that_went_away_is_found_again(working, database):
    """Every connection is cut, as a restart does; new ones are refused for a while."""
    job = Job()
    with capture_logs() as said:
        working(job, every=0.1)
        until(job.called.is_set)
        cut_off_for_a_while(database, job, said)
        count = len(job.calls)
        until(lambda: len(job.calls) > count + 2)


def cut_off_for_a_while(database, job: Job, said: list) -> None:
    """Until the worker was refused. The job is not called meanwhile."""
    with psycopg.connect(database.migration_url.replace(database.name, "postgres", 1), autocommit=True) as server:
        server.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database.name,))
        until(lambda: len(said) >= 1)
        count = len(job.calls)
        until(lambda: len(said) >= 2)
        assert len(job.calls) == count
        server.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true")


def test_an_error_of_the_job_ends_the_worker(database):
    def broken() -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Worker(broken, channel="told").run(threading.Event())


def test_a_round_over_many_things_ends_where_it_is_when_told_to_stop(database):
    stop, taken = threading.Event(), []

    def work() -> bool:
        for number in jobs.until_stopped(range(1000)):
            taken.append(number)
            if number == 3:
                stop.set()
        return True

    Worker(work, channel="flyusage_test").run(stop)
    assert taken == [0, 1, 2, 3]
    assert list(jobs.until_stopped(range(3))) == [0, 1, 2]  # outside of a worker
