"""Usage by single machines, which cells do not know: whole months from `resource_month`, the rest from the intervals."""

from dataclasses import replace
from datetime import date, datetime

from sqlmodel import Session

from flyusage.metering.lines import CELL, lines_sql
from flyusage.metering.spread import spread_sql
from flyusage.periods import Period, midnight, month_start, next_month
from flyusage.pricing.cells import GROUPS, conditions, fold, fold_rows
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.question import Question
from flyusage.pricing.ranking import MACHINE_METERS, costliest_of_months
from flyusage.pricing.view import Dimension
from flyusage.pricing.weights import weight_by_epoch


def machine_parts(question: Question, binds: Binds, *, machines: frozenset[int] | None, sign: int = 1, keys: str = "") -> list[str]:
    """Queries for (g, sku_id, region_id, epoch, q) of `machines` (resource ids; None: all), the open hour included.

    `keys` are SQL columns to have in place of g.
    """
    binds.update(question.moment.tail.binds)
    group = keys or f"{GROUPS[question.group_by]} AS g"
    found = []
    for epoch in question.epochs:
        span = Period(midnight(epoch.starts_on), midnight(epoch.ends_on)).clip(question.closed)
        months, rest = _whole_months(span)
        rows = [_used_between(one, question, binds, machines) for one in rest if one.seconds]
        if months:
            where = f"org_id = :org_id AND month = ANY ({binds.add(months, 'date[]')}) {_named(machines, binds)}"
            rows.append(f"SELECT resource_id, {CELL}, quantity FROM resource_month WHERE {where}")
        found += [(row, epoch.number) for row in rows]
    if question.has_tail:
        chosen = _named(machines, binds)
        found.append((f"SELECT * FROM ({question.moment.tail.resources_sql}) AS open_hour WHERE true {chosen}", question.tail_epoch))
    minus = "-" if sign < 0 else ""
    return [
        f"SELECT {group}, sku_id, region_id, {epoch} AS epoch, CAST({minus}quantity AS bigint) AS q "
        f"FROM ({rows}) AS used WHERE {' AND '.join(['true', *conditions(question, binds, apps=question.scope.apps[epoch])])}"
        for rows, epoch in found
    ]


def costliest(session: Session, question: Question, limit: int) -> frozenset[int]:
    """The resource ids of the `limit` machines that count most in the question's measure; equal ones by id."""
    if (found := costliest_of_months(session, question, limit)) is not None:
        return found
    binds = Binds()
    ranked = replace(question, group_by=Dimension.MACHINE)
    rows = " UNION ALL ".join(machine_parts(ranked, binds, machines=question.scope.machines))
    if not rows:
        return frozenset()
    skus = [one.id for one in question.reference.skus.values() if one.meter in MACHINE_METERS]
    left_out = binds.add(sorted(question.scope.not_machines), "bigint[]")
    found = fetch(
        session,
        f"""SELECT g FROM (SELECT *, {weight_by_epoch(question, binds)} AS w FROM ({rows}) AS used
                           WHERE sku_id = ANY ({binds.add(skus, "smallint[]")}) AND g <> ALL ({left_out}) OFFSET 0) AS cell
            GROUP BY g ORDER BY sum(q * w) DESC, g LIMIT {limit}""",
        binds,
    )
    return frozenset(resource_id for (resource_id,) in found)


def machine_points(
    session: Session, question: Question, *, machines: frozenset[int] | None, is_hourly: bool
) -> list[tuple[int, list[datetime], list[float]]]:
    """(series, starts of hours or days, weighted sums of what was used from each on) of `machines` (None: all)."""
    binds = Binds(question.moment.tail.binds)
    cuts = binds.add([midnight(epoch.starts_on) for epoch in question.epochs], "timestamptz[]")
    group, folding = GROUPS[question.group_by], fold(question)
    series = group if folding is None else "coalesce(fold.s, 0)"
    joined = f"LEFT JOIN {fold_rows(folding, binds)} ON fold.g = {group} AND fold.epoch = cell.epoch" if folding is not None else ""
    by_epoch = [" AND ".join(["true", *conditions(question, binds, apps=apps)]) for apps in question.scope.apps]
    kept = " ".join(f"WHEN {number} THEN {where}" for number, where in enumerate(by_epoch))
    return fetch(
        session,
        f"""
        WITH used AS (
          SELECT {series} AS series, moment, sum(CAST(quantity AS float8) * w) AS value
          FROM (SELECT *, {weight_by_epoch(question, binds)} AS w
                FROM (SELECT *, greatest(width_bucket(moment, {cuts}) - 1, 0) AS epoch
                      FROM ({_timed(question, binds, machines, "hour" if is_hourly else "day")}) AS timed) AS dated
                WHERE CASE epoch {kept} END OFFSET 0) AS cell {joined}
          GROUP BY 1, moment
        ) SELECT series, array_agg(moment ORDER BY moment), array_agg(value ORDER BY moment) FROM used GROUP BY series ORDER BY series""",
        binds,
    )


def used_by_time(question: Question, binds: Binds, unit: str) -> str:
    """A query for (resource_id, cell, moment, quantity): what everything used in each hour or day of the question's period.

    `binds` begin with those of the question's tail. A resource may have several rows of one moment.
    """
    return _timed(question, binds, None, unit)


def _timed(question: Question, binds: Binds, machines: frozenset[int] | None, unit: str) -> str:
    """(resource_id, cell, moment, quantity) for every hour or day that a run or a report of the machines touches."""
    start = question.closed.start
    end = max(start, min(question.closed.end, question.moment.since))
    since, until, chosen = binds.add(start, "timestamptz"), binds.add(end, "timestamptz"), _named(machines, binds)
    found = f"""
    SELECT resource_id, {CELL}, moment, capacity * extract(epoch FROM least(stopped_at, {until}, moment + interval '1 {unit}')
                                                              - greatest(started_at, {since}, moment))::bigint AS quantity
    FROM ({lines_sql("resource_id", since=since, until=until, where=chosen)}) AS run
    CROSS JOIN LATERAL generate_series(date_trunc('{unit}', greatest(started_at, {since})),
                                       least(stopped_at, {until}) - interval '1 second', interval '1 {unit}') AS moment
    UNION ALL
    SELECT resource_id, {CELL}, date_trunc('{unit}', hour), bytes FROM ({_reports(since, until, chosen)}) AS report
    WHERE hour >= {since} AND hour < {until}"""
    if question.has_tail:
        found += f"""
    UNION ALL
    SELECT resource_id, {CELL}, date_trunc('{unit}', CAST(:since AS timestamptz)), quantity
    FROM ({question.moment.tail.resources_sql}) AS open_hour WHERE true {chosen}"""
    return found


def _used_between(span: Period, question: Question, binds: Binds, machines: frozenset[int] | None) -> str:
    """(resource_id, cell, quantity) of `span`, hour-aligned, from intervals; never past the closed hours."""
    end = max(span.start, min(span.end, question.moment.since))
    since, until, chosen = binds.add(span.start, "timestamptz"), binds.add(end, "timestamptz"), _named(machines, binds)
    return f"""
    SELECT resource_id, {CELL}, capacity * extract(epoch FROM least(stopped_at, {until}) - greatest(started_at, {since}))::bigint AS quantity
    FROM ({lines_sql("resource_id", since=since, until=until, where=chosen)}) AS run
    UNION ALL
    SELECT resource_id, {CELL}, bytes FROM ({_reports(since, until, chosen)}) AS report WHERE hour >= {since} AND hour < {until}"""


def _reports(since: str, until: str, chosen: str) -> str:
    return spread_sql(
        f"(SELECT * FROM usage_interval WHERE org_id = :org_id AND sku_id = :egress_id AND stopped_at > {since} AND started_at < {until} {chosen})"
    )


def _named(machines: frozenset[int] | None, binds: Binds) -> str:
    """Narrows rows to `machines`, through the index that begins with them."""
    return "" if machines is None else f"AND resource_id = ANY ({binds.add(sorted(machines), 'bigint[]')})"


def _whole_months(span: Period) -> tuple[list[date], list[Period]]:
    """The calendar months inside `span`, and what is left of it before and after them."""
    first = span.start if span.start == month_start(span.start) else next_month(span.start)
    last = month_start(span.end)
    if first >= last:
        return [], [span]
    return list(Period(first, last).months()), [Period(span.start, first), Period(last, span.end)]
