"""What was billed for a month, by where it belongs: issued documents as they are stored, and the draft of a month without any.

A month is billed by every document of its period that stands: its invoice, less what credit notes gave back; void ones do not
count. What is not issued yet is compiled and allocated as it would be, from the usage there is.
"""

import hashlib
from array import array
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, MutableSequence, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, partial
from threading import Lock

from sqlmodel import Session

from flyusage.invoices.adjusting import Adjusted, late_usage, totals_late, usage_late
from flyusage.invoices.allocation import MONTH_DAYS, Cell, Place, Usage, UsageCell, allocate
from flyusage.invoices.amortizing import Amortized, is_upfront, taken_in, taken_of
from flyusage.invoices.breakdowns import ITSELF, BilledCell, Charge, Frozen, FrozenTotals, Total, cells_of, totals_with, usage_with
from flyusage.invoices.drafting import Reading, question_of, read
from flyusage.invoices.models import Kind
from flyusage.invoices.statement import Line, LineKind, Statement
from flyusage.metering.models import DAYS
from flyusage.periods import midnight, month_period, next_month
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.machine_cells import machine_parts
from flyusage.pricing.slices import epochs
from flyusage.pricing.totals import quantities
from flyusage.pricing.view import Dimension

Days = dict[Place, MutableSequence[int]]  # minor units by place: one for each day of the month, from the first
MOST_REMEMBERED = 150_000  # places of all documents: about 60 MB


@dataclass(frozen=True)
class Documents:
    """A month's documents that stand: numbers in order of issue, and their ids with the sign they count with. None: a draft."""

    numbers: tuple[str, ...]
    signed: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Composition:
    """What a month's net is made of, minor units: `usage` lines, what no usage caused, and what lowers both."""

    usage: int = 0
    charges: int = 0
    reductions: int = 0


def documents_of(session: Session, org_id: int, months: Sequence[date], *, until: datetime | None) -> dict[date, Documents]:
    """The documents of those months that are billed, as they stood at `until` (None: now)."""
    binds = Binds({"org": org_id, "until": until and until + timedelta(seconds=1)})
    rows = fetch(session, _DOCUMENTS.format(months=binds.add(list(months), "date[]")), binds)
    found: dict[date, list[tuple[int, str, int]]] = defaultdict(list)
    billed = set()
    for month, id_, number, kind, origin in rows:
        found[month].append((id_, number, -1 if kind == Kind.CREDIT_NOTE else 1))
        billed |= {month} if origin == "period" else set()
    return {
        month: Documents(tuple(number for _, number, _ in rows), tuple((id_, sign) for id_, _, sign in rows))
        for month, rows in found.items()
        if month in billed
    }


class Issued:
    """A month that is billed, by its documents. `amortized` is what stands in the place of upfront amounts, None: these themselves."""

    def __init__(self, session: Session, org_id: int, month: date, documents: Documents, amortized: Amortized | None = None) -> None:
        self._session, self._org_id, self._month, self._documents = session, org_id, month, documents
        self._amortized = amortized

    def days(self) -> Days:
        """Minor units by place and day; they sum to the month's net. Late usage of earlier months stands on the month's first day."""
        whole = _no_days()
        for id_, sign in self._documents.signed:
            ask = partial(_issued_days, self._session, self._org_id, id_, self._month, is_amortized=self._amortized is not None)
            remembered = _remembered((_database(self._session), self._org_id, id_, self._amortized is not None), ask)
            for place, days in remembered.items():
                line = whole[place]
                for index, amount in enumerate(days):
                    line[index] += sign * amount
        if self._amortized and (cells := self._amortized_cells()):
            _add_days(whole, cells, usage_with(self._session, self._org_id, self._first), self._month)
        return whole

    def machines(self) -> dict[Place, dict[int, int]]:
        """Minor units by place and resource id, 0 for what none caused."""
        whole: dict[Place, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for id_, sign in self._documents.signed:
            cells = cells_of(self._session, self._org_id, id_, has_upfront=self._amortized is None)
            _add_machines(whole, cells, totals_with(self._session, self._org_id, id_), sign)
        if self._amortized and (cells := self._amortized_cells()):
            _add_machines(whole, cells, totals_with(self._session, self._org_id, self._first), 1)
        return whole

    def composition(self) -> Composition:
        """What the net is made of."""
        signs = dict(self._documents.signed)
        binds = Binds({"org": self._org_id})
        rows = fetch(self._session, _KINDS.format(ids=binds.add(sorted(signs), "bigint[]")), binds)
        return _composed((kind, signs[id_] * int(amount)) for id_, kind, amount in rows)

    @property
    def _first(self) -> int:
        return self._documents.signed[0][0]

    def _amortized_cells(self) -> list[BilledCell]:
        assert self._amortized is not None
        return self._amortized.cells(self._month, taken_of(self._session, self._org_id, self._first))


class Draft:
    """A month that is not issued, as it would be with what is known at `as_of` (None: now). `amortized` as in `Issued`."""

    def __init__(
        self, session: Session, org_id: int, month: date, *, as_of: datetime | None, has_late: bool, amortized: Amortized | None = None
    ) -> None:
        self._session, self._org_id, self._month, self._amortized = session, org_id, month, amortized
        self._reading = read(session, org_id, month, as_of=as_of)
        self._adjusted = late_usage(session, org_id, month) if has_late else Adjusted.nothing()
        self.statement: Statement = self._reading.statement(self._adjusted.lines)

    def days(self) -> Days:
        """As those of `Issued`. A month that is over is split once for the same cells, lines and upfront amounts."""
        if not self._is_over or self._adjusted.lines:
            return self._split()
        lines = [(one.kind, one.key, one.amount_minor, one.period, one.components, one.shares) for one in self.statement.lines]
        made_of = hashlib.sha256(repr((_cells_said(self._session, self._org_id, self._month), lines, self._amortized)).encode()).digest()
        return _remembered((_database(self._session), self._org_id, made_of), self._split)

    @property
    def _is_over(self) -> bool:
        """Whether all of the month's hours are closed."""
        moment, end = self._reading.known.moment, month_period(midnight(self._month)).end
        return end <= moment.as_of and moment.rolled_through is not None and end <= moment.rolled_through

    @cached_property
    def _usage(self) -> Usage:
        if self._is_over:
            return _usage_stored(self._session, self._org_id, self._month)
        return _usage_of(self._session, self._reading, self._month)

    def _split(self) -> Days:
        whole = _no_days()
        _add_days(whole, self._cells(), self.usage, self._month)
        return whole

    def machines(self) -> dict[Place, dict[int, int]]:
        """As those of `Issued`."""
        whole: dict[Place, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        totals = _totals_of(self._session, self._reading)
        for place, late in totals_late(self._session, self._org_id, self._adjusted).items():
            totals[place] += late
        _add_machines(whole, self._cells(), totals, 1)
        return whole

    def composition(self) -> Composition:
        """What the net is made of."""
        return _composed((line.kind, line.amount_minor) for line in self.statement.lines)

    def charges(self) -> list[Charge]:
        """Every part of every line, as the invoice would hold them, with what reservations cost up front."""
        lines = self.statement.lines
        late = {line.key for line in self._adjusted.lines}
        cells = [cell for cell in allocate(list(enumerate(lines)), self._usage) if lines[cell.position].key not in late]
        for position, line in enumerate(lines):
            if line.key in late:
                cells += [Cell(position, place, 0, part) for place, part in self._adjusted.places[line.key].items()]
        return [_charge(lines[cell.position], cell, self._adjusted.held_by) for cell in cells]

    @cached_property
    def usage(self) -> Frozen:
        """The quantities that the draft is compiled from, late ones included: as `usage_with` of what is issued."""
        own = {(ITSELF, self._month, cell.place): cell.days for cells in self._usage.cells.values() for cell in cells}
        return {**own, **usage_late(self._session, self._org_id, self._adjusted)}

    @property
    def reading(self) -> Reading:
        """What the draft is compiled from."""
        return self._reading

    def _cells(self) -> list[BilledCell]:
        made = [(self._lines[charge.key], charge.cell) for charge in self.charges()]
        if self._amortized is None:
            return [cell for _, cell in made]
        kept = [cell for line, cell in made if not is_upfront(line)]
        return kept + self._amortized.cells(self._month, taken_in(made, self.statement.currency))

    @cached_property
    def _lines(self) -> dict[str, Line]:
        return {line.key: line for line in self.statement.lines}


def _charge(line: Line, cell: Cell, held_by: Mapping[str, int]) -> Charge:
    span, held = (line.period.start.date(), line.period.end.date()), held_by.get(line.key, ITSELF)
    return Charge(line.kind, line.key, line.description, BilledCell(cell.place, cell.amount_minor, *span, held, held != ITSELF))


def _usage_stored(session: Session, org_id: int, month: date) -> Usage:
    """The cells of a month whose hours are all closed: as `_usage_of`, read as they lie."""
    stored = fetch(session, _CELLS, {"org": org_id, "month": month})
    return Usage.of(month, (UsageCell(Place(*place), tuple(days)) for *place, days in stored))


def _usage_of(session: Session, reading: Reading, month: date) -> Usage:
    """The month's cells by day, the hour that is not closed included: what the statement was compiled from."""
    period = month_period(midnight(month))
    held = epochs(period, period.days())
    question = question_of(reading.known, period, held).asking(group_by=Dimension.APP)
    binds = Binds()
    parts = quantities(question, binds, keys="app_id, vm_size_id")
    found: dict[Place, list[int]] = defaultdict(lambda: [0] * MONTH_DAYS)
    if parts:
        keys = "app_id, region_id, vm_size_id, sku_id, epoch"
        summed = f"SELECT {keys}, sum(q) FROM ({' UNION ALL '.join(parts)}) AS part GROUP BY {keys} HAVING sum(q) <> 0"
        for app_id, region_id, vm_size_id, sku_id, epoch, quantity in fetch(session, summed, binds):
            found[Place(app_id, region_id, vm_size_id, sku_id)][epoch] += int(quantity)
    return Usage.of(month, (UsageCell(place, tuple(days)) for place, days in found.items()))


def _totals_of(session: Session, reading: Reading) -> dict[tuple[int, Place], list[Total]]:
    """What machines, volumes and addresses used, apart for each part of the month with prices of its own."""
    setting = reading.setting
    question = question_of(reading.known, setting.terms.period, setting.epochs)
    binds = Binds()
    parts = machine_parts(question, binds, machines=None, keys="resource_id, app_id, vm_size_id")
    found: dict[tuple[int, Place], list[Total]] = defaultdict(list)
    if parts:
        keys = "app_id, region_id, vm_size_id, sku_id, epoch, resource_id"
        summed = f"SELECT {keys}, sum(q) FROM ({' UNION ALL '.join(parts)}) AS part GROUP BY {keys} HAVING sum(q) <> 0 ORDER BY resource_id"
        for app_id, region_id, vm_size_id, sku_id, epoch, resource_id, quantity in fetch(session, summed, binds):
            place = Place(app_id, region_id, vm_size_id, sku_id)
            found[ITSELF, place].append(Total(setting.epochs[epoch].starts_on, resource_id, int(quantity)))
    return found


def _cells_said(session: Session, org_id: int, month: date) -> str:
    """A digest of the month's cells, days and all: another one as soon as a quantity of any day is another."""
    binds = Binds({"org": org_id, "month": month})
    said = (
        "SELECT count(*), coalesce(sum(hashtextextended(cell::text, 0)), 0) FROM usage_month AS cell WHERE org_id = :org AND month = :month"
    )
    return str(fetch(session, said, binds))


def _issued_days(session: Session, org_id: int, invoice_id: int, month: date, *, is_amortized: bool) -> Days:
    """A document's cells by day. What is issued never changes."""
    whole = _no_days()
    cells = cells_of(session, org_id, invoice_id, has_upfront=not is_amortized)
    _add_days(whole, cells, usage_with(session, org_id, invoice_id), month)
    return whole


def _remembered(key: Hashable, make: Callable[[], Days]) -> Days:
    """What `make` gave the first time that it was asked for under `key`, which must hold everything that it is made of."""
    whole = _days.get(key)
    if whole is None:
        whole = make()
        with _changing:
            while _days and sum(map(len, _days.values())) + len(whole) > MOST_REMEMBERED:
                _days.pop(next(iter(_days)))
            _days[key] = whole
    return whole


def _database(session: Session) -> str:
    return session.connection().engine.url.render_as_string(hide_password=False)


_days: dict[Hashable, Days] = {}
_changing = Lock()


def _no_days() -> Days:
    return defaultdict(lambda: array("q", [0] * MONTH_DAYS))


def _add_days(whole: Days, cells: Iterable[BilledCell], usage: Frozen, month: date) -> None:
    """Split each cell as the invoice's own breakdown by day does; what lies outside the month stands at its edge."""
    last = (next_month(midnight(month)).date() - month).days - 1
    for cell in cells:
        for day, part in cell.by_day(usage):
            whole[cell.place][min(max((day - month).days, 0), last)] += part


def _add_machines(whole: dict[Place, dict[int, int]], cells: Iterable[BilledCell], totals: FrozenTotals, sign: int) -> None:
    for cell in cells:
        for resource_id, part in cell.by_machine(totals).items():
            whole[cell.place][resource_id] += sign * part


def _composed(amounts: Iterable[tuple[str, int]]) -> Composition:
    sums = {"usage": 0, "charges": 0, "reductions": 0}
    for kind, amount in amounts:
        part = "usage" if kind == LineKind.USAGE else "charges" if kind in _CHARGES else "reductions"
        sums[part] += amount
    return Composition(**sums)


_CELLS = f"""
SELECT app_id, region_id, vm_size_id, sku_id, ARRAY[{", ".join(DAYS)}] FROM usage_month WHERE org_id = :org AND month = :month AND total <> 0"""
_CHARGES = (LineKind.FEE, LineKind.ONE_OFF, LineKind.ADJUSTMENT, LineKind.MINIMUM, LineKind.CARRIED)
_DOCUMENTS = """
SELECT starts_on, id, number, kind, origin FROM invoice
WHERE org_id = :org AND starts_on = ANY ({months}) AND state IN ('open', 'paid', 'uncollectible')
  AND (CAST(:until AS timestamptz) IS NULL OR issued_at < :until)
  AND NOT EXISTS (SELECT FROM invoice source WHERE source.org_id = invoice.org_id AND source.id = invoice.refers_to AND source.state = 'void')
ORDER BY starts_on, issued_at, id"""
_KINDS = """
SELECT invoice_id, kind, sum(amount_minor)::bigint FROM invoice_line WHERE org_id = :org AND invoice_id = ANY ({ids}) GROUP BY 1, 2"""
