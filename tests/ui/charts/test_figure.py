import math

from ui.charts.drawing import decoded

from flyusage.ui.charts.figure import base_layout, floats
from flyusage.ui.charts.rows import Canvas


def test_points_travel_as_floats_and_none_as_a_gap():
    values = decoded(floats([1.5, None, -2.25]))
    assert values[0] == 1.5
    assert math.isnan(values[1])
    assert values[2] == -2.25


def test_doubles_keep_every_digit():
    assert decoded(floats([0.1, 2_547_699.98], is_double=True)) == [0.1, 2_547_699.98]


def test_a_revision_keeps_the_readers_zoom():
    assert base_layout(Canvas(revision="view-1"), (0, 0, 0, 0))["uirevision"] == "view-1"
    assert "uirevision" not in base_layout(Canvas(), (0, 0, 0, 0))
