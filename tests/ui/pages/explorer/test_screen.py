"""The explorer's answer, printed: the cost that a view names stands where cost stands, list cost beside it."""

from dataclasses import replace
from fractions import Fraction

import page_samples as samples
import pytest

from flyusage.orgs.permissions import Permission
from flyusage.pricing.view import Answer, Dimension, Granularity, Measure
from flyusage.ui.pages.explorer.paths import Place
from flyusage.ui.pages.explorer.screen import Sorting, page_of, table, tiles, words
from flyusage.ui.session import READING

VALUE = Sorting("value", is_ascending=False, find="", page=1, page_length=25)


def shown(measure: Measure, total: str) -> Answer:
    """gru at $100.00 list cost, 200 h, and `total` of the measure."""
    series = samples.series("gru", "100")
    answer = samples.answer(Dimension.REGION, (series,))
    told = replace(series, total=Fraction(total), previous_total=None)
    view = replace(answer.view, measure=measure)
    return replace(answer, view=view, series=(told,), drawn=(told,), total=Fraction(total), previous_total=None, previous_period=None)


@pytest.mark.parametrize(
    ("measure", "total", "label", "value", "note"),
    [
        (Measure.LIST_COST, "100", "List cost so far", "$100.00", "list price × quantity, US dollars"),
        (Measure.CONTRACTED_COST, "80", "Contracted cost so far", "$80.00", "list cost $100.00, −20.0 %"),
        (Measure.EFFECTIVE_COST, "100", "Effective cost so far", "$100.00", "list cost $100.00"),
        (Measure.BILLED_COST, "125.5", "Billed cost so far", "$125.50", "list cost $100.00, +25.5 %"),
        (Measure.MACHINE_HOURS, "200", "List cost so far", "$100.00", "list price × quantity, US dollars"),
    ],
)
def test_the_first_tile_is_the_cost_that_the_view_names(measure: Measure, total: str, label: str, value: str, note: str) -> None:
    answer = shown(measure, total)
    first, _, _, per_hour, _ = tiles(answer.totals, answer)
    assert (first.label, first.value, first.note) == (label, value, note)
    cost = Fraction(total) if measure.is_money else Fraction(100)
    assert per_hour.value == f"${float(cost / 200):.4f}"
    printed = table(Place("prism", answer.view), answer, {}, page_of(answer, VALUE), {})
    (row,) = printed["rows"]
    assert row.per_hour == printed["total_row"].per_hour == per_hour.value


def test_hours_are_not_offered_of_what_invoices_tell() -> None:
    for measure in Measure:
        answer = shown(measure, "1")
        offered = {choice.label for choice in words(Place("prism", answer.view), answer, READING)["per"].choices}
        assert ("hour" in offered) is not measure.is_invoiced
        assert replace(answer.view, granularity=Granularity.HOUR).has_hours is not measure.is_invoiced


def test_what_belongs_to_no_region_is_named_and_leads_nowhere() -> None:
    answer = shown(Measure.BILLED_COST, "10")
    nowhere = replace(answer.series[0], key="", label="No region")
    answer = replace(answer, series=(nowhere,), drawn=(nowhere,))
    (row,) = table(Place("prism", answer.view), answer, {}, page_of(answer, VALUE), {})["rows"]
    assert (row.label, row.detail, row.href) == ("No region", "", "")


def test_the_sentence_offers_what_the_reader_may_ask() -> None:
    answer = shown(Measure.LIST_COST, "1")
    menus = words(Place("prism", answer.view), answer, READING - {Permission.MACHINES_READ, Permission.INVOICES_READ})
    assert "machine" not in {choice.label for choice in menus["by"].choices}
    assert {"billed cost", "effective cost"}.isdisjoint(choice.label for choice in menus["show"].choices)
    everything = words(Place("prism", answer.view), answer, READING)
    assert "machine" in {choice.label for choice in everything["by"].choices}
    assert "billed cost" in {choice.label for choice in everything["show"].choices}
