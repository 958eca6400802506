"""`flyusage worker`: the background jobs, as `serve` runs them beside itself."""

import signal
import threading
from typing import Annotated

import typer

from flyusage import logs, schema
from flyusage.cli import child
from flyusage.config import settings
from flyusage.metering import background


def worker(
    beside: Annotated[bool, typer.Option("--beside", hidden=True, help="Leave when standard input closes.")] = False,
) -> None:
    """Keep the roll-ups up with what comes in, until Ctrl-C. Several may run; they share the work."""
    chosen = settings()
    logs.configure(chosen.log_level, chosen.log_format)
    schema.require_known()
    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    if beside:
        child.leave_with_parent(stop)
    background.run(stop)
