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
    """Every value of the grouping, each column adding up to its total as in the CSV; `total` None: it has no price."""
    series = answer.series
    totals = adding_up([one.total for one in series], answer.total)
    previous = adding_up([one.previous_total or Fraction(0) for one in series], answer.previous_total or Fraction(0))
    list_costs = adding_up([one.list_cost for one in series], answer.totals.list_cost)
    machine_hours = adding_up([one.machine_hours for one in series], answer.totals.machine_hours)
    return [
        {
            "key": one.key,
            "label": one.label,
            "total": None if is_without_price(answer, one) else totals[place],
            "previous_total": None if one.previous_total is None else previous[place],
            "list_cost": list_costs[place],
            "machine_hours": machine_hours[place],
            "is_unpriced": one.is_unpriced,
            "is_other": one.is_other,
        }
        for place, one in enumerate(series)
    ]


def is_without_price(answer: Answer, one: Series) -> bool:
    """Whether a series' amount is none at all, rather than zero."""
    return answer.view.measure.is_money and one.is_unpriced and not one.total


def exact(value: Fraction) -> str:
    """12 places, as everywhere."""
    return f"{round_half_away(value, PLACES):f}"
