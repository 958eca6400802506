"""Queries over cells: which table answers cheapest, and the rows of it that a question is about.

`usage_month` and `usage_day` hold a cell per app; their `_by_region` marginals leave the app out and are twenty times
smaller. A question that neither groups nor filters by app reads the marginal alone. One that leaves a few apps out reads
the marginal and takes the cells of those apps away.
"""

from dataclasses import dataclass

from flyusage.pricing.database import Binds
from flyusage.pricing.question import Question
from flyusage.pricing.slices import Slice
from flyusage.pricing.view import Dimension

GROUPS = {
    None: "0",
    Dimension.REGION: "region_id",
    Dimension.CONTINENT: "region_id",
    Dimension.APP: "app_id",
    Dimension.COST_CENTRE: "app_id",
    Dimension.VM_SIZE: "vm_size_id",
    Dimension.SKU: "sku_id",
    Dimension.MACHINE: "resource_id",
}


@dataclass(frozen=True)
class Part:
    """Rows of one cell table that count once (`sign` 1) or are taken away (−1): `SELECT … FROM {table} WHERE {where}`."""

    table: str
    where: str
    sign: int
    slice: Slice

    @property
    def key(self) -> str:
        """The column that says which row's time it is."""
        return "month" if self.slice.is_month else "day"

    @property
    def quantity(self) -> str:
        """SQL for a row's whole quantity."""
        return "total" if self.slice.is_whole else f"({' + '.join(self.slice.names)})"


def parts(question: Question, slices: list[Slice], binds: Binds, *, skus: tuple[int, ...] | None = None) -> list[Part]:
    """The rows of `slices` in the question's scope; `skus` narrows them to what its measure counts."""
    found = []
    for one in slices:
        for sign, has_apps, apps in sources(question, one.epoch):
            base = "usage_month" if one.is_month else "usage_day"
            time = "month" if one.is_month else "day"
            where = [f"org_id = {binds.add(question.org_id, 'int')}", f"{time} = ANY ({binds.add(list(one.days), 'date[]')})"]
            where += conditions(question, binds, apps=apps, skus=skus)
            found.append(Part(base if has_apps else f"{base}_by_region", " AND ".join(where), sign, one))
    return found


def conditions(question: Question, binds: Binds, *, apps: frozenset[int] | None, skus: tuple[int, ...] | None = None) -> list[str]:
    """The question's filters on the columns of a cell."""
    scope = question.scope
    chosen = scope.skus if skus is None else frozenset(skus) & (frozenset(skus) if scope.skus is None else scope.skus)
    named = (
        ("app_id", apps, "int[]"),
        ("region_id", scope.regions, "smallint[]"),
        ("vm_size_id", scope.sizes, "smallint[]"),
        ("sku_id", chosen, "smallint[]"),
    )
    return [f"{column} = ANY ({binds.add(sorted(ids), kind)})" for column, ids, kind in named if ids is not None]


def sources(question: Question, epoch: int) -> list[tuple[int, bool, frozenset[int] | None]]:
    """(sign, from the table with apps, app ids or None for all): the cheapest sum that gives the scope's apps."""
    apps = question.scope.apps[epoch]
    if question.group_by in (Dimension.APP, Dimension.COST_CENTRE):
        return [(1, True, apps)]
    if question.names.granted is not None:  # to take others' cells away one would have to read them
        return [(1, True, apps)] if apps else []
    if apps is None:
        return [(1, False, None)]
    everything = frozenset(question.names.apps)
    if 2 * len(apps) <= len(everything):
        return [(1, True, apps)] if apps else []
    return [(1, False, None), (-1, True, everything - apps)]


def tail_rows(question: Question, binds: Binds) -> str | None:
    """A query for the cells of the hour that is not closed yet: (app_id, region_id, vm_size_id, sku_id, quantity)."""
    if not question.has_tail:
        return None
    tail = question.moment.tail
    binds.update(tail.binds)
    where = conditions(question, binds, apps=question.scope.apps[question.tail_epoch])
    return f"SELECT * FROM ({tail.cells_sql}) AS open_hour{' WHERE ' + ' AND '.join(where) if where else ''}"


def fold(question: Question) -> dict[tuple[int, int], int] | None:
    """(group id, epoch) → series id, where groups are gathered: regions into continents, apps into cost centres."""
    if question.group_by is Dimension.CONTINENT:
        order = {name: number for number, name in enumerate(question.reference.continents, 1)}
        regions = question.reference.regions.items()
        return {(region_id, epoch.number): order[one.continent] for region_id, one in regions for epoch in question.epochs}
    if question.group_by is Dimension.COST_CENTRE:
        centres = question.names.centres
        return {(app_id, epoch.number): centre for epoch in question.epochs for app_id, centre in centres.on(epoch.starts_on).items()}
    return None


def fold_rows(folding: dict[tuple[int, int], int], binds: Binds) -> str:
    """`folding` as a table `fold(g, epoch, s)`."""
    columns = list(zip(*((group, epoch, series) for (group, epoch), series in folding.items()), strict=True)) or [(), (), ()]
    arrays = ", ".join(binds.add(list(column), "int[]") for column in columns)
    return f"unnest({arrays}) AS fold (g, epoch, s)"
