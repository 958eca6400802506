"""Exact totals: quantities are summed in SQL first, per sku, region and price, and priced after; dividing comes last."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm

from sqlmodel import Session

from flyusage.pricing.cells import GROUPS, fold, fold_rows, parts, tail_rows
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.machine_cells import machine_parts
from flyusage.pricing.question import Question
from flyusage.pricing.slices import by_days
from flyusage.pricing.view import Dimension


@dataclass(frozen=True)
class Sum:
    """What one series used: exact cost at the question's prices, machine-seconds, the measure's units × per, skus without a price."""

    cost: Fraction = Fraction(0)
    machine_seconds: int = 0
    measured: int = 0
    unpriced: frozenset[int] = frozenset()


UsedRow = tuple[int, int, int | None, Decimal | None, int, bool]


@dataclass(frozen=True)
class Used:
    """What was used in a question's period, before anything is measured: (series, sku, per, cost × per, quantity, has no price).

    Cost is exact at the question's prices. Every measure of the same usage at the same prices is a sum over these rows.
    """

    rows: tuple[UsedRow, ...] = ()

    def sums(self, question: Question) -> dict[int, Sum]:
        """Series id → what it used, in the question's measure."""
        amounts, machines = question.units.amounts, frozenset(question.reference.machine_skus)
        found: dict[int, list[UsedRow]] = {}
        for row in self.rows:
            found.setdefault(row[0], []).append(row)
        return {
            series: Sum(
                _added([(cost, per) for _, _, per, cost, *_ in rows if cost is not None and per is not None]),
                sum(quantity for _, sku, _, _, quantity, _ in rows if sku in machines),
                sum(quantity * amounts.get(sku, 0) for _, sku, _, _, quantity, _ in rows),
                frozenset(sku for _, sku, *_, is_unpriced in rows if is_unpriced),
            )
            for series, rows in found.items()
        }


def totals(session: Session, question: Question) -> dict[int, Sum]:
    """Series id → what it used in the question's period, complete to as_of."""
    return used(session, question).sums(question)


def used(session: Session, question: Question) -> Used:
    """All that the question's series used in its period, complete to as_of, whatever its measure."""
    binds = Binds()
    cells = quantities(question, binds)
    if not cells:
        return Used()
    rows = fetch(session, _priced(question, " UNION ALL ".join(cells), binds), binds)
    return Used(tuple((series, sku, per, cost, int(quantity), is_unpriced) for series, sku, per, cost, quantity, is_unpriced in rows))


def quantities(question: Question, binds: Binds, keys: str = "") -> list[str]:
    """Queries for (g, sku_id, region_id, epoch, q). `keys` are SQL columns to have in place of g, for a question by app."""
    scope = question.scope
    if question.group_by is Dimension.MACHINE or scope.machines is not None:
        return machine_parts(question, binds, machines=scope.machines, keys=keys)
    group = keys or f"{GROUPS[question.group_by]} AS g"
    found = [
        f"SELECT {group}, sku_id, region_id, {one.slice.epoch} AS epoch, {'-' if one.sign < 0 else ''}{one.quantity} AS q "
        f"FROM {one.table} WHERE {one.where}"
        for one in parts(question, by_days(question.closed, question.epochs), binds)
    ]
    if tail := tail_rows(question, binds):
        found.append(
            f"SELECT {group}, sku_id, region_id, {question.tail_epoch} AS epoch, CAST(quantity AS bigint) AS q FROM ({tail}) AS tail"
        )
    if scope.not_machines:
        found += machine_parts(question, binds, machines=scope.not_machines, sign=-1, keys=keys)
    return found


def added(sums: Iterable[Sum]) -> Sum:
    """Several series as one."""
    everything = list(sums)
    return Sum(
        sum((one.cost for one in everything), Fraction(0)),
        sum(one.machine_seconds for one in everything),
        sum(one.measured for one in everything),
        frozenset().union(*(one.unpriced for one in everything)),
    )


def _priced(question: Question, cells: str, binds: Binds) -> str:
    """The cells summed, priced and gathered into series, by sku."""
    folding = fold(question)
    days = binds.add([epoch.starts_on for epoch in question.epochs], "date[]")
    books = binds.add([question.prices.book_on(epoch.starts_on) for epoch in question.epochs], "int[]")
    amount, per, agreed = _agreed(question, binds)
    return f"""
    WITH cell AS (
      SELECT g, sku_id, region_id, epoch, sum(q) AS q FROM ({cells}) AS part GROUP BY g, sku_id, region_id, epoch
    ), price AS MATERIALIZED (
      SELECT e.number - 1 AS epoch, p.sku_id, p.region_id, p.amount, p.per_quantity
      FROM unnest({days}, {books}) WITH ORDINALITY AS e (day, book_id, number)
      JOIN price_segment p ON p.book_id = e.book_id AND p.starts_on <= e.day AND p.ends_on > e.day
    )
    SELECT {"coalesce(fold.s, 0)" if folding is not None else "cell.g"} AS series, sku_id, {per} AS per_quantity, sum(q * {amount}) AS cost,
           sum(q) AS quantity, bool_or({amount} IS NULL AND q <> 0) AS is_unpriced
    FROM cell LEFT JOIN price USING (sku_id, region_id, epoch) {agreed}
    {f"LEFT JOIN {fold_rows(folding, binds)} USING (g, epoch)" if folding is not None else ""}
    GROUP BY 1, 2, 3"""


def _agreed(question: Question, binds: Binds) -> tuple[str, str, str]:
    """SQL for a cell's amount and what it is for, where negotiated prices go before the book's, and the join they need."""
    rows = [(epoch.number, *one) for epoch in question.epochs for one in question.prices.agreed_on(epoch.starts_on)]
    if not rows:
        return "price.amount", "price.per_quantity", ""
    columns = (
        ([number for number, *_ in rows], "int[]"),
        ([sku_id for _, sku_id, *_ in rows], "smallint[]"),
        ([region_id for *_, region_id, _ in rows], "smallint[]"),
        ([price.amount for *_, price in rows], "numeric[]"),
        ([price.per for *_, price in rows], "bigint[]"),
    )
    values = ", ".join(binds.add(list(column), kind) for column, kind in columns)
    return (
        "coalesce(agreed.amount, price.amount)",
        "coalesce(agreed.per_quantity, price.per_quantity)",
        f"LEFT JOIN unnest({values}) AS agreed (epoch, sku_id, region_id, amount, per_quantity) USING (sku_id, region_id, epoch)",
    )


def _added(costs: list[tuple[Decimal, int]]) -> Fraction:
    """The costs over what each is for, over one denominator: a Fraction a row would be reduced a row."""
    ratios = [(*cost.as_integer_ratio(), per) for cost, per in costs]
    common = lcm(*(below * per for _, below, per in ratios))
    return Fraction(sum(above * (common // (below * per)) for above, below, per in ratios), common)


def pairs_used(session: Session, question: Question) -> list[tuple[int, int]]:
    """(sku id, region id) of everything the question's period used."""
    binds = Binds()
    cells = quantities(question, binds)
    if not cells:
        return []
    union = " UNION ALL ".join(cells)
    return fetch(session, f"SELECT sku_id, region_id FROM ({union}) AS cell GROUP BY 1, 2 HAVING sum(q) <> 0 ORDER BY 1, 2", binds)
