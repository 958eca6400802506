"""Engine, transactions, tenant scope and the naming convention.

Three roles share one server. *owner* migrates. *app* reads and writes one organization per transaction, held there by
row-level security. *platform* serves jobs and staff across organizations. A login becomes one of them for the length of
one transaction, so that nothing leaks through a pooled connection.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session, SQLModel

from flyusage import embedded
from flyusage.config import settings
from flyusage.errors import FlyusageError

if TYPE_CHECKING:
    import psycopg

OWNER_ROLE = "flyusage_owner"
APP_ROLE = "flyusage_app"
PLATFORM_ROLE = "flyusage_platform"
OLDEST_POSTGRES = 150000

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class DatabaseUnreachable(FlyusageError):
    """No server answers at the configured address."""

    code = "database_unreachable"
    status = 503


class PostgresTooOld(FlyusageError):
    """The server is older than 15."""

    code = "postgres_too_old"
    status = 503


@cache
def embedded_server() -> embedded.Embedded:
    """The embedded server of this installation, started or joined once per process."""
    return embedded.start(settings().data_dir)


def database_url() -> str:
    """Where the application logs in (libpq URL)."""
    return settings().database_url or embedded_server().database_url


def migration_url() -> str:
    """Where migrations log in: FLYUSAGE_MIGRATION_URL, by default the application's own server."""
    chosen = settings()
    return chosen.migration_url or chosen.database_url or embedded_server().migration_url


@cache
def engine() -> sa.Engine:
    """The application's pool; `reset()` after the settings change."""
    made = _make_engine(database_url(), pool_size=8, max_overflow=16)
    event.listen(made, "connect", _set_session)
    return made


def owner_engine() -> sa.Engine:
    """A pool-less engine for migrations and `db init`; the caller disposes of it."""
    return _make_engine(migration_url(), poolclass=sa.NullPool)


def reset() -> None:
    """Drop the pool, so that the next use reads the settings again (after a fork, and in tests)."""
    if engine.cache_info().currsize:
        engine().dispose()
    engine.cache_clear()


@contextmanager
def transaction(org_id: int) -> Iterator[Session]:
    """One transaction that sees the organization `org_id` and no other; commits at the end, rolls back on error."""
    with _scoped(APP_ROLE, str(org_id)) as session:
        yield session


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
    try:
        connection = engine().connect()
    except sa.exc.OperationalError as error:
        raise DatabaseUnreachable(_unreachable(error)) from error
    with connection:
        yield connection


def raw(session: Session) -> "psycopg.Connection":
    """The psycopg connection under a session, for COPY; it stays in the session's transaction."""
    return cast("psycopg.Connection", session.connection().connection.driver_connection)


@contextmanager
def _scoped(role: str, org_id: str) -> Iterator[Session]:
    with Session(engine(), expire_on_commit=False) as session:
        try:
            connection = session.connection()
        except sa.exc.OperationalError as error:
            raise DatabaseUnreachable(_unreachable(error)) from error
        connection.exec_driver_sql(
            "SELECT set_config('role', %s, true), set_config('flyusage.org_id', %s, true)", (role, org_id)
        )
        yield session
        session.commit()


def _make_engine(url: str, **options: object) -> sa.Engine:
    plain = sa.make_url(url)
    return sa.create_engine(plain.set(drivername="postgresql+psycopg"), pool_pre_ping=True, **options)


def _set_session(connection: "psycopg.Connection", _record: object) -> None:
    """Days and months are UTC whatever the server's zone; an old server is refused with a sentence."""
    version = connection.info.server_version
    if version < OLDEST_POSTGRES:
        raise PostgresTooOld(f"This is Postgres {version // 10000}; flyusage needs 15 or later. Point FLYUSAGE_DATABASE_URL at one.")
    was = connection.autocommit
    connection.autocommit = True
    connection.execute("SET TIME ZONE 'UTC'; SET jit = off; SET statement_timeout = 0")
    connection.autocommit = was


def _unreachable(error: sa.exc.OperationalError) -> str:
    where = engine().url.render_as_string(hide_password=True).replace("postgresql+psycopg", "postgresql")
    why = str(error.orig).strip().splitlines()[-1] if error.orig else "no answer"
    return f"No database answers at {where} ({why}). Start it, or correct FLYUSAGE_DATABASE_URL."
