"""What a base quantity is worth in the question's measure, as arrays that SQL looks up by sku and region. For drawing and ranking."""

from flyusage.pricing.question import Binds, Question
from flyusage.pricing.view import Measure


def weight(question: Question, epoch: int, binds: Binds, sign: int = 1) -> str:
    """SQL for what a base quantity of a row is worth in one epoch: its price, or the measure's units."""
    found = [sign * one for one in _weights(question, epoch)]
    return f"({binds.add(found, 'float8[]')})[{_place(question)}]"


def weight_by_epoch(question: Question, binds: Binds) -> str:
    """The same for rows that have a column `epoch`."""
    tables = [_weights(question, epoch.number) for epoch in question.epochs]
    found = [one for table in tables for one in table]
    return f"({binds.add(found, 'float8[]')})[epoch * {len(tables[0])} + {_place(question)}]"


def _weights(question: Question, epoch: int) -> list[float]:
    if question.measure is Measure.LIST_COST:
        skus = max(question.reference.skus) + 1
        return question.prices.weights(question.epochs[epoch].starts_on, skus, _width(question))
    return [float(amount) for amount in question.units.array()]


def _place(question: Question) -> str:
    """Postgres counts array places from 1."""
    return f"sku_id * {_width(question)} + region_id + 1" if question.measure is Measure.LIST_COST else "sku_id + 1"


def _width(question: Question) -> int:
    return max(question.reference.regions) + 1
