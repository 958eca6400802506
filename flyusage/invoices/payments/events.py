"""Events that the payment processor sends: taken once, and only when they carry its signature.

An event is a hint. What counts is the state of the invoice in it, entered so that events which come twice, late or in another
order than they happened change nothing more.
"""

import hashlib
import hmac
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import Session

from flyusage import clock
from flyusage.config import settings
from flyusage.errors import FlyusageError
from flyusage.invoices.payments import keeping
from flyusage.invoices.payments.aligning import take_in
from flyusage.invoices.payments.models import processor_event, processor_invoice
from flyusage.invoices.payments.processor import INVOICE, ORG, Kept

TOLERANCE_SECONDS = 300
PAID = ("invoice.paid", "invoice.payment_succeeded")
FAILED = ("invoice.payment_failed", "invoice.finalization_failed")
ENDED = ("invoice.voided", "invoice.marked_uncollectible", "invoice.deleted")


class EventsUnset(FlyusageError):
    """Nobody told us what events are signed with."""

    code = "events_unset"
    status = 503


class SignatureInvalid(FlyusageError):
    """The event is not the processor's, was changed on its way, or is too old."""

    code = "signature_invalid"
    status = 400


class EventUnreadable(FlyusageError):
    """Signed, but no event that we know how to read."""

    code = "event_unreadable"
    status = 400


@dataclass(frozen=True)
class Event:
    """A verified event about one object of the processor's."""

    id: str
    type: str
    happened_at: datetime
    about: dict[str, Any]


def verified(body: bytes, signature: str | None) -> Event:
    """The event in a request's body. Raises EventsUnset, SignatureInvalid and EventUnreadable."""
    chosen = settings().stripe_webhook_secret
    if chosen is None:
        raise EventsUnset("FLYUSAGE_STRIPE_WEBHOOK_SECRET is not set, so events of the payment processor cannot be trusted. Set it.")
    secrets = [one.strip() for one in chosen.get_secret_value().split(",") if one.strip()]
    _check(body, signature or "", secrets)
    try:
        read = msgspec.json.decode(body)
        about = read["data"]["object"]
        happened_at = datetime.fromtimestamp(int(read["created"]), UTC)
        if not isinstance(about, dict):
            raise TypeError("its object is none")
        return Event(str(read["id"])[:255], str(read["type"])[:255], happened_at, about)
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise EventUnreadable(f"This is no event: {error}.") from error


def take(session: Session, event: Event) -> str:
    """Act on an event, once; what came of it. A second time it says so and does nothing."""
    about = str(event.about.get("id", ""))[:255]
    values = {"type": event.type, "about": about, "happened_at": event.happened_at, "received_at": clock.now(), "outcome": "taken"}
    put = postgresql.insert(processor_event).values(id=event.id, **values).on_conflict_do_nothing().returning(processor_event.c.id)
    if session.execute(put).one_or_none() is None:
        return "seen before"
    if event.type not in (*PAID, *FAILED, *ENDED):
        return "not of interest"
    found = _ours(session, event.about)
    if found is None:
        return "not about an invoice of ours"
    return _act(session, event, *found)


def _act(session: Session, event: Event, org_id: int, invoice_id: int) -> str:
    if event.type in PAID:
        paid = _amount(event.about, "amount_paid")
        kept = Kept(str(event.about["id"]), "", "paid", paid, paid, 0, {})
        return take_in(session, org_id, invoice_id, kept) or "entered before"
    if event.type in FAILED:
        keeping.note(session, org_id, invoice_id, failed_at=event.happened_at, failed_because=_reason(event.about))
        return "failure noted"
    keeping.note(session, org_id, invoice_id, difference=f"The processor says {event.type.removeprefix('invoice.')}.")
    return "difference noted"


def _ours(session: Session, about: dict[str, Any]) -> tuple[int, int] | None:
    """Our invoice that an object is about: by the name that was remembered, or by ours in it where that was not yet."""
    of = processor_invoice.c
    row = session.execute(sa.select(of.org_id, of.invoice_id).where(of.processor_id == str(about.get("id")))).one_or_none()
    if row is not None:
        return row.org_id, row.invoice_id
    metadata = about.get("metadata")
    if not isinstance(metadata, dict) or not all(str(metadata.get(name, "")).isdecimal() for name in (ORG, INVOICE)):
        return None
    binds = {"org": int(metadata[ORG]), "id": int(metadata[INVOICE])}
    known = session.execute(sa.text(_UNKNOWN_THERE), binds).one_or_none()
    return None if known is None else (binds["org"], binds["id"])


def _amount(about: dict[str, Any], name: str) -> int:
    value = about.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise EventUnreadable(f"The event's invoice has no {name}.")
    return value


def _reason(about: dict[str, Any]) -> str:
    error = about.get("last_finalization_error") or about.get("last_payment_error") or {}
    said = error.get("message") if isinstance(error, dict) else None
    return " ".join(str(said).split())[:500] if said else "The payment processor could not collect it."


def _check(body: bytes, header: str, secrets: list[str]) -> None:
    """The signature scheme v1: HMAC-SHA256 over "moment.body", not older than five minutes (docs.stripe.com/webhooks/signatures)."""
    parts = [part.strip().partition("=")[::2] for part in header.split(",")]
    moment = next((value for name, value in parts if name == "t"), "")
    given = [value for name, value in parts if name == "v1"]
    if not moment.isascii() or not moment.isdecimal() or len(moment) > 12 or not given:
        raise SignatureInvalid("The event carries no signature.")
    signed = moment.encode() + b"." + body
    right = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    if not any(hmac.compare_digest(one.encode(), other.encode()) for one in right for other in given):
        raise SignatureInvalid(
            "The event's signature is not the payment processor's. Compare FLYUSAGE_STRIPE_WEBHOOK_SECRET with its settings."
        )
    if abs(time.time() - int(moment)) > TOLERANCE_SECONDS:
        raise SignatureInvalid("The event was signed too long ago. It may be a replay; if not, set this machine's clock.")


_UNKNOWN_THERE = """
SELECT FROM invoice i WHERE i.org_id = :org AND i.id = :id AND i.kind = 'invoice' AND i.state <> 'draft'
  AND NOT EXISTS (SELECT FROM processor_invoice k WHERE k.org_id = i.org_id AND k.invoice_id = i.id)"""
