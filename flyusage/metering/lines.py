"""Intervals as lines of usage: one row per sku that a run is charged under."""

from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

CELL = "app_id, region_id, vm_size_id, sku_id"


def lines_sql(keep: str = "", *, since: str = ":since", until: str = ":until", where: str = "") -> str:
    """A query for the runs that overlap `[since, until)`: (keep, cell, capacity, started_at, stopped_at or null), unclipped.

    A machine run is two lines: the machine (capacity 1) and, when it has any, its extra memory (MiB). Egress reports are
    not runs. Takes binds :org_id, :since, :until (unless given as SQL) and those of `meter_binds`. Two branches, since an
    open run has no place in the index of stops; both indexes begin with the organization. `where` narrows both.
    """
    columns = ", ".join(filter(None, (keep, CELL, "capacity", "extra_mib", "started_at", "stopped_at")))
    chosen = f"SELECT {columns} FROM usage_interval WHERE org_id = :org_id AND started_at < {until} AND sku_id <> :egress_id {where}"
    kept = "".join(f"run.{column.strip()}, " for column in keep.split(",") if column)
    return f"""
    SELECT {kept}run.app_id, run.region_id, run.vm_size_id, line.sku_id, line.capacity, run.started_at, run.stopped_at
    FROM ({chosen} AND stopped_at IS NULL UNION ALL {chosen} AND stopped_at > {since}) AS run
    CROSS JOIN LATERAL (VALUES (run.sku_id, run.capacity), (CAST(:extra_id AS smallint), run.extra_mib)) AS line (sku_id, capacity)
    WHERE line.capacity > 0"""


def meter_binds(session: Session) -> dict[str, Any]:
    """`:extra_id` and `:egress_id`, the skus that roll-ups treat apart."""
    ids = dict(session.execute(sa.text("SELECT meter, id FROM sku WHERE meter IN ('extra_memory', 'egress')")).tuples().all())
    return {"extra_id": ids["extra_memory"], "egress_id": ids["egress"]}
