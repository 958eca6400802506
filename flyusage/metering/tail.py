"""The present: what organizations used since the last closed hour.

Rollups hold closed hours up to `rolled_through`. A query adds the tail, from there (or, for a pinned moment in the past,
from the start of its hour) up to `as_of`, which is at most one hour long. `open_cell` gives it in the time of a few
thousand rows, whatever the number of machines; intervals give it for moments that `open_cell` does not describe.

    tail = tail_of(session, org_id, as_of=as_of)
    session.execute(sa.text(f"SELECT sum(quantity) FROM ({tail.cells_sql}) AS tail"), tail.binds)
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.metering.lines import CELL, lines_sql, meter_binds
from flyusage.metering.spread import spread_sql
from flyusage.periods import HOUR, floor_hour


@dataclass(frozen=True)
class Tail:
    """The time after the closed hours: `[since, as_of)`, whole seconds, at most an hour.

    `cells_sql` is a query for (app_id, region_id, vm_size_id, sku_id, quantity numeric in base units), `resources_sql`
    the same with resource_id and always from intervals; both take `binds`. Closed hours count before `since` only.
    """

    since: datetime
    as_of: datetime
    cells_sql: str
    resources_sql: str
    binds: dict[str, Any]


@dataclass(frozen=True)
class TailCell:
    """What a cell used in the tail, in base units of its sku."""

    app_id: int
    region_id: int
    vm_size_id: int
    sku_id: int
    quantity: int


def tail_of(session: Session, org_id: int, *, as_of: datetime) -> Tail | None:
    """The tail up to `as_of` (its second; never past `rolled_through` + 1 h); None before the first roll-up.

    Absent new events, a moment gives the same quantities now and at any later time. An egress report counts in the
    tail once its part of the hour has passed, and then with that hour's bytes.
    """
    state = session.execute(
        sa.text("SELECT rolled_through, tail_edge_at FROM rollup_state WHERE org_id = :org_id"), {"org_id": org_id}
    ).one_or_none()
    if state is None:
        return None
    return tail_from(org_id, state.rolled_through, state.tail_edge_at, meter_binds(session), as_of=as_of)


def tail_from(
    org_id: int, rolled_through: datetime | None, tail_edge_at: datetime | None, meters: dict[str, Any], *, as_of: datetime
) -> Tail | None:
    """`tail_of` from the columns of `rollup_state` and the `meter_binds`, for who has them."""
    if rolled_through is None:
        return None
    as_of = min(as_of.replace(microsecond=0), rolled_through + HOUR)
    since = min(rolled_through, floor_hour(as_of))
    is_described = since == rolled_through and (tail_edge_at is None or as_of >= tail_edge_at)
    lines = _lines_sql()
    return Tail(
        since=since,
        as_of=as_of,
        cells_sql=_OPEN_CELLS if is_described else f"SELECT {CELL}, sum(quantity) AS quantity FROM ({lines}) AS line GROUP BY {CELL}",
        resources_sql=f"SELECT resource_id, {CELL}, sum(quantity) AS quantity FROM ({lines}) AS line GROUP BY resource_id, {CELL}",
        binds={"org_id": org_id, "since": since, "until": as_of, **meters},
    )


def tail_cells(session: Session, org_id: int, *, as_of: datetime) -> list[TailCell]:
    """`tail_of` as rows; cells without any quantity are absent."""
    tail = tail_of(session, org_id, as_of=as_of)
    if tail is None:
        return []
    rows = session.execute(sa.text(f"SELECT * FROM ({tail.cells_sql}) AS tail WHERE quantity <> 0 ORDER BY {CELL}"), tail.binds)
    return [TailCell(*row[:4], quantity=int(row.quantity)) for row in rows]


def refresh_open_cells(session: Session, org_id: int, apps: Collection[int] | None = None) -> None:
    """Bring `open_cell` to the intervals, of `apps` only if given, for the hour that follows `rolled_through`.

    The caller holds the organization. Writes only the cells that changed. `tail_edge_at` is the last start or stop in that
    hour: from then on the cells describe the tail. With `apps` it never goes back: a later one is as true, as what it says
    of moments before it is that intervals are to be asked.
    """
    binds = {"org_id": org_id, **meter_binds(session)}
    if apps is None:
        session.execute(sa.text(_refresh()), binds)
    else:
        session.execute(sa.text(_refresh("AND app_id = ANY(:apps)", edge=_LATER_EDGE)), {**binds, "apps": sorted(apps)})


_OPEN_CELLS = f"""
SELECT {CELL}, capacity * extract(epoch FROM CAST(:until AS timestamptz) - CAST(:since AS timestamptz)) + offset_quantity AS quantity
FROM open_cell WHERE org_id = :org_id"""


def _lines_sql() -> str:
    """Runs clipped to the tail; egress reports with the bytes of the hour, once that part of them has passed."""
    reports = spread_sql(
        """(SELECT * FROM usage_interval WHERE org_id = :org_id AND sku_id = :egress_id AND stopped_at > :since
            AND started_at < :until AND least(stopped_at, CAST(:since AS timestamptz) + interval '1 hour') <= :until)"""
    )
    return f"""
    SELECT resource_id, {CELL}, capacity * date_part('epoch', least(stopped_at, :until) - greatest(started_at, :since))::bigint AS quantity
    FROM ({lines_sql("resource_id")}) AS run
    UNION ALL
    SELECT resource_id, {CELL}, bytes FROM ({reports}) AS report WHERE hour = :since"""


_LATER_EDGE = "greatest(tail_edge_at, (SELECT max(edge) FROM fresh))"


def _refresh(some: str = "", *, edge: str = "(SELECT max(edge) FROM fresh)") -> str:
    return f"""
WITH state AS MATERIALIZED (
  SELECT org_id, rolled_through AS since, rolled_through + interval '1 hour' AS until FROM rollup_state WHERE org_id = :org_id
), run AS (
  SELECT {CELL}, capacity, greatest(started_at, since) AS starts, CASE WHEN stopped_at < until THEN stopped_at END AS stops, since
  FROM state CROSS JOIN LATERAL ({lines_sql("resource_id", since="since", until="until", where=some)}) AS run
), report AS (
  SELECT {CELL}, bytes, hour + CASE WHEN stopped_at >= hour + interval '1 hour' THEN interval '1 hour' ELSE stopped_at - hour END AS ends
  FROM ({
        spread_sql(f'''(SELECT i.* FROM state CROSS JOIN LATERAL (SELECT * FROM usage_interval
             WHERE org_id = :org_id AND sku_id = :egress_id AND stopped_at > since AND started_at < until {some}) AS i)''')
    }) AS report JOIN state ON hour = since
), fresh AS MATERIALIZED (
  SELECT {CELL}, sum(running) AS running, sum(capacity) AS capacity, sum(amount) AS offset_quantity, max(edge) AS edge
  FROM (
    SELECT {CELL}, (stops IS NULL)::int AS running, CASE WHEN stops IS NULL THEN capacity ELSE 0 END AS capacity,
           capacity * date_part('epoch', coalesce(stops, since) - starts)::bigint AS amount,
           coalesce(stops, CASE WHEN starts > since THEN starts END) AS edge
    FROM run
    UNION ALL
    SELECT {CELL}, 0, 0, bytes, ends FROM report
  ) AS part GROUP BY {CELL}
), gone AS (
  DELETE FROM open_cell WHERE org_id = :org_id {some} AND ({CELL}) NOT IN (SELECT {CELL} FROM fresh)
), put AS (
  INSERT INTO open_cell AS cell (org_id, {CELL}, running, capacity, offset_quantity)
  SELECT :org_id, {CELL}, running, capacity, offset_quantity FROM fresh
  ON CONFLICT (org_id, {CELL}) DO UPDATE
    SET running = EXCLUDED.running, capacity = EXCLUDED.capacity, offset_quantity = EXCLUDED.offset_quantity
    WHERE (cell.running, cell.capacity, cell.offset_quantity) <> (EXCLUDED.running, EXCLUDED.capacity, EXCLUDED.offset_quantity)
)
UPDATE rollup_state SET tail_edge_at = {edge}
WHERE org_id = :org_id AND tail_edge_at IS DISTINCT FROM {edge}"""
