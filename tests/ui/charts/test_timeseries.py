import json
import math
import zlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from ui.charts.drawing import (
    OCTOBER,
    OCTOBER_DAYS,
    OCTOBER_HOURS,
    accepted,
    by_uid,
    decoded,
    regions,
    wire_bytes,
    words,
)

from flyusage.ui.charts.palette import assign_slots
from flyusage.ui.charts.rows import Canvas, Mark, SeriesPoints, TimeChart, TimeGrid
from flyusage.ui.charts.text import is_own_uid
from flyusage.ui.charts.theme import DARK, LIGHT
from flyusage.ui.charts.timeseries import GHOST_UID, KINDS, TOTAL_UID, lines, share, stacked_area, stacked_bars
from flyusage.ui.charts.units import MACHINES

TWO_DAYS = TimeGrid(OCTOBER, "day", 2)
SLOTS = {"gru": 0, "sin": 1}
GRU = SeriesPoints("gru", "gru", [3.0, 5.0])
SIN = SeriesPoints("sin", "sin", [1.0, 3.0])
OTHER = SeriesPoints("rest", "7 others", [4.0, 4.0], is_other=True)
BOTH = TimeChart(TWO_DAYS, [GRU, SIN])
ON_PAPER = Canvas(LIGHT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("grid", [TWO_DAYS, TimeGrid(OCTOBER, "month", 2), TimeGrid(OCTOBER, "hour", 2)])
@pytest.mark.parametrize("canvas", [ON_PAPER, Canvas(DARK, width_px=358, height_px=220, utc_offset_minutes=-570)])
def test_every_kind_is_a_valid_figure(kind: str, grid: TimeGrid, canvas: Canvas):
    chart = TimeChart(
        grid, [GRU, SIN, OTHER],
        ghost=SeriesPoints("before", "September", [6.0, None]),
        marks=[Mark(OCTOBER, "deploy")], open_from=grid.moment(1), now=grid.moment(1),
    )  # fmt: skip
    figure = accepted(KINDS[kind](chart, canvas, SLOTS))
    assert {"gru", "sin", "rest", TOTAL_UID} <= set(by_uid(figure))


def test_a_total_from_before_does_not_press_single_lines_to_the_ground():
    ghost = SeriesPoints("b", "September", [900.0, 900.0])
    assert GHOST_UID not in by_uid(lines(replace(BOTH, ghost=ghost), Canvas(), SLOTS))
    assert GHOST_UID in by_uid(lines(replace(BOTH, series=[GRU], ghost=ghost), Canvas(), SLOTS))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_to_draw_is_still_a_figure(kind: str):
    assert accepted(KINDS[kind](TimeChart(TWO_DAYS, []), ON_PAPER, {}))["data"] == []


def test_the_hover_begins_with_the_total():
    figure = stacked_area(replace(BOTH, series=[GRU, SIN, OTHER]), Canvas(), SLOTS)
    assert [trace["uid"] for trace in figure["data"]] == ["gru", "sin", "rest", TOTAL_UID]  # areas: listed from the last
    assert decoded(by_uid(figure)[TOTAL_UID]["y"]) == [8.0, 12.0]  # 3 + 1 + 4, 5 + 3 + 4
    bars = stacked_bars(BOTH, Canvas(), SLOTS)
    assert bars["data"][0]["uid"] == TOTAL_UID  # bars and lines: listed from the first


def test_what_is_no_series_says_so():
    figure = stacked_area(replace(BOTH, ghost=SeriesPoints("b", "September", [1.0, 1.0])), Canvas(), SLOTS)
    assert [uid for uid in by_uid(figure) if is_own_uid(uid)] == [GHOST_UID, TOTAL_UID]


def test_one_series_is_its_own_total():
    figure = stacked_area(replace(BOTH, series=[GRU]), Canvas(), SLOTS)
    assert list(by_uid(figure)) == ["gru"]
    assert words(figure) == []


def test_a_given_total_is_drawn_instead_of_the_sum():
    figure = lines(replace(BOTH, total=[3.5, 6.5], unit=MACHINES), Canvas(), SLOTS)
    assert decoded(by_uid(figure)[TOTAL_UID]["y"]) == [3.5, 6.5]


def test_other_is_grey_on_top_wherever_it_was_ranked():
    figure = stacked_area(replace(BOTH, series=[OTHER, GRU, SIN]), Canvas(), SLOTS)
    assert [trace["uid"] for trace in figure["data"]] == ["gru", "sin", "rest", TOTAL_UID]
    assert by_uid(figure)["rest"]["fillcolor"] == "var(--other)"
    assert by_uid(figure)["gru"]["fillcolor"] == "var(--s1)"


def test_names_stand_at_the_middle_of_their_bands():
    figure = stacked_area(BOTH, Canvas(), SLOTS)
    assert {word["text"]: word["y"] for word in figure["layout"]["annotations"]} == {"gru": 2.5, "sin": 6.5}


def test_a_band_that_ended_has_no_name_at_the_edge():
    gone = SeriesPoints("sin", "sin", [1.0, 0.0])
    assert words(stacked_area(replace(BOTH, series=[GRU, gone]), Canvas(), SLOTS)) == ["gru"]


def test_a_phone_has_no_names_at_the_edge_and_lets_the_page_scroll():
    layout = stacked_area(BOTH, Canvas(width_px=358), SLOTS)["layout"]
    assert layout["annotations"] == []
    assert layout["dragmode"] is False
    assert layout["xaxis"]["fixedrange"]


def test_brushing_selects_time_only():
    layout = stacked_area(BOTH, Canvas(), SLOTS)["layout"]
    assert layout["dragmode"] == "zoom"
    assert layout["yaxis"]["fixedrange"]
    assert not layout["xaxis"]["fixedrange"]


def test_an_unknown_value_is_a_gap_and_leaves_the_total_to_the_rest():
    figure = stacked_area(replace(BOTH, series=[GRU, SeriesPoints("sin", "sin", [None, 3.0])]), Canvas(), SLOTS)
    assert math.isnan(decoded(by_uid(figure)["sin"]["y"])[0])
    assert decoded(by_uid(figure)[TOTAL_UID]["y"]) == [3.0, 8.0]


def test_where_nothing_is_known_there_is_no_total():
    unknown = [SeriesPoints("gru", "gru", [None, 1.0]), SeriesPoints("sin", "sin", [None, 1.0])]
    total = decoded(by_uid(stacked_area(replace(BOTH, series=unknown), Canvas(), SLOTS))[TOTAL_UID]["y"])
    assert math.isnan(total[0])
    assert total[1] == 2.0


def test_what_has_not_happened_is_not_drawn_as_nothing():
    three = TimeGrid(OCTOBER, "day", 3)
    chart = TimeChart(three, [replace(GRU, points=[3.0, 5.0, None]), replace(SIN, points=[1.0, 3.0, None])])
    figure = stacked_area(chart, Canvas(), SLOTS)
    assert decoded(by_uid(figure)["gru"]["y"]) == [3.0, 5.0]
    assert figure["layout"]["xaxis"]["range"] == ["2026-10-01 00:00", "2026-10-04 00:00"]
    assert words(figure) == ["gru", "sin"]
    anchored = figure["layout"]["template"]["layout"]["annotationdefaults"]
    assert (anchored["x"], anchored["xref"]) == ("2026-10-02 00:00", "x")  # names stand where the areas end


def test_names_stand_to_the_right_of_the_present():
    three = TimeGrid(OCTOBER, "day", 3)
    series = [replace(GRU, points=[3.0, 5.0, None]), replace(SIN, points=[1.0, 3.0, None])]
    now = datetime(2026, 10, 2, 12, tzinfo=UTC)
    leader, later = (
        stacked_area(TimeChart(three, series, now=now_at), Canvas(), SLOTS)["layout"]["template"]["layout"]["annotationdefaults"]["ax"]
        for now_at in (None, now)
    )
    assert later > leader + 100  # half a day of three on about a thousand pixels


def test_the_open_bucket_is_shaded_where_it_is_drawn():
    chart = replace(BOTH, open_from=TWO_DAYS.moment(1))
    line, bar = stacked_area(chart, Canvas(), SLOTS), stacked_bars(chart, Canvas(), SLOTS)
    assert [(shape["x0"], shape["x1"]) for shape in line["layout"]["shapes"]] == [("2026-10-01 00:00", "2026-10-02 00:00")]
    assert [(shape["x0"], shape["x1"]) for shape in bar["layout"]["shapes"]] == [("2026-10-02 00:00", "2026-10-03 00:00")]


def test_shares_are_percent_of_each_bucket_and_the_total_stays_money():
    figure = share(BOTH, Canvas(), SLOTS)
    assert decoded(by_uid(figure)["gru"]["y"]) == [75.0, 62.5]  # 3 of 4, 5 of 8
    assert decoded(by_uid(figure)["sin"]["y"]) == [25.0, 37.5]
    assert decoded(by_uid(figure)[TOTAL_UID]["y"]) == [4.0, 8.0]
    assert by_uid(figure)[TOTAL_UID]["hovertemplate"] == "<b>$%{y:,.2f}  Total</b><extra></extra>"
    assert figure["layout"]["yaxis"]["ticktext"][-1] == "100 %"


def test_the_share_of_nothing_is_a_gap():
    figure = share(replace(BOTH, series=[SeriesPoints("gru", "gru", [0.0, 1.0]), SIN_ZERO]), Canvas(), SLOTS)
    assert math.isnan(decoded(by_uid(figure)["gru"]["y"])[0])


SIN_ZERO = SeriesPoints("sin", "sin", [0.0, 1.0])


def test_the_comparison_is_a_dotted_ghost_with_its_name():
    ghost = by_uid(stacked_area(replace(BOTH, ghost=SeriesPoints("b", "September", [9.0, 1.0])), Canvas(), SLOTS))[GHOST_UID]
    assert ghost["line"]["dash"] == "1px,3px"
    assert ghost["stackgroup"] == ""
    assert decoded(ghost["y"]) == [9.0, 1.0]


def test_the_axis_holds_the_ghost_too():
    layout = stacked_area(replace(BOTH, ghost=SeriesPoints("b", "September", [90.0, 1.0])), Canvas(), SLOTS)["layout"]
    assert layout["yaxis"]["range"][1] >= 90


def test_points_stand_on_a_start_and_a_step():
    shared = stacked_area(BOTH, Canvas(), SLOTS)["layout"]["template"]["data"]["scatter"][0]
    assert (shared["x0"], shared["dx"]) == ("2026-10-01 00:00", 86_400_000)


def test_months_stand_on_their_own_starts():
    figure = stacked_area(TimeChart(TimeGrid(OCTOBER, "month", 2), [GRU, SIN]), Canvas(), SLOTS)
    assert all(trace["x"] == ["2026-10-01 00:00", "2026-11-01 00:00"] for trace in figure["data"])


def test_very_many_bars_become_steps_that_close_the_last_bucket():
    chart = TimeChart(OCTOBER_HOURS, regions(8, OCTOBER_HOURS))
    figure = stacked_bars(chart, Canvas(), {})
    assert figure["layout"]["template"]["data"]["scatter"][0]["line"]["shape"] == "hv"
    steps = decoded(by_uid(figure)["region_0"]["y"])
    assert len(steps) == 745
    assert steps[-1] == steps[-2]
    assert figure["layout"]["xaxis"]["range"][1] == "2026-11-01 00:00"


def test_few_bars_are_bars():
    figure = stacked_bars(TimeChart(OCTOBER_DAYS, regions(8, OCTOBER_DAYS)), Canvas(), {})
    assert by_uid(figure)["region_0"]["type"] == "bar"


def test_a_hover_lists_no_more_rows_than_the_chart_is_high():
    chart = TimeChart(OCTOBER_DAYS, regions(20, OCTOBER_DAYS))
    figure = stacked_area(chart, Canvas(height_px=300), {})
    skipped = [uid for uid, trace in by_uid(figure).items() if trace.get("hoverinfo") == "skip"]
    assert skipped == [f"region_{rank}" for rank in range(12, 20)]  # 300 / 19 = 15 rows: a title, the total, 12 and air
    assert by_uid(figure)[TOTAL_UID]["name"] == "Total of all 20"


def test_hostile_names_reach_plotly_as_plain_text():
    evil = SeriesPoints("<i>\x00", "<b>%{y}</b>\u202e" + "x" * 500, [1.0, 1.0])
    figure = accepted(stacked_area(TimeChart(TWO_DAYS, [GRU, evil]), ON_PAPER, SLOTS))
    trace = figure["data"][1]
    assert trace["name"].startswith("&lt;b&gt;&#37;&#123;y&#125;&lt;/b&gt;‹RLO›xx")
    assert trace["uid"] == "·3Ci·3E·00"
    assert wire_bytes(figure) < 6000


def test_a_month_of_hours_for_twenty_series_fits_the_wire():
    chart = TimeChart(
        OCTOBER_HOURS,
        regions(20, OCTOBER_HOURS),
        marks=[Mark(datetime(2026, 10, 17, 14, tzinfo=UTC), "deploy app_22")],
    )
    slots = assign_slots([series.key for series in chart.series])
    for kind in KINDS.values():
        assert wire_bytes(kind(chart, Canvas(), slots)) <= 90_000


def test_with_other_and_a_ghost_it_fits_the_compressed_wire():
    *named, last = regions(21, OCTOBER_HOURS)
    chart = TimeChart(
        OCTOBER_HOURS,
        [*named, replace(last, is_other=True)],
        ghost=replace(named[0], label="September"),
    )
    figure = json.dumps(stacked_area(chart, Canvas(), {}), separators=(",", ":")).encode()
    assert len(zlib.compress(figure, 1)) <= 90_000  # the websocket compresses; raw it is 98 kB


def test_a_month_of_days_is_small():
    assert wire_bytes(stacked_bars(TimeChart(OCTOBER_DAYS, regions(8, OCTOBER_DAYS)), Canvas(), {})) <= 9_000
