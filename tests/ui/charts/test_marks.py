from datetime import UTC, datetime, timedelta

from ui.charts.drawing import OCTOBER, OCTOBER_HOURS

from flyusage.ui.charts.marks import MOST_LINES, Plot, mark_layers
from flyusage.ui.charts.rows import Canvas, Mark, TimeChart

WIDE = Plot(900, OCTOBER_HOURS.end)


def october(*marks: Mark, **options) -> TimeChart:
    return TimeChart(OCTOBER_HOURS, (), marks=marks, **options)


def on(day: int, label: str = "deploy app_22", **options) -> Mark:
    return Mark(datetime(2026, 10, day, 14, tzinfo=UTC), label, **options)


def texts(layers: dict) -> list[str]:
    return [word["text"] for word in layers["annotations"]]


def test_a_mark_is_a_line_with_a_word():
    layers = mark_layers(october(on(17)), Canvas(), WIDE)
    assert layers["shapes"] == [{"x0": "2026-10-17 14:00", "x1": "2026-10-17 14:00"}]
    assert texts(layers) == ["deploy app_22"]
    assert layers["annotations"][0]["hovertext"] == "Oct 17, 14:00 UTC  deploy app_22"


def test_words_that_would_collide_share_one():
    layers = mark_layers(october(on(17), on(18), on(28, "price step", kind="price")), Canvas(), WIDE)
    assert texts(layers) == ["2 deploys", "price step"]
    assert len(layers["shapes"]) == 3


def test_different_kinds_together_are_changes():
    assert texts(mark_layers(october(on(17), on(17, "price step", kind="price")), Canvas(), WIDE)) == ["2 changes"]


def test_a_crowd_keeps_one_line_per_word_and_names_the_first_eight():
    marks = [Mark(OCTOBER + timedelta(hours=hour), f"deploy v{hour}") for hour in range(MOST_LINES + 20)]
    layers = mark_layers(october(*marks), Canvas(), Plot(300, OCTOBER_HOURS.end))
    assert len(layers["shapes"]) == len(layers["annotations"]) < MOST_LINES
    assert layers["annotations"][0]["hovertext"].count("<br>") == 8
    assert layers["annotations"][0]["hovertext"].endswith("more")


def test_marks_outside_are_not_drawn():
    outside = Mark(datetime(2026, 9, 30, tzinfo=UTC), "deploy")
    assert mark_layers(october(outside), Canvas(), WIDE) == {"shapes": [], "annotations": []}


def test_hostile_words_are_shown_literally():
    layers = mark_layers(october(on(9, "<b>x</b> %{y}")), Canvas(), WIDE)
    assert texts(layers) == ["&lt;b&gt;x&lt;/b&gt; &#37;&#123;y&#125;"]


def test_words_at_the_edges_stay_inside():
    layers = mark_layers(october(on(1), on(31)), Canvas(), WIDE)
    assert [word["xanchor"] for word in layers["annotations"]] == ["left", "right"]


def test_the_open_end_is_shaded_and_said():
    plot = Plot(900, OCTOBER_HOURS.end, (on(29).at, on(31).at))
    layers = mark_layers(october(), Canvas(), plot)
    assert (layers["shapes"][0]["x0"], layers["shapes"][0]["x1"]) == ("2026-10-29 14:00", "2026-10-31 14:00")
    assert texts(layers) == ["so far"]


def test_an_open_end_too_small_for_its_word_is_only_shaded():
    plot = Plot(900, OCTOBER_HOURS.end, (on(31).at, on(31).at + timedelta(hours=1)))
    layers = mark_layers(october(), Canvas(), plot)
    assert len(layers["shapes"]) == 1
    assert texts(layers) == []


def test_the_present_is_a_line_and_takes_the_word():
    layers = mark_layers(october(now=on(30).at), Canvas(), Plot(900, OCTOBER_HOURS.end, (on(29).at, on(31).at)))
    assert texts(layers) == ["now"]
    assert layers["shapes"][-1]["x0"] == "2026-10-30 14:00"


def test_a_finished_period_has_neither():
    assert mark_layers(october(now=OCTOBER_HOURS.end), Canvas(), WIDE) == {"shapes": [], "annotations": []}


def test_a_word_makes_room_for_the_present():
    def placed(mark: Mark, now: datetime, width_px: int = 900) -> tuple[str, int]:
        layers = mark_layers(october(mark, now=now), Canvas(), Plot(width_px, OCTOBER_HOURS.end))
        assert texts(layers)[-1] == "now"
        return layers["annotations"][0]["xanchor"], layers["annotations"][0].get("xshift", 0)

    assert placed(on(10), on(20).at) == ("center", 0)  # far apart
    assert placed(on(19), on(20).at) == ("right", -2)  # 29 pixels before it, 16 of which the present's word takes
    assert placed(on(21), on(20).at) == ("left", 2)
    # At the plot's end the present's word stands before its line, 32 pixels wide, where this line is: the word ends where that begins
    assert placed(on(30), on(31).at, 300) == ("right", -22)
