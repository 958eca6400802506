"""Bringing both sides together on one invoice that the processor has: money that came there, and what was decided here."""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.invoices.models import State, payment
from flyusage.invoices.payments.bill import scale_of
from flyusage.invoices.payments.models import processor_invoice
from flyusage.invoices.payments.processor import Failure, Kept, Processor, ProcessorTrouble
from flyusage.invoices.settlement import PROCESSOR, Held, Receipt, hold, record_payment
from flyusage.money import format_minor
from flyusage.orgs.acting import Actor, system

STRIPE = system("stripe")


@dataclass(frozen=True)
class Aligned:
    """What was done for an invoice: sentences, in order. `difference` is what staff has to look at, None when both sides agree."""

    done: tuple[str, ...] = ()
    difference: str | None = None


def take_in(session: Session, org_id: int, invoice_id: int, kept: Kept, *, by: Actor = STRIPE) -> str | None:
    """Enter what the processor has received for an invoice beyond what is entered already; what was entered, None for nothing."""
    held = hold(session, org_id, invoice_id)
    if kept.paid <= 0 or _is_paid_elsewhere(session, org_id, invoice_id):
        return None
    received = kept.paid // scale_of(held.currency)
    fresh = received - _received(session, org_id, invoice_id)
    if fresh <= 0:
        return None
    receipt = Receipt(fresh, clock.now().date(), kept.id, method=PROCESSOR, key=f"{PROCESSOR} {kept.id} {received}")
    record_payment(session, org_id, invoice_id, receipt, by=by)
    return f"{held.number}: {format_minor(fresh, held.currency)} received by the processor entered"


def align(
    session: Session, processor: Processor, kept: Kept, invoice: tuple[int, int], *, key: str, remember: Callable[[bool], None]
) -> Aligned:
    """Enter money that came, then tell the processor what was decided here: void, paid elsewhere, credited.

    `invoice` is (organization, invoice); `remember` notes, at once, whether the processor is told that it is paid elsewhere, so
    that its echo is not taken for money. Raises ProcessorTrouble.
    """
    entered = take_in(session, *invoice, kept)
    held = hold(session, *invoice)
    done = [entered] if entered else []
    left = held.balance_minor * scale_of(held.currency)
    if kept.status != "open":
        return Aligned(tuple(done), _disagreement(held, kept))
    if held.state is State.VOID:
        processor.void(kept.id, key=f"{key}:void")
        done.append(f"{held.number}: voided at the processor")
    elif held.state is State.PAID and _is_paid_by_others(session, *invoice):
        _settle(processor, kept, key, remember)
        done.append(f"{held.number}: marked as paid elsewhere")
    elif left < kept.remaining:
        processor.reduce(kept.id, kept.remaining - left, _memo(held), key=f"{key}:reduce:{left}")
        done.append(f"{held.number}: lowered at the processor to {format_minor(held.balance_minor, held.currency)}")
    elif left > kept.remaining:
        return Aligned(tuple(done), f"{held.number}: the processor collects {kept.remaining}, open here are {left} (minor units)")
    return Aligned(tuple(done))


def _settle(processor: Processor, kept: Kept, key: str, remember: Callable[[bool], None]) -> None:
    remember(True)
    try:
        processor.settle(kept.id, key=f"{key}:settle")
    except ProcessorTrouble as trouble:
        if trouble.failure is Failure.REFUSED:  # as when it was paid there in the meantime, with money that counts
            remember(False)
        raise


def _disagreement(held: Held, kept: Kept) -> str | None:
    is_over = held.state in (State.PAID, State.VOID)
    if kept.status in ("paid", "void") and is_over:
        return None
    return f"{held.number} is {held.state} here and {kept.status} at the processor"


def _memo(held: Held) -> str:
    return f"Credited or paid elsewhere in part: {format_minor(held.balance_minor, held.currency)} of {held.number} is left."


def _received(session: Session, org_id: int, invoice_id: int) -> int:
    of = payment.c
    wanted = sa.select(sa.func.coalesce(sa.func.sum(of.amount_minor), 0))
    return int(session.execute(wanted.where(of.org_id == org_id, of.invoice_id == invoice_id, of.method == PROCESSOR)).scalar_one())


def _is_paid_by_others(session: Session, org_id: int, invoice_id: int) -> bool:
    of = payment.c
    found = sa.select(sa.exists().where(of.org_id == org_id, of.invoice_id == invoice_id, of.method != PROCESSOR, of.applied_minor > 0))
    return bool(session.execute(found).scalar_one())


def _is_paid_elsewhere(session: Session, org_id: int, invoice_id: int) -> bool:
    of = processor_invoice.c
    found = session.scalar(sa.select(of.is_paid_elsewhere).where(of.org_id == org_id, of.invoice_id == invoice_id))
    return bool(found)
