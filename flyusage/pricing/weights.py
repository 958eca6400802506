"""What a base quantity is worth in the question's measure, as arrays that SQL looks up by sku and region. For drawing and ranking."""

from flyusage.pricing.database import Binds
from flyusage.pricing.question import Question


def weight(question: Question, epoch: int, binds: Binds, sign: int = 1) -> str:
    """SQL for what a base quantity of a row is worth in one epoch: its price, or the measure's units."""
    return f"({binds.add(_weights(question, epoch, sign), 'float8[]')})[{_place(question)}]"


def weight_by_epoch(question: Question, binds: Binds) -> str:
    """The same for rows that have a column `epoch`."""
    if len(question.epochs) == 1:
        return weight(question, 0, binds)
    tables = "".join(f" WHEN {epoch.number} THEN {weight(question, epoch.number, binds)}" for epoch in question.epochs)
    return f"CASE epoch{tables} END"


def prices_of(question: Question, epoch: int, sign: int = 1) -> str:
    """What a base unit costs in one epoch, by sku and region, as a Postgres array."""
    return question.prices.weights(question.epochs[epoch].starts_on, max(question.reference.skus) + 1, _width(question), sign)


def _weights(question: Question, epoch: int, sign: int) -> str:
    if question.measure.is_money:
        return prices_of(question, epoch, sign)
    return "{" + ",".join(str(sign * amount) for amount in question.units.array()) + "}"


def _place(question: Question) -> str:
    """Postgres counts array places from 1."""
    return f"sku_id * {_width(question)} + region_id + 1" if question.measure.is_money else "sku_id + 1"


def _width(question: Question) -> int:
    return max(question.reference.regions) + 1
