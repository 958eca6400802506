"""A real server process on a free port, over the built frontend, which is built at most once per run."""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from story import NOW

from flyusage.ui import bundle

if TYPE_CHECKING:
    from conftest import Server

SERVE = """
import os
from flyusage import logs
from flyusage.server import serve
logs.configure("info", "console")
serve("127.0.0.1", int(os.environ.get("FLYUSAGE_TEST_PORT", 0)), on_ready=lambda address: print(address, flush=True))
print("stopped", flush=True)
"""


@cache
def build_once() -> None:
    """Build the pages unless they are up to date (`make test` has done it). Workers that come at once wait for the first one."""
    with (Path(tempfile.gettempdir()) / f"flyusage-build-{os.getuid()}.lock").open("w") as lock:
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


@contextmanager
def running(*, log: TextIO | None = None, **settings: str) -> Iterator[str]:
    """The address of a server with these variables beside the present environment; it must stop cleanly.

    Its log goes to `log`, else to ours.
    """
    build_once()
    environment = os.environ | settings
    process = subprocess.Popen([sys.executable, "-c", SERVE], env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
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
