"""A real server process on a free port, over the built frontend, which is built at most once per run."""

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import forked
from story import NOW

from flyusage.ui import bundle

if TYPE_CHECKING:
    from conftest import Server

SERVE = """
import serving
serving.serve(lambda said: print(said, flush=True))
"""
SECONDS = 60


@cache
def build_once() -> None:
    """Build the pages unless they are up to date (`make test` has done it). Workers that come at once wait for the first one."""
    if bundle.is_current():
        return
    checkout = hashlib.sha256(bytes(Path(__file__))).hexdigest()[:12]  # another checkout's build holds nobody up here
    with (Path(tempfile.gettempdir()) / f"flyusage-build-{os.getuid()}-{checkout}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not bundle.is_current():
            bundle.build()


def settings_for(server: "Server", name: str) -> dict[str, str]:
    """What points a process at the database `name`, with the clock at the story's end."""
    return {
        "FLYUSAGE_DATABASE_URL": server.login_url(name),
        "FLYUSAGE_MIGRATION_URL": server.superuser_url(name),
        "FLYUSAGE_CLOCK": NOW,
    }


def serve(say: Callable[[str], object]) -> None:
    """Serve on a free port until SIGINT; says the address once it is ready, and that it stopped."""
    from flyusage import logs
    from flyusage.config import settings
    from flyusage.server import serve

    logs.configure(settings().log_level, settings().log_format)
    serve("127.0.0.1", int(os.environ.get("FLYUSAGE_TEST_PORT", "0")), on_ready=say)
    say("stopped")


@contextmanager
def running(*, log: TextIO | None = None, **settings: str) -> Iterator[str]:
    """The address of a server with these variables beside the present environment; it must stop cleanly.

    Its log goes to `log`, else to ours. It is a fork of what has imported the application already (`forked.py`).
    """
    build_once()
    ours, theirs = Pipe(duplex=False)
    process = forked.start(_serve, theirs, settings=settings, err=log and log.name)
    theirs.close()
    try:
        address = _said(ours)
        assert address.startswith("http://"), f"the server did not start: {address!r}"
        yield address
        assert process.pid is not None
        os.kill(process.pid, signal.SIGINT)
        assert _said(ours) == "stopped"
        process.join(SECONDS)
        assert process.exitcode == 0
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()


def _serve(theirs: Connection) -> None:
    serve(theirs.send)


def _said(ours: Connection) -> str:
    """The server's next word; empty when it ended or says nothing for a minute."""
    try:
        return ours.recv() if ours.poll(SECONDS) else ""
    except EOFError:
        return ""


@contextmanager
def running_from_nothing() -> Iterator[str]:
    """As `running`, in a new process that imports what it needs itself, as an installation's does."""
    build_once()
    search = os.pathsep.join(str(folder) for folder in (Path(__file__).parent, Path(__file__).parents[1]))
    process = subprocess.Popen([sys.executable, "-c", SERVE], env=os.environ | {"PYTHONPATH": search}, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("http://"), f"the server did not start: {address!r}"
        yield address
        process.send_signal(signal.SIGINT)
        assert process.stdout.read().strip() == "stopped"
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
