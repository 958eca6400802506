from datetime import UTC, datetime

from ui.charts.drawing import OCTOBER_DAYS, accepted

from flyusage.ui.charts.rows import Canvas, Span
from flyusage.ui.charts.theme import DARK
from flyusage.ui.charts.timeline import timeline, timeline_height

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)


def on(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 10, day, hour, tzinfo=UTC)


RUN = Span("machine", on(5), on(6), "performance-8x, 16 GB", slot=0)
STOPPED = Span("root filesystem", on(6), on(7), "8 GB")
RUNNING = Span("machine", on(7), None, "performance-8x, 16 GB", slot=0, is_inferred=True, note="<b>note</b>")


def test_a_bar_per_interval_in_its_lane():
    figure = accepted(timeline([RUN, STOPPED, RUNNING], OCTOBER_DAYS, Canvas(DARK), now=NOW))
    bars = figure["data"][0]
    assert figure["layout"]["yaxis"]["ticktext"] == ["machine", "root filesystem"]
    assert bars["y"] == [0, 1, 0]
    assert bars["base"] == ["2026-10-05 00:00", "2026-10-06 00:00", "2026-10-07 00:00"]
    assert bars["x"][0] == 86_400_000
    assert bars["customdata"] == [0, 1, 2]


def test_a_running_one_reaches_the_present_and_says_so():
    figure = timeline([RUNNING], OCTOBER_DAYS, Canvas(), now=NOW)
    assert figure["data"][0]["x"] == [13.5 * 86_400_000]
    assert "still running" in figure["data"][0]["text"][0]
    assert figure["layout"]["annotations"][0]["text"] == "now"


def test_an_inferred_end_is_hatched_and_explained():
    bars = timeline([RUN, RUNNING], OCTOBER_DAYS, Canvas(), now=NOW)["data"][0]
    assert bars["marker"]["pattern"]["shape"] == ["", "/"]
    assert "its stop never came" in bars["text"][1]
    assert "&lt;b&gt;note" in bars["text"][1]


def test_only_what_touches_the_month_is_drawn_and_cut_to_it():
    long = Span("machine", datetime(2025, 1, 1, tzinfo=UTC), None, "old")
    gone = Span("machine", datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC), "gone")
    bars = timeline([long, gone], OCTOBER_DAYS, Canvas(), now=NOW)["data"][0]
    assert bars["base"] == ["2026-10-01 00:00"]
    assert "Jan 1, 00:00" in bars["text"][0]  # its hover still says when it began


def test_a_second_is_still_wide_enough_to_point_at():
    blink = Span("machine", on(5), datetime(2026, 10, 5, 0, 0, 1, tzinfo=UTC), "blink")
    assert timeline([blink], OCTOBER_DAYS, Canvas(width_px=1000), now=NOW)["data"][0]["x"][0] == 31 * 86_400_000 * 2 / 1000


def test_a_month_without_intervals_is_empty():
    assert timeline([], OCTOBER_DAYS, Canvas(), now=NOW)["data"] == []


def test_lanes_get_their_height():
    assert timeline_height([RUN, STOPPED]) > timeline_height([RUN])
