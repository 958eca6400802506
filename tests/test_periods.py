from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyusage.periods import (
    DAY,
    Period,
    add_months,
    floor_day,
    floor_hour,
    floor_week,
    midnight,
    month_period,
    month_start,
    next_month,
)

moments = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)).map(lambda it: it.replace(microsecond=0))
BERLIN_SUMMER = timezone(timedelta(hours=2))
INDIA = timezone(timedelta(hours=5, minutes=30))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_an_hour_starts_in_utc_also_where_zones_are_half_an_hour_off():
    # 10:15 in India is 04:45 UTC
    assert floor_hour(datetime(2026, 10, 1, 10, 15, 30, tzinfo=INDIA)) == utc(2026, 10, 1, 4)


def test_a_day_and_a_month_are_utcs_whatever_the_zone_of_the_moment():
    # 1 November 00:30 in Berlin's summer time is 31 October 22:30 UTC
    moment = datetime(2026, 11, 1, 0, 30, tzinfo=BERLIN_SUMMER)
    assert floor_day(moment) == utc(2026, 10, 31)
    assert month_start(moment) == utc(2026, 10, 1)
    assert month_period(moment) == Period(utc(2026, 10, 1), utc(2026, 11, 1))


def test_a_week_starts_on_monday():
    assert floor_week(utc(2026, 11, 1, 12)) == utc(2026, 10, 26)  # a Sunday
    assert floor_week(utc(2026, 10, 26)) == utc(2026, 10, 26)


@pytest.mark.parametrize(
    ("moment", "months", "expected"),
    [
        (utc(2026, 1, 31, 5), 1, utc(2026, 2, 28, 5)),
        (utc(2024, 1, 31), 1, utc(2024, 2, 29)),  # a leap year
        (utc(2024, 2, 29), 12, utc(2025, 2, 28)),
        (utc(2026, 12, 15), 1, utc(2027, 1, 15)),
        (utc(2026, 1, 15), -1, utc(2025, 12, 15)),
        (utc(2026, 3, 31), -13, utc(2025, 2, 28)),
        (utc(2026, 5, 31), 0, utc(2026, 5, 31)),
    ],
)
def test_months_away_keeps_the_day_or_takes_the_months_last(moment: datetime, months: int, expected: datetime):
    assert add_months(moment, months) == expected


@given(moments)
def test_a_moment_lies_in_its_month_and_the_next_month_begins_where_it_ends(moment: datetime):
    month = month_period(moment)
    assert moment in month
    assert month.end == next_month(moment) == month_start(month.end)
    assert month.end not in month


@given(moments, st.integers(0, 900), st.integers(0, 900))
def test_months_partition_time(moment: datetime, days: int, hours: int):
    period = Period(moment, moment + timedelta(days=days, hours=hours))
    pieces = [period.clip(month_period(midnight(first))) for first in period.months()]
    assert sum(piece.seconds for piece in pieces) == period.seconds


@given(moments, st.integers(0, 40), st.integers(0, 23))
def test_days_partition_time(moment: datetime, days: int, hours: int):
    period = Period(moment, moment + timedelta(days=days, hours=hours))
    pieces = [period.clip(Period(midnight(day), midnight(day) + DAY)) for day in period.days()]
    assert sum(piece.seconds for piece in pieces) == period.seconds
    assert list(period.days()) == sorted(set(period.days()))


def test_a_leap_day_is_a_day():
    february = month_period(utc(2024, 2, 10))
    assert len(list(february.days())) == 29
    assert february.seconds == 29 * 86_400


def test_a_period_touches_the_days_and_months_it_overlaps_and_no_more():
    period = Period(utc(2026, 10, 31, 23), utc(2026, 11, 2))
    assert list(period.days()) == [date(2026, 10, 31), date(2026, 11, 1)]
    assert list(period.months()) == [date(2026, 10, 1), date(2026, 11, 1)]


def test_an_empty_period_touches_nothing():
    period = Period(utc(2026, 10, 1), utc(2026, 10, 1))
    assert (period.seconds, list(period.days()), list(period.months())) == (0, [], [])


@given(moments, moments, moments, moments)
def test_a_part_lies_inside_both(a: datetime, b: datetime, c: datetime, d: datetime):
    one, other = Period(min(a, b), max(a, b)), Period(min(c, d), max(c, d))
    part = one.clip(other)
    assert other.start <= part.start <= part.end <= other.end
    if part.seconds:
        assert one.start <= part.start
        assert part.end <= one.end
    assert part.seconds == other.clip(one).seconds


def test_a_naive_moment_and_a_backwards_period_are_refused():
    with pytest.raises(ValueError, match="aware"):
        Period(datetime(2026, 1, 1), utc(2026, 2, 1))
    with pytest.raises(ValueError, match="ends at or after"):
        Period(utc(2026, 2, 1), utc(2026, 1, 1))
