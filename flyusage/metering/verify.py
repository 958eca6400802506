"""Does everything derived still follow from the ledger? Told difference by difference.

Intervals are derived anew from the events by the rules in Python (`intervals.py`), and rollups are counted anew from the
intervals (`recount.py`); production does both in SQL. All is read in one snapshot, so ingest goes on meanwhile.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, LiteralString

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import db
from flyusage.metering import catalog, intervals
from flyusage.metering.models import DAYS, HOURS
from flyusage.metering.recount import Cell, Counted, Run, recount
from flyusage.metering.usage_event import EventType, UsageEvent
from flyusage.periods import HOUR, Period, midnight, month_start, next_month

Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class Difference:
    """One row that is not what the ledger says. `key` names it in words; None: there is no such row."""

    table: str
    key: str
    expected: object
    found: object

    def __str__(self) -> str:
        return f"{self.table} {self.key}: expected {_said(self.expected)}, found {_said(self.found)}"


def verify(org_id: int, *, progress: Progress | None = None) -> list[Difference]:
    """Everything that differs from the ledger; days and resources that wait to be rolled are not held against the roll-up.

    `progress` hears the stage and how much of it is done. Memory holds one month at a time.
    """
    with _snapshot() as session:
        check = _Check(session, org_id, progress or (lambda _stage, _done: None))
        check.intervals()
        check.rollups()
        return check.differences


class _Check:
    def __init__(self, session: Session, org_id: int, progress: Progress) -> None:
        self.differences: list[Difference] = []
        self._session = session
        self._org_id = org_id
        self._progress = progress
        self._names = _Names.read(session, org_id)

    def intervals(self) -> None:
        """Stored intervals and findings against those that the events give, resource by resource."""
        voided = {row[0].bytes for row in self._stream(_VOIDS)}
        stored = _Merge(groupby(self._stream(_INTERVALS), itemgetter(0)))
        findings: Counter[tuple[bytes, str]] = Counter()
        for done, (resource_id, rows) in enumerate(groupby(self._stream(_LEDGER), itemgetter(0))):
            events = (self._names.event(row) for row in rows)
            derived = intervals.derive((event for event in events if event.identity not in voided), self._names.presets)
            findings.update((finding.identity, finding.code) for finding in derived.findings)
            for orphan, extra in stored.before(resource_id):
                self._compare_intervals(orphan, Counter(), extra)
            self._compare_intervals(resource_id, Counter(map(self._names.row, derived.intervals)), stored.at(resource_id))
            if done % 10_000 == 0:
                self._progress("resources", done)
        for orphan, extra in stored.rest():
            self._compare_intervals(orphan, Counter(), extra)
        found = Counter((identity.bytes, code) for identity, code in self._stream(_FINDINGS))
        for key in sorted(findings.keys() ^ found.keys()):
            self._differ("event_finding", f"{key[0].hex()} {key[1]}", findings.get(key), found.get(key))

    def rollups(self) -> None:
        """Cells, marginals, months of resources and the open hour against the intervals, month by month."""
        state = self._session.execute(sa.text(_STATE), {"org_id": self._org_id}).one_or_none()
        if state is None or state.rolled_through is None:
            return
        waiting = _Waiting(
            {row[0] for row in self._stream(_DIRTY_DAYS)},
            {(row[0], row[1]) for row in self._stream(_DIRTY_RESOURCES)},
        )
        first = min(state.first_event_at, state.earliest or state.first_event_at, state.rolled_through)
        for month in Period(month_start(first), state.rolled_through).months():
            period = Period(midnight(month), min(next_month(midnight(month)), state.rolled_through))
            self._check_month(month, self._recount(period), waiting)
            self._progress("months", month.year * 12 + month.month)
        self._check_strays(month_start(first).date(), state.rolled_through)
        self._check_open_hour(state.rolled_through)

    def _recount(self, period: Period) -> Counted:
        binds = {"since": period.start, "until": period.end}
        runs = (Run(*row) for row in self._stream(_RUNS, **binds))
        since, until = int(period.start.timestamp()), int(period.end.timestamp())
        return recount(runs, since=since, until=until, extra_id=self._names.extra_id, egress_id=self._names.egress_id)

    def _check_month(self, month: date, counted: Counted, waiting: "_Waiting") -> None:
        by_region: dict[Cell, list[int]] = {}
        for (_, region, size, sku), hours in counted.hours.items():
            cell = (0, region, size, sku)
            by_region[cell] = [one + more for one, more in zip(by_region[cell], hours, strict=True)] if cell in by_region else hours
        for suffix, cells in (("", counted.hours), ("_by_region", by_region)):
            self._check_days(f"usage_day{suffix}", month, cells, waiting.days)
            self._check_months(f"usage_month{suffix}", month, cells, waiting.days)
        self._check_running(month, counted, waiting.days)
        if (month, 0) not in waiting.resources:
            expected = {key: count for key, count in counted.resources.items() if count and (month, key[0]) not in waiting.resources}
            rows = self._stream(_RESOURCES, month=month)
            found = {(row[0], tuple(row[1:5])): row[5] for row in rows if (month, row[0]) not in waiting.resources}
            self._compare("resource_month", expected, found, lambda key: f"{month:%Y-%m} resource {key[0]} {self._names.cell(key[1])}")

    def _check_days(self, table: str, month: date, cells: Mapping[Cell, Sequence[int]], waiting: set[date]) -> None:
        expected = {}
        for cell, hours in cells.items():
            for number in range(0, len(hours), 24):
                day, part = month.replace(day=number // 24 + 1), hours[number : number + 24]
                if day not in waiting and any(part):
                    expected[day, cell] = (sum(part), *part, *[0] * (24 - len(part)))
        rows = self._stream(_CELLS[table], start=month, end=next_month(midnight(month)).date())
        found = {(row[0], tuple(row[1:5])): tuple(row[5:]) for row in rows if row[0] not in waiting}
        self._compare(table, expected, found, lambda key: f"{key[0]} {self._names.cell(key[1])}")

    def _check_months(self, table: str, month: date, cells: Mapping[Cell, Sequence[int]], waiting: set[date]) -> None:
        """Columns of days that wait are taken as they are; a row's total must be its columns' sum all the same."""
        kept = [number for number in range(31) if not (number < _length(month) and month.replace(day=number + 1) in waiting)]
        expected = {}
        for cell, hours in cells.items():
            days = [sum(hours[24 * number : 24 * number + 24]) for number in range(31)]
            expected[cell] = tuple(days[number] for number in kept)
        found = {}
        for row in self._stream(_CELLS[table], start=month, end=next_month(midnight(month)).date()):
            days = row[6:]
            found[tuple(row[1:5])] = tuple(days[number] for number in kept)
            if row[5] != sum(days) or row[5] == 0:
                self._differ(table, f"{month:%Y-%m} {self._names.cell(row[1:5])} total", sum(days) or None, row[5])
        for cells_of in (expected, found):
            for cell in [cell for cell, days in cells_of.items() if not any(days)]:
                del cells_of[cell]
        self._compare(table, expected, found, lambda key: f"{month:%Y-%m} {self._names.cell(key)}")

    def _check_running(self, month: date, counted: Counted, waiting: set[date]) -> None:
        """Machine-seconds of whole groups: nothing, region, app and size, numbered as in models.py."""
        expected: dict[tuple[int, date, int], list[int]] = {}
        for (app, region, size, sku), hours in counted.hours.items():
            if sku not in self._names.machine_ids:
                continue
            for number in range(0, len(hours), 24):
                day, part = month.replace(day=number // 24 + 1), hours[number : number + 24]
                if day in waiting or not any(part):
                    continue
                for dimension, key in enumerate((0, region, app, size)):
                    row = expected.setdefault((dimension, day, key), [0] * 24)
                    for hour, seconds in enumerate(part):
                        row[hour] += seconds
        rows = self._stream(_RUNNING, start=month, end=next_month(midnight(month)).date())
        found = {tuple(row[:3]): tuple(row[3:]) for row in rows if row[1] not in waiting}
        kept = {key: tuple(row) for key, row in expected.items()}
        self._compare("running_day", kept, found, lambda key: f"{key[1]} dimension {key[0]} key {key[2]}")

    def _check_strays(self, first: date, through: datetime) -> None:
        """Rows outside of the rolled history."""
        last = (through - HOUR / 3600).date()
        for table in ("usage_day", "usage_day_by_region", "usage_month", "usage_month_by_region", "resource_month"):
            unit = "day" if table.startswith("usage_day") else "month"
            query = sa.text(f"SELECT count(*) FROM {table} WHERE org_id = :org_id AND ({unit} < :first OR {unit} > :last)")
            if count := self._session.execute(query, {"org_id": self._org_id, "first": first, "last": last}).scalar_one():
                self._differ(table, f"outside of {first} to {last}", 0, count)

    def _check_open_hour(self, since: datetime) -> None:
        """What open cells say of the whole hour after the closed ones."""
        counted = self._recount(Period(since, since + HOUR))
        expected = {cell: hours[0] for cell, hours in counted.hours.items() if hours[0]}
        found = {tuple(row[:4]): int(row[4]) for row in self._stream(_OPEN) if row[4]}
        self._compare("open_cell", expected, found, self._names.cell)

    def _compare_intervals(self, resource_id: int, expected: Counter[tuple[Any, ...]], found: Counter[tuple[Any, ...]]) -> None:
        for row in (expected - found).elements():
            self._differ("usage_interval", f"resource {resource_id}", row, None)
        for row in (found - expected).elements():
            self._differ("usage_interval", f"resource {resource_id}", None, row)

    def _compare(self, table: str, expected: Mapping[Any, object], found: Mapping[Any, object], name: Callable[[Any], str]) -> None:
        if expected != found:
            for key in expected.keys() | found.keys():
                if expected.get(key) != found.get(key):
                    self._differ(table, name(key), expected.get(key), found.get(key))

    def _differ(self, table: str, key: str, expected: object, found: object) -> None:
        self.differences.append(Difference(table, key, expected, found))

    def _stream(self, query: LiteralString, **binds: object) -> Iterator[tuple[Any, ...]]:
        """Rows through a cursor of the server, so that a ledger of any size passes through little memory."""
        with db.raw(self._session).cursor(name=f"verify_{id(query)}_{len(binds)}") as cursor:
            cursor.itersize = 20_000
            cursor.execute(query, {"org_id": self._org_id, **binds})
            yield from cursor


@dataclass(frozen=True)
class _Waiting:
    days: set[date]
    resources: set[tuple[date, int]]


class _Merge:
    """Groups of rows in order of a key, taken along with another sequence in the same order."""

    def __init__(self, groups: Iterable[tuple[int, Iterable[tuple[Any, ...]]]]) -> None:
        self._groups = ((key, Counter(row[1:] for row in rows)) for key, rows in groups)
        self._next = next(self._groups, None)

    def before(self, key: int) -> Iterator[tuple[int, Counter[tuple[Any, ...]]]]:
        """Groups that the other sequence has passed by."""
        while self._next is not None and self._next[0] < key:
            yield self._next
            self._next = next(self._groups, None)

    def at(self, key: int) -> Counter[tuple[Any, ...]]:
        """The group of `key`, empty if there is none."""
        if self._next is None or self._next[0] != key:
            return Counter()
        _, rows = self._next
        self._next = next(self._groups, None)
        return rows

    def rest(self) -> Iterator[tuple[int, Counter[tuple[Any, ...]]]]:
        """The groups that are left."""
        while self._next is not None:
            yield self._next
            self._next = next(self._groups, None)


@dataclass
class _Names:
    """Ids and names, both ways."""

    regions: dict[int, str]
    sizes: dict[int, str]
    skus: dict[str, int]
    apps: dict[int, str]
    presets: dict[str, int]
    ids: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))

    @classmethod
    def read(cls, session: Session, org_id: int) -> "_Names":
        sizes = catalog.vm_sizes(session)
        apps = session.execute(sa.text("SELECT id, name FROM app WHERE org_id = :org_id"), {"org_id": org_id})
        named = cls(
            regions={id_: code for code, id_ in catalog.region_ids(session).items()},
            sizes={size.id: name for name, size in sizes.items()},
            skus=catalog.sku_ids(session),
            apps={row.id: row.name for row in apps},
            presets={name: size.memory_mib for name, size in sizes.items()},
        )
        for kind in ("regions", "sizes", "apps"):
            named.ids[kind] = {name: id_ for id_, name in getattr(named, kind).items()}
        return named

    @property
    def extra_id(self) -> int:
        return self.skus["machine.extra_ram"]

    @property
    def egress_id(self) -> int:
        return self.skus["egress.public"]

    @property
    def machine_ids(self) -> frozenset[int]:
        """Skus whose quantity is machine-seconds."""
        return frozenset(id_ for code, id_ in self.skus.items() if code.removeprefix("machine.") in self.presets)

    def event(self, row: tuple[Any, ...]) -> UsageEvent:
        """A row of the ledger as the event it was; its subject is the resource's id."""
        resource_id, identity, type_, time, source, id_, app, region, size, memory, capacity, count, start, end = row
        return UsageEvent(
            line=0, org="", identity=identity.bytes, content_hash=b"", type=EventType(type_), time=time, source=source, id=id_,
            subject=str(resource_id), app=self.apps[app], region=self.regions[region],
            vm_size=None if size is None else self.sizes[size], memory_mib=memory, capacity_mib=capacity, bytes=count,
            report_start=start, report_end=end,
        )  # fmt: skip

    def row(self, one: intervals.Interval) -> tuple[Any, ...]:
        """A derived interval as the row it should be."""
        return (
            one.started_at, one.stopped_at, one.capacity, one.extra_mib, self.ids["apps"][one.app], self.ids["regions"][one.region],
            self.skus[one.sku], self.ids["sizes"][one.vm_size], one.is_inferred,
        )  # fmt: skip

    def cell(self, cell: Sequence[int]) -> str:
        """A cell in words."""
        app, region, size, sku = cell
        code = next(code for code, id_ in self.skus.items() if id_ == sku)
        return " ".join(filter(None, (self.apps.get(app, ""), self.regions[region], self.sizes[size], code)))


@contextmanager
def _snapshot() -> Iterator[Session]:
    """The platform's view of everything at one moment."""
    engine = db.engine().execution_options(isolation_level="REPEATABLE READ")
    with db.reachable(engine) as connection, Session(connection) as session:
        db.become(session.connection(), db.PLATFORM_ROLE)
        yield session


def _length(month: date) -> int:
    return (next_month(midnight(month)).date() - month).days


def _said(row: object) -> str:
    return "no such row" if row is None else str(row)


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
_RUNNING = (
    f"SELECT dimension, day, key, {', '.join(HOURS)} FROM running_day WHERE org_id = %(org_id)s AND day >= %(start)s AND day < %(end)s"
)
_VOIDS = "SELECT voids FROM usage_event WHERE org_id = %(org_id)s AND type = 11"
_LEDGER = """
SELECT resource_id, identity, type, date_part('epoch', time)::bigint, source, event_id, app_id, region_id, vm_size_id, memory_mib,
       capacity_mib, bytes, date_part('epoch', report_start)::bigint, date_part('epoch', report_end)::bigint
FROM usage_event WHERE org_id = %(org_id)s AND resource_id IS NOT NULL AND type < 10 ORDER BY resource_id"""
_INTERVALS = """
SELECT resource_id, date_part('epoch', started_at)::bigint, date_part('epoch', stopped_at)::bigint, capacity, extra_mib, app_id, region_id,
       sku_id, vm_size_id, is_inferred
FROM usage_interval WHERE org_id = %(org_id)s ORDER BY resource_id"""
_FINDINGS = """
SELECT identity, code FROM event_finding
WHERE org_id = %(org_id)s AND code IN ('orphan_stop', 'orphan_resize', 'inferred_stop', 'contradicting_home')"""
_RUNS = """
SELECT resource_id, date_part('epoch', started_at)::bigint, date_part('epoch', stopped_at)::bigint, capacity, extra_mib, app_id, region_id,
       sku_id, vm_size_id
FROM usage_interval
WHERE org_id = %(org_id)s AND started_at < %(until)s AND (stopped_at IS NULL OR stopped_at > %(since)s)"""
_RESOURCES = """
SELECT resource_id, app_id, region_id, vm_size_id, sku_id, quantity FROM resource_month WHERE org_id = %(org_id)s AND month = %(month)s"""
_OPEN = """
SELECT app_id, region_id, vm_size_id, sku_id, capacity * 3600 + offset_quantity FROM open_cell WHERE org_id = %(org_id)s"""
_DIRTY_DAYS = "SELECT day FROM dirty_day WHERE org_id = %(org_id)s"
_DIRTY_RESOURCES = "SELECT month, resource_id FROM dirty_resource WHERE org_id = %(org_id)s"
_STATE = """
SELECT rolled_through, first_event_at, (SELECT min(started_at) FROM usage_interval i WHERE i.org_id = state.org_id) AS earliest
FROM rollup_state AS state WHERE org_id = :org_id"""
