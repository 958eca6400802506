"""What a member and staff are told of a payment that is not going as it should."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.invoices.payments.processor import Failure

_REASONS = {
    Failure.DOWN: "the payment processor does not answer",
    Failure.LIMITED: "the payment processor takes only so many invoices at a time",
    Failure.ERROR: "the payment processor answers with an error of its own",
    Failure.KEY: "our access to the payment processor needs renewing, which our staff was told",
    Failure.REFUSED: "the payment processor does not accept it as it is, which our staff looks into",
    Failure.DIFFERS: "the payment processor shows another amount than your invoice, which our staff looks into before anything is charged",
}


class Trouble(StrEnum):
    """What is the matter with a payment."""

    DELAYED = "delayed"  # not handed over yet
    FAILED = "failed"  # the processor tried to collect it


@dataclass(frozen=True)
class PaymentNews:
    """Why an open invoice is not being paid, as a sentence for the member. `since` it is so, `next_at` it is tried again."""

    trouble: Trouble
    sentence: str
    since: datetime
    next_at: datetime | None


@dataclass(frozen=True)
class Differing:
    """An invoice that the processor shows otherwise than we do, which could not be mended, and when that was seen."""

    org_id: int
    slug: str
    number: str
    sentence: str
    compared_at: datetime


def differing(session: Session, *, limit: int = 100) -> list[Differing]:
    """What differs at the processor on the whole platform, the oldest first. For staff."""
    return [Differing(*row) for row in session.execute(sa.text(_DIFFERING), {"limit": limit})]


def payment_news(session: Session, org_id: int, invoice_id: int) -> PaymentNews | None:
    """What a member should know about the payment of an open invoice; None while all is well. Serves members and the platform."""
    row = session.execute(sa.text(_NEWS), {"org": org_id, "id": invoice_id}).one_or_none()
    if row is None or row.state != "open":
        return None
    if row.failure is not None:
        reason = _REASONS.get(row.failure, "the payment processor could not be told")
        again = f"It is tried again by itself, next on {_moment(row.due_at)}"
        said = (
            f"Your invoice is correct; payment is delayed because {reason}. {again}. Nothing is charged twice, and you need to do nothing."
        )
        return PaymentNews(Trouble.DELAYED, said, row.created_at, row.due_at)
    if row.failed_at is not None:
        said = f"Your invoice is correct; the payment did not go through on {_moment(row.failed_at)}: {row.failed_because} "
        return PaymentNews(Trouble.FAILED, said + "Check the payment method, or pay by bank transfer.", row.failed_at, None)
    return None


def _moment(moment: datetime) -> str:
    return f"{moment:%b} {moment.day}, {moment:%H:%M} UTC"


_DIFFERING = """
SELECT k.org_id, o.slug, i.number, k.difference, k.compared_at
FROM processor_invoice k JOIN invoice i ON i.org_id = k.org_id AND i.id = k.invoice_id JOIN organization o ON o.id = k.org_id
WHERE k.difference IS NOT NULL ORDER BY k.compared_at, k.org_id, k.invoice_id LIMIT :limit"""
_NEWS = """
SELECT i.state, o.failure, o.created_at, o.due_at, k.failed_at, k.failed_because
FROM invoice i LEFT JOIN processor_invoice k ON k.org_id = i.org_id AND k.invoice_id = i.id
LEFT JOIN outbox o ON o.org_id = i.org_id AND o.invoice_id = i.id AND o.kind = 'payment' AND o.action LIKE 'issued%' AND o.done_at IS NULL
WHERE i.org_id = :org AND i.id = :id"""
