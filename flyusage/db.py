"""Engine, transactions, tenant scope and the naming convention.

Four roles share one server. *owner* migrates. *app* reads and writes one organization per transaction, held there by
row-level security. *limited* is *app* held to some apps besides: a role of its own, so that its locks cost nobody else anything.
*platform* serves jobs and staff across organizations. A login becomes one of them for the length of one transaction, so that
nothing leaks through a pooled connection.
"""

import re
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from threading import Lock
from typing import Any, cast
from weakref import WeakSet

import psycopg
import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlmodel import Session, SQLModel

from flyusage import embedded, tracing
from flyusage.config import settings
from flyusage.errors import FlyusageError

OWNER_ROLE = "flyusage_owner"
APP_ROLE = "flyusage_app"
PLATFORM_ROLE = "flyusage_platform"
LIMITED_ROLE = "flyusage_limited"
LOGIN = embedded.LOGIN
NO_APP = "0"  # ids begin at 1
OLDEST_POSTGRES = 150000
DISK_FULL = "53100"
NO_SUCH_ROLE, NO_PRIVILEGE = "22023", "42501"
_IN_TRANSACTION = (psycopg.pq.TransactionStatus.ACTIVE, psycopg.pq.TransactionStatus.INTRANS, psycopg.pq.TransactionStatus.INERROR)

_connections: "WeakSet[psycopg.Connection]" = WeakSet()  # every one of this process, for `interrupt`
_counting = Lock()

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


AWAY = (
    "The database does not answer, so nothing could be read or changed. Try again in a minute; if it stays so, tell whoever runs this "
    "installation."
)


class DatabaseUnreachable(FlyusageError):
    """No server answers at the configured address, or it went away.

    Where that is, and why, is for whoever runs the installation: commands and the log say it (`str`), pages and the API the sentence.
    """

    code = "database_unreachable"
    status = 503

    def __init__(self, reason: str) -> None:
        super().__init__(AWAY)
        self.args = (reason,)


class DatabaseMissing(DatabaseUnreachable):
    """The server answers, but has no such database or login yet."""

    code = "database_missing"


class DatabaseFull(FlyusageError):
    """The server's disk is full; what was being written is rolled back."""

    code = "database_full"
    status = 507


class DatabaseForbidden(FlyusageError):
    """The login may not become the roles that the application works in."""

    code = "database_forbidden"
    status = 503


class PostgresTooOld(FlyusageError):
    """The server is older than 15."""

    code = "postgres_too_old"
    status = 503


_making = threading.RLock()  # a cache alone lets threads that come first at once make one each, and drops all but one with its connections


def embedded_server() -> embedded.Embedded:
    """The embedded server of this installation, started or joined once per process."""
    with _making:
        return _embedded()


@cache
def _embedded() -> embedded.Embedded:
    return embedded.start(settings().data_dir)


def database_url() -> str:
    """Where the application logs in (libpq URL)."""
    return settings().database_url or embedded_server().database_url


def migration_url() -> str:
    """Where migrations log in: FLYUSAGE_MIGRATION_URL, by default the application's own server."""
    chosen = settings()
    return chosen.migration_url or chosen.database_url or embedded_server().migration_url


def engine() -> sa.Engine:
    """The application's pool, one for all threads; `reset()` after the settings change."""
    with _making:
        return _pool()


@cache
def _pool() -> sa.Engine:
    return tracing.watch(make_engine(database_url(), pool_size=8, max_overflow=16))


def owner_engine() -> sa.Engine:
    """A pool-less engine for migrations and `db init`; the caller disposes of it."""
    return make_engine(migration_url(), poolclass=sa.NullPool)


def interrupt() -> None:
    """End this process's sessions that are inside a transaction, on whatever thread: it rolls back, and whoever waits for it gets an error.

    For ending a process early. Not by cancelling statements: between two of them there is none to cancel.
    """
    with _counting:
        connections = list(_connections)
    ours = []
    for connection in connections:
        with suppress(psycopg.Error):  # it may be closed meanwhile
            if connection.info.transaction_status in _IN_TRANSACTION:
                ours.append(connection.info.backend_pid)
    with suppress(DatabaseUnreachable), plain_connection() as asking:  # where no server answers, no session goes on
        asking.execute(sa.text("SELECT pg_terminate_backend(pid) FROM unnest(CAST(:ours AS int[])) AS pid"), {"ours": ours})


def reset() -> None:
    """Drop the pool, so that the next use reads the settings again (after a fork, and in tests)."""
    with _making:
        if _pool.cache_info().currsize:
            _pool().dispose()
        _pool.cache_clear()


def close() -> None:
    """Drop the pool and leave the embedded server, which stops when nobody else uses it."""
    reset()
    with _making:
        if _embedded.cache_info().currsize:
            _embedded().stop()
        _embedded.cache_clear()


@contextmanager
def transaction(org_id: int, *, apps: Collection[int] | None = None) -> Iterator[Session]:
    """One transaction that sees the organization `org_id` and no other; commits at the end, rolls back on error.

    Of its usage, only what belongs to `apps` (ids; None: to any). Pages and the API always say which: those of their reader.
    """
    granted = None if apps is None else frozenset(apps)
    if granted is None:
        role, named = APP_ROLE, ""
    else:
        role, named = LIMITED_ROLE, ",".join(map(str, sorted(granted))) or NO_APP
    with _scoped(role, str(org_id), named) as session:
        session.info["apps"] = granted
        yield session


def granted_apps(session: Session) -> frozenset[int] | None:
    """The ids of the apps that a transaction sees; None for all of them."""
    return session.info.get("apps")


@contextmanager
def lookup_transaction() -> Iterator[Session]:
    """One transaction before a tenant is known: reference tables and the named definer-rights functions only."""
    with _scoped(APP_ROLE, "") as session:
        yield session


@contextmanager
def platform_transaction() -> Iterator[Session]:
    """One transaction across organizations, for ingest, roll-ups, jobs and staff pages."""
    with _scoped(PLATFORM_ROLE, "") as session:
        yield session


@contextmanager
def plain_connection() -> Iterator[sa.Connection]:
    """The login itself, in no role, before the schema is known to exist. Raises DatabaseUnreachable."""
    with reachable(engine()) as connection, _in_sentences():
        yield connection


def raw(session: Session) -> psycopg.Connection:
    """The psycopg connection under a session, for COPY; it stays in the session's transaction."""
    return driver(session.connection())


def driver(connection: sa.Connection) -> psycopg.Connection:
    """The psycopg connection under `connection`."""
    return cast("psycopg.Connection", connection.connection.driver_connection)


def become(connection: sa.Connection, role: str, org_id: str = "", apps: str = "") -> None:
    """Act as `role`, scoped to the organization `org_id` and, if limited, to `apps` (ids with commas between), until the transaction ends.

    Raises DatabaseForbidden.
    """
    try:
        connection.exec_driver_sql(_BECOME, (role, org_id, apps))
    except exc.DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in (NO_SUCH_ROLE, NO_PRIVILEGE):
            raise
        login = connection.engine.url.username
        raise DatabaseForbidden(
            f"The login {login} may not act as {role} on this server. Run `flyusage db init` with FLYUSAGE_MIGRATION_URL "
            "set to a login that may create roles; it also lets this login in."
        ) from error


@contextmanager
def reachable(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection of `engine`. Raises DatabaseUnreachable (or DatabaseMissing) with the address and the server's words."""
    try:
        connection = _connected(engine)
    except (exc.OperationalError, exc.TimeoutError) as error:
        raise _unreachable(engine, error) from error
    with connection:
        yield connection


def make_engine(url: str | sa.URL, **options: Any) -> sa.Engine:
    """An engine over psycopg for a libpq URL; every session is in UTC."""
    made = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), pool_pre_ping=True, **options)
    event.listen(made, "connect", _set_session)
    event.listen(made, "connect", _count)
    return made


_BECOME = "SELECT set_config('role', %s, true), set_config('flyusage.org_id', %s, true), set_config('flyusage.apps', %s, true)"


@contextmanager
def _scoped(role: str, org_id: str, apps: str = "") -> Iterator[Session]:
    with reachable(engine()) as connection, _in_sentences(), Session(connection, expire_on_commit=False) as session:
        become(session.connection(), role, org_id, apps)
        yield session
        session.commit()


@contextmanager
def _in_sentences() -> Iterator[None]:
    """What befalls the server in the middle of a transaction, said as what a person can do about it."""
    try:
        yield
    except (exc.OperationalError, psycopg.OperationalError) as error:
        cause = error.orig if isinstance(error, exc.OperationalError) else error
        if getattr(cause, "sqlstate", None) == DISK_FULL:
            raise DatabaseFull("The database's disk is full; nothing of this step was kept. Free space, then repeat it.") from error
        if isinstance(error, exc.OperationalError) and not error.connection_invalidated:
            raise
        raise DatabaseUnreachable(
            f"The database went away ({_first_line(cause or error)}); nothing of this step was kept. Try again."
        ) from error


def _connected(engine: sa.Engine) -> sa.Connection:
    try:
        return engine.connect()
    except exc.OperationalError:
        if not settings().is_embedded or _embedded.cache_info().currsize == 0:
            raise
        embedded_server().revive()
        return engine.connect()


def _set_session(connection: psycopg.Connection, _record: object) -> None:
    """Days and months are UTC whatever the server's zone; an old server is refused with a sentence."""
    refuse_old(connection.info.server_version)
    was = connection.autocommit
    connection.autocommit = True
    connection.execute("SET TIME ZONE 'UTC'; SET jit = off")
    connection.autocommit = was


def _count(connection: psycopg.Connection, _record: object) -> None:
    with _counting:
        _connections.add(connection)


def refuse_old(version: int) -> None:
    """Raise PostgresTooOld for a server before 15 (`version` as the server counts: 140010 is 14.10)."""
    if version < OLDEST_POSTGRES:
        raise PostgresTooOld(f"This is Postgres {version // 10000}; flyusage needs 15 or later. Point FLYUSAGE_DATABASE_URL at one.")


def _unreachable(engine: sa.Engine, error: exc.SQLAlchemyError) -> DatabaseUnreachable:
    where = engine.url.set(drivername="postgresql").render_as_string(hide_password=True)
    cause = error.orig if isinstance(error, exc.OperationalError) and error.orig else error
    before, refusal, reason = _first_line(cause).rpartition("FATAL:")
    if re.search(r'(database|role) "[^"]*" does not exist', reason):
        return DatabaseMissing(
            f"{where} is not set up yet ({reason.strip()}). Run `flyusage db init`, with FLYUSAGE_MIGRATION_URL set to a login that may."
        )
    if refusal:
        return DatabaseUnreachable(
            f"The server refuses {where} ({reason.strip()}). Correct FLYUSAGE_DATABASE_URL or FLYUSAGE_MIGRATION_URL; "
            "a login that does not exist yet is made by `flyusage db init`."
        )
    return DatabaseUnreachable(f"No database answers at {where} ({before or reason}). Start it, or correct FLYUSAGE_DATABASE_URL.")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
