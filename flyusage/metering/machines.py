"""What the ledger says of single machines: one machine's life, which run now, and names near to one that is unknown."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

MACHINE = 1  # the resource kind
SHORTEST_PREFIX = 1
CANDIDATES = 60


@dataclass(frozen=True)
class Machine:
    """A machine's life from its intervals; size and memory are those of its last run.

    `running_since` None: it is stopped. `started_at` and `stopped_at` (its last stop) are None for one that never ran.
    `inferred` counts runs whose stop never came.
    """

    name: str
    app: str
    region: str
    region_name: str
    continent: str
    vm_size: str
    memory_mib: int
    started_at: datetime | None
    stopped_at: datetime | None
    running_since: datetime | None
    runs: int
    inferred: int


def machine(session: Session, org_id: int, name: str) -> Machine | None:
    """The machine called `name`; None where the organization has none."""
    row = session.execute(sa.text(_MACHINE), {"org_id": org_id, "name": name, "kind": MACHINE}).one_or_none()
    return None if row is None else Machine(*row)


def running_machines(session: Session, org_id: int) -> frozenset[str]:
    """The names of the machines with an open run."""
    return frozenset(session.execute(sa.text(_RUNNING), {"org_id": org_id, "kind": MACHINE}).scalars())


def names_like(session: Session, org_id: int, name: str) -> list[str]:
    """Names of machines that begin as `name` does, for as many characters as any does; at most 60, in order."""
    for length in sorted({len(name), len(name) // 2, 3, 2, SHORTEST_PREFIX, 0}, reverse=True):
        prefix = name[:length]
        found = session.execute(
            sa.text(_LIKE),
            {"org_id": org_id, "kind": MACHINE, "prefix": prefix, "length": len(prefix), "limit": CANDIDATES},
        )
        if names := list(found.scalars()):
            return names
    return []


_MACHINE = """
SELECT r.name, a.name AS app, g.code AS region, g.name AS region_name, g.continent,
       coalesce(last.vm_size, '') AS vm_size, coalesce(last.memory_mib, 0) AS memory_mib,
       life.started_at, life.stopped_at, life.running_since, life.runs, life.inferred
FROM resource r
JOIN app a ON a.org_id = r.org_id AND a.id = r.app_id
JOIN region g ON g.id = r.region_id
CROSS JOIN LATERAL (
  SELECT min(i.started_at) AS started_at, max(i.stopped_at) AS stopped_at, count(*) AS runs,
         max(i.started_at) FILTER (WHERE i.stopped_at IS NULL) AS running_since, count(*) FILTER (WHERE i.is_inferred) AS inferred
  FROM usage_interval i JOIN sku s ON s.id = i.sku_id
  WHERE i.org_id = r.org_id AND i.resource_id = r.id AND s.meter = 'machine'
) life
LEFT JOIN LATERAL (
  SELECT v.name AS vm_size, v.memory_mib + i.extra_mib AS memory_mib
  FROM usage_interval i JOIN sku s ON s.id = i.sku_id JOIN vm_size v ON v.id = i.vm_size_id
  WHERE i.org_id = r.org_id AND i.resource_id = r.id AND s.meter = 'machine'
  ORDER BY i.started_at DESC LIMIT 1
) last ON true
WHERE r.org_id = :org_id AND r.kind = :kind AND r.name = :name
"""

_RUNNING = """
SELECT r.name FROM resource r
WHERE r.org_id = :org_id AND r.kind = :kind AND EXISTS (
  SELECT FROM usage_interval i JOIN sku s ON s.id = i.sku_id
  WHERE i.org_id = r.org_id AND i.resource_id = r.id AND i.stopped_at IS NULL AND s.meter = 'machine')
"""

_LIKE = """
SELECT name FROM resource WHERE org_id = :org_id AND kind = :kind AND left(name, :length) = :prefix ORDER BY name LIMIT :limit
"""
