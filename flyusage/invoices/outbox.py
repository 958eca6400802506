"""The outbox: what is to be done outside of the database, each task once, by whichever worker comes first.

A worker holds a task's row from `claim` until its transaction ends. Killed at any instant it lets go, and the next one goes on at
once. What fails is tried again ever more rarely, with jitter so that many do not come back at the same moment.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db
from flyusage.logs import harmless
from flyusage.orgs.acting import Actor
from flyusage.orgs.audit import record

NO_INVOICE = 0
SHORTEST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 3600.0
LONGEST_ERROR = 1000


@dataclass(frozen=True)
class Task:
    """A task whose row this transaction holds. `key` names it to others for as long as it exists, whoever works on it."""

    org_id: int
    id: int
    kind: str
    invoice_id: int
    action: str
    key: UUID
    generation: int
    attempts: int


@dataclass(frozen=True)
class Waiting:
    """A task that is not done, for staff: since when, how often it was tried, what the last error was and when it is tried next.

    `number`, `currency` and `gross_minor` are the invoice's, None for mail about no invoice.
    """

    org_id: int
    slug: str
    id: int
    kind: str
    invoice_id: int
    number: str | None
    action: str
    created_at: datetime
    due_at: datetime
    attempts: int
    failure: str | None
    last_error: str | None
    currency: str | None
    gross_minor: int | None


@dataclass(frozen=True)
class Backlog:
    """How many tasks of a kind wait, how many of them after an error, and since when the oldest does."""

    kind: str
    waiting: int
    failing: int
    oldest: datetime


def due(session: Session, kind: str, limit: int) -> Sequence[tuple[int, int]]:
    """The (organization, task) pairs of `kind` that can be worked on now, the longest due first."""
    rows = session.execute(sa.text(_DUE[kind]), {"kind": kind, "now": clock.now(), "limit": limit})
    return [(row.org_id, row.id) for row in rows]


def claim(session: Session, org_id: int, task_id: int) -> Task | None:
    """The task, held until the transaction ends; None when somebody else holds it or it is done."""
    row = session.execute(sa.text(_CLAIM), {"org": org_id, "id": task_id}).one_or_none()
    return Task(*row) if row is not None else None


def done(session: Session, task: Task, outcome: str) -> None:
    """Note what was done, in the transaction that holds the task. Its last error stays to be seen."""
    session.execute(sa.text(_DONE), {"org": task.org_id, "id": task.id, "now": clock.now(), "outcome": outcome[:LONGEST_ERROR]})


def failed(task: Task, failure: str, error: str, *, pause_seconds: float = 0, is_new_generation: bool = False) -> None:
    """Note a failed attempt, in a transaction of its own: tried again after a pause that doubles, but `pause_seconds` at least."""
    with db.platform_transaction() as session:
        session.execute(
            sa.text(_FAILED),
            {
                "org": task.org_id,
                "id": task.id,
                "now": clock.now(),
                "failure": failure,
                "error": harmless(error)[:LONGEST_ERROR],
                "pause": max(pause_seconds, back_off(task.attempts)),
                "more": int(is_new_generation),
            },
        )


def postponed(session: Session, task: Task, seconds: float) -> None:
    """Look at the task again later: it waits for another, which is no failure."""
    session.execute(sa.text(_POSTPONED), {"org": task.org_id, "id": task.id, "now": clock.now(), "pause": seconds})


def back_off(attempts: int) -> float:
    """Seconds until the next attempt after `attempts` + 1 failures: 5, 10, 20 … 3600, each between half and one and a half times."""
    return min(LONGEST_PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS * 2 ** min(attempts, 16)) * (0.5 + random.random())


def backlogs(session: Session) -> list[Backlog]:
    """What waits, by kind; kinds without anything are absent. For staff."""
    return [Backlog(*row) for row in session.execute(sa.text(_BACKLOGS))]


def waiting(session: Session, kind: str, *, org_id: int | None = None, limit: int = 500, failing_only: bool = False) -> list[Waiting]:
    """Tasks of `kind` that are not done, those with the most attempts first, then the oldest; of all organizations or of one.

    `failing_only`: those that an attempt has failed for.
    """
    rows = session.execute(sa.text(_QUEUE), {"kind": kind, "org": org_id, "limit": limit, "failing": failing_only})
    return [Waiting(*row) for row in rows]


def count_waiting(session: Session, kind: str, *, org_id: int | None = None) -> int:
    """How many tasks of `kind` are not done."""
    return session.execute(sa.text(_COUNT), {"kind": kind, "org": org_id}).scalar_one()


def retry(session: Session, kind: str, *, org_id: int | None = None, invoice_id: int | None = None, by: Actor) -> int:
    """Make tasks of `kind` that wait after an error due now; how many there were. Audited for each organization."""
    by.is_no_member("Failed tasks are repeated")
    binds: dict[str, Any] = {"kind": kind, "org": org_id, "invoice": invoice_id, "now": clock.now()}
    orgs = list(session.scalars(sa.text(_RETRY), binds))
    session.execute(sa.text("SELECT pg_notify('flyusage_outbox', '')"))
    for one in sorted(set(orgs)):
        record(session, one, actor=by.name, action="outbox.retry", subject=kind, detail={"tasks": orgs.count(one)})
    return len(orgs)


_NOT_DONE = "kind = :kind AND done_at IS NULL"
_ANY = f"SELECT org_id, id FROM outbox WHERE {_NOT_DONE} AND due_at <= :now ORDER BY due_at, id LIMIT :limit"
# What is mailed at issue goes with its document, and so not before that is made.
_MAIL = f"""
SELECT org_id, id FROM outbox o WHERE {_NOT_DONE} AND due_at <= :now
  AND (action <> 'issued' OR EXISTS (SELECT FROM invoice_document d WHERE d.org_id = o.org_id AND d.invoice_id = o.invoice_id))
ORDER BY due_at, id LIMIT :limit"""
_DUE = {"document": _ANY, "mail": _MAIL, "payment": _ANY}
_CLAIM = """
SELECT org_id, id, kind, invoice_id, action, key, generation, attempts FROM outbox
WHERE org_id = :org AND id = :id AND done_at IS NULL FOR UPDATE SKIP LOCKED"""
_DONE = "UPDATE outbox SET done_at = :now, outcome = :outcome, failure = NULL WHERE org_id = :org AND id = :id AND done_at IS NULL"
_FAILED = """
UPDATE outbox SET attempts = attempts + 1, generation = generation + :more, failure = :failure, last_error = :error,
       due_at = CAST(:now AS timestamptz) + make_interval(secs => :pause)
WHERE org_id = :org AND id = :id AND done_at IS NULL"""
_POSTPONED = """
UPDATE outbox SET due_at = CAST(:now AS timestamptz) + make_interval(secs => :pause) WHERE org_id = :org AND id = :id"""
_OWN = "AND (CAST(:org AS int) IS NULL OR o.org_id = :org)"
_QUEUE = f"""
SELECT o.org_id, g.slug, o.id, o.kind, o.invoice_id, i.number, o.action, o.created_at, o.due_at, o.attempts, o.failure, o.last_error,
       i.currency, i.gross_minor
FROM outbox o JOIN organization g ON g.id = o.org_id LEFT JOIN invoice i ON i.org_id = o.org_id AND i.id = o.invoice_id
WHERE o.{_NOT_DONE} {_OWN} AND (NOT :failing OR o.attempts > 0) ORDER BY o.attempts DESC, o.created_at, o.id LIMIT :limit"""
_COUNT = f"SELECT count(*) FROM outbox o WHERE {_NOT_DONE} {_OWN}"
_BACKLOGS = """
SELECT kind, count(*), count(*) FILTER (WHERE attempts > 0), min(created_at) FROM outbox WHERE done_at IS NULL GROUP BY kind ORDER BY kind"""
_RETRY = f"""
UPDATE outbox o SET due_at = :now WHERE {_NOT_DONE} AND attempts > 0 {_OWN}
  AND (CAST(:invoice AS bigint) IS NULL OR invoice_id = :invoice) RETURNING org_id"""
