"""Intervals as lines of usage: one row per sku that a run is charged under."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

CELL = "app_id, region_id, vm_size_id, sku_id"


def lines_sql(keep: str = "", *, since: str = ":since", until: str = ":until", where: str = "") -> str:
    """A query for the runs that overlap `[since, until)`: (keep, cell, capacity, started_at, stopped_at or null), unclipped.

    A machine run is two lines: the machine (capacity 1) and, when it has any, its extra memory (MiB). Egress reports are
    not runs. Takes binds :org_id, :since, :until (unless given as SQL) and those of `meter_binds`; `where` narrows further.
    """
    columns = ", ".join(filter(None, (keep, CELL, "capacity", "extra_mib", "started_at", "stopped_at")))
    kept = "".join(f"run.{column.strip()}, " for column in keep.split(",") if column)
    return f"""
    SELECT {kept}run.app_id, run.region_id, run.vm_size_id, line.sku_id, line.capacity, run.started_at, run.stopped_at
    FROM (SELECT {columns} FROM usage_interval
          WHERE org_id = :org_id AND started_at < {until} AND (stopped_at IS NULL OR stopped_at > {since})
            AND sku_id <> :egress_id {where}) AS run
    CROSS JOIN LATERAL (VALUES (run.sku_id, run.capacity), (CAST(:extra_id AS smallint), run.extra_mib)) AS line (sku_id, capacity)
    WHERE line.capacity > 0"""


def changes_sql(where: str = "") -> str:
    """A query for what changes hours: (cell, day, hour, amount, later), day 0 being that of :since.

    A change adds `amount` to its hour of its cell and `later` to every hour after it, in base units. A run is its start and
    its stop. A report's inner hours are equal but for the one byte more that the first of them get, so that it is at most
    five changes, whatever its length (`spread.py` has the rule). What happened before :since acts from its first hour on;
    changes at or after :until are absent. Binds as `lines_sql`, with `:base` and `:span`: :since as seconds since 1970, and
    seconds from :since to :until; `where` narrows the intervals further.
    """
    return f"""
    WITH touched AS MATERIALIZED (
      SELECT {CELL}, capacity, extra_mib, date_part('epoch', started_at)::bigint - :base AS starts,
             date_part('epoch', stopped_at)::bigint - :base AS stops
      FROM usage_interval WHERE org_id = :org_id AND started_at < :until AND (stopped_at IS NULL OR stopped_at > :since) {where}
    ), change AS (
      SELECT app_id, region_id, vm_size_id, line.sku_id, at,
             line.capacity * sign * (3600 - at % 3600) AS amount, line.capacity * sign * 3600 AS later
      FROM (SELECT *, greatest(starts, 0) AS at, 1 AS sign FROM touched
            UNION ALL SELECT *, stops, -1 FROM touched WHERE stops < :span) AS edge
      CROSS JOIN LATERAL (VALUES (edge.sku_id, edge.capacity), (CAST(:extra_id AS smallint), edge.extra_mib)) AS line (sku_id, capacity)
      WHERE edge.sku_id <> :egress_id AND line.capacity > 0
      UNION ALL
      SELECT {CELL}, greatest(at, 0), CASE WHEN at < 0 THEN later ELSE amount END, later
      FROM (SELECT {CELL}, at, rate AS amount, rate AS later FROM ({_WHOLE_HOUR_REPORTS}) AS report UNION ALL {_OTHER_REPORTS}) AS report
      WHERE at < :span AND (at >= 0 OR later <> 0)
    )
    SELECT {CELL}, at / 86400 AS day, at % 86400 / 3600 AS hour, amount, later FROM change"""


_WHOLE_HOUR_REPORTS = f"""
SELECT {CELL}, step.at, step.rate
FROM (SELECT *, (stops - starts) / 3600 AS hours FROM touched
      WHERE sku_id = :egress_id AND starts % 3600 = 0 AND stops % 3600 = 0 OFFSET 0) AS report
CROSS JOIN LATERAL (VALUES
  (starts, capacity / hours + (capacity % hours > 0)::int),
  (CASE WHEN capacity % hours > 0 THEN starts + capacity % hours * 3600 END, -1),
  (stops, -(capacity / hours))
) AS step (at, rate)
WHERE step.at IS NOT NULL"""

# head, inner and tail: bytes × seconds of the first, an inner and the last hour. Each hour gets the quotient by the report's
# seconds, and the largest remainders a byte more until none is left over, the earlier hour first among equals.
_OTHER_REPORTS = f"""
SELECT {CELL}, first_hour + 3600 * step.hour AS at, step.amount, step.later
FROM (SELECT *, starts + :base AS s, stops + :base AS e FROM touched
      WHERE sku_id = :egress_id AND (starts % 3600 <> 0 OR stops % 3600 <> 0) OFFSET 0) AS report
CROSS JOIN LATERAL (
  SELECT s - s % 3600 - :base AS first_hour, stops - starts AS total, (e - 1) / 3600 - s / 3600 - 1 AS inners,
         capacity * (3600 - s % 3600) AS head, capacity * 3600 AS inner_, capacity * ((e - 1) % 3600 + 1) AS tail OFFSET 0
) AS parts
CROSS JOIN LATERAL (
  SELECT head / total AS head_bytes, inner_ / total AS inner_bytes, tail / total AS tail_bytes,
         capacity - head / total - tail / total - inners * (inner_ / total) AS leftover OFFSET 0
) AS shares
CROSS JOIN LATERAL (
  SELECT ((tail % total > head % total)::int + CASE WHEN inner_ % total > head % total THEN inners ELSE 0 END
           < leftover)::int AS head_more,
         ((head % total >= tail % total)::int + CASE WHEN inner_ % total >= tail % total THEN inners ELSE 0 END
           < leftover)::int AS tail_more
  OFFSET 0
) AS favoured
CROSS JOIN LATERAL (SELECT leftover - head_more - tail_more AS inner_more OFFSET 0) AS rest
CROSS JOIN LATERAL (VALUES
  (0::bigint, CASE WHEN inners < 0 THEN capacity ELSE head_bytes + head_more END, 0::bigint),
  (CASE WHEN inners > 0 THEN 1 END, inner_bytes + (inner_more > 0)::int, inner_bytes + (inner_more > 0)::int),
  (CASE WHEN inners > inner_more AND inner_more > 0 THEN inner_more + 1 END, -1, -1),
  (CASE WHEN inners > 0 THEN inners + 1 END, -inner_bytes - (inner_more = inners)::int, -inner_bytes - (inner_more = inners)::int),
  (CASE WHEN inners >= 0 THEN inners + 1 END, tail_bytes + tail_more, 0)
) AS step (hour, amount, later)
WHERE step.hour IS NOT NULL"""


def meter_binds(session: Session) -> dict[str, Any]:
    """`:extra_id` and `:egress_id`, the skus that roll-ups treat apart."""
    skus = session.execute(sa.text("SELECT meter, id FROM sku WHERE meter IN ('extra_memory', 'egress')"))
    return binds_of({row.meter: row.id for row in skus})


def binds_of(skus: Mapping[str, int]) -> dict[str, Any]:
    """`meter_binds` from the ids of the skus by meter, for who has them."""
    return {"extra_id": skus["extra_memory"], "egress_id": skus["egress"]}
