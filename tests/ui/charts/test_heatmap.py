import pytest
from ui.charts.drawing import accepted, by_uid, wire_bytes, words

from flyusage.ui.charts.heatmap import heatmap, hour_name
from flyusage.ui.charts.rows import Canvas
from flyusage.ui.charts.theme import LIGHT
from flyusage.ui.charts.units import DOLLARS, MACHINES

WEEK = [[float(day * 24 + hour) for hour in range(24)] for day in range(7)]


def test_a_cell_per_hour_and_weekday():
    figure = accepted(heatmap(WEEK, Canvas(LIGHT), DOLLARS))
    cells = by_uid(figure)["Øcells"]
    assert len(cells["x"]) == 168
    assert cells["customdata"][25] == [1, 1]
    assert cells["text"][25] == "<b>$25.00</b>  Tue 01:00"
    assert figure["layout"]["yaxis"]["ticktext"][0] == "Mon"


def test_the_colour_runs_from_the_lowest_to_the_highest():
    colours = by_uid(heatmap(WEEK, Canvas(), MACHINES))["Øcells"]["marker"]["color"]
    assert colours[0] == "mix(var(--accent),var(--surface),0.08)"
    assert colours[-1] == "mix(var(--accent),var(--surface),1)"
    assert words(heatmap(WEEK, Canvas(), MACHINES)) == ["0", "167"]


def test_what_is_unknown_is_left_blank():
    week = [list(row) for row in WEEK]
    week[0][0] = None
    assert len(by_uid(heatmap(week, Canvas(), DOLLARS))["Øcells"]["x"]) == 167


def test_an_empty_week_has_no_key():
    figure = accepted(heatmap([[None] * 24] * 7, Canvas(LIGHT), DOLLARS))
    assert figure["layout"]["annotations"] == []


def test_half_hour_zones_say_so():
    assert hour_name(9, Canvas(utc_offset_minutes=330)) == "09:30"
    assert hour_name(9, Canvas(utc_offset_minutes=-570)) == "09:30"


def test_a_week_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="7 rows of 24"):
        heatmap([[1.0] * 23] * 7, Canvas(), DOLLARS)


def test_it_fits_the_wire():
    assert wire_bytes(heatmap(WEEK, Canvas(), DOLLARS)) < 25_000
