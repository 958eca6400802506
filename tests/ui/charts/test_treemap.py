import pytest
from hypothesis import given
from hypothesis import strategies as st
from ui.charts.drawing import accepted, by_uid

from flyusage.ui.charts.rows import Canvas, Tile
from flyusage.ui.charts.theme import LIGHT
from flyusage.ui.charts.treemap import Box, squarify, treemap

TILES = [
    Tile("gru", "gru", 60.0, "$60.00", "60.0 %"),
    Tile("sin", "sin", 30.0, "$30.00", "30.0 %"),
    Tile("rest", "7 others", 10.0, "$10.00", "10.0 %", is_other=True),
]


def test_the_worked_example_of_the_paper():
    # Bruls et al., figure 4: 6, 6, 4, 3, 2, 2, 1 in 6 × 4 begins with two of 3 × 2 in a column 3 wide.
    boxes = squarify([6, 6, 4, 3, 2, 2, 1], Box(0, 0, 6, 4))
    assert boxes[:2] == [Box(0, 0, 3, 2), Box(0, 2, 3, 2)]
    assert boxes[2].left == 3


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=40).map(lambda values: sorted(values, reverse=True)))
def test_areas_are_in_proportion_and_fill_the_box(values: list[float]):
    boxes = squarify(values, Box(0, 0, 800, 300))
    for value, box in zip(values, boxes, strict=True):
        assert box.width * box.height == pytest.approx(800 * 300 * value / sum(values), rel=1e-6)
        assert box.left >= -1e-6
        assert box.left + box.width <= 800 * (1 + 1e-6)
        assert box.top + box.height <= 300 * (1 + 1e-6)


def test_a_tile_drills_by_its_key_and_says_its_exact_amount():
    figure = accepted(treemap(TILES, Canvas(LIGHT, width_px=800, height_px=300), {"gru": 0, "sin": 1}))
    assert list(by_uid(figure)) == ["gru", "sin", "rest", "Ønames"]
    assert by_uid(figure)["gru"]["hovertemplate"] == "$60.00  60.0 &#37;  gru<extra></extra>".replace("&#37;", "%")
    assert by_uid(figure)["Ønames"]["text"][0] == "<b>gru</b><br>$60.00<br>60.0 %"


def test_other_is_the_last_column():
    figure = treemap(TILES[::-1], Canvas(width_px=800, height_px=300), {})
    other = by_uid(figure)["rest"]
    assert other["x"] == [760.0]  # the middle of the last 10 % of 800
    assert other["width"] == [76.0]  # 80 less the gap


def test_a_tile_too_small_for_words_has_none():
    tiny = [Tile("a", "a", 1e6, "$1"), Tile("b", "b", 1.0, "$1")]
    assert by_uid(treemap(tiny, Canvas(width_px=300, height_px=200), {}))["Ønames"]["text"][1] == ""


def test_hostile_names_are_literal_and_short():
    evil = Tile("k", "<b>%{y}" + "x" * 500, 1.0, "$1.00")
    figure = accepted(treemap([evil], Canvas(LIGHT, width_px=120, height_px=100), {}))
    assert by_uid(figure)["Ønames"]["text"][0].startswith("<b>&lt;b&gt;&#37;")
    assert len(by_uid(figure)["Ønames"]["text"][0]) < 90


def test_nothing_spent_is_an_empty_map():
    assert treemap([Tile("a", "a", 0.0, "$0.00")], Canvas(), {})["data"][0]["text"] == []
