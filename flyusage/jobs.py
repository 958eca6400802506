"""A background worker: does a job whenever it is told to, and once a second anyway.

The job is a callable that works through a share of what waits and says whether more is left; what to do is found in
tables, so nothing is lost when a notification is, and several workers share the work by the locks the job itself takes.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TypeVar

import psycopg
import structlog
from psycopg import sql
from sqlalchemy.exc import DBAPIError

from flyusage import db, tracing

Thing = TypeVar("Thing")

SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STOP_SECONDS = 0.5  # how often a waiting worker looks whether it is to stop

_log = structlog.get_logger(__name__)
_stopping: ContextVar[threading.Event | None] = ContextVar("stopping", default=None)


def until_stopped(things: Iterable[Thing]) -> Iterator[Thing]:
    """`things` one by one, for a job that takes up thousands in a round: no more of them once its worker is told to stop."""
    stop = _stopping.get()
    for thing in things:
        if stop is not None and stop.is_set():
            return
        yield thing


class Worker:
    """Calls `job` after each notification on `channel`, at least every `every` seconds, and at once while more is left.

    Whatever the database does (restart, failover, shut for a while), the worker connects again, with pauses growing to 30 s.
    An error of the job itself ends the worker: who runs it says so and runs it again.
    """

    def __init__(self, job: Callable[[], bool], *, channel: str, every: float = 1.0) -> None:
        self._job = job
        self._channel = channel
        self._every = every
        self._pause = SHORTEST_PAUSE

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; a job under way is finished first, except for what it goes through `until_stopped`."""
        before = _stopping.set(stop)
        try:
            self._run(stop)
        finally:
            _stopping.reset(before)

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self._listen(stop)
            except (psycopg.OperationalError, db.DatabaseUnreachable, db.DatabaseFull) as error:
                self._wait_after(error, stop)
            except DBAPIError as error:
                if not (error.connection_invalidated or isinstance(error.orig, psycopg.OperationalError)):
                    raise
                self._wait_after(error, stop)

    def _listen(self, stop: threading.Event) -> None:
        with _connect() as connection:
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
            while not stop.is_set():
                began = time.monotonic()
                with tracing.span(f"job {getattr(self._job, '__qualname__', type(self._job).__name__)}"):
                    is_more = self._job()
                self._pause = SHORTEST_PAUSE
                if not is_more:
                    self._wait(connection, began + self._every, stop)

    def _wait(self, connection: psycopg.Connection, due: float, stop: threading.Event) -> None:
        """Until told, due or stopped. What came while the job ran ends the wait at once; a burst counts once."""
        while not stop.is_set() and (left := due - time.monotonic()) > 0:
            if any(True for _ in connection.notifies(timeout=min(left, STOP_SECONDS), stop_after=1)):
                break

    def _wait_after(self, error: Exception, stop: threading.Event) -> None:
        _log.warning("the database does not answer; trying again", in_seconds=self._pause, error=str(error).splitlines()[0])
        stop.wait(self._pause)
        self._pause = min(LONGEST_PAUSE, 2 * self._pause)


def _connect() -> psycopg.Connection:
    """As the application's pool does, but for one connection that stays; a dead network is noticed within a minute."""
    _, options = db.engine().dialect.create_connect_args(db.engine().url)
    return psycopg.connect(
        **options, autocommit=True, application_name="flyusage worker", connect_timeout=10,
        keepalives_idle=30, keepalives_interval=10, keepalives_count=3,
    )  # fmt: skip
