"""What stands out and what does not, by hand on lines whose ordinary hours are known."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyusage.alerts.detecting import ALL, CALM_SLOTS, PAST_DAYS, Anomaly, Grid, Line, step

DAYS = PAST_DAYS + 4
FIRST = PAST_DAYS * 24 + 1
WEEKEND = (5, 6)


def grid(**costs) -> Grid:
    """`a1_r2=10.0`: app 1 in region 2 costs about 10 an hour, half of that at weekends and at night, with a hundredth of noise."""
    chance, lines = random.Random(1), {}
    for name, cost in costs.items():
        app, region = (int(part[1:]) for part in name.split("_"))
        slots = [
            [cost * (0.5 if day % 7 in WEEKEND else 1) * (0.5 if hour < 6 else 1) * chance.gauss(1, 0.01) for day in range(DAYS)]
            for hour in range(24)
        ]
        lines[app, region] = Line([sum(slots[hour][day] for hour in range(24)) for day in range(DAYS)], slots)
    return summed(lines)


def summed(lines: dict) -> Grid:
    whole = dict(lines)
    for (app, region), line in lines.items():
        for key in ((ALL, region), (app, ALL)):
            if key not in whole:
                whole[key] = Line([0.0] * DAYS, [[0.0] * DAYS for _ in range(24)])
            whole[key].totals = [a + b for a, b in zip(whole[key].totals, line.totals, strict=True)]
            whole[key].slots = [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(whole[key].slots, line.slots, strict=True)]
    return Grid(whole, of_interest=0.5)


def change(found: Grid, key: tuple[int, int], slots: range, factor: float) -> Grid:
    """The same with one app in one region (ALL: any) costing `factor` as much in `slots`."""
    lines = {cell: line for cell, line in found.lines.items() if ALL not in cell}
    for cell, line in lines.items():
        if all(own in (ALL, one) for own, one in zip(key, cell, strict=True)):
            for slot in slots:
                day, hour = divmod(slot, 24)
                line.totals[day] += line.slots[hour][day] * (factor - 1)
                line.slots[hour][day] *= factor
    return summed(lines)


def told(found: Grid) -> list[Anomaly]:
    running: list[Anomaly] = []
    before = found.standing_out(FIRST - 1)
    for slot in range(FIRST, DAYS * 24):
        now = found.standing_out(slot)
        running, before = step(running, before, now, slot), now
    return running


def test_nights_weekends_and_noise_are_ordinary():
    assert told(grid(a1_r1=20.0, a1_r2=10.0, a2_r1=15.0, a3_r3=40.0)) == []


def test_an_app_that_runs_away_in_one_region_is_told_as_that_from_its_first_hour_to_its_last():
    (one,) = told(change(grid(a1_r1=20.0, a1_r2=10.0, a2_r1=15.0, a3_r3=40.0), (1, 1), range(700, 710), 4.0))
    assert (one.key, one.is_rise, one.since, one.until, one.is_over) == ((1, 1), True, 700, 710, True)
    # ten hours from 04:00 on a weekend's day (day 29, a Monday's place 1): 2 at half, 8 whole, each 3 × 20 too much
    assert one.difference == pytest.approx(60 * (2 * 0.5 + 8), rel=0.05)


def test_a_region_that_goes_dark_is_told_once_and_not_app_by_app():
    (one,) = told(change(grid(a1_r1=20.0, a2_r1=15.0, a3_r1=18.0, a1_r2=40.0), (ALL, 1), range(700, 705), 0.1))
    assert (one.key, one.is_rise, one.since, one.until) == ((ALL, 1), False, 700, 705)


def test_an_app_that_costs_more_everywhere_is_told_once_and_not_region_by_region():
    found = told(change(grid(a1_r1=20.0, a1_r2=20.0, a1_r3=20.0, a2_r1=90.0, a2_r2=90.0, a2_r3=90.0), (1, ALL), range(700, 705), 2.5))
    assert [(one.key, one.is_rise) for one in found] == [((1, ALL), True)]


def test_what_stays_becomes_ordinary_within_days_and_its_end_is_news_again_only_later():
    (one,) = told(change(grid(a1_r1=20.0, a2_r2=30.0), (1, 1), range(29 * 24, DAYS * 24), 3.0))
    assert one.is_over
    assert 36 <= one.until - one.since <= 60


def test_a_single_hour_is_no_anomaly():
    assert told(change(grid(a1_r1=20.0, a2_r2=30.0), (1, 1), range(700, 701), 5.0)) == []


@settings(max_examples=30)
@given(hours=st.integers(2, 20), factor=st.floats(3, 50), at=st.integers(FIRST + 24, FIRST + 40))
def test_whatever_triples_for_hours_is_found_where_it_is(hours: int, factor: float, at: int):
    found = told(change(grid(a1_r1=20.0, a2_r2=30.0), (1, 1), range(at, at + hours), factor))
    assert [(one.key, one.since, one.until) for one in found] == [((1, 1), at, at + hours)]


def test_going_on_in_pieces_gives_the_same_as_all_at_once():
    whole = change(grid(a1_r1=20.0, a2_r2=30.0), (1, 1), range(700, 730), 3.0)
    running: list[Anomaly] = []
    for slot in range(FIRST, DAYS * 24):  # as after a restart: nothing but what is not over is remembered
        now = step([one for one in running if not one.is_over], whole.standing_out(slot - 1), whole.standing_out(slot), slot)
        running = [one for one in running if one.is_over] + now
    assert [one for one in running if one.is_over] == told(whole)
    assert running[0].calm == CALM_SLOTS


def by_sku(first: float, second: float) -> Grid:
    """Two skus of app 1 in region 1, in slots 700 to 709 `first` and `second` times what they cost else: 20 and 2 an hour. App 2 costs 5."""
    lines = [change(grid(a1_r1=cost), (1, 1), range(700, 710), factor).lines[1, 1] for cost, factor in ((20.0, first), (2.0, second))]
    both = Line(
        [sum(one) for one in zip(*(line.totals for line in lines), strict=True)],
        [[sum(one) for one in zip(*hours, strict=True)] for hours in zip(*(line.slots for line in lines), strict=True)],
    )
    found = summed({(1, 1): both, (2, 2): grid(a2_r2=5.0).lines[2, 2]})
    return replace(found, parts={(1, 1): lines})


def test_a_sku_that_leaks_is_found_though_its_place_costs_a_fifth_more_alone():
    found = by_sku(1.0, 3.0)
    assert told(replace(found, parts={})) == []
    (one,) = told(found)
    assert (one.key, one.is_rise, one.since, one.until) == ((1, 1), True, 700, 710)
    # two hours at half, eight whole, each 2 × 2 too much where 2 are usual
    assert (one.difference, one.expected) == pytest.approx((4 * (2 * 0.5 + 8), 2 * (2 * 0.5 + 8)), rel=0.05)


@settings(max_examples=20)
@given(moved=st.floats(0.3, 1))
def test_what_moves_from_one_sku_to_another_is_no_anomaly(moved: float):
    assert told(by_sku(1 - moved, 1 + 10 * moved)) == []  # 20 × moved an hour from one to the other


def test_a_move_to_a_dearer_sku_is_told_once_by_what_it_costs_more():
    (one,) = told(by_sku(0.0, 20.0))  # 20 an hour less, 38 more
    assert (one.key, one.is_rise, one.since, one.until) == ((1, 1), True, 700, 710)
    assert one.difference == pytest.approx(18 * (2 * 0.5 + 8), rel=0.05)
