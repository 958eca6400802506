"""Documents and totals that keep up by themselves, for as long as a worker runs."""

import threading
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial, update_wrapper
from itertools import islice

import sqlalchemy as sa
import structlog

from flyusage import db, jobs
from flyusage.invoices import outbox, totals
from flyusage.invoices.billed import document_of, snapshot_of
from flyusage.invoices.rendering import render, store
from flyusage.invoices.storing import CHANNEL
from flyusage.invoices.typesetting import MANY, Typesetters

SHARE = 20  # documents between two looks at whether to stop

_log = structlog.get_logger(__name__)


def run(stop: threading.Event) -> None:
    """Render the documents of issued invoices and fold platform totals until `stop` is set. Several may run."""
    with Typesetters() as typesetters:
        jobs.Worker(update_wrapper(partial(work, typesetters), work), channel=CHANNEL, every=5.0).run(stop)


def work(typesetters: Typesetters | None = None) -> bool:
    """A share of what waits; whether more is left. With `typesetters` many documents are set by several processes."""
    with db.platform_transaction() as session:
        is_more = totals.fold(session) == totals.AT_ONCE
        waiting = outbox.due(session, "document", MANY)
    if typesetters is not None and typesetters.are_worth_it(len(waiting)):
        taken = _render_many(waiting, typesetters)
    else:
        taken = sum(islice((True for one in waiting if _render(*one)), SHARE))
    if taken:
        with db.platform_transaction() as session:  # mail waits for documents
            session.execute(sa.text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})
    return is_more or 0 < taken < len(waiting)  # where others hold all that waits there is nothing to do


def _render_many(waiting: Sequence[tuple[int, int]], typesetters: Typesetters) -> int:
    """A share of those that wait and that no other worker holds, set beside each other and kept in one transaction; how many.

    One that cannot be set stays its own failure.
    """
    tasks: list[outbox.Task] = []
    failures: list[tuple[outbox.Task, str]] = []
    try:
        with db.platform_transaction() as session:
            claimed = (outbox.claim(session, *pair) for pair in waiting)
            tasks += islice((task for task in claimed if task is not None), SHARE)
            made = typesetters.set([snapshot_of(session, task.org_id, task.invoice_id) for task in tasks])
            for task, one in zip(tasks, made, strict=True):
                if isinstance(one, str):
                    failures.append((task, one))
                else:
                    store(session, task.org_id, task.invoice_id, one)
    except BrokenProcessPool:
        _log.warning("a process that set documents was killed; they are set one after the other from now on")
        typesetters.give_up()
    for task, error in failures:
        _fail(task, error)
    return len(tasks)


def _render(org_id: int, task_id: int) -> bool:
    """One document, in a transaction of its own, unless another worker holds it; what fails is tried again later, ever more rarely."""
    task = None
    try:
        with db.platform_transaction() as session:
            task = outbox.claim(session, org_id, task_id)
            if task is not None:
                render(session, org_id, task.invoice_id, document_of(session, org_id, task.invoice_id))
    except (ValueError, RuntimeError) as error:  # what the typesetter refuses; the database's own errors end the round
        if task is not None:
            _fail(task, str(error))
    return task is not None


def _fail(task: outbox.Task, error: str) -> None:
    _log.error("an invoice's document could not be made", org_id=task.org_id, invoice_id=task.invoice_id, error=error)
    outbox.failed(task, "document", error)
