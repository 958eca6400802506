"""Documents and totals that keep up by themselves, for as long as a worker runs."""

import threading
import time

import sqlalchemy as sa
import structlog

from flyusage import clock, db, jobs
from flyusage.invoices import totals
from flyusage.invoices.billed import document_of
from flyusage.invoices.rendering import render
from flyusage.invoices.storing import CHANNEL

SHARE = 20  # documents between two looks at whether to stop
LONGEST_PAUSE_SECONDS = 3600

_log = structlog.get_logger(__name__)


def run(stop: threading.Event) -> None:
    """Render the documents of issued invoices and fold platform totals until `stop` is set. Several may run."""
    jobs.Worker(work, channel=CHANNEL, every=5.0).run(stop)


def work() -> bool:
    """A share of what waits; whether more is left."""
    with db.platform_transaction() as session:
        is_more = totals.fold(session) == totals.AT_ONCE
        waiting = session.execute(sa.text(_WAITING), {"now": clock.now(), "limit": SHARE}).all()
    for row in waiting:
        _render(row.org_id, row.id)
    return is_more or len(waiting) == SHARE


def _render(org_id: int, task_id: int) -> None:
    """One document, in a transaction of its own; what fails is tried again later, ever more rarely."""
    key, began = {"org": org_id, "id": task_id, "now": clock.now()}, time.monotonic()
    try:
        with db.platform_transaction() as session:
            row = session.execute(sa.text(_CLAIM), key).one_or_none()
            if row is not None:
                render(session, org_id, row.invoice_id, document_of(session, org_id, row.invoice_id))
    except (ValueError, RuntimeError) as error:  # what the typesetter refuses; the database's own errors end the round
        _log.error("an invoice's document could not be made", org_id=org_id, error=str(error), seconds=time.monotonic() - began)
        with db.platform_transaction() as session:
            session.execute(sa.text(_FAILED), {**key, "error": str(error)[:1000], "longest": LONGEST_PAUSE_SECONDS})


_WAITING = """
SELECT org_id, id FROM outbox WHERE kind = 'document' AND done_at IS NULL AND due_at <= :now ORDER BY due_at, id LIMIT :limit"""
_CLAIM = """
SELECT invoice_id FROM outbox WHERE org_id = :org AND id = :id AND done_at IS NULL FOR UPDATE SKIP LOCKED"""
_FAILED = """
UPDATE outbox SET attempts = attempts + 1, last_error = :error,
       due_at = CAST(:now AS timestamptz) + make_interval(secs => least(:longest, 5 * power(2, attempts)))
WHERE org_id = :org AND id = :id"""
