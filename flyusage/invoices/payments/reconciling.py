"""Comparing every invoice with the payment processor's, and mending what differs.

Both directions: what we handed over is asked for one by one, and what the processor holds of ours is listed, so that an invoice
which was made there and forgotten here, or made twice, is found.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from flyusage import clock, db
from flyusage.invoices import outbox
from flyusage.invoices.models import State
from flyusage.invoices.payments import keeping
from flyusage.invoices.payments.aligning import align
from flyusage.invoices.payments.processor import Kept, Processor
from flyusage.invoices.storing import tell
from flyusage.orgs.acting import Actor

TURN = "Somebody works on this organization at the processor this moment; repeat this later."


@dataclass(frozen=True)
class Found:
    """A difference: of which invoice, what it is, and whether it is mended now. A rehearsal mends nothing."""

    org_id: int
    number: str
    sentence: str
    is_mended: bool


@dataclass(frozen=True)
class _Known:
    org_id: int
    invoice_id: int
    number: str
    processor_id: str
    total_minor: int


def reconcile(processor: Processor, since: datetime, *, org_id: int | None = None, mend: bool = True, by: Actor) -> Iterator[Found]:
    """Differences of invoices handed over since then, of all organizations or one, each mended as it is found where it can be.

    Raises ProcessorTrouble; repeating it goes on.
    """
    by.is_no_member("Payments are reconciled")
    with db.platform_transaction() as session:
        rows = session.execute(sa.text(_KNOWN), {"since": since, "org": org_id}).all()
    for row in rows:
        yield from _one(processor, _Known(*row), mend=mend)
    for kept in processor.invoices_since(since):
        if org_id in (None, kept.org_id):
            yield from _stranger(processor, kept, mend=mend)


def _one(processor: Processor, known: _Known, *, mend: bool) -> Iterator[Found]:
    kept = processor.invoice(known.processor_id)
    if kept is None:
        yield Found(known.org_id, known.number, f"The processor has no {known.processor_id} any more; it is handed over again.", mend)
        if mend:
            _hand_over_again(known)
    elif kept.status == "draft":
        return  # its hand-over is under way
    elif kept.total != known.total_minor:
        said = f"The processor's total is {kept.total}, ours {known.total_minor} (minor units). Look at {kept.id} there."
        _keep_difference(known, said)
        yield Found(known.org_id, known.number, said, False)
    elif mend:
        yield from _align(processor, known, kept)
    else:
        yield from _rehearse(known, kept)


def _align(processor: Processor, known: _Known, kept: Kept) -> Iterator[Found]:
    with db.platform_transaction() as session:
        if not keeping.take_turn(session, known.org_id):
            yield Found(known.org_id, known.number, TURN, False)
            return
        aligned = align(
            session, processor, kept, (known.org_id, known.invoice_id), key=f"reconcile:{kept.id}:{clock.now():%Y%m%d%H%M}",
            remember=lambda is_told: keeping.remember_paid_elsewhere(known.org_id, known.invoice_id, is_told),
        )  # fmt: skip
        keeping.note(session, known.org_id, known.invoice_id, compared_at=clock.now(), difference=aligned.difference)
    for sentence in aligned.done:
        yield Found(known.org_id, known.number, sentence, True)
    if aligned.difference:
        yield Found(known.org_id, known.number, aligned.difference, False)


def _rehearse(known: _Known, kept: Kept) -> Iterator[Found]:
    with db.platform_transaction() as session:
        target = keeping.target(session, known.org_id, known.invoice_id)
    is_open_here = target.state in (State.OPEN, State.UNCOLLECTIBLE)
    if is_open_here != (kept.status in ("open", "uncollectible")):
        said = f"{known.number} is {target.state} here and {kept.status} at the processor"
        yield Found(known.org_id, known.number, said, False)


def _stranger(processor: Processor, kept: Kept, *, mend: bool) -> Iterator[Found]:
    """An invoice there that is not the one we know of: kept in mind where we knew of none, else one too many."""
    assert kept.org_id is not None
    assert kept.invoice_id is not None
    with db.platform_transaction() as session:
        row = session.execute(sa.text(_OURS), {"org": kept.org_id, "id": kept.invoice_id}).one_or_none()
    if row is None or row.processor_id == kept.id or kept.status == "void":
        return
    if row.processor_id is None:
        if row.is_waiting:
            return  # its hand-over is under way and will find it
        yield Found(kept.org_id, row.number, f"{kept.id} at the processor was not known here; it is now.", mend)
        if mend:
            keeping.remember_invoice(kept.org_id, kept.invoice_id, kept.id, kept.total)
        return
    if kept.status in ("draft", "open"):
        yield Found(kept.org_id, row.number, f"{kept.id} is there beside {row.processor_id}: one too many, unpaid; it is taken back.", mend)
        if mend:
            processor.discard(kept.id) if kept.status == "draft" else processor.void(kept.id, key=f"reconcile:{kept.id}:void")
    else:
        said = f"{kept.id} is there beside {row.processor_id} and {kept.status}: one too many. Give it back at the processor."
        yield Found(kept.org_id, row.number, said, False)


def _hand_over_again(known: _Known) -> None:
    with db.platform_transaction() as session:
        action = f"issued again, {known.processor_id} being gone"
        tell(session, [{"org_id": known.org_id, "kind": "payment", "invoice_id": known.invoice_id, "action": action}])


def _keep_difference(known: _Known, said: str) -> None:
    with db.platform_transaction() as session:
        keeping.note(session, known.org_id, known.invoice_id, compared_at=clock.now(), difference=said[: outbox.LONGEST_ERROR])


_KNOWN = """
SELECT k.org_id, k.invoice_id, i.number, k.processor_id, k.total_minor
FROM processor_invoice k JOIN invoice i ON i.org_id = k.org_id AND i.id = k.invoice_id
WHERE k.created_at >= :since AND (CAST(:org AS int) IS NULL OR k.org_id = :org) ORDER BY k.org_id, k.invoice_id"""
_OURS = """
SELECT i.number, k.processor_id,
       EXISTS (SELECT FROM outbox o WHERE o.org_id = i.org_id AND o.invoice_id = i.id AND o.kind = 'payment' AND o.done_at IS NULL)
       AS is_waiting
FROM invoice i LEFT JOIN processor_invoice k ON k.org_id = i.org_id AND k.invoice_id = i.id
WHERE i.org_id = :org AND i.id = :id AND i.state <> 'draft'"""
