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

from flyusage.invoices.allocation import Place, along, by_day, day_span
from flyusage.invoices.models import NOTHING
from flyusage.metering.models import DAYS
from flyusage.money import split
from flyusage.periods import Period, midnight
from flyusage.pricing.database import fetch
from flyusage.pricing.reference import reference
from flyusage.pricing.scope import UNASSIGNED, names_of

NO_MACHINE = 0
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
    """The part of a line's amount in one place, with the days that the line's price holds for."""

    place: Place
    amount_minor: int
    starts_on: date
    ends_on: date


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


def by_days(cells: Iterable[BilledCell], usage: Mapping[tuple[date, Place], Sequence[int]]) -> dict[date, int]:
    """Minor units by day. A cell is split as it was used on the days of its line, evenly where nothing was metered. Pure."""
    found: dict[date, int] = defaultdict(int)
    for cell in cells:
        month = cell.starts_on.replace(day=1)
        span = day_span(month, Period(midnight(cell.starts_on), midnight(cell.ends_on)))
        for index, part in by_day(cell.amount_minor, usage.get((month, cell.place), (0,) * 31), span):
            found[month + timedelta(days=index)] += part
    return dict(found)


def by_machines(cells: Iterable[BilledCell], totals: Mapping[Place, Sequence[Total]]) -> dict[int, int]:
    """Minor units by resource id (0: what no machine, volume or address caused). Ties go to the smaller id. Pure."""
    found: dict[int, int] = defaultdict(int)
    for cell in cells:
        used: dict[int, int] = defaultdict(int)
        for total in _within(cell, totals.get(cell.place, ())):
            used[total.resource_id] += total.quantity
        ids = sorted(used)
        weights = along(cell.amount_minor, [used[id_] for id_ in ids])
        if weights is None:
            found[NO_MACHINE] += cell.amount_minor
            continue
        for id_, part in zip(ids, split(cell.amount_minor, weights), strict=True):
            found[id_] += part
    return dict(found)


def _within(cell: BilledCell, totals: Sequence[Total]) -> list[Total]:
    """The totals of the cell's part of the month; where none begins inside it, those of the whole month."""
    inside = [total for total in totals if cell.starts_on <= total.starts_on < cell.ends_on]
    return inside or [total for total in totals if total.starts_on == cell.starts_on.replace(day=1)]


def cells_of(session: Session, org_id: int, invoice_id: int, *, has_upfront: bool = True) -> list[BilledCell]:
    """The document's stored cells with their lines' days; without `has_upfront` not those of what reservations cost up front."""
    rows = fetch(session, _CELLS, {"org": org_id, "id": invoice_id, "has_upfront": has_upfront})
    return [BilledCell(Place(*row[:4]), *row[4:]) for row in rows]


def charges_of(session: Session, org_id: int, invoice_id: int) -> list[Charge]:
    """The document's stored cells with what their lines are."""
    rows = fetch(session, _CHARGES, {"org": org_id, "id": invoice_id})
    return [Charge(kind, key, text, BilledCell(Place(*cell[:4]), *cell[4:])) for kind, key, text, *cell in rows]


def usage_with(session: Session, org_id: int, invoice_id: int) -> dict[tuple[date, Place], tuple[int, ...]]:
    """The quantities that were frozen with it (a correction: with what it corrects), day by day, by month and place."""
    rows = fetch(session, _USAGE, {"org": org_id, "id": invoice_id})
    return {(row[0], Place(*row[1:5])): tuple(row[5:]) for row in rows}


def totals_with(session: Session, org_id: int, invoice_id: int) -> dict[Place, list[Total]]:
    """What machines, volumes and addresses used, as it was frozen with it."""
    found: dict[Place, list[Total]] = defaultdict(list)
    for row in fetch(session, _TOTALS, {"org": org_id, "id": invoice_id}):
        found[Place(*row[:4])].append(Total(*row[4:]))
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
_CELLS = """
SELECT app_id, cell.region_id, cell.vm_size_id, cell.sku_id, cell.amount_minor, starts_on, ends_on
FROM invoice_cell cell JOIN invoice_line line USING (org_id, invoice_id, position)
WHERE cell.org_id = :org AND cell.invoice_id = :id AND (:has_upfront OR line.key NOT LIKE 'reservation/%/upfront')
ORDER BY position, app_id, cell.vm_size_id, cell.region_id, cell.sku_id"""
_CHARGES = """
SELECT kind, key, description, app_id, cell.region_id, cell.vm_size_id, cell.sku_id, cell.amount_minor, starts_on, ends_on
FROM invoice_cell cell JOIN invoice_line line USING (org_id, invoice_id, position)
WHERE cell.org_id = :org AND cell.invoice_id = :id
ORDER BY position, app_id, cell.vm_size_id, cell.region_id, cell.sku_id"""
# A correction has no quantities of its own: those of the invoice it corrects.
_FROZEN_WITH = "org_id = :org AND invoice_id = (SELECT coalesce(refers_to, id) FROM invoice WHERE org_id = :org AND id = :id)"
_USAGE = f"SELECT month, {_PLACE}, {', '.join(DAYS)} FROM invoice_usage WHERE {_FROZEN_WITH}"
_TOTALS = f"SELECT {_PLACE}, starts_on, resource_id, quantity FROM invoice_machine WHERE {_FROZEN_WITH} ORDER BY resource_id"
