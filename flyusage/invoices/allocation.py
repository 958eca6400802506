"""Where an amount belongs: lines split over cells, cells over days and machines, so that every breakdown sums exactly. Pure.

The one rule is the largest remainder (`money.split`): shares are cut to whole minor units, and the units that are left go one each to the
largest remainders, ties to the smaller id. A negative total is split as the positive one is, and negated, so that a credit
note mirrors its invoice cell by cell.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from flyusage.invoices.models import NOTHING
from flyusage.invoices.statement import Component, Line, LineKind
from flyusage.money import split, split_fractions
from flyusage.periods import Period, floor_day

MONTH_DAYS = 31
_RECKONED = list(LineKind)


class Place(NamedTuple):
    """What usage is told apart by. Ids; 0 stands for none."""

    app_id: int
    region_id: int
    vm_size_id: int
    sku_id: int


class UsageCell(NamedTuple):
    """A month's quantity in one place, in base units: one for each day."""

    place: Place
    days: tuple[int, ...]


class Cell(NamedTuple):
    """The part of a line's amount that belongs to one place; `quantity` is what was used there in the line's period."""

    position: int
    place: Place
    quantity: int
    amount_minor: int


@dataclass(frozen=True)
class Usage:
    """A month's cells, found by sku and region. In order of place, which is the order of ties."""

    month: date
    cells: Mapping[tuple[int, int], Sequence[UsageCell]]

    @classmethod
    def of(cls, month: date, cells: Iterable[UsageCell]) -> "Usage":
        """Cells of `month` in any order."""
        found: dict[tuple[int, int], list[UsageCell]] = defaultdict(list)
        for cell in sorted(cells, key=lambda cell: tie(cell.place)):
            found[cell.place.sku_id, cell.place.region_id].append(cell)
        return cls(month, found)

    def within(self, component: Component, period: Period) -> list[tuple[Place, int]]:
        """Places where the component's sku was used in `period`, and how much."""
        first, last = day_span(self.month, period)
        found = []
        for cell in self.cells.get((component.sku_id, component.region_id), ()):
            if component.vm_size_id is None or component.vm_size_id == cell.place.vm_size_id:
                quantity = sum(cell.days[first:last])
                if quantity:
                    found.append((cell.place, quantity))
        return found


def allocate(lines: Sequence[tuple[int, Line]], usage: Usage) -> list[Cell]:
    """Every line's cells, by position; each line's sum to its amount.

    What was metered is split by what each place's quantity costs at the line's price. A reduction (reservation, discount,
    maximum, promotional credit) is split as the amounts are that it is taken from. What nobody used, a fee, a minimum, stays
    whole, in the place that the line names and otherwise nowhere.
    """
    cells: dict[str, list[Cell]] = {}
    for position, line in lines:
        if not line.shares:
            cells[line.key] = _spent(position, line, usage) or [_whole(position, line, line.amount_minor)]
    for position, line in sorted(lines, key=lambda one: _RECKONED.index(one[1].kind)):  # a reduction may follow another
        if line.shares:
            cells[line.key] = _reduced(position, line, cells)
    return [cell for _, line in lines for cell in cells[line.key]]


def day_span(month: date, period: Period) -> tuple[int, int]:
    """The days of `month` inside `period`, as indexes: from the first up to, and without, the last."""
    first = (period.start.date() - month).days
    last = (period.end.date() - month).days + (period.end > floor_day(period.end))
    return max(0, first), min(MONTH_DAYS, max(first, last))


def by_day(amount_minor: int, days: Sequence[int], span: tuple[int, int]) -> list[tuple[int, int]]:
    """(day's index, minor units) of a cell inside `span`, as its days were used; evenly where nothing was."""
    first, last = span
    parts = split(amount_minor, along(amount_minor, days[first:last]) or [1] * max(1, last - first))
    return [(first + place, part) for place, part in enumerate(parts) if part]


def along(amount_minor: int, quantities: Sequence[int]) -> list[int] | None:
    """Weights of `quantities` that point where the amount does, the others 0; None when there are none.

    Only late usage holds quantities below zero: what was billed and turned out not to be.
    """
    weights = [max(0, one if amount_minor >= 0 else -one) for one in quantities]
    if any(weights):
        return weights
    weights = [abs(one) for one in quantities]
    return weights if any(weights) else None


def _spent(position: int, line: Line, usage: Usage) -> list[Cell]:
    if len(line.components) == 1 and (alone := _of_one_rate(position, line, line.components[0], usage)) is not None:
        return alone
    places: list[tuple[Place, int]] = []
    weights: list[Fraction] = []
    for component in line.components:
        within = usage.within(component, line.period)
        rate = abs(component.exact) / component.quantity if component.quantity else Fraction(0)
        places += within
        weights += [quantity * rate for _, quantity in within]
    if not places:
        return []
    order = sorted(range(len(places)), key=lambda one: tie(places[one][0]))
    parts = split_fractions(line.amount_minor, [weights[one] for one in order])
    return [Cell(position, *places[one], part) for one, part in zip(order, parts, strict=True)]


def _of_one_rate(position: int, line: Line, only: Component, usage: Usage) -> list[Cell] | None:
    """The cells of a line of one component: its quantities are weights as good as what they cost. None where they cost nothing."""
    within = usage.within(only, line.period)
    if not within or not only.exact:
        return None
    within.sort(key=lambda one: tie(one[0]))
    parts = split(line.amount_minor, [quantity for _, quantity in within])
    return [Cell(position, place, quantity, part) for (place, quantity), part in zip(within, parts, strict=True)]


def _reduced(position: int, line: Line, cells: Mapping[str, Sequence[Cell]]) -> list[Cell]:
    taken: dict[Place, int] = defaultdict(int)
    for share in line.shares:
        reduced = cells[share.key]
        for cell, part in zip(reduced, split(share.amount_minor, [abs(one.amount_minor) for one in reduced]), strict=True):
            taken[cell.place] += part
    if missing := line.amount_minor - sum(taken.values()):
        taken[_place(line)] += missing
    return [Cell(position, place, 0, part) for place, part in sorted(taken.items(), key=lambda one: tie(one[0])) if part]


def _whole(position: int, line: Line, amount_minor: int) -> Cell:
    return Cell(position, _place(line), 0, amount_minor)


def _place(line: Line) -> Place:
    return Place(NOTHING, line.region_id or NOTHING, line.vm_size_id or NOTHING, line.sku_id or NOTHING)


def tie(place: Place) -> tuple[int, int, int, int]:
    """The order of places in which ties go to the earlier."""
    return place.app_id, place.vm_size_id, place.region_id, place.sku_id
