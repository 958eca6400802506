"""`flyusage worker`: the background jobs, as `serve` runs them beside itself."""

import signal
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Annotated

import structlog
import typer

from flyusage import db, embedded, logs, schema, tracing
from flyusage.alerts import background as budgets
from flyusage.cli import child
from flyusage.config import settings
from flyusage.invoices import background as documents
from flyusage.invoices import posting, purging
from flyusage.invoices.payments import background as payments
from flyusage.metering import background, compaction
from flyusage.pricing import background as ranking

JOBS = (
    background.run, documents.run, posting.run, payments.run, budgets.run, budgets.deliver, budgets.watch, purging.run, compaction.run,
    ranking.run,
)  # fmt: skip
AGAIN_SECONDS = 5.0  # between a failure and the next try

_log = structlog.get_logger(__name__)


def worker(
    beside: Annotated[bool, typer.Option("--beside", hidden=True, help="Leave when standard input closes.")] = False,
) -> None:
    """Keep roll-ups, documents, mail, payments and budgets up with what comes in, until Ctrl-C. Several may run; they share the work."""
    chosen = settings()
    logs.configure(chosen.log_level, chosen.log_format)
    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    if beside:
        child.leave_with_parent(stop)
        wait_for_database(stop)
    else:
        schema.require_known()
    tracing.start("worker")
    if tracing.is_on():
        db.reset()  # its pool was made before spans were asked for
    try:
        work(stop)
    finally:
        tracing.stop()


def work(stop: threading.Event) -> None:
    """Every job in a thread of its own until `stop` is set. An error of one is logged and it begins again 5 s later; the others go on."""
    with ThreadPoolExecutor(len(JOBS), thread_name_prefix="job") as threads:
        running = {threads.submit(job, stop): job for job in JOBS}
        while running:
            for ended in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(ended)
                if (error := ended.exception()) is not None:
                    _log.error("a job failed and begins again", job=job.__module__, in_seconds=AGAIN_SECONDS, exc_info=error)
                    if not stop.wait(AGAIN_SECONDS):
                        running[threads.submit(job, stop)] = job


def wait_for_database(stop: threading.Event) -> None:
    """Until the database answers; it may be away while we start. Raises SchemaMismatch, which no waiting mends.

    Asked even when we are to leave already: whoever started us may be gone, and the last to have asked stops an embedded server.
    """
    while True:
        try:
            schema.require_known()
        except (db.DatabaseUnreachable, embedded.EmbeddedUnavailable) as error:
            _log.warning("the database does not answer; trying again", in_seconds=AGAIN_SECONDS, error=str(error))
            if stop.wait(AGAIN_SECONDS):
                return
        else:
            return
