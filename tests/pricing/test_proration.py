"""Parts of periods."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pricing.test_rating import amounts, decimals

from flyusage.money import USD
from flyusage.periods import Period, midnight
from flyusage.pricing.errors import PeriodInvalid
from flyusage.pricing.proration import commitment_shortfall, days_between, mean_level, moment_of, prorate, true_up
from flyusage.pricing.rating import rounded

F = Fraction

MARCH = Period(midnight(date(2023, 3, 1)), midnight(date(2023, 4, 1)))
APRIL = Period(midnight(date(2023, 4, 1)), midnight(date(2023, 5, 1)))


def at(text: str) -> datetime:
    return moment_of(datetime.fromisoformat(text))


def mean(period: Period, carried: int, *changes: tuple[str, int]) -> F:
    return mean_level(period, F(carried), [(at(moment), F(value)) for moment, value in changes]).amount


def test_both_ends_count_and_leap_years_have_their_day() -> None:
    assert days_between(date(2024, 5, 20), date(2024, 6, 20)) == 32
    assert days_between(date(2024, 2, 1), date(2024, 3, 1)) == 30
    assert days_between(date(2023, 2, 1), date(2023, 3, 1)) == 29
    with pytest.raises(PeriodInvalid):
        days_between(date(2024, 2, 2), date(2024, 2, 1))


def test_proration_is_exact_until_rounded() -> None:
    assert prorate(F(910), 32, 91) == 320
    assert prorate(F("19.95"), 22, 30) == F("14.63")
    assert prorate(F(50), F("0.5"), 31) == F(25, 31)
    with pytest.raises(PeriodInvalid):
        prorate(F(1), 1, 0)
    with pytest.raises(PeriodInvalid):
        prorate(F(1), -1, 30)


@given(amounts, st.integers(0, 31))
def test_a_period_cut_in_two_adds_up(amount: F, days: int) -> None:
    assert prorate(amount, days, 31) + prorate(amount, 31 - days, 31) == amount


def test_true_up_is_what_is_missing() -> None:
    # 10 × 25/28 = 8.92857…, less 8
    assert rounded(true_up(F(10), 25, 28, F(8)), USD).amount == F("0.93")
    assert true_up(F(10), 25, 28, F(9)).amount == 0
    assert true_up(F(10), 0, 28, F(0)).amount == 0


def shortfall(commitment: int, fee: int, days: int, of_days: int, *usage: int) -> F:
    made = commitment_shortfall(F(commitment), F(fee), days, of_days, currency=USD, usage=[F(used) for used in usage])
    return rounded(made, USD).amount


def test_a_commitment_is_compared_with_what_is_owed() -> None:
    assert shortfall(10_000, 1000, 5, 7) == F("6428.57")
    assert shortfall(10_000, 1000, 25, 28) == F("8035.71")
    assert shortfall(10_000, 1000, 56, 90) == 5600
    # 334/365: 9,150.68 (9,150.6849) less 915.07 (915.0685); 9,000 × 334/365 at once would be 8,235.62.
    assert shortfall(10_000, 1000, 334, 365) == F("8235.61")
    # 6/7: 8,571.43 less 85.71 less three usages of 10.
    assert shortfall(10_000, 100, 6, 7, 10, 10, 10) == F("8455.72")
    assert shortfall(100, 100, 5, 7, 10) == 0


def test_a_gauge_is_weighted_by_time() -> None:
    assert mean(MARCH, 0, ("2023-03-05", 2500)) == F(2500 * 27, 31)
    # 3 days at 2,500, 2 at 500, 25 at 300: 16,000 / 30.
    assert mean(APRIL, 2500, ("2023-04-06", -200), ("2023-04-04", -2000)) == F(16_000, 30)
    assert mean(APRIL, 7) == 7


def test_changes_outside_the_period_begin_with_it_or_do_not_count() -> None:
    assert mean(APRIL, 1, ("2023-03-20", 2), ("2023-05-01", 4), ("2023-06-01", 8)) == 3


def test_seconds_and_their_parts_count() -> None:
    hour = Period(at("2024-02-29T10:00"), at("2024-02-29T11:00"))
    assert mean(hour, 0, ("2024-02-29T10:15:00", 4)) == 3
    assert mean_level(hour, F(0), [(hour.start + timedelta(microseconds=1), F(3_600_000_000))]).amount == 3_599_999_999
    assert moment_of(datetime(2024, 2, 29, 11, tzinfo=UTC)) == hour.end


def test_working_of_a_gauge_says_how_long_each_level_held() -> None:
    steps = mean_level(MARCH, F(0), [(at("2023-03-05"), F(2500))]).steps
    assert [step.text for step in steps] == ["0 for 4 days of 31 days", "2,500 for 27 days of 31 days"]


def test_an_empty_period_has_no_mean() -> None:
    with pytest.raises(PeriodInvalid):
        mean(Period(MARCH.start, MARCH.start), 1)


@given(decimals(0, 100, 2), st.lists(st.tuples(st.integers(0, 30 * 86_400), decimals(-100, 100, 2)), max_size=5), st.integers(1, 29))
def test_a_gauge_cut_at_any_day_is_the_same(carried: F, changes: list[tuple[int, F]], day: int) -> None:
    made = [(APRIL.start + timedelta(seconds=second), change) for second, change in changes]
    cut = APRIL.start + timedelta(days=day)
    level = carried + sum((change for moment, change in made if moment < cut), F(0))
    left = mean_level(Period(APRIL.start, cut), carried, made).amount * day
    right = mean_level(Period(cut, APRIL.end), level, [one for one in made if one[0] >= cut]).amount * (30 - day)
    assert left + right == mean_level(APRIL, carried, made).amount * 30
