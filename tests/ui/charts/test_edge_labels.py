from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyusage.ui.charts.edge_labels import LINE_PX, EdgeName, edge_annotations, right_margin, spread


def test_labels_with_room_stay_where_they_belong():
    assert spread([10, 50, 90], 13, 0, 100) == [10, 50, 90]


def test_neighbours_too_close_are_centred_on_what_they_wanted():
    assert spread([50, 50], 10, 0, 100) == [45, 55]


def test_a_pool_that_grows_into_a_neighbour_takes_it_along():
    assert spread([50, 50, 56], 10, 0, 100) == pytest.approx([42, 52, 62])  # bases 50, 40, 36: mean 42


@given(st.lists(st.floats(0, 200), max_size=15).map(sorted))
def test_no_two_labels_touch_and_none_leaves_the_plot(wanted: list[float]):
    placed = spread(wanted, LINE_PX, 0, 200)
    assert len(placed) == len(wanted)
    assert all(after - before >= LINE_PX - 1e-6 for before, after in pairwise(placed))
    assert all(-1e-6 <= place <= 200 + 1e-6 for place in placed)


def test_the_smallest_go_unnamed_when_not_all_fit():
    names = [EdgeName(f"s{rank}", f"s{rank}", at=rank, weight=100 - rank, colour="#000000") for rank in range(30)]
    drawn = edge_annotations(names, span=30, plot_px=10 * LINE_PX)
    assert [annotation["text"] for annotation in drawn] == [f"s{rank}" for rank in range(10)]


def test_a_long_hostile_name_is_cut_and_kept_whole_for_its_hover():
    drawn = edge_annotations([EdgeName("k", "<b>" + "x" * 500, at=1, weight=1, colour="#000000")], 10, 300)[0]
    assert drawn["text"].startswith("&lt;b&gt;xx")
    assert drawn["hovertext"].replace("<br>", "").count("x") == 500
    assert drawn["name"] == "k"


def test_the_margin_fits_the_widest_name_but_no_more_than_its_columns():
    assert right_margin(["x" * 500]) == right_margin(["x" * 18]) < 170
    assert right_margin([]) == 12
