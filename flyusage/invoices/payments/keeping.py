"""What is remembered of the processor's side. Names are kept in transactions of their own, so that no crash forgets them."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import Session

from flyusage import clock, db
from flyusage.invoices.payments.models import processor_customer, processor_invoice

_CLASS = 0x666C7970  # of advisory locks: "flyp"


@dataclass(frozen=True)
class Target:
    """One of our invoices as a hand-over needs it. `processor_id` and `is_handed_over`: how far it got before."""

    org_id: int
    invoice_id: int
    kind: str
    origin: str
    number: str
    state: str
    balance_minor: int
    refers_to: int | None
    email: str | None
    customer: str | None
    processor_id: str | None
    is_handed_over: bool


def target(session: Session, org_id: int, invoice_id: int) -> Target:
    """The invoice and what is known of it at the processor."""
    return Target(*session.execute(sa.text(_TARGET), {"org": org_id, "id": invoice_id}).one())


def take_turn(session: Session, org_id: int) -> bool:
    """Whether nobody else works on the organization at the processor; if so, nobody does until this transaction ends."""
    return bool(session.execute(sa.text("SELECT pg_try_advisory_xact_lock(:class, :org)"), {"class": _CLASS, "org": org_id}).scalar_one())


def remember_customer(org_id: int, processor_id: str) -> None:
    """Keep the processor's name of the organization, at once."""
    with db.platform_transaction() as session:
        put = postgresql.insert(processor_customer).values(org_id=org_id, processor_id=processor_id, created_at=clock.now())
        session.execute(put.on_conflict_do_update(index_elements=["org_id"], set_={"processor_id": processor_id}))


def remember_invoice(org_id: int, invoice_id: int, processor_id: str, total_minor: int) -> None:
    """Keep the processor's name of the invoice, at once."""
    with db.platform_transaction() as session:
        values = {"processor_id": processor_id, "total_minor": total_minor}
        put = postgresql.insert(processor_invoice).values(org_id=org_id, invoice_id=invoice_id, created_at=clock.now(), **values)
        session.execute(put.on_conflict_do_update(index_elements=["org_id", "invoice_id"], set_=values))


def remember_paid_elsewhere(org_id: int, invoice_id: int, is_told: bool) -> None:
    """Keep whether the processor is told that the invoice is paid elsewhere, before it is."""
    with db.platform_transaction() as session:
        note(session, org_id, invoice_id, is_paid_elsewhere=is_told)


def note(session: Session, org_id: int, invoice_id: int, **values: Any) -> None:
    """Keep something about an invoice at the processor, with the transaction."""
    of = processor_invoice.c
    session.execute(sa.update(processor_invoice).where(of.org_id == org_id, of.invoice_id == invoice_id).values(**values))


_TARGET = """
SELECT i.org_id, i.id, i.kind, i.origin, i.number, i.state, i.balance_minor, i.refers_to, p.emails[1], c.processor_id, k.processor_id,
       k.handed_over_at IS NOT NULL
FROM invoice i LEFT JOIN billing_profile p ON p.org_id = i.org_id LEFT JOIN processor_customer c ON c.org_id = i.org_id
LEFT JOIN processor_invoice k ON k.org_id = i.org_id AND k.invoice_id = i.id WHERE i.org_id = :org AND i.id = :id"""
