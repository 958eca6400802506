"""What the ledger says of single machines: one machine's life, which run now, and names near to one that is unknown."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.metering.queries import MACHINE, machine_names

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


def running_of(session: Session, org_id: int, names: Collection[str]) -> frozenset[str]:
    """Those of `names` that run."""
    return frozenset(session.execute(sa.text(_RUNNING), {"org_id": org_id, "kind": MACHINE, "names": list(names)}).scalars())


def billed_machines(session: Session, org_id: int, month: date, *, find: str = "", is_running: bool | None = None) -> list[str]:
    """Names of the machines with usage in `month` whose id, app, region or size holds `find`, in no order; case does not count.

    `is_running` keeps those that run (or do not); None keeps both.
    """
    binds = {"org_id": org_id, "kind": MACHINE, "month": month, "find": find.lower(), "is_running": is_running}
    return list(session.execute(sa.text(_BILLED), binds).scalars())


def names_like(session: Session, org_id: int, name: str) -> list[str]:
    """Names of machines that begin as `name` does, for as many characters as any does; at most 60, in order."""
    for length in sorted({len(name), len(name) // 2, 3, 2, 1, 0}, reverse=True):
        if names := machine_names(session, org_id, name[:length], limit=CANDIDATES):
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

_RUNS = """EXISTS (SELECT FROM usage_interval i JOIN sku s ON s.id = i.sku_id
  WHERE i.org_id = r.org_id AND i.resource_id = r.id AND i.stopped_at IS NULL AND s.meter = 'machine')"""

_RUNNING = f"SELECT r.name FROM resource r WHERE r.org_id = :org_id AND r.kind = :kind AND r.name = ANY(:names) AND {_RUNS}"

_BILLED = f"""
SELECT r.name FROM resource r
JOIN app a ON a.org_id = r.org_id AND a.id = r.app_id
JOIN region g ON g.id = r.region_id
JOIN (SELECT resource_id, array_agg(DISTINCT v.name) AS sizes FROM resource_month m JOIN vm_size v ON v.id = m.vm_size_id
      WHERE m.org_id = :org_id AND m.month = :month GROUP BY resource_id) billed ON billed.resource_id = r.id
WHERE r.org_id = :org_id AND r.kind = :kind
  AND (:find = '' OR position(:find IN lower(r.name)) > 0 OR position(:find IN lower(a.name)) > 0 OR position(:find IN lower(g.code)) > 0
       OR position(:find IN lower(array_to_string(billed.sizes, ' '))) > 0)
  AND (CAST(:is_running AS boolean) IS NULL OR {_RUNS} = :is_running)
"""
