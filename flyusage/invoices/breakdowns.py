"""An issued invoice's net by region, app, cost centre, VM size, product, machine or day: always exact to the cent.

The stored cells answer most of it. Days and machines are split inside their cell when asked for, from the quantities that
were frozen with the invoice. Nothing depends on what happened since but the names of apps, machines and cost centres, and
which app belongs to which cost centre in that month.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.invoices.allocation import MONTH_DAYS, Place, along, by_day, day_span
from flyusage.invoices.models import NOTHING
from flyusage.invoices.returning import HELD_BY, IS_RETURNED
from flyusage.metering.models import DAYS
from flyusage.money import split
from flyusage.periods import Period, midnight
from flyusage.pricing.database import fetch
from flyusage.pricing.reference import reference
from flyusage.pricing.scope import UNASSIGNED, names_of

NO_MACHINE = 0
ITSELF = 0  # the document that a cell stands on
NO_APP, NO_REGION, NO_SIZE, NO_SKU, NO_RESOURCE = "No app", "No region", "No machine size", "No usage", "Not by machine"


class By(StrEnum):
    """What an issued invoice can be broken down by."""

    REGION = "region"
    APP = "app"
    COST_CENTRE = "cost_centre"
    VM_SIZE = "vm_size"
    SKU = "sku"
    PRODUCT = "product"
    MACHINE = "machine"
    DAY = "day"


@dataclass(frozen=True)
class Part:
    """A part of an invoice's net: `key` names it in addresses (empty: belongs to none), `label` for people."""

    key: str
    label: str
    amount_minor: int


class BilledCell(NamedTuple):
    """The part of a line's amount in one place, with the days that the line's price holds for.

    It is split by the quantities frozen with its own document, or with the invoice `held_by`, whose late usage its line gives back.
    `is_turned`: the amount is above zero where those quantities say below, as on what gives back.
    """

    place: Place
    amount_minor: int
    starts_on: date
    ends_on: date
    held_by: int = ITSELF
    is_turned: bool = False

    @property
    def month(self) -> date:
        """The month that its quantities are of."""
        return self.starts_on.replace(day=1)

    def by_day(self, usage: "Frozen") -> list[tuple[date, int]]:
        """Its days and their minor units: as it was used on the days of its line, evenly where nothing was metered."""
        span = day_span(self.month, Period(midnight(self.starts_on), midnight(self.ends_on)))
        used = usage.get((self.held_by, self.month, self.place), (0,) * MONTH_DAYS)
        sign = -1 if self.is_turned else 1
        return [(self.month + timedelta(days=index), sign * part) for index, part in by_day(sign * self.amount_minor, used, span)]

    def by_machine(self, totals: "FrozenTotals") -> dict[int, int]:
        """Minor units by resource id (0: what no machine, volume or address caused). Ties go to the smaller id."""
        used: dict[int, int] = defaultdict(int)
        for total in _within(self, totals.get((self.held_by, self.place), ())):
            used[total.resource_id] += total.quantity
        sign, ids = -1 if self.is_turned else 1, sorted(used)
        weights = along(sign * self.amount_minor, [used[id_] for id_ in ids])
        if weights is None:
            return {NO_MACHINE: self.amount_minor}
        return dict(zip(ids, split(self.amount_minor, weights), strict=True))


class Charge(NamedTuple):
    """A part of a line: what the line is, and the part's place, amount and days."""

    kind: str
    key: str
    description: str
    cell: BilledCell


class Total(NamedTuple):
    """What a machine, volume or address used from `starts_on` on."""

    starts_on: date
    resource_id: int
    quantity: int


Frozen = Mapping[tuple[int, date, Place], Sequence[int]]  # quantities by day, by what holds them (`BilledCell.held_by`), month and place
FrozenTotals = Mapping[tuple[int, Place], Sequence[Total]]  # quantities of machines, volumes and addresses, by what holds them and place


def breakdown(session: Session, org_id: int, invoice_id: int, by: By) -> list[Part]:
    """The parts of the invoice's net (minor units, tax not included), largest first; days in order. They sum to it exactly."""
    if by is By.DAY:
        days = by_days(cells_of(session, org_id, invoice_id), usage_with(session, org_id, invoice_id))
        return [Part(day.isoformat(), f"{day:%b} {day.day}", amount) for day, amount in sorted(days.items()) if amount]
    if by is By.MACHINE:
        return _machines(session, org_id, by_machines(cells_of(session, org_id, invoice_id), totals_with(session, org_id, invoice_id)))
    if by is By.PRODUCT:
        rows = fetch(session, _BY_PRODUCT, {"org": org_id, "id": invoice_id})
        return _parts(rows, _same)
    column = {By.REGION: "region_id", By.VM_SIZE: "vm_size_id", By.SKU: "sku_id"}.get(by, "app_id")
    rows = fetch(session, _BY_CELL.format(column=column), {"org": org_id, "id": invoice_id})
    return _named(session, org_id, invoice_id, by, rows)


def by_days(cells: Iterable[BilledCell], usage: Frozen) -> dict[date, int]:
    """Minor units by day. Pure."""
    found: dict[date, int] = defaultdict(int)
    for cell in cells:
        for day, part in cell.by_day(usage):
            found[day] += part
    return dict(found)


def by_machines(cells: Iterable[BilledCell], totals: FrozenTotals) -> dict[int, int]:
    """Minor units by resource id (0: what no machine, volume or address caused). Pure."""
    found: dict[int, int] = defaultdict(int)
    for cell in cells:
        for id_, part in cell.by_machine(totals).items():
            found[id_] += part
    return dict(found)


def _within(cell: BilledCell, totals: Sequence[Total]) -> list[Total]:
    """The totals of the cell's part of the month; where none begins inside it, those of the whole month."""
    inside = [total for total in totals if cell.starts_on <= total.starts_on < cell.ends_on]
    return inside or [total for total in totals if total.starts_on == cell.month]


def cells_of(session: Session, org_id: int, invoice_id: int, *, has_upfront: bool = True) -> list[BilledCell]:
    """The document's stored cells with their lines' days; without `has_upfront` not those of what reservations cost up front."""
    rows = fetch(session, _CELLS, {"org": org_id, "id": invoice_id, "has_upfront": has_upfront})
    return [BilledCell(Place(*row[:4]), *row[4:]) for row in rows]


def charges_of(session: Session, org_id: int, invoice_id: int) -> list[Charge]:
    """The document's stored cells with what their lines are."""
    rows = fetch(session, _CHARGES, {"org": org_id, "id": invoice_id})
    return [Charge(kind, key, text, BilledCell(Place(*cell[:4]), *cell[4:])) for kind, key, text, *cell in rows]


def usage_with(session: Session, org_id: int, invoice_id: int) -> dict[tuple[int, date, Place], tuple[int, ...]]:
    """The quantities that were frozen with it (a correction: with what it corrects), and with invoices whose late usage it gives back."""
    rows = fetch(session, _USAGE, {"org": org_id, "id": invoice_id})
    return {(row[0], row[1], Place(*row[2:6])): tuple(row[6:]) for row in rows}


def totals_with(session: Session, org_id: int, invoice_id: int) -> dict[tuple[int, Place], list[Total]]:
    """What machines, volumes and addresses used, as it was frozen with the same."""
    found: dict[tuple[int, Place], list[Total]] = defaultdict(list)
    for row in fetch(session, _TOTALS, {"org": org_id, "id": invoice_id}):
        found[row[0], Place(*row[1:5])].append(Total(*row[5:]))
    return found


def _machines(session: Session, org_id: int, amounts: Mapping[int, int]) -> list[Part]:
    ids = "{" + ",".join(str(id_) for id_ in amounts if id_ != NO_MACHINE) + "}"
    names = dict(
        fetch(
            session, "SELECT id, name FROM resource WHERE org_id = :org AND id = ANY (CAST(:ids AS bigint[]))", {"org": org_id, "ids": ids}
        )
    )
    return _parts(amounts.items(), lambda id_: _same(names.get(id_, str(id_))) if id_ != NO_MACHINE else ("", NO_RESOURCE))


def _named(session: Session, org_id: int, invoice_id: int, by: By, rows: list[tuple[int, int]]) -> list[Part]:
    facts = reference(session)
    if by is By.REGION:
        return _parts(rows, lambda id_: (facts.regions[id_].code, facts.regions[id_].name) if id_ != NOTHING else ("", NO_REGION))
    if by is By.VM_SIZE:
        return _parts(rows, lambda id_: _same(facts.sizes[id_].name) if id_ != NOTHING else ("", NO_SIZE))
    if by is By.SKU:
        return _parts(rows, lambda id_: (facts.skus[id_].code, facts.skus[id_].title) if id_ in facts.skus else ("", NO_SKU))
    names = names_of(session, org_id)
    if by is By.APP:
        return _parts(rows, lambda id_: _same(names.apps[id_]) if id_ != NOTHING else ("", NO_APP))
    month = session.execute(
        sa.text("SELECT starts_on FROM invoice WHERE org_id = :org AND id = :id"), {"org": org_id, "id": invoice_id}
    ).scalar_one()
    centres = names.centres.on(month)
    held: dict[int, int] = defaultdict(int)
    for app_id, amount in rows:
        held[centres.get(app_id, 0) if app_id != NOTHING else -1] += amount
    return _parts(held.items(), lambda id_: ("", NO_APP) if id_ < 0 else _same(names.centres.names.get(id_, UNASSIGNED)))


def _same(name: str) -> tuple[str, str]:
    return name, name


def _parts(rows: Iterable[tuple], named: Callable[..., tuple[str, str]]) -> list[Part]:
    """Largest first; what names the same is added up."""
    amounts: dict[tuple[str, str], int] = defaultdict(int)
    for id_, amount in rows:
        amounts[named(id_)] += int(amount)
    return sorted((Part(*name, amount) for name, amount in amounts.items() if amount), key=lambda part: (-part.amount_minor, part.key))


_PLACE = "app_id, region_id, vm_size_id, sku_id"
_BY_CELL = """
SELECT {column}, sum(amount_minor)::bigint FROM invoice_cell WHERE org_id = :org AND invoice_id = :id GROUP BY 1 ORDER BY 1"""
_BY_PRODUCT = """
SELECT product, sum(amount_minor)::bigint FROM invoice_line WHERE org_id = :org AND invoice_id = :id GROUP BY 1 ORDER BY 1"""
# A month's credit note has its amounts turned over, and so has a line that gives late usage back; of both, once more.
_CELL = f"""
cell.app_id, cell.region_id, cell.vm_size_id, cell.sku_id, cell.amount_minor, line.starts_on, line.ends_on,
coalesce({HELD_BY}, {ITSELF}), (own.kind = 'credit_note' AND own.origin = 'period') <> ({IS_RETURNED})
FROM invoice own JOIN invoice_cell cell ON cell.org_id = own.org_id AND cell.invoice_id = own.id
JOIN invoice_line line ON line.org_id = own.org_id AND line.invoice_id = own.id AND line.position = cell.position
WHERE own.org_id = :org AND own.id = :id"""
_IN_ORDER = "ORDER BY cell.position, cell.app_id, cell.vm_size_id, cell.region_id, cell.sku_id"
_CELLS = f"SELECT {_CELL} AND (:has_upfront OR line.key NOT LIKE 'reservation/%/upfront') {_IN_ORDER}"
_CHARGES = f"SELECT line.kind, line.key, line.description, {_CELL} {_IN_ORDER}"
# A correction has no quantities of its own: those of the invoice it corrects. Late usage that goes back: those of the invoice that charged it.
_HOLDERS = f"""
SELECT {ITSELF} AS held_by, coalesce(refers_to, id) AS invoice_id FROM invoice WHERE org_id = :org AND id = :id
UNION SELECT held_by, held_by FROM (
  SELECT {HELD_BY} AS held_by FROM invoice_line line WHERE line.org_id = :org AND line.invoice_id = :id) AS back WHERE held_by IS NOT NULL"""
_DAYS = f"month, {_PLACE}, {', '.join(DAYS)}"
_QUANTITY = f"{_PLACE}, starts_on, resource_id, quantity"
_USAGE = f"SELECT held_by, {_DAYS} FROM ({_HOLDERS}) AS holder JOIN invoice_usage USING (invoice_id) WHERE org_id = :org"
_TOTALS = f"""
SELECT held_by, {_QUANTITY} FROM ({_HOLDERS}) AS holder JOIN invoice_machine USING (invoice_id) WHERE org_id = :org ORDER BY resource_id"""
_HELD = "WHERE org_id = :org AND invoice_id = ANY (CAST(:ids AS bigint[]))"
USAGE_HELD = f"SELECT invoice_id, {_DAYS} FROM invoice_usage {_HELD}"
TOTALS_HELD = f"SELECT invoice_id, {_QUANTITY} FROM invoice_machine {_HELD} ORDER BY resource_id"
