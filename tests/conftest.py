"""Every test runs on a real Postgres: an embedded one made for the session, or the one FLYUSAGE_TEST_DATABASE_URL names.

The schema is migrated and seeded once, into a template; `database` is a clone of it that only one test sees.
"""

import gc
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import hypothesis
import passwords_cost
import psycopg
import pytest
import sqlalchemy as sa
import structlog
from cast import Cast, make_cast
from kept_database import KeptDatabase
from mailserver import Mailserver, running

from flyusage import config, db, embedded
from flyusage.cli import bootstrap

PUBLIC_TRACE = Path(__file__).parents[2] / "shared" / "data"
MEMORY, ROOM_BYTES = Path("/dev/shm"), 4 * 10**9
LONG = ("test_fuzzing.py", "test_serve.py", "test_closing.py", "test_rollups.py", "test_explorer.py", "test_real_trace.py", "test_costs.py")
Told = TypeVar("Told")
LOGIN, PASSWORD = "flyusage_test_login", "only-for-tests"

gc.disable()  # while collecting: what is imported stays

hypothesis.settings.register_profile("flyusage", deadline=None)
hypothesis.settings.load_profile("flyusage")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_trace: needs the public trace in ../shared/data; left out where that is absent")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long first, whatever the order, so that no worker waits at the end for another's; the public trace only where it is.

    Browser journeys are long, and LONG.
    """
    items.sort(key=lambda item: "e2e" not in item.path.parts and item.path.name not in LONG)
    if PUBLIC_TRACE.is_dir():
        return
    left_out = [item for item in items if item.get_closest_marker("real_trace")]
    items[:] = [item for item in items if not item.get_closest_marker("real_trace")]
    config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Say what ended a worker that did not end by itself: xdist does not, and a killed one leaves no trace."""
    if error:
        code = node.gateway._io.popen.wait(10)
        print(f"\n{node.gateway.id} ended by {signal.Signals(-code).name if code < 0 else f'exit code {code}'}", flush=True)


def pytest_collection_finish() -> None:
    """Modules and tests stay to the end: the collector, which looks at everything that lives, need not look at them each time."""
    gc.freeze()
    gc.enable()


@dataclass(frozen=True)
class Server:
    """A Postgres for tests. `superuser_url` is any database's URL; the application's login has rights of its own only."""

    base: sa.URL

    def superuser_url(self, database: str) -> str:
        return self.base.set(database=database).render_as_string(hide_password=False)

    def login_url(self, database: str) -> str:
        return self.base.set(database=database, username=LOGIN, password=PASSWORD).render_as_string(hide_password=False)

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.superuser_url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


@dataclass(frozen=True)
class Database:
    """A database that the settings point at. Both URLs are libpq's."""

    name: str
    url: str
    migration_url: str


@pytest.fixture(scope="session", autouse=True)
def own_settings() -> Iterator[None]:
    """No test reads the settings, the data folder or the stored tokens of whoever runs it."""
    kept = {
        name: os.environ.pop(name) for name in list(os.environ) if name.startswith("FLYUSAGE_") and name != "FLYUSAGE_TEST_DATABASE_URL"
    }
    kept |= {name: os.environ[name] for name in ("XDG_CONFIG_HOME",) if name in os.environ}
    folder = _temporary_folder()
    os.environ["XDG_CONFIG_HOME"] = str(folder / "config")
    os.environ["FLYUSAGE_DATA_DIR"] = str(folder)
    config.settings.cache_clear()
    *processors, _ = structlog.get_config()["processors"]
    passwords_cost.lower()
    structlog.configure(processors=[*processors, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])
    yield
    del os.environ["FLYUSAGE_DATA_DIR"], os.environ["XDG_CONFIG_HOME"]
    os.environ.update(kept)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server(own_settings: None) -> Iterator[Server]:
    """The session's Postgres."""
    if given := os.environ.get("FLYUSAGE_TEST_DATABASE_URL"):
        yield Server(sa.make_url(given).set(drivername="postgresql"))
        return
    folder = _temporary_folder()
    started = embedded.start(folder)
    made = Server(sa.make_url(started.superuser_url("postgres")))
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # nothing here outlives the session
        made.execute(f"ALTER SYSTEM SET {setting} = off")
    made.execute("SELECT pg_reload_conf()")
    yield made
    started.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template(server: Server) -> Iterator[str]:
    """The name of a migrated and seeded database, kept free of connections so that it can be cloned."""
    name = f"flyusage_template_{uuid.uuid4().hex[:8]}"
    server.execute(
        f"DO $$ BEGIN CREATE ROLE {LOGIN} LOGIN NOINHERIT PASSWORD '{PASSWORD}'; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    with pointed_at(server, name):
        bootstrap.prepare()
    server.execute(f"GRANT {db.APP_ROLE}, {db.PLATFORM_ROLE}, {db.LIMITED_ROLE} TO {LOGIN}")
    yield name
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def kept_database(server: Server, template: str) -> Iterator[KeptDatabase]:
    kept = KeptDatabase(lambda: copied(server, template), server.superuser_url)
    yield kept
    kept.drop()


@pytest.fixture
def database(server: Server, kept_database: KeptDatabase) -> Iterator[Database]:
    """A fresh database, migrated and seeded, that the settings point at; what the test wrote is taken out again."""
    with lent(server, kept_database) as made:
        yield made


@pytest.fixture(scope="session")
def beginnings(server: Server, template: str) -> Iterator["Beginnings"]:
    made = Beginnings(server, template)
    yield made
    made.close()


@pytest.fixture
def begun(beginnings: "Beginnings", server: Server) -> Iterator["Begun"]:
    """`begun(write)`: as `database`, and what `write` wrote is in it; what it returned. It is called once for all tests of its module."""
    with ExitStack() as stack:

        def lend(write: Callable[[], Told]) -> Told:
            kept, told = beginnings.of(write)
            stack.enter_context(lent(server, kept))
            return told

        yield lend


@pytest.fixture(scope="module")
def shared_database(server: Server, template: str) -> Iterator[Database]:
    """As `database`, for all tests of a module that only read what the module's own fixture wrote."""
    with clone(server, template) as made:
        yield made


@pytest.fixture
def mailserver() -> Iterator[Mailserver]:
    """A real SMTP server; FLYUSAGE_SMTP_URL does not point at it unless the test says so."""
    with running() as server:
        yield server


@pytest.fixture
def real_cost() -> Iterator[None]:
    """Passwords cost what they cost in the product."""
    with passwords_cost.real():
        yield


@pytest.fixture
def cast(database: Database) -> Cast:
    """Owner and member of Prism, and the outsider, in a fresh database."""
    with db.platform_transaction() as session:
        return make_cast(session)


class Begun(Protocol):
    """`begun`, the fixture."""

    def __call__(self, write: Callable[[], Told], /) -> Told: ...


@dataclass
class Beginnings:
    """Databases that the tests of one module begin with, each written once by a function and then copied."""

    server: Server
    template: str
    _module: str = ""
    _made: dict[Callable[[], Any], tuple[KeptDatabase, Any]] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def of(self, write: Callable[[], Any]) -> tuple[KeptDatabase, Any]:
        """The database in which `write` wrote, and what it returned."""
        if write.__module__ != self._module:
            self.close()
            self._module = write.__module__
        if write not in self._made:
            name = self._stack.enter_context(copied(self.server, self.template))
            with pointed_at(self.server, name):
                told = write()
            kept = KeptDatabase(lambda: copied(self.server, name), self.server.superuser_url)
            self._stack.callback(kept.drop)
            self._made[write] = kept, told
        return self._made[write]

    def close(self) -> None:
        self._stack.close()
        self._made.clear()


@contextmanager
def lent(server: Server, kept: KeptDatabase) -> Iterator[Database]:
    """The kept database inside the block, which the settings point at."""
    with pointed_at(server, kept.name()) as made:
        kept.lend_pool()
        yield made
        kept.take_pool()
    kept.put_back()


@contextmanager
def clone(server: Server, template: str) -> Iterator[Database]:
    """A copy of `template` that the settings point at inside the block."""
    with copied(server, template) as name, pointed_at(server, name) as made:
        yield made


@contextmanager
def copied(server: Server, template: str) -> Iterator[str]:
    """The name of a copy of `template`, dropped after the block. File by file: that takes half as long as through the log."""
    name = f"flyusage_test_{uuid.uuid4().hex[:12]}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    try:
        yield name
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def pointed_at(server: Server, name: str) -> Iterator[Database]:
    """Settings and pool of this process at database `name` inside the block; blocks nest."""
    made = Database(name, server.login_url(name), server.superuser_url(name))
    with chosen({"FLYUSAGE_DATABASE_URL": made.url, "FLYUSAGE_MIGRATION_URL": made.migration_url}):
        yield made


@contextmanager
def chosen(variables: dict[str, str | None]) -> Iterator[None]:
    """Settings of this process as these variables say (None: unsaid) inside the block; blocks nest."""
    before = {variable: os.environ.get(variable) for variable in variables}
    _read_anew(variables)
    try:
        yield
    finally:
        _read_anew(before)


def _read_anew(variables: dict[str, str | None]) -> None:
    db.reset()
    for variable, value in variables.items():
        if value is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = value
    config.settings.cache_clear()


def _temporary_folder() -> Path:
    """Short, since the path of a socket may hold 107 bytes only; in memory where there is room, since each test copies a database."""
    return Path(tempfile.mkdtemp(prefix="flyusage-", dir=MEMORY if _has_room(MEMORY) else None))


def _has_room(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= ROOM_BYTES
