"""The product as people run it: `flyusage serve`, its worker beside it; and what memory the two hold."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from flyusage.ui import bundle

READY = "flyusage is at "


@dataclass(frozen=True)
class Memory:
    """Bytes a process holds: `rss` with the libraries it shares with others, `uss` its own alone."""

    rss: int
    uss: int


@dataclass(frozen=True)
class Served:
    """A running server of the database that the settings point at."""

    address: str
    process: psutil.Process

    @property
    def memory(self) -> Memory:
        """The server's own."""
        return _memory(self.process)

    @property
    def worker_memory(self) -> Memory:
        """The background worker's beside it."""
        return _memory(next(each for each in self.process.children() if "worker" in each.cmdline()))


@contextmanager
def serving(log: Path) -> Iterator[Served]:
    """A server on a free port, logging to `log`; stopped in order at the end."""
    if not bundle.is_current():
        bundle.build()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "flyusage.cli.main", "serve", "--port", str(port)]
    with log.open("w") as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=os.environ, text=True) as process:
        assert process.stdout is not None
        try:
            if not any(line.startswith(READY) for line in iter(process.stdout.readline, "")):
                raise RuntimeError(f"The server did not start; see {log}.")
            yield Served(f"http://127.0.0.1:{port}", psutil.Process(process.pid))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def _memory(process: psutil.Process) -> Memory:
    held = process.memory_full_info()
    return Memory(held.rss, held.uss)
