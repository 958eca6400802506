"""The audit of an organization: written by whatever changes something, in the same transaction, and never changed.

Each entry is chained when its transaction commits: its link holds the SHA-256 over the hash before it and over what the entry
says (`audit_content` in the database, canonical JSON). Whoever has noted a head hash can tell later that nothing before it was
changed, left out or put in.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.orgs.acting import present_address
from flyusage.orgs.models import AuditEvent, AuditHead

BEGINNING = bytes(32)  # the hash before the first entry
AT_A_TIME = 2_000

_audit = AuditEvent.__table__  # pyright: ignore[reportAttributeAccessIssue] SQLModel adds it
_head = AuditHead.__table__  # pyright: ignore[reportAttributeAccessIssue]


@dataclass(frozen=True)
class AuditEntry:
    """Who did what to what, when, and from which network address (empty for commands and jobs)."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    address: str = ""


@dataclass(frozen=True)
class NewEntry:
    """An entry to add; as the arguments of `record`."""

    org_id: int
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """Which entries: of an actor, of an action, from `since` on and before `until`. None: all."""

    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Chained:
    """An entry in its chain: `content` is what the hash says, beside the hash before it."""

    position: int
    sha256: bytes
    content: str


@dataclass(frozen=True)
class Verdict:
    """What checking a chain gave: how many entries hold, the hash of the last of them, and what is wrong with the next (None: nothing)."""

    count: int
    head: bytes
    broken: str | None = None


def record(session: Session, org_id: int, *, actor: str, action: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
    """Add an entry. `actor` is `user:<id>`, `staff:<id>` or `system:<part>`; `action` is `subject.verb`, as in Permission."""
    record_many(session, [NewEntry(org_id, actor, action, subject, detail or {})])


def record_many(session: Session, added: Sequence[NewEntry]) -> None:
    """`record` for entries of any organizations, by organization: chains that are lengthened together are locked in one order."""
    if added:
        said = {"at": clock.now(), "address": present_address()}
        rows = [{**vars(one), "detail": dict(one.detail), **said} for one in sorted(added, key=lambda one: one.org_id)]
        session.execute(sa.insert(_audit), rows)


def record_of_person(session: Session, user_id: int, *, actor: str, action: str, detail: Mapping[str, Any] | None = None) -> None:
    """Add an entry about an account to each organization that it belongs to. Needs the platform's role."""
    found = session.scalars(sa.text("SELECT org_id FROM membership WHERE user_id = :user ORDER BY org_id"), {"user": user_id})
    record_many(session, [NewEntry(org_id, actor, action, f"user:{user_id}", detail or {}) for org_id in found])


def entries(
    session: Session, org_id: int, wanted: Wanted | None = None, *, limit: int = 100, before_id: int | None = None
) -> list[AuditEntry]:
    """The newest `limit` entries of those wanted, newest first; `before_id` continues after the last one of a page."""
    query = _of(org_id, wanted or Wanted()).order_by(_audit.c.at.desc(), _audit.c.id.desc()).limit(limit)
    if before_id is not None:
        last = sa.select(_audit.c.at, _audit.c.id).where(_audit.c.org_id == org_id, _audit.c.id == before_id)
        query = query.where(sa.tuple_(_audit.c.at, _audit.c.id) < last.scalar_subquery())
    return [_entry(row) for row in session.execute(query).mappings()]


def all_entries(session: Session, org_id: int, wanted: Wanted) -> Iterator[AuditEntry]:
    """Every entry of those wanted, oldest first, read as they are taken."""
    query = _of(org_id, wanted).order_by(_audit.c.at, _audit.c.id).execution_options(yield_per=AT_A_TIME)
    with session.execute(query) as rows:
        yield from map(_entry, rows.mappings())


def actors_and_actions(session: Session, org_id: int) -> tuple[list[str], list[str]]:
    """Who and what there is in the audit, by name: read from the indexes, one step per value."""
    actors, actions = (session.scalars(sa.text(_VALUES.format(column=column)), {"org": org_id}).all() for column in ("actor", "action"))
    return list(actors), list(actions)


def chained(session: Session, org_id: int, *, after: int = 0) -> Iterator[Chained]:
    """The whole chain from position `after` + 1 on, in its order, read as it is taken."""
    query = sa.text(_CHAIN).execution_options(yield_per=AT_A_TIME)
    with session.execute(query, {"org": org_id, "after": after}) as rows:
        for position, sha256, content in rows:
            yield Chained(position, bytes(sha256), content)


def verify(session: Session, org_id: int) -> Verdict:
    """Check every entry of the organization against its chain, and the chain's end against its head."""
    head = session.execute(sa.select(_head.c.position, _head.c.sha256).where(_head.c.org_id == org_id)).one_or_none()
    count, last = 0, BEGINNING
    with session.execute(sa.text(_EVERYTHING).execution_options(yield_per=AT_A_TIME), {"org": org_id}) as rows:
        for position, entry_id, is_there, sha256, content in rows:
            broken = _broken(count + 1, position, entry_id, is_there=is_there)
            if broken is None and hashlib.sha256(last + content.encode()).digest() != bytes(sha256):
                broken = f"entry {entry_id} (position {position}) is not what was recorded, or what came before it is not"
            if broken is None and head is not None and position == head.position and sha256 != head.sha256:
                broken = f"entry {entry_id} (position {position}) is not the head that was noted"
            if broken is not None:
                return Verdict(count, last, broken)
            count, last = position, bytes(sha256)
    noted = head.position if head is not None else 0
    if count and not noted:
        return Verdict(count, last, "the head of the chain is gone")
    return Verdict(count, last, f"what followed position {count} is gone; there were {noted} entries" if count < noted else None)


def _broken(expected: int, position: int | None, entry_id: int, *, is_there: bool) -> str | None:
    if position is None:
        return f"entry {entry_id} was put in past the chain"
    if position != expected:
        return f"position {expected} is gone"
    return None if is_there else f"entry {entry_id} (position {position}) is gone"


def _of(org_id: int, wanted: Wanted) -> sa.Select[Any]:
    query = sa.select(_audit).where(_audit.c.org_id == org_id)
    if wanted.actor is not None:
        query = query.where(_audit.c.actor == wanted.actor)
    if wanted.action is not None:
        query = query.where(_audit.c.action == wanted.action)
    if wanted.since is not None:
        query = query.where(_audit.c.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(_audit.c.at < wanted.until)
    return query


def _entry(row: Mapping[Any, Any]) -> AuditEntry:
    return AuditEntry(**{name: row[name] for name in AuditEntry.__dataclass_fields__})


_CHAIN = """
SELECT l.position, l.sha256, audit_content(e, l.position) FROM audit_link l JOIN audit_event e ON e.org_id = l.org_id AND e.id = l.entry_id
WHERE l.org_id = :org AND l.position > :after ORDER BY l.position
"""

_EVERYTHING = """
SELECT l.position, coalesce(l.entry_id, e.id), e.id IS NOT NULL, l.sha256, audit_content(e, l.position)
FROM (SELECT * FROM audit_link WHERE org_id = :org) AS l FULL JOIN (SELECT * FROM audit_event WHERE org_id = :org) AS e ON e.id = l.entry_id
ORDER BY l.position NULLS LAST, e.id
"""

_VALUES = """
WITH RECURSIVE value AS (
  (SELECT {column} AS it FROM audit_event WHERE org_id = :org ORDER BY {column} LIMIT 1)
  UNION ALL
  SELECT (SELECT {column} FROM audit_event WHERE org_id = :org AND {column} > value.it ORDER BY {column} LIMIT 1)
  FROM value WHERE value.it IS NOT NULL
) SELECT it FROM value WHERE it IS NOT NULL
"""
