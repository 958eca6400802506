"""The accepted events behind a machine's lines, as the ledger holds them."""

from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.metering.usage_event import EventType
from flyusage.pricing.scope import MACHINE

MOST_EVENTS = 20_000


@dataclass(frozen=True)
class RawEvent:
    """An accepted event of the ledger, as it came in; `detail` is what its type adds, in words."""

    time: datetime
    type: str
    source: str
    event_id: str
    detail: str
    is_report: bool = False
    span: frozenset[datetime] = field(default=frozenset(), compare=False)


def events_of(session: Session, org_id: int, machine: str) -> list[RawEvent]:
    """The machine's events in order, those withdrawn left out; at most the first 20,000."""
    rows = session.execute(
        sa.text(
            """SELECT e.time, e.type, e.source, e.event_id, v.name AS vm_size, e.memory_mib, e.capacity_mib, e.bytes, e.report_start, e.report_end
               FROM resource r JOIN usage_event e ON e.org_id = r.org_id AND e.resource_id = r.id LEFT JOIN vm_size v ON v.id = e.vm_size_id
               WHERE r.org_id = :org AND r.kind = :kind AND r.name = :name
                 AND NOT EXISTS (SELECT FROM voided_event w WHERE w.org_id = e.org_id AND w.identity = e.identity)
               ORDER BY e.time, e.type, e.source, e.event_id LIMIT :limit"""
        ),
        {"org": org_id, "kind": MACHINE, "name": machine, "limit": MOST_EVENTS},
    )
    return [_event(row) for row in rows]


def _event(row: sa.Row) -> RawEvent:
    kind = EventType(row.type)
    is_report = kind is EventType.EGRESS_REPORTED
    return RawEvent(
        time=row.time.replace(microsecond=0),
        type=f"flyusage.{kind.name.lower().replace('_', '.', 1)}",
        source=row.source,
        event_id=row.event_id,
        detail=_detail(kind, row),
        is_report=is_report,
        span=frozenset({row.report_start, row.report_end}) if is_report else frozenset(),
    )


def _detail(kind: EventType, row: sa.Row) -> str:
    match kind:
        case EventType.MACHINE_STARTED:
            return f"{row.vm_size}, {row.memory_mib:,} MiB"
        case EventType.MACHINE_STOPPED:
            return f"root filesystem {row.capacity_mib:,} MiB" if row.capacity_mib else ""
        case EventType.EGRESS_REPORTED:
            return f"{row.bytes:,} bytes, {row.report_start:%b %d %H:%M:%S} to {row.report_end:%b %d %H:%M:%S}"
        case _:
            return ""
