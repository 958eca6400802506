import re

from hypothesis import given
from hypothesis import strategies as st
from ui.charts.drawing import wave

from flyusage.ui.charts.sparkline import HEIGHT, WIDTH, sparkline


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([-\d.e]+),([-\d.e]+)", path)]


def test_a_line_from_zero_to_its_highest():
    assert sparkline([0.0, 5.0, 10.0], width=22, height=12) == "M1,11L11,6L21,1"


def test_what_is_unknown_breaks_the_line():
    assert sparkline([1.0, 1.0, None, 1.0, 1.0], width=22, height=12).count("M") == 2


def test_a_lone_point_is_a_dot():
    assert sparkline([5.0]) == "M1,1h0"


def test_nothing_spent_lies_on_the_ground():
    assert {y for _, y in places(sparkline([0.0, 0.0, 0.0]))} == {HEIGHT - 1}


def test_nothing_known_is_an_empty_path():
    assert sparkline([]) == sparkline([None, None]) == ""


def test_a_month_of_hours_is_a_few_hundred_bytes():
    path = sparkline(wave(0, 744))
    assert len(places(path)) == 52
    assert len(path) < 500


@given(st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), max_size=800))
def test_it_stays_inside_its_box(points: list[float | None]):
    for x, y in places(sparkline(points)):
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
