"""The forecast: exact where a month is regular, quick where it changes, and honest about how far it may be off."""

import random
from itertools import pairwise
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyusage.pricing.forecast import Forecast, each_day, expected_days, forecast, share_passed

WEEKLY = [100.0, 100, 100, 100, 100, 40, 30]


def test_a_steady_use_goes_on_and_nearly_nothing_is_uncertain():
    found = forecast([70.0] * 60, 10)
    assert found is not None
    assert found.expected == pytest.approx(700)
    assert found.low == pytest.approx(700, rel=0.01)
    assert found.high == pytest.approx(700, rel=0.01)


def test_weekends_are_known_by_their_place_in_the_week():
    days = expected_days(WEEKLY * 8, 14)
    assert days is not None
    assert days == pytest.approx(WEEKLY * 2, rel=0.15)  # drawn towards the mean by one week in nine
    assert sum(days) == pytest.approx(2 * sum(WEEKLY), rel=0.03)


def test_a_launch_is_believed_within_days():
    after = forecast([100.0] * 40 + [200.0] * 6, 10)
    assert after is not None
    assert after.expected == pytest.approx(2000, rel=0.12)


def test_a_day_that_stands_out_by_itself_is_not():
    found = forecast([100.0] * 40 + [900.0] + [100.0] * 2, 10)
    assert found is not None
    assert found.expected == pytest.approx(1000, rel=0.05)


def test_days_without_data_are_left_out():
    holes: list[float | None] = [100.0] * 30 + [None] * 3 + [100.0] * 4
    found = forecast(holes, 10)
    assert found is not None
    assert found.expected == pytest.approx(1000)


def test_a_shutdown_leads_to_nothing_and_never_below():
    found = forecast([100.0] * 40 + [0.0] * 12, 5)
    assert found is not None
    assert 0 <= found.low <= found.expected < 40


def test_what_was_shut_down_is_expected_to_cost_nothing_but_no_pause_that_it_had_before():
    found = forecast([100.0] * 40 + [0.0] * 3, 5)
    assert found is not None
    assert (found.low, found.expected, found.high) == (0, 0, 0)
    resting = [100.0, 100, 100, 100, 0, 0, 0] * 6
    assert expected_days(resting, 7) == pytest.approx([100, 100, 100, 100, 0, 0, 0], abs=6)
    weekend = forecast([100.0] * 40 + [0.0] * 2, 5)
    assert weekend is not None
    assert weekend.expected > 0


def test_what_stood_still_and_costs_something_today_is_not_gone():
    days = [100.0] * 40 + [0.0] * 3
    assert forecast(days, 10) == Forecast(0.0, 0.0, 0.0)
    again = forecast(days, 10, is_used=True)
    assert again is not None
    assert 100 < again.expected < 1000


def test_what_began_yesterday_may_be_a_job_of_a_day_and_counts_as_the_days_before_say():
    # Nothing told quick and slow apart before: the mean of all ten days, 1 a day; the day before the job's week weighs a little less.
    found = forecast([0.0] * 9 + [10.0], 21)
    assert found is not None
    assert found.expected == pytest.approx(21, rel=0.05)


@pytest.mark.parametrize("since", [0, 2, 5])
def test_jobs_that_come_now_and_then_are_expected_about_as_often(since: int):
    # 300 every tenth day, 900 a month; a weekday on which nothing ever ran made it many times that.
    found = forecast([*([0.0] * 9 + [300.0]) * 6, *[0.0] * since], 30)
    assert found is not None
    assert 450 <= found.expected <= 1800


def test_what_only_wavers_is_told_by_its_weeks_and_what_moves_by_its_days():
    chance = random.Random(3)
    off_wavering, off_rate = [], []
    for _ in range(40):
        days = [100 * (1 + chance.gauss(0, 0.2)) for _ in range(80)]
        told = expected_days(days[:60], 20)
        assert told is not None
        off_wavering.append(abs(sum(told) - 2000))
        off_rate.append(abs(20 * mean(days[55:60]) - 2000))  # the run-rate on day 5
    assert mean(off_wavering) < 0.8 * mean(off_rate)
    growing = expected_days([1.02**place for place in range(60)], 20)
    assert growing is not None
    assert sum(growing) == pytest.approx(sum(1.02**place for place in range(60, 80)), rel=0.25)  # four weeks' mean alone: 0.6 of it


def test_what_passed_of_today_is_not_counted():
    found = forecast([100.0] * 30, 3, passed=0.25)
    assert found is not None
    assert found.expected == pytest.approx(275)


def test_there_is_nothing_to_say_without_a_day():
    assert forecast([], 5) is None
    assert forecast([None, None], 5) is None


def test_eight_of_ten_months_end_inside_the_interval():
    chance = random.Random(7)
    inside = []
    for _ in range(60):
        level, days = 100.0, []
        for place in range(130):
            level *= 1 + chance.gauss(0, 0.01)
            days.append(level * WEEKLY[place % 7] / 100 * (1 + chance.gauss(0, 0.05)))
        found = forecast(days[:110], 20)
        assert found is not None
        inside.append(found.low <= sum(days[110:]) <= found.high)
    assert 0.6 <= mean(inside) <= 0.95


amounts = st.one_of(st.none(), st.floats(0, 1e9, allow_subnormal=False))


@given(st.lists(amounts, max_size=90), st.integers(1, 31))
def test_it_is_never_below_nothing_and_the_interval_holds_it(days: list[float | None], ahead: int):
    found = forecast(days, ahead)
    assert (found is None) == all(one is None for one in days[-56:])
    if found is not None:
        assert 0 <= found.low <= found.expected <= found.high


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=70), st.integers(1, 31), st.sampled_from([10.0, 1000.0]))
def test_the_unit_does_not_matter(days: list[float], ahead: int, factor: float):
    one, other = forecast(days, ahead), forecast([factor * each for each in days], ahead)
    assert one is not None
    assert other is not None
    assert (other.low, other.expected, other.high) == pytest.approx(
        (factor * one.low, factor * one.expected, factor * one.high), rel=1e-6, abs=1e-9
    )


@given(days=st.lists(st.one_of(st.none(), st.floats(0, 1e6)), min_size=1, max_size=90), ahead=st.integers(1, 31))
@settings(max_examples=30)
def test_each_day_lies_inside_its_interval_which_never_narrows(days: list[float | None], ahead: int):
    found = each_day(days, ahead)
    assert (found is None) is (expected_days(days, ahead) is None)
    if found is None:
        return
    assert [one.expected for one in found] == expected_days(days, ahead)
    assert all(0 <= one.low <= one.expected <= one.high for one in found)
    widths = [(one.low / one.expected, one.high / one.expected) for one in found if one.expected > 1]
    assert all(later[0] <= one[0] + 1e-9 and later[1] >= one[1] - 1e-9 for one, later in pairwise(widths))


def test_todays_hours_are_those_of_its_weekday() -> None:
    # Six days cost as much each hour; on the seventh, which is today's, all is spent between 12:00 and 18:00. With four such weeks
    # an hour of these six is worth (4 × 1/6 + 3 × 1/24) / 7 of the day, one of the others 3 × 1/24 / 7.
    even, noon = [1.0] * 24, [0.0] * 12 + [4.0] * 6 + [0.0] * 6
    weeks = [noon, *[even] * 6] * 4
    assert share_passed(weeks, 12) == pytest.approx(12 * 3 / 24 / 7)
    assert share_passed(weeks, 15.5) == pytest.approx(12 * 3 / 24 / 7 + 3.5 * (4 / 6 + 3 / 24) / 7)
    assert share_passed([*weeks, noon], 12) > share_passed(weeks, 12)  # the next day is another weekday
    assert share_passed([noon] * 13, 12) == 0.5  # too few days to believe their hours


hourly = st.one_of(st.none(), st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=24, max_size=24))


@given(days=st.lists(hourly, max_size=28), moment=st.floats(0, 24), later=st.floats(0, 24))
@settings(max_examples=50)
def test_a_day_passes_from_none_of_it_to_all_of_it(days: list[list[float] | None], moment: float, later: float) -> None:
    first, second = sorted((moment, later))
    assert 0 <= share_passed(days, first) <= share_passed(days, second) + 1e-9 <= 1 + 1e-9
    assert (share_passed(days, 0), share_passed(days, 24)) == (0, pytest.approx(1))
    assert share_passed([None] * 9, first) == pytest.approx(first / 24)


@given(gap=st.integers(1, 9), before=st.integers(60, 100), level=st.floats(1, 1e6), wrong=st.floats(0, 1e6))
@settings(max_examples=30)
def test_what_a_gap_would_have_cost_does_not_matter(gap: int, before: int, level: float, wrong: float) -> None:
    known: list[float | None] = [level * one for one in (WEEKLY * 16)[:before]]
    after = [level * one for one in (WEEKLY * 16)[before + gap : before + gap + 7]]
    left_out, taken = forecast([*known, *[None] * gap, *after], 7), forecast([*known, *[wrong] * gap, *after], 7)
    assert left_out is not None
    assert taken is not None
    assert left_out.expected == pytest.approx(level * sum(WEEKLY), rel=0.05)
    assert left_out.low > 0.9 * left_out.expected  # the weeks around the gap measure the interval
