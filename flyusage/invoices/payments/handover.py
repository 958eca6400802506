"""Handing one invoice over so that it is there once and whole, however often this is begun and wherever it was cut off.

Each step first looks up what is there: the customer, its invoice that carries our invoice's id, that invoice's lines. Only what
is missing is made, with an idempotency key for the case that an earlier attempt is still under way. A draft collects nothing;
it is made final when its lines are exactly ours, and compared once more afterwards.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from flyusage.invoices.payments.bill import Bill
from flyusage.invoices.payments.processor import Failure, Kept, KeptLine, Processor, ProcessorTrouble


@dataclass(frozen=True)
class Order:
    """An invoice to hand over. `key` begins every idempotency key; `customer` and `processor_id` are what is remembered."""

    org_id: int
    invoice_id: int
    bill: Bill
    email: str | None
    key: str
    customer: str | None = None
    processor_id: str | None = None


@dataclass(frozen=True)
class Memory:
    """What to do with the processor's names as soon as they are known: keep them, whatever comes next."""

    customer: Callable[[str], None]
    invoice: Callable[[str], None]


def hand_over(processor: Processor, order: Order, memory: Memory) -> Kept:
    """The finished invoice at the processor, its amounts compared. Raises ProcessorTrouble."""
    kept = _draft(processor, order, memory)
    if kept.status == "draft":
        _fill(processor, order, kept)
        _compare(order.bill, processor.lines(kept.id), order.bill.total)
        kept = processor.finalize(kept.id, key=f"{order.key}:finalize:{kept.id}")
    _compare(order.bill, processor.lines(kept.id), kept.total)
    return kept


def _draft(processor: Processor, order: Order, memory: Memory) -> Kept:
    """The invoice at the processor, as far as it got; a new draft when there is none."""
    known = processor.invoice(order.processor_id) if order.processor_id else None
    if known is not None:
        return known
    customer = order.customer or _customer(processor, order)
    memory.customer(customer)
    kept = processor.invoice_by(customer, order.invoice_id)
    if kept is None:
        again = f":after:{order.processor_id}" if order.processor_id else ""  # one that we knew is gone; its key would bring it back
        kept = processor.create_invoice(customer, order.org_id, order.invoice_id, order.bill, key=f"{order.key}:invoice{again}")
    memory.invoice(kept.id)
    return kept


def _customer(processor: Processor, order: Order) -> str:
    found = processor.customer_by(order.org_id, order.email) if order.email else None
    return found or processor.create_customer(order.org_id, order.bill.buyer, order.email, key=f"{order.key}:customer")


def _fill(processor: Processor, order: Order, kept: Kept) -> None:
    """Bring a draft's lines to the bill's: what is missing is added, what is there twice or is not ours is taken away."""
    missing = dict(order.bill.amounts)
    for line in processor.lines(kept.id):
        if line.key is not None and missing.get(line.key) == line.amount:
            del missing[line.key]
        elif line.item_id is not None:
            processor.remove_item(line.item_id)
    for item in order.bill.items:
        if item.key in missing:
            processor.add_item(kept, item, order.bill.currency, key=f"{order.key}:{kept.id}:{item.key}:{item.amount}")


def _compare(bill: Bill, lines: list[KeptLine], total: int) -> None:
    """Raise ProcessorTrouble unless lines and total are the bill's."""
    found = Counter((line.key, line.amount) for line in lines)
    wanted: Counter[tuple[str | None, int]] = Counter(bill.amounts.items())
    if found == wanted and total == bill.total:
        return
    missing, extra = sum((wanted - found).values()), sum((found - wanted).values())
    raise ProcessorTrouble(
        Failure.DIFFERS,
        f"{bill.number} at the processor: total {total} instead of {bill.total}, {missing} lines missing, {extra} too many (minor units).",
    )
