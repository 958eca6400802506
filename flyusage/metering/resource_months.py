"""What each machine, volume and address used in a month: the rows behind "the costliest machines"."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.metering.lines import CELL, lines_sql, meter_binds
from flyusage.metering.spread import spread_sql
from flyusage.periods import Period, midnight, next_month

# In dirty_resource: every resource of that month. No resource has the id 0.
ALL = 0
# From here on, reading the whole month costs less than looking up each resource.
MANY = 20_000


def add_hours(session: Session, org_id: int, since: datetime, until: datetime) -> None:
    """Add what was used in `[since, until)`, hours of one month, to that month's rows, which held what came before.

    To be called in the transaction that moves `rolled_through` from `since` to `until`, so that hours are added once.
    """
    month = since.date().replace(day=1)
    session.execute(sa.text(_ADD), {"org_id": org_id, "month": month, "since": since, "until": until, **meter_binds(session)})


def roll_dirty(session: Session, org_id: int, month: date, through: datetime) -> None:
    """Bring the resources that `dirty_resource` names for `month` up to `through` (at most the month's end), and clear it."""
    key = {"org_id": org_id, "month": month}
    cleared = session.scalars(
        sa.text("DELETE FROM dirty_resource WHERE org_id = :org_id AND month = :month RETURNING resource_id"), key
    ).all()
    start = midnight(month)
    binds = {**key, "since": start, "until": min(through, next_month(start)), **meter_binds(session)}
    if binds["since"] >= binds["until"]:
        return
    if ALL in cleared or len(cleared) > MANY:
        _roll_month(session, key, binds)
    elif cleared:
        some = "AND resource_id = ANY(CAST(:resources AS bigint[]))"
        session.execute(sa.text(_change(some)), {**binds, "resources": cleared})
        session.execute(sa.text(f"{_EMPTY} {some}"), {**key, "resources": cleared})


def insert_totals(session: Session, org_id: int, period: Period, insert: str, binds: Mapping[str, Any]) -> None:
    """Run `insert`, a statement that selects from `fresh` (resource_id, cell, quantity): what each used in `period`, from intervals."""
    fresh = (
        f"WITH fresh AS (SELECT resource_id, {CELL}, {_SUM} FROM ({_quantities()}) AS line WHERE quantity > 0 GROUP BY resource_id, {CELL})"
    )
    session.execute(sa.text("SELECT set_config('enable_nestloop', 'off', true)"))
    session.execute(
        sa.text(f"{fresh} {insert}"), {"org_id": org_id, "since": period.start, "until": period.end, **meter_binds(session), **binds}
    )
    session.execute(sa.text("SELECT set_config('enable_nestloop', 'on', true)"))


def _roll_month(session: Session, key: dict[str, Any], binds: dict[str, Any]) -> None:
    is_stored = session.execute(
        sa.text("SELECT EXISTS (SELECT FROM resource_month WHERE org_id = :org_id AND month = :month)"), key
    ).scalar_one()
    session.execute(sa.text("SELECT set_config('enable_nestloop', 'off', true)"))
    session.execute(sa.text(_change() if is_stored else _INSERT), binds)
    session.execute(sa.text("SELECT set_config('enable_nestloop', 'on', true)"))
    if is_stored:
        session.execute(sa.text(_EMPTY), key)


def _quantities(where: str = "") -> str:
    """A query for (resource_id, cell, quantity) of what was used in [:since, :until)."""
    reports = f"FROM usage_interval WHERE org_id = :org_id AND sku_id = :egress_id AND started_at < :until AND stopped_at > :since {where}"
    crossing = "started_at < :since OR stopped_at > :until"
    return f"""
    SELECT resource_id, {CELL},
           capacity * date_part('epoch', least(stopped_at, :until) - greatest(started_at, :since))::bigint AS quantity
    FROM ({lines_sql("resource_id", where=where)}) AS run
    UNION ALL SELECT resource_id, {CELL}, capacity {reports} AND NOT ({crossing})
    UNION ALL SELECT resource_id, {CELL}, bytes FROM ({spread_sql(f"(SELECT * {reports} AND ({crossing}))")}) AS report
              WHERE hour >= :since AND hour < :until"""


# A resource's sum passes 2^63 only by reports that no network carries; it stays there, and the day says so (`rollups.py`).
_LIMIT = "9223372036854775807"
_SUM = f"least(sum(quantity), {_LIMIT})::bigint AS quantity"
_EMPTY = "DELETE FROM resource_month WHERE org_id = :org_id AND month = :month AND quantity = 0"
_INSERT = f"""
INSERT INTO resource_month (org_id, month, resource_id, {CELL}, quantity)
SELECT :org_id, :month, resource_id, {CELL}, {_SUM} FROM ({_quantities()}) AS line WHERE quantity > 0 GROUP BY resource_id, {CELL}"""
_ADD = f"""{_INSERT}
ON CONFLICT (org_id, month, resource_id, {CELL}) DO UPDATE
  SET quantity = least(resource_month.quantity::numeric + EXCLUDED.quantity, {_LIMIT})::bigint"""


def _change(where: str = "") -> str:
    """Write what differs; what has gone becomes zero."""
    return f"""
WITH stored AS MATERIALIZED (
  SELECT resource_id, {CELL}, quantity FROM resource_month WHERE org_id = :org_id AND month = :month {where}
), fresh AS (
  SELECT resource_id, {CELL}, {_SUM} FROM ({_quantities(where)} UNION ALL SELECT resource_id, {CELL}, 0 FROM stored) AS line
  GROUP BY resource_id, {CELL}
)
INSERT INTO resource_month (org_id, month, resource_id, {CELL}, quantity)
SELECT :org_id, :month, resource_id, {CELL}, fresh.quantity FROM fresh LEFT JOIN stored USING (resource_id, {CELL})
WHERE fresh.quantity <> coalesce(stored.quantity, 0)
ON CONFLICT (org_id, month, resource_id, {CELL}) DO UPDATE SET quantity = EXCLUDED.quantity"""
