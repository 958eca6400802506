from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyusage.ui.charts.axes import (
    bottom_margin,
    bucket_ticks,
    left_margin,
    local_text,
    moment_text,
    on_grid,
    time_axis,
    zone_name,
)
from flyusage.ui.charts.rows import Canvas, Step, TimeGrid
from flyusage.ui.charts.units import DOLLARS, value_ticks

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)  # a Thursday
INDIA = Canvas(utc_offset_minutes=330)


@pytest.mark.parametrize(("minutes", "name"), [(0, "UTC"), (330, "UTC+5:30"), (-180, "UTC−3"), (-570, "UTC−9:30"), (60, "UTC+1")])
def test_the_zone_is_always_said(minutes: int, name: str):
    assert zone_name(minutes) == name


def test_hours_are_relabelled_in_the_readers_zone():
    axis = time_axis(TimeGrid(OCTOBER, "hour", 24), INDIA, 900)
    assert axis["range"] == ["2026-10-01 05:30", "2026-10-02 05:30"]
    assert axis["hoverformat"].endswith("UTC+5:30")
    assert axis["tick0"] == "2026-10-01 00:00"  # ticks at the reader's full hours


def test_days_stay_utc():
    grid = TimeGrid(OCTOBER, "day", 31)
    assert on_grid(INDIA, grid).utc_offset_minutes == 0
    assert on_grid(INDIA, TimeGrid(OCTOBER, "hour", 31)).utc_offset_minutes == 330


@pytest.mark.parametrize(
    ("step", "count", "plot_px", "dtick"),
    [
        ("hour", 24, 900, 3 * 3_600_000),
        ("hour", 744, 900, 7 * 86_400_000),
        ("hour", 744, 2700, 86_400_000),
        ("day", 31, 900, 7 * 86_400_000),
        ("day", 3, 900, 86_400_000),
        ("day", 396, 900, "M2"),
        ("week", 8, 900, 7 * 86_400_000),
        ("month", 13, 1200, "M1"),
        ("month", 13, 450, "M3"),
        ("month", 120, 1000, "M12"),
    ],
)
def test_time_is_ruled_calmly(step: Step, count: int, plot_px: int, dtick: int | str):
    assert time_axis(TimeGrid(OCTOBER, step, count), Canvas(), plot_px)["dtick"] == dtick


def test_weeks_are_ruled_on_mondays_and_months_from_january():
    assert time_axis(TimeGrid(OCTOBER, "day", 31), Canvas(), 900)["tick0"] == "2026-09-28 00:00"
    assert time_axis(TimeGrid(OCTOBER, "month", 13), Canvas(), 300)["tick0"] == "2026-01-01 00:00"


def test_bars_are_named_under_their_middle():
    ticks = bucket_ticks(TimeGrid(OCTOBER, "day", 31), Canvas(), 900)
    assert ticks["ticktext"] == ["Oct 5", "Oct 12", "Oct 19", "Oct 26"]
    assert ticks["tickvals"][0] == "2026-10-05 12:00"


def test_month_bars_say_the_year_where_it_changes():
    ticks = bucket_ticks(TimeGrid(OCTOBER, "month", 5), Canvas(), 900)
    assert ticks["ticktext"] == ["Oct<br>2026", "Nov", "Dec", "Jan<br>2027", "Feb"]
    assert ticks["tickvals"][1] == "2026-11-16 00:00"  # the middle of November


def test_hour_bars_say_the_readers_day_where_it_changes():
    ticks = bucket_ticks(TimeGrid(OCTOBER, "hour", 24), INDIA, 450)
    assert ticks["ticktext"] == ["06:30<br>Oct 1", "12:30", "18:30", "00:30<br>Oct 2"]  # 05:30 to 05:30 in India
    assert ticks["tickvals"][-1] == "2026-10-02 01:00"  # the middle of the hour from 00:30


def test_labels_get_their_margins():
    assert bottom_margin({"tickformat": "%b\n%Y"}) > bottom_margin({"tickformat": "%b %-d"})
    assert left_margin(value_ticks(0, 100_000, DOLLARS)) > left_margin(value_ticks(0, 10, DOLLARS))


def test_moments_are_written_in_the_readers_zone():
    moment = datetime(2026, 10, 17, 20, 0, 7, tzinfo=UTC)
    assert local_text(moment, INDIA) == "2026-10-18 01:30:07"
    assert moment_text(moment, INDIA) == "Oct 18, 01:30:07"
    assert moment_text(moment.replace(second=0), Canvas()) == "Oct 17, 20:00"


@given(
    st.sampled_from(["hour", "day", "week", "month"]),
    st.integers(1, 2000),
    st.integers(60, 3000),
    st.integers(-12 * 60, 14 * 60),
)
def test_ticks_never_crowd(step: Step, count: int, plot_px: int, offset: int):
    canvas = Canvas(width_px=plot_px + 100, utc_offset_minutes=offset)
    grid = TimeGrid(OCTOBER, step, count if step == "hour" else min(count, 400))
    ticks = bucket_ticks(grid, canvas, plot_px)
    assert len(ticks["tickvals"]) == len(ticks["ticktext"])
    assert len(ticks["tickvals"]) <= max(plot_px / 50, 2) + 1 or step == "month"
