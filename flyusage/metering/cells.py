"""Cells of whole days from intervals, and the days, months and marginals that are written from them.

A cell's hour is what ran when its day began, times 3,600, plus what the day's starts, stops and reports make of it. So the
work grows with changes of state, not with time, and a machine that runs for a month costs one row. Writes are
differences: a re-rolled day in which nothing changed writes nothing.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.metering.lines import CELL, changes_sql, meter_binds
from flyusage.metering.models import HOURS
from flyusage.metering.running import running_statements
from flyusage.periods import Period

REGION_CELL = "region_id, vm_size_id, sku_id"
_HOURS = ", ".join(HOURS)
_VALUES = ("total", *HOURS)
# The planner cannot know how many rows the queries within come to, and one loop inside another over them costs minutes.
_SETTINGS = "SELECT set_config('enable_nestloop', :loops, true), set_config('plan_cache_mode', 'force_custom_plan', true)"


def roll_cells(session: Session, org_id: int, period: Period, apps: Collection[int] | None = None) -> None:
    """Bring every cell table to the intervals for the days of `period`, which lie in one month; of `apps` only, if given.

    `period` starts at a midnight; where it ends inside a day, that day's later hours become zero. The caller holds the
    organization and has made the month's partitions. Raises DataError (numeric value out of range) when a quantity
    passes 2^63.
    """
    days = list(period.days())
    binds = {
        "org_id": org_id, "first_day": days[0], "last_day": days[-1], "month": days[0].replace(day=1),
        "since": period.start, "until": period.end, "base": int(period.start.timestamp()), "span": period.seconds,
        **meter_binds(session),
    }  # fmt: skip
    session.execute(sa.text(_SETTINGS), {"loops": "off"})
    is_stored = session.execute(sa.text(_IS_STORED), {name: binds[name] for name in ("org_id", "first_day", "last_day")}).scalar_one()
    some = ""
    if is_stored and apps is not None:
        some, binds["apps"] = _SOME, sorted(apps)
    for statement in _statements(period, days, is_stored=is_stored, some=some):
        session.execute(sa.text(statement), {name: value for name, value in binds.items() if f":{name}" in statement})
    session.execute(sa.text(_SETTINGS), {"loops": "on"})


def _statements(period: Period, days: Sequence[date], *, is_stored: bool, some: str) -> Iterator[str]:
    """What to run, in order. `some` narrows what knows of apps; the marginals without app are summed from all of them."""
    for table, cell, fresh, where in (
        ("usage_day", CELL, _day_cells(period, some), some),
        ("usage_day_by_region", REGION_CELL, _DAY_MARGINAL, ""),
    ):
        if is_stored:
            yield _day_change(table, cell, fresh, where)
            yield f"{_EMPTY_DAYS.format(table=table)} {where}"
        else:
            yield _day_insert(table, cell, fresh)
    for table, cell, source, where in (
        ("usage_month", CELL, "usage_day", some),
        ("usage_month_by_region", REGION_CELL, "usage_day_by_region", ""),
    ):
        yield _month_write(table, cell, source, days, where)
        yield f"{_EMPTY_MONTHS.format(table=table)} {where}"
    yield from running_statements(some)


def _day_cells(period: Period, some: str) -> str:
    """A query for (day, cell, total, h00..h23) of the period, cells that are stored included; hours after its end are zero."""
    last, end = divmod(period.seconds - 1, 86_400)
    hours = [
        f"coalesce(v{hour:02d}, 0) + carried"
        if hour <= end // 3600
        else f"CASE WHEN day < {last} THEN coalesce(v{hour:02d}, 0) + carried ELSE 0 END"
        for hour in range(24)
    ]
    named = ", ".join(f"{value} AS h{hour:02d}" for hour, value in enumerate(hours))
    return f"""
    SELECT CAST(:first_day AS date) + day::int AS day, {CELL}, {" + ".join(HOURS)} AS total, {_HOURS}
    FROM (SELECT {CELL}, day, {named} FROM ({_per_day(last, some)}) AS summed OFFSET 0) AS cell"""


def _per_day(last: int, some: str) -> str:
    """Per cell and day: v00..v23, what the day's own changes make of its hours, and `carried`, an hour of what ran before it.

    A day without changes, between two that have some, follows from the one before.
    """
    per_hour = ", ".join(
        f"sum_bigint(CASE WHEN hour < {hour} THEN later WHEN hour = {hour} THEN amount END) AS v{hour:02d}" for hour in range(24)
    )
    changes = f"SELECT * FROM ({changes_sql(some)}) AS change"
    if last == 0:  # most of a single day's changes are what ran before it: one row a cell, before 24 sums look at each
        changes = f"""SELECT {CELL}, day, hour, sum_bigint(amount) AS amount, sum_bigint(later) AS later
                      FROM ({changes_sql(some)}) AS change GROUP BY {CELL}, day, hour"""
    summed = f"""
      SELECT {CELL}, day, sum_bigint(later) AS net, {per_hour}
      FROM ({changes}
            UNION ALL SELECT {CELL}, day - CAST(:first_day AS date), 0, 0, 0 FROM stored) AS change
      GROUP BY {CELL}, day"""
    if last == 0:
        return f"SELECT *, 0::bigint AS carried FROM ({summed}) AS summed"
    hours = ", ".join(f"v{hour:02d}" for hour in range(24))
    values = ", ".join(f"CASE WHEN day = since THEN v{hour:02d} ELSE net END AS v{hour:02d}" for hour in range(24))
    return f"""
    SELECT {CELL}, day, left_running - net AS carried, {values} FROM (
      SELECT {CELL}, day AS since, net, {hours}, sum_bigint(net) OVER cell AS left_running,
             lead(day, 1, {last + 1}::bigint) OVER cell AS next_day
      FROM ({summed}) AS summed WINDOW cell AS (PARTITION BY {CELL} ORDER BY day ROWS UNBOUNDED PRECEDING)
    ) AS step CROSS JOIN LATERAL generate_series(since, CASE WHEN left_running > 0 THEN next_day - 1 ELSE since END) AS day"""


_DAY_MARGINAL = f"""
    SELECT day, {REGION_CELL}, sum(total)::bigint AS total, {", ".join(f"sum({hour})::bigint AS {hour}" for hour in HOURS)}
    FROM (
      SELECT day, {REGION_CELL}, total, {_HOURS} FROM usage_day WHERE org_id = :org_id AND day BETWEEN :first_day AND :last_day
      UNION ALL SELECT day, {REGION_CELL}, {", ".join("0" for _ in _VALUES)} FROM stored
    ) AS cell GROUP BY day, {REGION_CELL}"""
_SOME = "AND app_id = ANY(:apps)"
_IS_STORED = """
    SELECT EXISTS (SELECT FROM usage_day WHERE org_id = :org_id AND day BETWEEN :first_day AND :last_day)
        OR EXISTS (SELECT FROM usage_day_by_region WHERE org_id = :org_id AND day BETWEEN :first_day AND :last_day)"""
_EMPTY_DAYS = "DELETE FROM {table} WHERE org_id = :org_id AND day BETWEEN :first_day AND :last_day AND total = 0"
_EMPTY_MONTHS = "DELETE FROM {table} WHERE org_id = :org_id AND month = :month AND total = 0"


def _day_insert(table: str, cell: str, fresh: str) -> str:
    """The period's rows of `table`, which has none of it yet: without looking for what differs, a third faster.

    In the key's order, which fills its index's pages (a third smaller) and puts each day's rows together.
    """
    return f"""
    WITH stored AS (SELECT * FROM {table} WHERE false)
    INSERT INTO {table} (org_id, day, {cell}, total, {_HOURS})
    SELECT :org_id, day, {cell}, {_of("fresh", _VALUES)} FROM ({fresh}) AS fresh WHERE total > 0 ORDER BY day, {cell}"""


def _day_change(table: str, cell: str, fresh: str, where: str) -> str:
    """Make the period's rows of `table` those of `fresh`, touching only what differs; cells that have gone become zero."""
    return f"""
    WITH stored AS MATERIALIZED (SELECT * FROM {table} WHERE org_id = :org_id AND day BETWEEN :first_day AND :last_day {where}),
    fresh AS MATERIALIZED ({fresh})
    INSERT INTO {table} AS cell (org_id, day, {cell}, total, {_HOURS})
    SELECT :org_id, day, {cell}, {_of("fresh", _VALUES)} FROM fresh LEFT JOIN stored USING (day, {cell})
    WHERE CASE WHEN stored.org_id IS NULL THEN fresh.total > 0 ELSE ({_of("stored", HOURS)}) <> ({_of("fresh", HOURS)}) END
    ON CONFLICT (org_id, day, {cell}) DO UPDATE SET {_assigned(_VALUES)}"""


def _month_write(table: str, cell: str, source: str, days: Sequence[date], where: str) -> str:
    """Make the period's day columns of `table` the totals of `source`; cells that have gone become zero."""
    columns = [f"d{day.day:02d}" for day in days]
    sums = ", ".join(
        f"coalesce(sum(total) FILTER (WHERE day = DATE '{day}'), 0)::bigint AS {column}" for day, column in zip(days, columns, strict=True)
    )
    return f"""
    WITH stored AS MATERIALIZED (SELECT * FROM {table} WHERE org_id = :org_id AND month = :month {where}),
    fresh AS MATERIALIZED (
      SELECT {cell}, {sums} FROM (
        SELECT {cell}, day, total FROM {source} WHERE org_id = :org_id AND day BETWEEN :first_day AND :last_day {where}
        UNION ALL SELECT {cell}, NULL, 0 FROM stored
      ) AS summed GROUP BY {cell}
    )
    INSERT INTO {table} AS cell (org_id, month, {cell}, total, {", ".join(columns)})
    SELECT :org_id, :month, {cell}, {_sum_of("fresh", columns)}, {_of("fresh", columns)} FROM fresh LEFT JOIN stored USING ({cell})
    WHERE stored.org_id IS NULL OR ({_of("stored", columns)}) <> ({_of("fresh", columns)})
    ON CONFLICT (org_id, month, {cell}) DO UPDATE
      SET total = cell.total - ({_sum_of("cell", columns)}) + EXCLUDED.total, {_assigned(columns)}"""


def _of(source: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{source}.{column}" for column in columns)


def _sum_of(source: str, columns: Sequence[str]) -> str:
    return " + ".join(f"{source}.{column}" for column in columns)


def _assigned(columns: Sequence[str]) -> str:
    return ", ".join(f"{column} = EXCLUDED.{column}" for column in columns)
