"""Documents and totals that keep up by themselves, for as long as a worker runs."""

import threading
import time

import sqlalchemy as sa
import structlog

from flyusage import db, jobs
from flyusage.invoices import outbox, totals
from flyusage.invoices.billed import document_of
from flyusage.invoices.rendering import render
from flyusage.invoices.storing import CHANNEL

SHARE = 20  # documents between two looks at whether to stop

_log = structlog.get_logger(__name__)


def run(stop: threading.Event) -> None:
    """Render the documents of issued invoices and fold platform totals until `stop` is set. Several may run."""
    jobs.Worker(work, channel=CHANNEL, every=5.0).run(stop)


def work() -> bool:
    """A share of what waits; whether more is left."""
    with db.platform_transaction() as session:
        is_more = totals.fold(session) == totals.AT_ONCE
        waiting = outbox.due(session, "document", SHARE)
    for org_id, task_id in waiting:
        _render(org_id, task_id)
    if waiting:
        with db.platform_transaction() as session:  # mail waits for documents
            session.execute(sa.text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})
    return is_more or len(waiting) == SHARE


def _render(org_id: int, task_id: int) -> None:
    """One document, in a transaction of its own; what fails is tried again later, ever more rarely."""
    task, began = None, time.monotonic()
    try:
        with db.platform_transaction() as session:
            task = outbox.claim(session, org_id, task_id)
            if task is not None:
                render(session, org_id, task.invoice_id, document_of(session, org_id, task.invoice_id))
    except (ValueError, RuntimeError) as error:  # what the typesetter refuses; the database's own errors end the round
        _log.error("an invoice's document could not be made", org_id=org_id, error=str(error), seconds=time.monotonic() - began)
        if task is not None:
            outbox.failed(task, "document", str(error))
