"""The embedded Postgres behind one start and one stop; nothing else knows that it exists.

The programs are those of `postgres_programs.py`; starting and stopping them is done here, because a process may be
killed at any instant. Who uses the server is therefore kept as a file lock, which dies with its process, and not as a
list of process ids, which does not.
"""

import atexit
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psutil
import psycopg

from flyusage.postgres_programs import EmbeddedUnavailable, as_owner, binary, is_root, let_run, run, unavailable

LOGIN = "flyusage"
DATABASE = "flyusage"
SUPERUSER = "postgres"
PORT = 5432  # part of the socket's name only: nothing listens on the network
STARTUP_SECONDS = 300  # crash recovery after a power cut replays the write-ahead log; give it time
SHUTDOWN_SECONDS = 120
LONGEST_SOCKET_PATH = 103  # macOS; Linux allows 107
LARGEST_LOG_BYTES = 10_000_000
FREE_BYTES_TO_CREATE = 300_000_000
FREE_BYTES_TO_START = 50_000_000  # three segments of write-ahead log; without them Postgres panics

# What a dashboard on one machine wants beyond Postgres' own cautious defaults; durability stays on.
TUNING = """\
# written by flyusage at every start
listen_addresses = ''
port = {port}
unix_socket_directories = '{socket_dir}'
unix_socket_permissions = 0700
shared_buffers = '{shared_buffers_mb}MB'
work_mem = '64MB'
maintenance_work_mem = '256MB'
effective_cache_size = '2GB'
max_wal_size = '4GB'
wal_compression = 'on'
jit = 'off'
timezone = 'UTC'
log_timezone = 'UTC'
random_page_cost = 1.1
max_connections = 60
log_min_messages = 'warning'
"""


_started_here: list[subprocess.Popen[Any]] = []  # kept, or Python would complain of children it no longer knows


@dataclass(frozen=True)
class Embedded:
    """A running embedded server that this process uses. URLs are libpq's; the socket is its owner's alone."""

    pgdata: Path
    socket_dir: Path
    users: IO[bytes] = field(repr=False)

    @property
    def database_url(self) -> str:
        """The application's own login, neither superuser nor owner of anything."""
        return self._url(LOGIN, DATABASE)

    @property
    def migration_url(self) -> str:
        """The login that may create roles and tables."""
        return self.superuser_url(DATABASE)

    def superuser_url(self, database: str) -> str:
        """The superuser, in any database."""
        return self._url(SUPERUSER, database)

    def revive(self) -> None:
        """Start the server again where it died in use: killed by hand, or by the system for want of memory."""
        if not self.users.closed:
            with _control(self.pgdata.parent):
                _ensure_running(self.pgdata)

    def stop(self) -> None:
        """Leave the server; the last process to leave stops it. Safe to repeat, and repeated at the process's end where it was cut short."""
        if not self.users.closed:
            with _control(self.pgdata.parent):
                if _is_last(self.users):
                    _shut_down(self.pgdata)
                self.users.close()
        atexit.unregister(self.stop)

    def _url(self, user: str, database: str) -> str:
        return f"postgresql://{user}@/{database}?host={quote(str(self.socket_dir))}&port={PORT}"


def start(data_dir: Path) -> Embedded:
    """Start the server in `data_dir`/postgres, or join the one already running there; left at the process's end.

    Raises EmbeddedUnavailable, with what to do, when the folder cannot be written, the disk is full or the server
    does not come up.
    """
    data_dir = data_dir.expanduser().resolve()
    pgdata = data_dir / "postgres"
    if _postmaster(pgdata) is None:  # joining needs no room
        require_writable(data_dir)
    try:
        with _control(data_dir):
            _create(pgdata)
            _ensure_running(pgdata)
            users = (data_dir / "postgres.users").open("ab")
            fcntl.flock(users, fcntl.LOCK_SH)
    except (OSError, subprocess.SubprocessError) as error:
        raise unavailable(pgdata, str(error)) from error
    made = Embedded(pgdata, _socket_dir(pgdata), users)
    atexit.register(made.stop)
    return made


def is_made(data_dir: Path) -> bool:
    """Whether the folder holds a server that was started before."""
    return (data_dir / "postgres" / "PG_VERSION").exists()


def require_writable(data_dir: Path) -> None:
    """Create the folder and write to it, so that a full or read-only one is named before anything else happens.

    Raises EmbeddedUnavailable.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o711 if is_root() else 0o700)
        probe = data_dir / ".writable"
        probe.write_bytes(b"flyusage" * 512)
        probe.unlink()
        free = shutil.disk_usage(data_dir).free
    except OSError as error:
        raise EmbeddedUnavailable(
            f"The data folder {data_dir} cannot be written ({error.strerror or error}). "
            "Free space, fix its permissions, or choose another with FLYUSAGE_DATA_DIR."
        ) from error
    needed = FREE_BYTES_TO_START if (data_dir / "postgres").exists() else FREE_BYTES_TO_CREATE
    if free < needed:
        raise EmbeddedUnavailable(
            f"The data folder {data_dir} has {free // 10**6} MB free, and {needed // 10**6} MB are needed to start. "
            "Free space, or choose another folder with FLYUSAGE_DATA_DIR."
        )


@contextmanager
def _control(data_dir: Path) -> Iterator[None]:
    """One process at a time starts or stops; a killed one holds nobody up."""
    with (data_dir / "postgres.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_last(users: IO[bytes]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _create(pgdata: Path) -> None:
    """Make the cluster beside its place and move it there whole, so that a kill leaves no half of one."""
    if (pgdata / "PG_VERSION").exists():
        return
    new = pgdata.with_name("postgres.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    let_run(new)
    # The builtin provider orders text by code point everywhere, whatever the operating system's tables say.
    order = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    made = run(new, ["initdb", f"--username={SUPERUSER}", "--auth=trust", "--no-instructions", *order, "--pgdata", str(new)])
    if made.returncode:
        shutil.rmtree(new, ignore_errors=True)
        raise unavailable(pgdata, made.stdout.strip().splitlines()[-1] if made.stdout.strip() else f"initdb ended with {made.returncode}")
    new.rename(pgdata)


def _ensure_running(pgdata: Path) -> None:
    """Join the server that runs already, also one that is starting or that a killed process left; else start it."""
    deadline = time.monotonic() + STARTUP_SECONDS
    while (running := _postmaster(pgdata)) is not None:
        if _answers(pgdata):
            return
        if time.monotonic() > deadline:
            raise unavailable(pgdata, f"process {running.pid} has not answered for {STARTUP_SECONDS} s")
        time.sleep(0.05)
    while any(_is_of(each, pgdata) for each in psutil.process_iter()):
        if time.monotonic() > deadline:
            raise unavailable(pgdata, "processes of a server that was killed still run")
        time.sleep(0.05)  # they end once they notice; two servers over one folder would destroy it
    _start(pgdata, deadline)


def _start(pgdata: Path, deadline: float) -> None:
    """Start, where nobody runs, and wait for the first answer."""
    # The numbers in these may be other programs' by now, which would hold Postgres up.
    for stale in (pgdata / "postmaster.pid", _socket_dir(pgdata) / f".s.PGSQL.{PORT}.lock"):
        stale.unlink(missing_ok=True)
    _tune(pgdata)
    log = _log(pgdata)
    said = log.stat().st_size if log.exists() else 0
    with log.open("ab") as file:
        server = subprocess.Popen(
            [binary(pgdata, "postgres"), "-D", str(pgdata)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal's Ctrl-C is for us, who then stop it in order
            **as_owner(pgdata),
        )
    _started_here.append(server)
    while not _answers(pgdata):
        if server.poll() is not None:
            raise unavailable(pgdata, _last_words(log, said))
        if time.monotonic() > deadline:
            server.send_signal(signal.SIGQUIT)
            raise unavailable(pgdata, f"no answer for {STARTUP_SECONDS} s; see {log}")
        time.sleep(0.02)


def _shut_down(pgdata: Path) -> None:
    """A fast shutdown: sessions end, everything is written."""
    if (server := _postmaster(pgdata)) is None:
        return
    with suppress(psutil.NoSuchProcess):
        server.send_signal(signal.SIGINT)
        if not _ends(server):
            server.send_signal(signal.SIGQUIT)  # nothing committed is lost: the next start recovers it from the log
            _ends(server)
    _started_here[:] = [each for each in _started_here if each.poll() is None]


def _ends(server: psutil.Process) -> bool:
    """Wait for the end. Not by psutil's own wait, which for a child of another process waits for its parent to notice too."""
    deadline = time.monotonic() + SHUTDOWN_SECONDS
    while _is_alive(server):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _postmaster(pgdata: Path) -> psutil.Process | None:
    """The server that runs in `pgdata`. The number in its file may be stale, and another program's by now."""
    try:
        number = int((pgdata / "postmaster.pid").read_text().partition("\n")[0])
        found = psutil.Process(number)
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None
    return found if _is_of(found, pgdata) else None


def _is_of(process: psutil.Process, pgdata: Path) -> bool:
    """Whether it is a live Postgres process of `pgdata`. Another user's is not: the folder is ours alone."""
    try:
        return process.name() == "postgres" and _is_alive(process) and Path(process.cwd()) == pgdata
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _is_alive(process: psutil.Process) -> bool:
    """Whether it still runs; one that ended without its parent having noticed does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _answers(pgdata: Path) -> bool:
    try:
        with psycopg.connect(host=str(_socket_dir(pgdata)), port=PORT, user=SUPERUSER, dbname="postgres", connect_timeout=5):
            return True
    except psycopg.OperationalError:
        return False


def _tune(pgdata: Path) -> None:
    """Write our settings, and include them from the server's own file, once."""
    socket_dir = str(_socket_dir(pgdata)).replace("'", "''").replace('"', '""')
    memory_mb = psutil.virtual_memory().total // 2**20
    tuning = pgdata / "flyusage.conf"
    tuning.write_text(TUNING.format(port=PORT, socket_dir=f'"{socket_dir}"', shared_buffers_mb=min(512, memory_mb // 4)))
    main = pgdata / "postgresql.conf"
    if "flyusage.conf" not in main.read_text():
        with main.open("a") as file:
            file.write("\ninclude_if_exists = 'flyusage.conf'\n")
    let_run(pgdata)
    if (owner := pgdata.stat()).st_uid != os.geteuid():
        os.chown(tuning, owner.st_uid, owner.st_gid)


def _socket_dir(pgdata: Path) -> Path:
    """The data folder itself, or, where its path is too long for a socket, a private one in the temporary folder."""
    if len(os.fsencode(pgdata / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH:
        return pgdata
    short = Path(tempfile.gettempdir()) / f"flyusage-{hashlib.sha256(os.fsencode(pgdata)).hexdigest()[:16]}"
    owner = pgdata.stat()
    with suppress(FileExistsError):
        short.mkdir(mode=0o700)
        os.chown(short, owner.st_uid, owner.st_gid)
    if short.is_symlink() or short.stat().st_uid != owner.st_uid:
        raise unavailable(pgdata, f"{short} belongs to somebody else")
    return short


def _log(pgdata: Path) -> Path:
    log = pgdata.with_name("postgres.log")
    if log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    return log


def _last_words(log: Path, since: int) -> str:
    """Why the server ended: its last fatal line, without the time."""
    with log.open("rb") as file:
        file.seek(since)
        said = file.read().decode(errors="replace").splitlines()
    grave = [line for line in said if "FATAL:" in line or "PANIC:" in line] or said or ["it said nothing"]
    return grave[-1].split(":  ", 1)[-1]
