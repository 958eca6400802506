"""Where the command `flyusage` begins: signals first, since importing the rest takes a moment, in which Ctrl-C is no failure either."""

import signal
from types import FrameType
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; see `flyusage.cli.main`."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, leave)
    from flyusage.cli.main import main as run

    run()


def leave(signum: int, _frame: FrameType | None) -> NoReturn:
    """End as the shell expects of a signal, through every `finally` on the way, without a word."""
    raise SystemExit(128 + signum)
