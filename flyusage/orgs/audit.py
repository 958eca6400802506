"""The audit of an organization: written by whatever changes something, in the same transaction, and never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.orgs.models import AuditEvent

_audit = AuditEvent.__table__  # pyright: ignore[reportAttributeAccessIssue] SQLModel adds it


@dataclass(frozen=True)
class AuditEntry:
    """Who did what to what, when."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class NewEntry:
    """An entry to add; as the arguments of `record`."""

    org_id: int
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any] = field(default_factory=dict)


def record(session: Session, org_id: int, *, actor: str, action: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
    """Add an entry. `actor` is `user:<id>`, `staff:<id>` or `system:<part>`; `action` is `subject.verb`, as in Permission."""
    session.execute(
        sa.insert(_audit).values(org_id=org_id, at=clock.now(), actor=actor, action=action, subject=subject, detail=dict(detail or {}))
    )


def record_many(session: Session, added: Sequence[NewEntry]) -> None:
    """`record` for entries of any organizations, in one statement."""
    if added:
        now = clock.now()
        session.execute(sa.insert(_audit), [{**vars(one), "detail": dict(one.detail), "at": now} for one in added])


def entries(session: Session, org_id: int, *, limit: int = 100, before_id: int | None = None) -> list[AuditEntry]:
    """The newest `limit` entries, newest first; `before_id` continues after the last one of a page."""
    query = sa.select(_audit).where(_audit.c.org_id == org_id).order_by(_audit.c.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(_audit.c.id < before_id)
    rows = session.execute(query).mappings()
    return [AuditEntry(**{name: row[name] for name in ("id", "at", "actor", "action", "subject", "detail")}) for row in rows]
