"""What the outbox still has to do: documents to make, mail to send, invoices to hand to the payment processor. For staff."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.invoices.errors import TaskUnknown
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor

KINDS = ("payment", "mail", "document")


@dataclass(frozen=True)
class Task:
    """One thing to do, since `created_at`. `number` is empty for what is about no invoice; `last_error` is why the last attempt failed."""

    org_id: int
    slug: str
    id: int
    kind: str
    action: str
    number: str
    currency: str
    gross_minor: int
    created_at: datetime
    due_at: datetime
    attempts: int
    last_error: str | None


@dataclass(frozen=True)
class Backlog:
    """How many tasks of a kind wait, how many of them failed before, and since when the oldest does."""

    kind: str
    waiting: int
    failing: int
    oldest: datetime


def backlogs(session: Session) -> list[Backlog]:
    """By kind; kinds without anything are absent."""
    return [Backlog(*row) for row in session.execute(sa.text(_BACKLOGS))]


def waiting(session: Session, kind: str, *, failing_only: bool = False, limit: int = 100) -> list[Task]:
    """Tasks of a kind, the oldest first."""
    binds = {"kind": kind, "failing": failing_only, "limit": limit}
    return [Task(*row) for row in session.execute(sa.text(_WAITING), binds)]


def try_now(session: Session, org_id: int, task_id: int, *, by: Actor) -> None:
    """Make a task due at once, whatever pause its failures have brought. Audited. Raises TaskUnknown for one that is done."""
    by.is_no_member("What waits is hurried")
    binds = {"org": org_id, "id": task_id, "now": clock.now()}
    row = session.execute(sa.text(_HURRY), binds).one_or_none()
    if row is None:
        raise TaskUnknown("That is done already. Reload the page.")
    detail = {"kind": row.kind, "invoice_id": row.invoice_id, "attempts": row.attempts}
    audit.record(session, org_id, actor=by.name, action="outbox.try_now", subject=f"outbox:{task_id}", detail=detail)


_BACKLOGS = """
SELECT kind, count(*), count(*) FILTER (WHERE last_error IS NOT NULL), min(created_at) FROM outbox WHERE done_at IS NULL
GROUP BY kind ORDER BY kind"""
_WAITING = """
SELECT t.org_id, o.slug, t.id, t.kind, t.action, coalesce(i.number, ''), coalesce(i.currency, ''), coalesce(i.gross_minor, 0),
       t.created_at, t.due_at, t.attempts, t.last_error
FROM outbox t JOIN organization o ON o.id = t.org_id LEFT JOIN invoice i ON i.org_id = t.org_id AND i.id = t.invoice_id
WHERE t.kind = :kind AND t.done_at IS NULL AND (NOT :failing OR t.last_error IS NOT NULL) ORDER BY t.created_at, t.org_id, t.id LIMIT :limit"""
_HURRY = """
UPDATE outbox SET due_at = :now WHERE org_id = :org AND id = :id AND done_at IS NULL RETURNING kind, invoice_id, attempts"""
