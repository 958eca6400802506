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


def totals(session: Session, question: Question) -> dict[int, Sum]:
    """Series id → what it used in the question's period, complete to as_of."""
    binds = Binds()
    cells = quantities(question, binds)
    if not cells:
        return {}
    rows = fetch(session, _priced(question, " UNION ALL ".join(cells), binds), binds)
    found: dict[int, list[tuple[object, ...]]] = {}
    for series, *sums in rows:
        found.setdefault(series, []).append(tuple(sums))
    return {series: _sum(sums) for series, sums in found.items()}


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
    """The cells summed, priced and gathered into series. What has no price is told cell by cell: DISTINCT would sort all of them."""
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
    SELECT {"coalesce(fold.s, 0)" if folding is not None else "cell.g"} AS series, {per} AS per_quantity, sum(q * {amount}) AS cost,
           sum(q) FILTER (WHERE sku_id = ANY ({binds.add(list(question.reference.machine_skus), "smallint[]")})) AS seconds,
           sum(q * ({binds.add(question.units.array(), "bigint[]")})[sku_id + 1]) AS measured,
           array_agg(sku_id) FILTER (WHERE {amount} IS NULL AND q <> 0) AS unpriced
    FROM cell LEFT JOIN price USING (sku_id, region_id, epoch) {agreed}
    {f"LEFT JOIN {fold_rows(folding, binds)} USING (g, epoch)" if folding is not None else ""}
    GROUP BY 1, 2"""


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


def _sum(rows: list[tuple[object, ...]]) -> Sum:
    """One series' rows, one per `per`, over their common denominator."""
    priced = [(cost, per) for per, cost, *_ in rows if isinstance(per, int) and isinstance(cost, Decimal)]
    common = lcm(*(per for _, per in priced))
    cost = sum((Fraction(cost) * (common // per) for cost, per in priced), Fraction(0)) / common
    return Sum(
        cost,
        sum(int(seconds or 0) for _, _, seconds, _, _ in rows),  # type: ignore[call-overload]
        sum(int(measured or 0) for _, _, _, measured, _ in rows),  # type: ignore[call-overload]
        frozenset(sku for *_, unpriced in rows for sku in unpriced or ()),  # type: ignore[attr-defined]
    )


def pairs_used(session: Session, question: Question) -> list[tuple[int, int]]:
    """(sku id, region id) of everything the question's period used."""
    binds = Binds()
    cells = quantities(question, binds)
    if not cells:
        return []
    union = " UNION ALL ".join(cells)
    return fetch(session, f"SELECT sku_id, region_id FROM ({union}) AS cell GROUP BY 1, 2 HAVING sum(q) <> 0 ORDER BY 1, 2", binds)
