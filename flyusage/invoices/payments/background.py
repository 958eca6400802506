"""The payment processor is told of what is in the outbox, for as long as a worker runs."""

import threading
import time

import sqlalchemy as sa
import structlog
from sqlmodel import Session

from flyusage import clock, db, jobs
from flyusage.invoices import outbox
from flyusage.invoices.billed import document_of
from flyusage.invoices.models import Kind, State
from flyusage.invoices.payments import keeping
from flyusage.invoices.payments.aligning import align
from flyusage.invoices.payments.bill import bill_of
from flyusage.invoices.payments.handover import Memory, Order, hand_over
from flyusage.invoices.payments.keeping import Target
from flyusage.invoices.payments.processor import GENERAL, UNSET, Failure, Processor, ProcessorTrouble
from flyusage.invoices.storing import CHANNEL

KIND = "payment"
SHARE = 20
TURN_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 120.0

_log = structlog.get_logger(__name__)


def run(stop: threading.Event) -> None:
    """Hand over what waits, until `stop` is set. Several may run; each organization is one's at a time."""
    jobs.Worker(Till().work, channel=CHANNEL, every=5.0).run(stop)


class Till:
    """Rounds over what the processor is to be told.

    Where what fails concerns every invoice (it is down, slow, limits us, refuses the key), it is left alone: as long as it asks
    for, or for longer and longer, up to two minutes. The others' attempts are not used up meanwhile.
    """

    def __init__(self) -> None:
        self._processor: Processor | None = None
        self._resume_at = 0.0
        self._failures = 0
        self._said_unset = False

    def work(self) -> bool:
        """A share of what waits; whether more is left."""
        if time.monotonic() < self._resume_at:
            return False
        with db.platform_transaction() as session:
            waiting = outbox.due(session, KIND, SHARE)
        processor = self._ready() if waiting else None
        if processor is None:
            return False
        for org_id, task_id in waiting:
            if not self._work_on(processor, org_id, task_id):
                return False
        return len(waiting) == SHARE

    def _ready(self) -> Processor | None:
        if self._processor is None:
            self._processor = Processor.from_settings()
        if self._processor is None and not self._said_unset:
            _log.warning(UNSET)
            self._said_unset = True
        return self._processor

    def _work_on(self, processor: Processor, org_id: int, task_id: int) -> bool:
        """One task, in a transaction of its own; False when the processor is to be left alone."""
        task = None
        try:
            with db.platform_transaction() as session:
                task = outbox.claim(session, org_id, task_id)
                if task is not None:
                    _do(session, processor, task)
        except ProcessorTrouble as trouble:
            assert task is not None
            outbox.failed(
                task, trouble.failure, trouble.detail, pause_seconds=trouble.pause_seconds, is_new_generation=trouble.needs_new_keys
            )
            _log.warning("the payment processor was not told", org_id=org_id, task=task_id, failure=trouble.failure, error=trouble.detail)
            if trouble.failure in GENERAL:
                pause = min(LONGEST_PAUSE_SECONDS, outbox.back_off(self._failures))
                self._resume_at = time.monotonic() + max(trouble.pause_seconds, pause)
                self._failures += 1
                return False
        else:
            self._failures = 0
        return True


def _do(session: Session, processor: Processor, task: outbox.Task) -> None:
    if not keeping.take_turn(session, task.org_id):
        outbox.postponed(session, task, TURN_SECONDS)
        return
    found = keeping.target(session, task.org_id, task.invoice_id)
    if found.kind == Kind.CREDIT_NOTE:
        if found.refers_to is None:
            outbox.done(session, task, "Not the processor's: the amount is kept as a prepaid credit.")
            return
        found = keeping.target(session, task.org_id, found.refers_to)
    elif task.action.startswith("issued"):
        outbox.done(session, task, _hand_over(session, processor, task, found))
        return
    _follow(session, processor, task, found)


def _hand_over(session: Session, processor: Processor, task: outbox.Task, found: Target) -> str:
    """Hand the invoice over; what to note of it."""
    if found.processor_id is None and (found.state != State.OPEN or not found.balance_minor):
        return f"Not handed over: the invoice is {found.state}, and nothing is to be collected."
    bill = bill_of(document_of(session, task.org_id, task.invoice_id))
    order = Order(
        task.org_id,
        task.invoice_id,
        bill,
        found.email,
        f"{task.key}:{task.generation}",
        customer=found.customer,
        processor_id=found.processor_id,
    )
    memory = Memory(
        customer=lambda one: keeping.remember_customer(task.org_id, one),
        invoice=lambda one: keeping.remember_invoice(task.org_id, task.invoice_id, one, bill.total),
    )
    kept = hand_over(processor, order, memory)
    keeping.note(session, task.org_id, task.invoice_id, handed_over_at=clock.now(), compared_at=clock.now(), difference=None)
    return f"Handed over as {kept.id}: {len(bill.items)} lines, {kept.total} compared."


def _follow(session: Session, processor: Processor, task: outbox.Task, found: Target) -> None:
    """Tell the processor what was decided about an invoice that it has; wait for the hand-over where that is still to come."""
    if not found.is_handed_over:
        if _is_to_be_handed_over(session, found):
            outbox.postponed(session, task, outbox.back_off(1))
        else:
            outbox.done(session, task, "The processor was never given the invoice.")
        return
    assert found.processor_id is not None
    kept = processor.invoice(found.processor_id)
    if kept is None:
        raise ProcessorTrouble(Failure.DIFFERS, f"{found.number}: the processor has no {found.processor_id} any more.")
    aligned = align(
        session, processor, kept, (found.org_id, found.invoice_id), key=f"{task.key}:{task.generation}",
        remember=lambda is_told: keeping.remember_paid_elsewhere(found.org_id, found.invoice_id, is_told),
    )  # fmt: skip
    keeping.note(session, found.org_id, found.invoice_id, compared_at=clock.now(), difference=aligned.difference)
    outbox.done(session, task, "; ".join([*aligned.done, *([aligned.difference] if aligned.difference else [])]) or "Nothing to tell.")


def _is_to_be_handed_over(session: Session, found: Target) -> bool:
    binds = {"org": found.org_id, "id": found.invoice_id}
    return bool(session.execute(sa.text(_HANDING_OVER), binds).scalar_one())


_HANDING_OVER = """
SELECT EXISTS (SELECT FROM outbox WHERE org_id = :org AND invoice_id = :id AND kind = 'payment' AND action LIKE 'issued%' AND done_at IS NULL)"""
