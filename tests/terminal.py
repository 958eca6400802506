"""The command line on a terminal of its own, as somebody sits before it."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

COMMAND = [sys.executable, "-m", "flyusage.cli.main"]
LONGEST_SECONDS = 60
_STYLES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A running command and what it has shown so far."""

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self.process, self.shown = process, ""
        self._screen = screen

    @property
    def text(self) -> str:
        """What was shown, without colours and movements."""
        return _STYLES.sub("", self.shown)

    def wait_for(self, words: str) -> None:
        """Read on until `words` were shown."""
        ends = time.monotonic() + LONGEST_SECONDS
        while words not in self.text:
            assert time.monotonic() < ends, f"{words!r} was not shown:\n{self.shown}"
            assert self._read(), f"ended without {words!r}:\n{self.shown}"

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        os.kill(self.process.pid, signal.SIGINT)
        return self.end()

    def end(self) -> int:
        """Read to the end; the exit code."""
        while self._read():
            pass
        return self.process.wait(LONGEST_SECONDS)

    def _read(self) -> bool:
        if not select.select([self._screen], [], [], 1)[0]:
            return True
        with suppress(OSError):  # the other side is closed
            if piece := os.read(self._screen, 65536):
                self.shown += piece.decode("utf-8", "replace")
                return True
        return False


@contextmanager
def on_terminal(*arguments: str, columns: int = 120, **environment: str) -> Iterator[Terminal]:
    """`flyusage` with these arguments on a terminal, until the block ends."""
    ours, theirs = pty.openpty()
    given = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "40", **environment}
    given.pop("NO_COLOR", None)
    process = subprocess.Popen([*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=given)
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(ours)
