"""An answer as plain values for JSON: exact decimals, 12 places, that add up as its CSV does. Pure."""

from fractions import Fraction
from typing import Any

from flyusage.money import round_half_away
from flyusage.pricing.export import PLACES, UNITS, adding_up
from flyusage.pricing.urls import view_to_query
from flyusage.pricing.view import Answer, Series


def answer_plain(answer: Answer) -> dict[str, Any]:
    """The whole answer: its series with totals, and the points of those that are drawn."""
    return {
        "view": view_to_query(answer.view),
        "measure": answer.view.measure,
        "unit": answer.currency if answer.view.measure.is_money else UNITS[answer.view.measure],
        "currency": answer.currency,
        "granularity": answer.granularity,
        "as_of": answer.as_of,
        "rolled_through": answer.rolled_through,
        "total": exact(answer.total),
        "previous_total": None if answer.previous_total is None else exact(answer.previous_total),
        "series": series_plain(answer),
        "buckets": answer.buckets,
        "drawn": [{"key": one.key, "label": one.label, "points": one.points} for one in answer.drawn],
        "notices": answer.notices,
    }


def series_plain(answer: Answer) -> list[dict[str, Any]]:
    """Every value of the grouping; `total` None: it has no price."""
    totals = adding_up([one.total for one in answer.series], answer.total)
    return [
        {
            "key": one.key,
            "label": one.label,
            "total": None if is_without_price(answer, one) else total,
            "previous_total": None if one.previous_total is None else exact(one.previous_total),
            "list_cost": exact(one.list_cost),
            "machine_hours": exact(one.machine_hours),
            "is_unpriced": one.is_unpriced,
            "is_other": one.is_other,
        }
        for one, total in zip(answer.series, totals, strict=True)
    ]


def is_without_price(answer: Answer, one: Series) -> bool:
    """Whether a series' amount is none at all, rather than zero."""
    return answer.view.measure.is_money and one.is_unpriced and not one.total


def exact(value: Fraction) -> str:
    """12 places, as everywhere."""
    return f"{round_half_away(value, PLACES):f}"
