from datetime import UTC, datetime

from ui.charts.drawing import OCTOBER, accepted, decoded, words

from flyusage.ui.charts.cumulative import cumulative
from flyusage.ui.charts.rows import Canvas, MonthToDate, Projection, SeriesPoints, TimeGrid
from flyusage.ui.charts.theme import LIGHT
from flyusage.ui.charts.units import DOLLARS

FOUR_DAYS = TimeGrid(OCTOBER, "day", 4)
SPENT = SeriesPoints("october", "October so far", [10.0, 20.0, None, None])
BEFORE = SeriesPoints("september", "September", [9.0, 18.0, 27.0, 36.0])
PROJECTION = Projection([None, 20.0, 30.0, 40.0], [None, 20.0, 28.0, 36.0], [None, 20.0, 32.0, 44.0], "projected $40.00")
AS_OF = datetime(2026, 10, 2, 15, tzinfo=UTC)


def by_name(figure: dict) -> dict[str, dict]:
    return {trace["name"]: trace for trace in figure["data"] if "name" in trace}


def test_a_month_with_its_past_and_its_future():
    figure = accepted(cumulative(MonthToDate(FOUR_DAYS, SPENT, AS_OF, BEFORE, PROJECTION), Canvas(LIGHT), DOLLARS))
    assert list(by_name(figure)) == ["September", "projected", "October so far"]
    assert by_name(figure)["projected"]["line"]["dash"] == "7px,6px"
    assert words(figure) == ["projected &#36;40.00"]


def test_the_sum_starts_from_nothing_and_stands_at_each_days_end():
    spent = by_name(cumulative(MonthToDate(FOUR_DAYS, SPENT), Canvas(), DOLLARS))["October so far"]
    assert decoded(spent["y"])[:3] == [0.0, 10.0, 20.0]
    assert spent["x"][:3] == ["2026-09-30 23:59", "2026-10-01 23:59", "2026-10-02 23:59"]


def test_the_last_known_sum_stands_at_the_present():
    figure = cumulative(MonthToDate(FOUR_DAYS, SPENT, AS_OF, BEFORE, PROJECTION), Canvas(), DOLLARS)
    assert by_name(figure)["October so far"]["x"][2] == "2026-10-02 15:00"
    assert by_name(figure)["projected"]["x"][1] == "2026-10-02 15:00"
    assert by_name(figure)["September"]["x"][1] == "2026-10-02 23:59"


def test_the_axis_holds_the_band():
    figure = cumulative(MonthToDate(FOUR_DAYS, SPENT, AS_OF, BEFORE, PROJECTION), Canvas(), DOLLARS)
    assert figure["layout"]["yaxis"]["range"][1] >= 44


def test_a_month_alone_needs_neither():
    figure = accepted(cumulative(MonthToDate(FOUR_DAYS, SPENT), Canvas(LIGHT), DOLLARS))
    assert list(by_name(figure)) == ["October so far"]
    assert figure["layout"]["annotations"] == []
