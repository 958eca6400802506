"""What the database holds after an ingest, in the terms of `intervals.py`."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from flyusage import db
from flyusage.metering.intervals import Finding, Interval
from flyusage.metering.usage_event import ResourceKind

INTERVALS = sa.text(
    """SELECT o.slug, r.kind, r.name, a.name, g.code, k.code, z.name, extract(epoch FROM i.started_at)::bigint,
              extract(epoch FROM i.stopped_at)::bigint, i.capacity, i.extra_mib, i.is_inferred
       FROM usage_interval i JOIN organization o ON o.id = i.org_id
       JOIN resource r ON r.org_id = i.org_id AND r.id = i.resource_id JOIN app a ON a.org_id = i.org_id AND a.id = i.app_id
       JOIN region g ON g.id = i.region_id JOIN sku k ON k.id = i.sku_id JOIN vm_size z ON z.id = i.vm_size_id
       WHERE o.slug = :org"""
)
FINDINGS = sa.text("SELECT o.slug, f.identity, f.code FROM event_finding f JOIN organization o ON o.id = f.org_id WHERE o.slug = :org")


def intervals(org: str = "prism") -> Counter[Interval]:
    """Stored intervals of an organization."""
    with db.platform_transaction() as session:
        rows = session.execute(INTERVALS, {"org": org}).all()
    return Counter(
        Interval(slug, ResourceKind(kind), name, app, region, sku, size, start, stop, capacity, extra, is_inferred)
        for slug, kind, name, app, region, sku, size, start, stop, capacity, extra, is_inferred in rows
    )


def findings(org: str = "prism") -> Counter[Finding]:
    """Stored findings of an organization."""
    with db.platform_transaction() as session:
        rows = session.execute(FINDINGS, {"org": org}).all()
    return Counter(Finding(slug, identity.bytes, code) for slug, identity, code in rows)


def rows(query: str, **binds: Any) -> list[tuple[Any, ...]]:
    """The answer to a question, as the platform."""
    with db.platform_transaction() as session:
        return [tuple(row) for row in session.execute(sa.text(query), binds)]


def spans(org: str = "prism") -> list[tuple[str, str, str, str | None, int]]:
    """(subject, sku, start, stop, capacity) of an organization's intervals, moments as text, in order."""
    return sorted(
        (one.subject, one.sku, at(one.started_at), None if one.stopped_at is None else at(one.stopped_at), one.capacity)
        for one, count in intervals(org).items()
        for _ in range(count)
    )


def codes(org: str = "prism") -> list[str]:
    """Codes of an organization's findings, in order."""
    return sorted(finding.code for finding in findings(org).elements())


def audited(org: str = "prism") -> list[str]:
    """Actions in an organization's audit, oldest first."""
    return [
        action
        for (action,) in rows(
            "SELECT action FROM audit_event e JOIN organization o ON o.id = e.org_id WHERE o.slug = :org ORDER BY e.id", org=org
        )
    ]


def at(epoch: int) -> str:
    """`10-01 00:00:07` of seconds since 1970."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%m-%d %H:%M:%S")
