"""`flyusage worker`: the background jobs, as `serve` runs them beside itself."""

import signal
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Annotated

import typer

from flyusage import logs, schema
from flyusage.alerts import background as budgets
from flyusage.cli import child
from flyusage.config import settings
from flyusage.invoices import background as documents
from flyusage.invoices import posting, purging
from flyusage.invoices.payments import background as payments
from flyusage.metering import background


def worker(
    beside: Annotated[bool, typer.Option("--beside", hidden=True, help="Leave when standard input closes.")] = False,
) -> None:
    """Keep roll-ups, documents, mail, payments and budgets up with what comes in, until Ctrl-C. Several may run; they share the work."""
    chosen = settings()
    logs.configure(chosen.log_level, chosen.log_format)
    schema.require_known()
    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    if beside:
        child.leave_with_parent(stop)
    _run_all(stop)


def _run_all(stop: threading.Event) -> None:
    """Every job in a thread of its own; an error of one ends all, and whoever started us starts us again."""
    jobs = (background.run, documents.run, posting.run, payments.run, budgets.run, purging.run)
    with ThreadPoolExecutor(len(jobs), thread_name_prefix="job") as threads:
        running = [threads.submit(job, stop) for job in jobs]
        wait(running, return_when=FIRST_COMPLETED)
        stop.set()
    for one in running:
        one.result()
