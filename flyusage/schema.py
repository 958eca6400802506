"""Making and migrating the schema: roles, database, versions. Only `flyusage db` and the embedded default call this."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import Session

from flyusage import db
from flyusage.errors import FlyusageError


class SchemaMismatch(FlyusageError):
    """The database's schema is not the one this code knows."""

    code = "schema_mismatch"
    status = 503


class SchemaForbidden(FlyusageError):
    """The migration login may not do what setting up needs."""

    code = "schema_forbidden"
    status = 503


def scripts_dir() -> Path:
    """The migrations: beside the package in a checkout, inside it in a wheel."""
    packaged = Path(__file__).parent / "_alembic"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "alembic"


def alembic_config() -> Config:
    """Alembic's configuration without a file."""
    config = Config()
    config.set_main_option("script_location", str(scripts_dir()))
    config.set_main_option("path_separator", "os")
    return config


def known_version() -> str:
    """The newest migration this code carries."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert head is not None
    return head


def current_version() -> str | None:
    """The database's migration, None for an empty database."""
    with db.plain_connection() as connection:
        if not connection.scalar(sa.text("SELECT to_regclass('alembic_version') IS NOT NULL")):
            return None
        connection.execute(sa.text(f"SET LOCAL ROLE {db.APP_ROLE}"))
        return MigrationContext.configure(connection).get_current_revision()


def require_known() -> None:
    """Raise SchemaMismatch, naming both versions and the command, unless the database is at this code's version."""
    known, current = known_version(), current_version()
    if current != known:
        raise SchemaMismatch(
            f"The database is at schema {current or 'none'}, this flyusage needs {known}. Run `flyusage db upgrade` "
            "with FLYUSAGE_MIGRATION_URL set to a login that may migrate (or install the flyusage that matches the database)."
        )


def initialize() -> None:
    """Create the database if the login may and it is missing, the roles, and migrate. Safe to repeat.

    Raises SchemaForbidden when the login may not create roles, DatabaseUnreachable when nothing answers.
    """
    _create_database()
    with _owner_connection() as connection:
        for statement in _ROLES:
            connection.execute(sa.text(statement))
    upgrade()


def upgrade(revision: str = "head") -> None:
    """Migrate to `revision` in one transaction, as the schema's owner."""
    with _owner_connection() as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(7160001)"))
        connection.execute(sa.text(f"SET LOCAL ROLE {db.OWNER_ROLE}"))
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def downgrade(revision: str) -> None:
    """Migrate back to `revision` ('base' empties the schema)."""
    with _owner_connection() as connection:
        connection.execute(sa.text(f"SET LOCAL ROLE {db.OWNER_ROLE}"))
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


@contextmanager
def owner_session() -> Iterator[Session]:
    """A transaction as the schema's owner, to load reference data; tenant rows stay hidden from it."""
    with _owner_connection() as connection:
        connection.execute(sa.text(f"SET LOCAL ROLE {db.OWNER_ROLE}"))
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            yield session
            session.commit()


class _owner_connection:  # noqa: N801 reads as a verb at its uses
    """A transaction of the migration login; failures become sentences."""

    def __enter__(self) -> sa.Connection:
        self._engine = db.owner_engine()
        try:
            self._connection = self._engine.connect()
        except sa.exc.OperationalError as error:
            where = self._engine.url.render_as_string(hide_password=True).replace("postgresql+psycopg", "postgresql")
            why = str(error.orig).strip().splitlines()[-1]
            raise db.DatabaseUnreachable(
                f"No database answers at {where} ({why}). Start it, or correct FLYUSAGE_DATABASE_URL / FLYUSAGE_MIGRATION_URL."
            ) from error
        version = self._connection.connection.driver_connection.info.server_version  # type: ignore[union-attr]
        if version < db.OLDEST_POSTGRES:
            self.__exit__(None)
            raise db.PostgresTooOld(f"This is Postgres {version // 10000}; flyusage needs 15 or later. Point FLYUSAGE_DATABASE_URL at one.")
        self._transaction = self._connection.begin()
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None = None, _trace: object = None) -> None:
        if hasattr(self, "_transaction"):
            self._transaction.rollback() if kind else self._transaction.commit()
        self._connection.close()
        self._engine.dispose()
        if isinstance(error, sa.exc.ProgrammingError) and "permission denied" in str(error.orig):
            raise SchemaForbidden(
                f"The migration login may not set up the schema ({str(error.orig).strip().splitlines()[0]}). Set FLYUSAGE_MIGRATION_URL "
                "to a login that may create roles and tables, then run `flyusage db init` again."
            ) from error


def _create_database() -> None:
    """CREATE DATABASE through the server's `postgres` database when ours is missing."""
    url = sa.make_url(db.migration_url()).set(drivername="postgresql+psycopg")
    admin = sa.create_engine(url.set(database="postgres"), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            exists = connection.scalar(sa.text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": url.database})
            if not exists:
                quoted = connection.dialect.identifier_preparer.quote(url.database or "flyusage")
                connection.execute(sa.text(f"CREATE DATABASE {quoted} TEMPLATE template0 ENCODING 'UTF8'"))
    except sa.exc.OperationalError:
        return  # no `postgres` database to ask, or nothing answers: the migration itself says which
    finally:
        admin.dispose()


def _create_role(name: str, options: str) -> str:
    return (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') THEN "
        f"CREATE ROLE {name} {options}; END IF; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )


_ROLES = (
    _create_role(db.OWNER_ROLE, "NOLOGIN"),
    _create_role(db.APP_ROLE, "NOLOGIN"),
    _create_role(db.PLATFORM_ROLE, "NOLOGIN"),
    _create_role("flyusage", "LOGIN NOINHERIT"),
    f"GRANT {db.APP_ROLE}, {db.PLATFORM_ROLE} TO flyusage",
    f"GRANT {db.OWNER_ROLE} TO CURRENT_USER",
    f"DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {db.OWNER_ROLE}', current_database()); END $$",
    f"GRANT USAGE, CREATE ON SCHEMA public TO {db.OWNER_ROLE}",
)
