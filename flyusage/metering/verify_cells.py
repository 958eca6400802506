"""Cells, marginals, months of resources and the open hour against the intervals, counted anew (`recount.py`)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import add
from typing import Any, LiteralString, cast

from flyusage.metering.models import DAYS, HOURS
from flyusage.metering.recount import Cell, Counted, Run, recount
from flyusage.metering.resource_months import ALL
from flyusage.metering.snapshot import Snapshot
from flyusage.metering.verify_difference import Difference, differences
from flyusage.periods import HOUR, Period, midnight, month_start, next_month


@dataclass(frozen=True)
class _Month:
    """A month to check: up to which moment it is rolled, what was counted, and what waits to be rolled."""

    start: date
    rolled: Period
    counted: Counted
    waiting_days: frozenset[date]
    waiting_resources: frozenset[int]

    @property
    def end(self) -> date:
        return next_month(midnight(self.start)).date()

    def days_of(self, hours: Sequence[int]) -> Iterator[tuple[date, Sequence[int]]]:
        """Days that are due, with the hours that were counted for them; days without any are absent."""
        for number in range(0, len(hours), 24):
            day, part = self.start.replace(day=number // 24 + 1), hours[number : number + 24]
            if day not in self.waiting_days and any(part):
                yield day, [*part, *[0] * (24 - len(part))]


def months(seen: Snapshot) -> list[date]:
    """The months that hold anything rolled, oldest first."""
    rolled_through, first = _state(seen)
    if rolled_through is None or first is None:
        return []
    return list(Period(month_start(min(first, rolled_through)), rolled_through).months())


def check_month(seen: Snapshot, start: date) -> Iterator[Difference]:
    """All tables' rows of a month."""
    rolled_through, _ = _state(seen)
    assert rolled_through is not None
    rolled = Period(midnight(start), min(next_month(midnight(start)), rolled_through))
    month = _Month(
        start=start,
        rolled=rolled,
        counted=_recount(seen, rolled),
        waiting_days=frozenset(day for (day,) in seen.rows(_DIRTY_DAYS)),
        waiting_resources=frozenset(resource_id for (resource_id,) in seen.rows(_DIRTY_RESOURCES, month=start)),
    )
    for suffix, cells in (("", month.counted.hours), ("_by_region", _by_region(month.counted))):
        yield from _check_days(seen, month, f"usage_day{suffix}", cells)
        yield from _check_month_rows(seen, month, f"usage_month{suffix}", cells)
    yield from _check_running(seen, month)
    yield from _check_resources(seen, month)


def check_strays(seen: Snapshot, known: Sequence[date]) -> Iterator[Difference]:
    """Rows outside of the months that are rolled."""
    first, end = (known[0], next_month(midnight(known[-1])).date()) if known else (date.max, date.max)
    for table in ("usage_day", "usage_day_by_region", "running_day", "usage_month", "usage_month_by_region", "resource_month"):
        unit = "day" if table.endswith("_day") or table.startswith("usage_day") else "month"
        query = f"SELECT count(*) FROM {table} WHERE org_id = %(org_id)s AND ({unit} < %(first)s OR {unit} >= %(end)s)"
        if count := seen.value(cast("LiteralString", query), first=first, end=end):
            yield Difference(table, f"outside of {first} to {end}", 0, count)


def check_open_hour(seen: Snapshot) -> Iterator[Difference]:
    """What open cells say of the whole hour after the closed ones."""
    rolled_through, _ = _state(seen)
    if rolled_through is not None:
        counted = _recount(seen, Period(rolled_through, rolled_through + HOUR))
        expected = {cell: hours[0] for cell, hours in counted.hours.items() if hours[0]}
        found = {tuple(row[:4]): int(row[4]) for row in seen.rows(_OPEN) if row[4]}
        yield from differences("open_cell", expected, found, seen.names.cell)


def _state(seen: Snapshot) -> tuple[datetime | None, datetime | None]:
    return next(((row[0], row[1]) for row in seen.rows(_STATE)), (None, None))


def _recount(seen: Snapshot, period: Period) -> Counted:
    runs = (Run(*row) for row in seen.rows(_RUNS, since=period.start, until=period.end))
    since, until = int(period.start.timestamp()), int(period.end.timestamp())
    return recount(runs, since=since, until=until, extra_id=seen.names.extra_id, egress_id=seen.names.egress_id)


def _by_region(counted: Counted) -> dict[Cell, list[int]]:
    summed: dict[Cell, list[int]] = {}
    for (_, region, size, sku), hours in counted.hours.items():
        cell = (0, region, size, sku)
        summed[cell] = [one + more for one, more in zip(summed[cell], hours, strict=True)] if cell in summed else hours
    return summed


def _check_days(seen: Snapshot, month: _Month, table: str, cells: Mapping[Cell, Sequence[int]]) -> Iterator[Difference]:
    expected = {(day, cell): (sum(part), *part) for cell, hours in cells.items() for day, part in month.days_of(hours)}
    rows = seen.rows(_CELLS[table], start=month.start, end=month.end)
    found = {(row[0], tuple(row[1:5])): tuple(row[5:]) for row in rows if row[0] not in month.waiting_days}
    yield from differences(table, expected, found, lambda key: f"{key[0]} {seen.names.cell(key[1])}")


def _check_month_rows(seen: Snapshot, month: _Month, table: str, cells: Mapping[Cell, Sequence[int]]) -> Iterator[Difference]:
    """Columns of days that wait are taken as they are; a row's total must be its columns' sum all the same."""
    waiting = {day.toordinal() - month.start.toordinal() for day in month.waiting_days}
    kept = [number for number in range(31) if number not in waiting]
    expected = {}
    for cell, hours in cells.items():
        days = [sum(hours[24 * number : 24 * number + 24]) for number in kept]
        if any(days):
            expected[cell] = tuple(days)
    found = {}
    for row in seen.rows(_CELLS[table], start=month.start, end=month.end):
        total, days = row[5], row[6:]
        if total != sum(days) or total == 0:
            yield Difference(table, f"{month.start:%Y-%m} {seen.names.cell(row[1:5])} total", sum(days) or None, total)
        if any(days[number] for number in kept):
            found[tuple(row[1:5])] = tuple(days[number] for number in kept)
    yield from differences(table, expected, found, lambda key: f"{month.start:%Y-%m} {seen.names.cell(key)}")


def _check_running(seen: Snapshot, month: _Month) -> Iterator[Difference]:
    """Machine-seconds of whole groups: nothing, region, app and size, numbered as in models.py."""
    expected: dict[tuple[int, date, int], list[int]] = {}
    for (app, region, size, sku), hours in month.counted.hours.items():
        if sku not in seen.names.machine_ids:
            continue
        for day, part in month.days_of(hours):
            for dimension, key in enumerate((0, region, app, size)):
                row = expected.get((dimension, day, key))
                expected[dimension, day, key] = [*part] if row is None else list(map(add, row, part))
    rows = seen.rows(_RUNNING, start=month.start, end=month.end)
    found = {tuple(row[:3]): tuple(row[3:]) for row in rows if row[1] not in month.waiting_days}
    kept = {key: tuple(row) for key, row in expected.items()}
    yield from differences("running_day", kept, found, lambda key: f"{key[1]} dimension {key[0]} key {key[2]}")


def _check_resources(seen: Snapshot, month: _Month) -> Iterator[Difference]:
    waiting = month.waiting_resources
    if ALL in waiting:
        return
    expected = {key: count for key, count in month.counted.resources.items() if count and key[0] not in waiting}
    found = {(row[0], tuple(row[1:5])): row[5] for row in seen.rows(_RESOURCES, month=month.start) if row[0] not in waiting}
    name = f"{month.start:%Y-%m} resource"
    yield from differences("resource_month", expected, found, lambda key: f"{name} {key[0]} {seen.names.cell(key[1])}")


def _cells_query(table: str, columns: Sequence[str]) -> Any:
    unit = "day" if table.startswith("usage_day") else "month"
    app = "0" if table.endswith("by_region") else "app_id"
    return (
        f"SELECT {unit}, {app}, region_id, vm_size_id, sku_id, total, {', '.join(columns)} FROM {table} "
        f"WHERE org_id = %(org_id)s AND {unit} >= %(start)s AND {unit} < %(end)s"
    )


_CELLS = {
    "usage_day": _cells_query("usage_day", HOURS),
    "usage_day_by_region": _cells_query("usage_day_by_region", HOURS),
    "usage_month": _cells_query("usage_month", DAYS),
    "usage_month_by_region": _cells_query("usage_month_by_region", DAYS),
}
_RUNNING = cast(
    "LiteralString",
    f"SELECT dimension, day, key, {', '.join(HOURS)} FROM running_day WHERE org_id = %(org_id)s AND day >= %(start)s AND day < %(end)s",
)
_RUNS = """
SELECT resource_id, date_part('epoch', started_at)::bigint, date_part('epoch', stopped_at)::bigint, capacity, extra_mib, app_id, region_id,
       sku_id, vm_size_id
FROM usage_interval
WHERE org_id = %(org_id)s AND started_at < %(until)s AND (stopped_at IS NULL OR stopped_at > %(since)s)"""
_RESOURCES = """
SELECT resource_id, app_id, region_id, vm_size_id, sku_id, quantity FROM resource_month WHERE org_id = %(org_id)s AND month = %(month)s"""
_OPEN = "SELECT app_id, region_id, vm_size_id, sku_id, capacity * 3600 + offset_quantity FROM open_cell WHERE org_id = %(org_id)s"
_DIRTY_DAYS = "SELECT day FROM dirty_day WHERE org_id = %(org_id)s"
_DIRTY_RESOURCES = "SELECT resource_id FROM dirty_resource WHERE org_id = %(org_id)s AND month = %(month)s"
_STATE = """
SELECT rolled_through, least(first_event_at, (SELECT min(started_at) FROM usage_interval i WHERE i.org_id = state.org_id))
FROM rollup_state AS state WHERE org_id = %(org_id)s"""
