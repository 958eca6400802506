"""Machines: the costliest of a period, the hours of one, and why its amount is what it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from sqlmodel import Session

from flyusage.metering.spread import spread
from flyusage.periods import HOUR, Period, floor_hour, midnight
from flyusage.pricing.asking import Known, ask, know
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.machine_cells import costliest, machine_parts
from flyusage.pricing.question import Question
from flyusage.pricing.raw_events import RawEvent, events_of
from flyusage.pricing.scope import MACHINE
from flyusage.pricing.view import Dimension, Filter, Measure, View


@dataclass(frozen=True)
class MachineCost:
    """A machine in a period. `list_cost` is exact, in the book's currency; `vm_size` is the one it cost most as ("" if it never ran)."""

    name: str
    app: str
    region: str
    vm_size: str
    list_cost: Fraction
    machine_hours: Fraction
    is_unpriced: bool


class MachineHour(NamedTuple):
    """An hour of a machine: seconds it ran in it, and its exact list cost."""

    at: datetime
    seconds: int
    list_cost: Fraction


@dataclass(frozen=True)
class Line:
    """quantity × amount ÷ per = cost, for one run (or report) between two moments under one price.

    `quantity` is in `unit`s (machine-second, MiB-second, byte); `cost` is exact; `amount` None: unpriced, cost 0.
    `events` are the ledger events the line rests on, earliest first.
    """

    sku: str
    title: str
    started_at: datetime
    stopped_at: datetime
    is_open: bool
    is_inferred: bool
    capacity: int
    quantity: int
    unit: str
    amount: Decimal | None
    per: int
    price_unit: str
    price_since: date | None
    cost: Fraction
    events: tuple[RawEvent, ...] = ()


@dataclass(frozen=True)
class Why:
    """Why a machine cost what it did: `lines` in order of time sum to `total`, exactly."""

    machine: str
    period: Period
    as_of: datetime
    currency: str
    lines: tuple[Line, ...]
    total: Fraction
    unpriced: tuple[str, ...]


def top_machines(
    session: Session, org_id: int, period: Period, *, filters: tuple[Filter, ...] = (), limit: int = 50, now: datetime | None = None
) -> list[MachineCost]:
    """The machines with the largest list cost in `period` (hour-aligned), largest first, ties by name."""
    known = know(session, org_id, None, now, has_centres=any(one.dimension is Dimension.COST_CENTRE for one in filters))
    question = ask(session, known, View(Measure.LIST_COST, period, Dimension.MACHINE, filters))
    listed = costliest(session, question, limit)
    found = [_cost(known, row, used) for row, used in _used(session, question, listed)]
    return sorted(found, key=lambda one: (-one.list_cost, one.name))


def hours_of(session: Session, org_id: int, machine: str, period: Period, *, now: datetime | None = None) -> list[MachineHour]:
    """Every hour of `period` (hour-aligned) up to now, straight from the machine's intervals; empty for an unknown machine."""
    known = know(session, org_id, None, now, has_centres=False)
    runs = _runs(session, known, machine, period)
    if runs is None:
        return []
    end = min(period.end, floor_hour(known.moment.as_of - timedelta(microseconds=1)) + HOUR)
    told = _Hours(known, period.start, max(0, (end - period.start) // HOUR))
    for run in runs:
        told.add(run)
    return told.hours()


def why(session: Session, org_id: int, machine: str, period: Period, *, now: datetime | None = None) -> Why | None:
    """Seconds × dated price, run by run, down to the events; None for an unknown machine."""
    known = know(session, org_id, None, now)
    runs = _runs(session, known, machine, period)
    if runs is None:
        return None
    events = events_of(session, org_id, machine)
    lines = [_line(known, run, span, events) for run in runs for span in run.by_price(known)]
    ordered = tuple(sorted((line for line in lines if line.quantity), key=lambda line: (line.started_at, line.sku)))
    return Why(
        machine=machine,
        period=period,
        as_of=known.moment.as_of,
        currency=known.book.currency,
        lines=ordered,
        total=sum((line.cost for line in ordered), Fraction(0)),
        unpriced=tuple(sorted({line.sku for line in ordered if line.amount is None})),
    )


class _Named(NamedTuple):
    """A machine and its home."""

    name: str
    app_id: int
    region_id: int


class _Hours:
    """A machine's hours from `start` on. Most hours of a run are alike, so hours are put together from parts that are priced once."""

    def __init__(self, known: Known, start: datetime, count: int) -> None:
        self._known = known
        self._start = start
        self._seconds = [0] * count
        self._parts: list[tuple[int, ...]] = [()] * count
        self._costs: list[Fraction] = []

    def add(self, run: "_Run") -> None:
        """Everything of the run, span by span of one price."""
        is_machine = self._known.reference.skus[run.sku_id].meter == "machine"
        for span in run.by_price(self._known):
            price = self._known.prices.on(run.sku_id, run.region_id, span.start.date())
            part_of: dict[int, int] = {}
            for hour, count, quantity in run.stretches(span):
                if quantity not in part_of:
                    part_of[quantity] = len(self._costs)
                    self._costs.append(price.cost(quantity) if price else Fraction(0))
                first = (hour - self._start) // HOUR
                alike, added = slice(first, first + count), (part_of[quantity],)
                self._parts[alike] = [one + added for one in self._parts[alike]]
                if is_machine:
                    self._seconds[alike] = [one + quantity for one in self._seconds[alike]]

    def hours(self) -> list[MachineHour]:
        """Every hour in order; those without a part cost nothing."""
        costs = {parts: sum((self._costs[part] for part in parts), Fraction(0)) for parts in set(self._parts)}
        starts = _hours_from(self._start, len(self._parts))
        return list(map(MachineHour, starts, self._seconds, map(costs.__getitem__, self._parts)))


@lru_cache(maxsize=64)
def _hours_from(start: datetime, count: int) -> tuple[datetime, ...]:
    return tuple(start + number * HOUR for number in range(count))


@dataclass
class _Run:
    """One charged line of an interval, clipped to the period and the moment counted to. A report spreads its bytes over its hours."""

    sku_id: int
    region_id: int
    capacity: int
    started_at: datetime
    stopped_at: datetime | None
    is_inferred: bool
    span: Period
    is_report: bool

    def stretches(self, span: Period) -> Iterator[tuple[datetime, int, int]]:
        """(first hour, how many hours from it on are alike, quantity of each) inside `span`, which lies inside the run's own."""
        if self.is_report:
            assert self.stopped_at is not None
            for hour, count in spread(self.capacity, self.started_at, self.stopped_at):
                if span.start <= hour < span.end and min(self.stopped_at, hour + HOUR) <= self.span.end:
                    yield hour, 1, count
            return
        for hour, count, seconds in _hours_in(span):
            yield hour, count, self.capacity * seconds

    def quantity(self, span: Period) -> int:
        if self.is_report:
            return sum(count * quantity for _, count, quantity in self.stretches(span))
        return self.capacity * self.span.clip(span).seconds

    def cost(self, known: Known, quantity: int, day: date) -> Fraction:
        """What `quantity` cost at the price of `day`, 0 without one."""
        price = known.prices.on(self.sku_id, self.region_id, day)
        return price.cost(quantity) if price else Fraction(0)

    def by_price(self, known: Known) -> Iterator[Period]:
        """The span cut where its price changes."""
        first = self.span.start
        held = [(price.since, price.until) for price in known.prices.spans.get((self.sku_id, self.region_id), [])]
        for edge in sorted({edge for pair in held for edge in pair if edge}):
            if first < midnight(edge) < self.span.end:
                yield Period(first, midnight(edge))
                first = midnight(edge)
        yield Period(first, self.span.end)


def _hours_in(span: Period) -> Iterator[tuple[datetime, int, int]]:
    """(first hour, how many of them, seconds of `span` in each): the hour it begins in, the whole ones, the hour it ends in."""
    first, last = floor_hour(span.start), floor_hour(span.end)
    if first == last:
        if seconds := span.seconds:
            yield first, 1, seconds
        return
    if first < span.start:
        yield first, 1, 3600 - int((span.start - first).total_seconds())
        first += HOUR
    if whole := (last - first) // HOUR:
        yield first, whole, 3600
    if last < span.end:
        yield last, 1, int((span.end - last).total_seconds())


def _line(known: Known, run: _Run, span: Period, events: list[RawEvent]) -> Line:
    sku, quantity = known.reference.skus[run.sku_id], run.quantity(span)
    price = known.prices.on(run.sku_id, run.region_id, span.start.date())
    moments = {run.started_at, run.stopped_at}
    rests_on = (
        event for event in events if event.is_report == run.is_report and (event.span if run.is_report else {event.time}) <= moments
    )
    return Line(
        sku=sku.code,
        title=sku.title,
        started_at=max(span.start, run.started_at),
        stopped_at=span.end if run.stopped_at is None else min(span.end, run.stopped_at),
        is_open=run.stopped_at is None and span.end >= known.moment.as_of,
        is_inferred=run.is_inferred,
        capacity=run.capacity,
        quantity=quantity,
        unit=UNITS.get(sku.meter or "", ""),
        amount=price.amount if price else None,
        per=price.per if price else 1,
        price_unit=f"per {price.unit}" if price else "",
        price_since=price.since if price else None,
        cost=run.cost(known, quantity, span.start.date()),
        events=tuple(rests_on),
    )


def _runs(session: Session, known: Known, machine: str, period: Period) -> list[_Run] | None:
    """The machine's lines that overlap the period, up to the moment counted to; None for an unknown machine."""
    if "\0" in machine:
        return None
    end = max(period.start, min(period.end, known.moment.as_of))
    binds = {"org": known.org_id, "kind": MACHINE, "name": machine, "start": period.start, "end": end}
    rows = fetch(session, _RUNS, binds, is_planned_once=True)
    if not rows:
        return None
    extra = known.reference.meters["extra_memory"]
    found = []
    for sku, region_id, interval_capacity, extra_mib, started_at, stopped_at, is_inferred in rows:
        if sku is None:  # a machine that did not run then
            continue
        is_report = known.reference.skus[sku].meter == "egress"
        span = Period(period.start, end) if is_report else Period(started_at, stopped_at or end).clip(Period(period.start, end))
        for sku_id, capacity in ((sku, interval_capacity), (extra, extra_mib)):
            if capacity:
                found.append(_Run(sku_id, region_id, capacity, started_at, stopped_at, is_inferred, span, is_report))
    return found


def _used(session: Session, question: Question, listed: frozenset[int]) -> list[tuple[_Named, list[tuple[int, int, int, int]]]]:
    """(machine, its (sku, region, day of its price, quantity)) of each machine listed that used anything."""
    binds = Binds()
    rows = " UNION ALL ".join(machine_parts(question, binds, machines=listed)) if listed else ""
    if not rows:
        return []
    used: dict[_Named, list[tuple[int, int, int, int]]] = {}
    for name, app_id, region_id, sku, region, epoch, quantity in fetch(session, _NAMED.format(rows=rows), binds):
        priced_on = question.epochs[epoch].starts_on.toordinal()
        used.setdefault(_Named(name, app_id, region_id), []).append((sku, region, priced_on, int(quantity)))
    return list(used.items())


def _cost(known: Known, row: _Named, used: list[tuple[int, int, int, int]]) -> MachineCost:
    total, seconds, is_unpriced = Fraction(0), 0, False
    by_size: dict[int, tuple[Fraction, int]] = {}
    for sku_id, region_id, day, quantity in used:
        price = known.prices.on(sku_id, region_id, date.fromordinal(day))
        cost = price.cost(quantity) if price else Fraction(0)
        total, is_unpriced = total + cost, is_unpriced or (price is None and quantity > 0)
        size = known.reference.skus[sku_id].vm_size_id
        if known.reference.skus[sku_id].meter == "machine" and size is not None:
            seconds += quantity
            held = by_size.get(size, (Fraction(0), 0))
            by_size[size] = (held[0] + cost, held[1] + quantity)
    return MachineCost(
        name=row.name,
        app=known.names.apps[row.app_id],
        region=known.reference.regions[row.region_id].code,
        vm_size=known.reference.sizes[max(by_size, key=lambda size: (*by_size[size], -size))].name if by_size else "",
        list_cost=total,
        machine_hours=Fraction(seconds, 3600),
        is_unpriced=is_unpriced,
    )


UNITS = {"machine": "machine-second", "extra_memory": "MiB-second", "rootfs": "MiB-second", "egress": "byte"}
# OFFSET 0 has each machine looked up by its id, however many the planner believes there are.
_NAMED = """
SELECT machine.name, machine.app_id, machine.region_id, sku_id, used.region_id, epoch, q
FROM (SELECT g, sku_id, region_id, epoch, sum(q) AS q FROM ({rows}) AS used GROUP BY 1, 2, 3, 4) AS used
CROSS JOIN LATERAL (SELECT name, app_id, region_id FROM resource WHERE org_id = :org_id AND id = used.g OFFSET 0) AS machine
ORDER BY used.g"""
_RUNS = """
SELECT i.sku_id, i.region_id, i.capacity, i.extra_mib, i.started_at, i.stopped_at, i.is_inferred
FROM resource r LEFT JOIN usage_interval i
  ON i.org_id = r.org_id AND i.resource_id = r.id AND i.started_at < :end AND coalesce(i.stopped_at, 'infinity') > :start
WHERE r.org_id = :org AND r.kind = :kind AND r.name = :name
ORDER BY i.started_at, i.sku_id"""
