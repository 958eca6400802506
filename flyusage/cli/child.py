"""A process beside this one that lives exactly as long: the background worker, or the filling of the demo platform."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog

PIPE = subprocess.PIPE
STOP_SECONDS = 15
RESTART_SECONDS = 5
DYING_SECONDS = 5

_log = structlog.get_logger(__name__)


def start(arguments: Sequence[str], *, output: int | None = None) -> subprocess.Popen[bytes]:
    """Run `flyusage ARGUMENTS` beside this process. The terminal's Ctrl-C does not reach it: we stop it in order.

    Its standard input is a pipe that closes when this process ends in whatever way; `leave_with_parent` watches it.
    """
    command = [sys.executable, "-P", "-m", "flyusage.cli.main", *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, start_new_session=True)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End `process` in order, and by force when it takes longer than 15 s: nothing committed is lost."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


@contextmanager
def kept_running(arguments: Sequence[str]) -> Iterator[None]:
    """`flyusage ARGUMENTS` runs beside the block; started again, 5 s later, whenever it ends by itself."""
    leaving = threading.Event()
    supervisor = threading.Thread(target=_supervise, args=(arguments, leaving), name=f"beside:{arguments[0]}")
    supervisor.start()
    try:
        yield
    finally:
        leaving.set()
        supervisor.join()


def leave_with_parent(stop: threading.Event) -> None:
    """Set `stop` once our standard input, the pipe from `start`, closes. For the child."""
    pipe = sys.stdin.fileno()  # not the buffered file: the lock a reading thread holds would break the interpreter's end
    parent = os.getppid()

    def watch() -> None:
        while os.read(pipe, 4096):
            pass
        # The system closes a killed process's files one after the other, and only then calls it dead. Until it is, its share of the
        # embedded database is still held, and we would leave that running as somebody else's.
        deadline = time.monotonic() + DYING_SECONDS
        while os.getppid() == parent and time.monotonic() < deadline:
            time.sleep(0.01)
        stop.set()

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()


def _supervise(arguments: Sequence[str], leaving: threading.Event) -> None:
    while not leaving.is_set():
        process = start(arguments)
        while process.poll() is None and not leaving.wait(0.2):
            pass
        code = process.poll()
        stop(process)
        if code is not None and not leaving.is_set():
            _log.error("the process beside the server ended and is started again", command=arguments[0], exit_code=code)
            leaving.wait(RESTART_SECONDS)
