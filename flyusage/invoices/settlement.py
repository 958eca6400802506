"""What happens to an invoice after it is issued: paid, voided, given up. Its content never changes.

Each verb holds the invoice's row, so that payments and credit notes that arrive at once count one after the other.
"""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import Session

from flyusage import clock
from flyusage.invoices.errors import AmountInvalid, InvoiceUnknown, StateForbids
from flyusage.invoices.models import Kind, Origin, State, invoice, payment
from flyusage.invoices.month_models import billing_hold
from flyusage.invoices.storing import tell
from flyusage.money import CURRENCIES, Currency, format_minor
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor
from flyusage.pricing import grants
from flyusage.pricing.terms import CreditKind

EVERYTHING = "*"  # in billing_hold: whatever there is
PROCESSOR = "stripe"  # the method of a payment that the processor received


@dataclass(frozen=True)
class Receipt:
    """Money that arrived: minor units of the invoice's currency. `key` is the sender's name for it: the same again counts once."""

    amount_minor: int
    received_on: date
    reference: str
    method: str = "bank"
    key: str | None = None


@dataclass(frozen=True)
class Payment:
    """A receipt as entered for an invoice, and what the invoice has come to by it.

    What the invoice did not need (amount − `applied_minor`) is the prepaid credit `grant_id`.
    """

    id: int
    receipt: Receipt
    applied_minor: int
    grant_id: int | None
    balance_minor: int
    state: State


@dataclass(frozen=True)
class Held:
    """An invoice whose row this transaction holds."""

    org_id: int
    id: int
    number: str
    kind: Kind
    origin: Origin
    state: State
    month: date
    currency: Currency
    due_minor: int
    balance_minor: int


def record_payment(session: Session, org_id: int, invoice_id: int, received: Receipt, *, by: Actor) -> Payment:
    """Enter money that came for an invoice; paid once nothing is left. Too much becomes a prepaid credit, and so does all of it
    where the invoice needs nothing (paid, void, a credit note). Raises AmountInvalid.
    """
    by.is_no_member("Payments are entered")
    _refuse_nonsense(received)
    held = hold(session, org_id, invoice_id)
    if received.key is not None and (known := _known(session, held, received.key)) is not None:
        return known
    is_owed = held.kind is Kind.INVOICE and held.state in (State.OPEN, State.UNCOLLECTIBLE)
    applied = min(received.amount_minor, held.balance_minor) if is_owed else 0
    excess, grant_id = received.amount_minor - applied, None
    if excess:
        grant_id = grants.grant(session, org_id, CreditKind.PREPAID, excess, description=f"Paid beyond {held.number}", by=by)
    values = {**asdict(received), "applied_minor": applied, "grant_id": grant_id, "recorded_at": clock.now(), "recorded_by": by.name}
    made = session.execute(sa.insert(payment).values(org_id=org_id, invoice_id=held.id, **values).returning(payment.c.id)).scalar_one()
    after = reduce_balance(session, held, applied)
    if applied and received.method != PROCESSOR:  # which must not collect it once more
        tell(session, [{"org_id": org_id, "kind": "payment", "invoice_id": held.id, "action": f"paid {made}"}])
    detail = {**asdict(received), "received_on": received.received_on.isoformat(), "applied_minor": applied}
    _note(session, held, by, "invoice.pay", {**detail, "balance_minor": after.balance_minor})
    return Payment(made, received, applied, grant_id, after.balance_minor, after.state)


def void(session: Session, org_id: int, invoice_id: int, *, reason: str, by: Actor) -> None:
    """Declare an open, wholly unpaid invoice never owed. Its number stays used, credits it took are given back, and its month is
    held until somebody releases it to be issued anew. Raises StateForbids and AmountInvalid.
    """
    by.is_no_member("Invoices are voided")
    held, reason = hold(session, org_id, invoice_id), _given(reason)
    if held.kind is Kind.CREDIT_NOTE or held.state is not State.OPEN or held.balance_minor != held.due_minor:
        raise StateForbids(f"{_described(held)} and cannot be voided. Issue a credit note instead.")
    beside = session.scalar(sa.text(_BESIDE), {"org": org_id, "month": held.month}) if held.origin is Origin.PERIOD else None
    if beside is not None:  # billed anew, the month would give the same back once more
        raise StateForbids(
            f"{held.number} gave back on {beside} what would have made it negative, and cannot be voided. Credit it instead."
        )
    _move(session, held, State.VOID, reason)
    grants.give_back(session, org_id, held.id)
    session.execute(sa.text(_UNBILL_LATE_USAGE), {"org": org_id, "id": held.id, "month": held.month, "now": clock.now()})
    if held.origin is Origin.PERIOD:
        values = {"decision": "held", "reason": f"{held.number} was voided: {reason}", "decided_at": clock.now(), "decided_by": by.name}
        put = postgresql.insert(billing_hold).values(org_id=org_id, month=held.month, exception=EVERYTHING, **values)
        session.execute(put.on_conflict_do_update(index_elements=["org_id", "month", "exception"], set_=values))
    tell(session, [{"org_id": org_id, "kind": kind, "invoice_id": held.id, "action": "voided"} for kind in ("mail", "payment")])
    _note(session, held, by, "invoice.void", {"reason": reason})


def mark_uncollectible(session: Session, org_id: int, invoice_id: int, *, reason: str, by: Actor) -> None:
    """Give up an open invoice: it stays owed, nobody is reminded, and money that comes after all is still taken."""
    by.is_no_member("Invoices are given up")
    held, reason = hold(session, org_id, invoice_id), _given(reason)
    if held.state is not State.OPEN:
        raise StateForbids(f"{_described(held)} and cannot be given up.")
    _move(session, held, State.UNCOLLECTIBLE, reason)
    _note(session, held, by, "invoice.mark_uncollectible", {"reason": reason, "balance_minor": held.balance_minor})


def hold(session: Session, org_id: int, invoice_id: int) -> Held:
    """The issued invoice, held until the transaction ends. Raises InvoiceUnknown."""
    columns = [invoice.c[name] for name in ("number", "kind", "origin", "state", "starts_on", "currency", "due_minor", "balance_minor")]
    row = session.execute(
        sa.select(*columns).where(invoice.c.org_id == org_id, invoice.c.id == invoice_id, invoice.c.state != State.DRAFT).with_for_update()
    ).one_or_none()
    if row is None:
        raise InvoiceUnknown(f"There is no invoice {invoice_id}.")
    return Held(
        org_id, invoice_id, row.number, Kind(row.kind), Origin(row.origin), State(row.state), row.starts_on, CURRENCIES[row.currency],
        row.due_minor, row.balance_minor,
    )  # fmt: skip


@dataclass(frozen=True)
class After:
    """What an invoice has come to."""

    balance_minor: int
    state: State


def reduce_balance(session: Session, held: Held, applied_minor: int) -> After:
    """Take what was paid or credited off the balance of an invoice that is owed; with nothing left it is paid."""
    left = held.balance_minor - applied_minor
    if not applied_minor:
        return After(left, held.state)
    values: dict[str, Any] = {"balance_minor": left}
    if left == 0:
        values |= {"state": State.PAID, "closed_at": clock.now()}
    session.execute(sa.update(invoice).where(invoice.c.org_id == held.org_id, invoice.c.id == held.id).values(**values))
    return After(left, State.PAID if left == 0 else held.state)


def _refuse_nonsense(received: Receipt) -> None:
    if received.amount_minor <= 0:
        raise AmountInvalid("A payment is above zero; to give money back, issue a credit note.")
    if received.received_on > clock.now().date():
        raise AmountInvalid(f"{received.received_on} is still to come. Enter the day the money arrived.")


def _known(session: Session, held: Held, key: str) -> Payment | None:
    row = session.execute(sa.select(payment).where(payment.c.org_id == held.org_id, payment.c.key == key)).one_or_none()
    if row is None:
        return None
    receipt = Receipt(row.amount_minor, row.received_on, row.reference, row.method, key)
    return Payment(row.id, receipt, row.applied_minor, row.grant_id, held.balance_minor, held.state)


def _move(session: Session, held: Held, state: State, reason: str) -> None:
    values = {"state": state, "closed_at": clock.now(), "closed_reason": reason}
    session.execute(sa.update(invoice).where(invoice.c.org_id == held.org_id, invoice.c.id == held.id).values(**values))


def _given(reason: str) -> str:
    if not reason.strip():
        raise AmountInvalid("Say why; the reason stays with the invoice.")
    return reason.strip()


def _described(held: Held) -> str:
    if held.kind is Kind.CREDIT_NOTE:
        return f"{held.number} is a credit note"
    if held.state is State.OPEN:
        return f"{held.number} is paid or credited in part ({format_minor(held.balance_minor, held.currency)} is left)"
    return f"{held.number} is {held.state}"


def _note(session: Session, held: Held, by: Actor, action: str, detail: dict[str, Any]) -> None:
    audit.record(
        session, held.org_id, actor=by.name, action=action, subject=f"{held.kind}:{held.id}", detail={"number": held.number, **detail}
    )


# What the voided invoice billed of earlier months is not billed any more.
_BESIDE = "SELECT number FROM invoice WHERE org_id = :org AND starts_on = :month AND origin = 'carried'"
_UNBILL_LATE_USAGE = """
INSERT INTO late_month (org_id, month, noticed_at)
SELECT :org, month, CAST(:now AS timestamptz) FROM (
  SELECT month FROM invoice_usage WHERE org_id = :org AND invoice_id = :id AND month <> :month
  UNION
  SELECT to_date(split_part(key, '/', 2), 'YYYY-MM') FROM invoice_line
  WHERE org_id = :org AND invoice_id = :id AND kind = 'adjustment' AND starts_with(key, 'late/')) late
ON CONFLICT DO NOTHING"""
