"""Contributors to a difference: ranked by SQL in floats, then the few that matter counted exactly."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from sqlmodel import Session

from flyusage.metering.cost_centres import UNASSIGNED
from flyusage.pricing.cells import fold_rows
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.question import Question
from flyusage.pricing.split import Used
from flyusage.pricing.totals import quantities
from flyusage.pricing.view import Dimension
from flyusage.pricing.weights import weight_by_epoch

Key = tuple[int, ...]
CELL = "app_id, vm_size_id"
COLUMNS = {Dimension.APP: "app_id", Dimension.REGION: "region_id", Dimension.VM_SIZE: "vm_size_id", Dimension.SKU: "sku_id"}


@dataclass(frozen=True)
class Keys:
    """What tells contributors apart: a value of each of `dimensions` (any but the machine)."""

    dimensions: tuple[Dimension, ...]
    question: Question

    def __post_init__(self) -> None:
        if not self.dimensions or Dimension.MACHINE in self.dimensions:
            raise ValueError("contributors are told apart by dimensions of cells")

    def columns(self, question: Question, binds: Binds) -> tuple[list[str], str]:
        """SQL for each value of a cell with `epoch`, and the join they need."""
        columns, joined = [], ""
        for dimension in self.dimensions:
            if dimension is Dimension.CONTINENT:
                regions, order = question.reference.regions, question.reference.continents
                places = [order.index(regions[one].continent) if one in regions else 0 for one in range(max(regions) + 1)]
                columns.append(f"({binds.add(places, 'int[]')})[region_id + 1]")
            elif dimension is Dimension.COST_CENTRE:
                held = {
                    (app, one.number): centre for one in question.epochs for app, centre in question.names.centres.on(one.starts_on).items()
                }
                joined = f"LEFT JOIN {fold_rows(held, binds)} ON fold.g = cell.app_id AND fold.epoch = cell.epoch"
                columns.append("coalesce(fold.s, 0)")
            else:
                columns.append(f"cell.{COLUMNS[dimension]}")
        return columns, joined

    def names(self, key: Key) -> tuple[str, ...]:
        """The values views name."""
        return tuple(self._name(dimension, one) for dimension, one in zip(self.dimensions, key, strict=True))

    def label(self, key: Key) -> str:
        """`app_22 in gru`; other combinations are joined by a comma."""
        return (" in " if self.dimensions == (Dimension.APP, Dimension.REGION) else ", ").join(self.names(key))

    def _name(self, dimension: Dimension, value: int) -> str:
        reference, names = self.question.reference, self.question.names
        match dimension:
            case Dimension.APP:
                return names.apps[value]
            case Dimension.REGION:
                return reference.regions[value].code
            case Dimension.VM_SIZE:
                return reference.sizes[value].name
            case Dimension.SKU:
                return reference.skus[value].code
            case Dimension.CONTINENT:
                return reference.continents[value]
            case _:
                return names.centres.names.get(value, UNASSIGNED)

    def narrowed(self, question: Question, listed: Sequence[Key]) -> Question:
        """The question about the apps and regions of `listed` alone, so that indexes serve."""
        scope = question.scope
        for dimension, values in zip(self.dimensions, zip(*listed, strict=True), strict=False):
            if dimension is Dimension.APP:
                scope = replace(scope, apps=tuple(frozenset(values) if one is None else one & frozenset(values) for one in scope.apps))
            if dimension is Dimension.REGION:
                scope = replace(scope, regions=frozenset(values) if scope.regions is None else scope.regions & frozenset(values))
        return replace(question, scope=scope, group_by=Dimension.APP)


def rank(session: Session, before: Question, after: Question, keys: Keys, limit: int) -> list[Key]:
    """The `limit` contributors with the largest difference either way, largest first."""
    binds, sides = Binds(), []
    places = [f"k{place}" for place in range(len(keys.dimensions))]
    for question, sign in ((before, "-"), (after, "")):
        if cells := quantities(replace(question, group_by=Dimension.APP), binds, CELL):
            columns, joined = keys.columns(question, binds)
            named = ", ".join(f"{column} AS {place}" for column, place in zip(columns, places, strict=True))
            weighted = f"SELECT *, {weight_by_epoch(question, binds)} AS w FROM ({' UNION ALL '.join(cells)}) AS part OFFSET 0"
            sides.append(f"SELECT {named}, {sign}q * w AS change FROM ({weighted}) AS cell {joined}")
    if not sides:
        return []
    listed = ", ".join(places)
    return fetch(
        session,
        f"""SELECT {listed} FROM ({" UNION ALL ".join(sides)}) AS side GROUP BY {listed}
            HAVING abs(sum(change)) > 1e-9 ORDER BY abs(sum(change)) DESC, {listed} LIMIT {limit}""",
        binds,
    )


def detail(session: Session, before: Question, after: Question, keys: Keys, listed: Sequence[Key]) -> dict[Key, list[Used]]:
    """What each of the `listed` contributors used, sku by sku, exactly."""
    if not listed:
        return {}
    width = len(keys.dimensions)
    sides = []
    for question in (before, after):
        binds = Binds()
        cells = quantities(keys.narrowed(question, listed), binds, CELL)
        columns, joined = keys.columns(question, binds)
        wanted = ", ".join(binds.add(list(values), "int[]") for values in zip(*listed, strict=True))
        statement = f"""SELECT {", ".join(columns)}, cell.sku_id, cell.region_id, cell.epoch, sum(cell.q)
            FROM ({" UNION ALL ".join(cells)}) AS cell {joined}
            WHERE ({", ".join(columns)}) IN (SELECT * FROM unnest({wanted})) GROUP BY {", ".join(str(place + 1) for place in range(width + 3))}"""
        sides.append(fetch(session, statement, binds) if cells else [])
    return {key: _used(before, after, [[row[width:] for row in side if row[:width] == key] for side in sides]) for key in listed}


def whole(session: Session, before: Question, after: Question) -> list[Used]:
    """What everything together used, sku by sku, exactly."""
    sides = []
    for question in (before, after):
        binds = Binds()
        cells = quantities(replace(question, group_by=None), binds)
        statement = f"SELECT sku_id, region_id, epoch, sum(q) FROM ({' UNION ALL '.join(cells)}) AS cell GROUP BY 1, 2, 3"
        sides.append(fetch(session, statement, binds) if cells else [])
    return _used(before, after, sides)


def _used(before: Question, after: Question, sides: Sequence[Sequence[tuple[int, ...]]]) -> list[Used]:
    """Both sides' (sku, region, epoch, quantity), priced and side by side."""
    quantities_: dict[tuple[int, int], list[int]] = {}
    costs: dict[tuple[int, int], list[Fraction]] = {}
    for side, (question, rows) in enumerate(zip((before, after), sides, strict=True)):
        for sku, region, epoch, quantity in rows:
            price = question.prices.on(sku, region, question.epochs[epoch].starts_on)
            quantities_.setdefault((sku, region), [0, 0])[side] += int(quantity)
            costs.setdefault((sku, region), [Fraction(0), Fraction(0)])[side] += price.cost(int(quantity)) if price else Fraction(0)
    return [Used(*pair, quantities_[pair][0], quantities_[pair][1], costs[pair][0], costs[pair][1]) for pair in sorted(quantities_)]
