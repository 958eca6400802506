"""How numbers, moments and changes are written for people."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from flyusage.periods import Period
from flyusage.pricing.view import Chart, Comparison, Dimension, Granularity, Measure
from flyusage.ui import present


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(1, 3), "0.3333"),
        (Fraction(1, 4), "0.25"),
        (Fraction(3, 2), "1.50"),
        (Fraction(-3, 2), "−1.50"),
        (Fraction(1001, 10), "100.1"),
        (Fraction(2_469, 2), "1,235"),  # 1,234.5, halves away from zero
        (Fraction(1_234_567), "1,234,567"),
        (Fraction(7), "7"),
    ],
)
def test_numbers_carry_as_many_decimals_as_matter(value: Fraction, text: str) -> None:
    assert present.number_text(value) == text


def test_money_keeps_its_cents_and_quantities_do_not_get_any() -> None:
    assert present.amount_text(Measure.LIST_COST, Fraction("1709242.1")) == "$1,709,242.10"
    assert present.amount_text(Measure.LIST_COST, Fraction("1709242.1"), "JPY") == "¥1,709,242"
    assert present.amount_text(Measure.MACHINE_HOURS, Fraction("1709242.1")) == "1,709,242"


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (Fraction(1), Fraction(8), "12.5 %"),
        (Fraction(1), Fraction(10_000), "< 0.1 %"),
        (Fraction(0), Fraction(10), "0.0 %"),
        (Fraction(5), Fraction(0), ""),
        (Fraction(8), Fraction(8), "100.0 %"),
    ],
)
def test_a_share_never_prints_something_as_nothing(part: Fraction, whole: Fraction, text: str) -> None:
    assert present.share_text(part, whole) == text


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (100, 104, "+4.0 %"),
        (100, 96, "−4.0 %"),
        (0, 5, "new"),
        (5, 0, "−100.0 %"),
        (7, 7, "no change"),
        (1, 25, "×25.0"),  # +2,400 %
    ],
)
def test_a_change_is_said_in_words_and_sign(before: int, after: int, text: str) -> None:
    assert present.percent_change_text(Fraction(before), Fraction(after)) == text


def test_a_difference_has_its_sign_and_a_tone_that_says_the_same() -> None:
    more, less = Fraction("104.1"), Fraction("-20")
    assert present.difference_text(Measure.LIST_COST, more) == "+$104.10"
    assert present.difference_text(Measure.LIST_COST, less) == "−$20.00"
    assert present.difference_text(Measure.LIST_COST, Fraction(0)) == "$0.00"
    assert (present.tone(more), present.tone(less), present.tone(Fraction(0))) == ("up", "down", "same")


@pytest.mark.parametrize(
    ("difference", "text", "tone"), [("0.005", "+$0.01", "up"), ("0.0049", "$0.00", "same"), ("-0.0049", "$0.00", "same")]
)
def test_what_prints_as_zero_is_neither_more_nor_less(difference: str, text: str, tone: str) -> None:
    shown = present.difference_text(Measure.LIST_COST, Fraction(difference))
    assert (shown, present.tone_of(shown)) == (text, tone)


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (at(2026, 10, 1), at(2026, 11, 1), "Oct 1 – 31, 2026"),
        (at(2026, 10, 28), at(2026, 11, 4), "Oct 28 – Nov 3, 2026"),
        (at(2026, 10, 5), at(2026, 10, 12), "Oct 5 – 11, 2026"),
        (at(2026, 10, 1), at(2026, 10, 2), "Oct 1, 2026"),
        (at(2025, 12, 30), at(2026, 1, 3), "Dec 30, 2025 – Jan 2, 2026"),
        (at(2024, 2, 1), at(2024, 3, 1), "Feb 1 – 29, 2024"),
    ],
)
def test_a_period_is_named_by_its_days_the_last_one_included(start: datetime, end: datetime, text: str) -> None:
    assert present.period_text(Period(start, end)) == text


def test_a_period_within_a_day_says_its_hours() -> None:
    assert present.period_text(Period(at(2026, 10, 1, 6), at(2026, 10, 1, 9))) == "Oct 1, 06:00 – 09:00, 2026"


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (timedelta(seconds=-5), "0 s ago"),
        (timedelta(seconds=2), "2 s ago"),
        (timedelta(seconds=119), "119 s ago"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(hours=47), "47 h ago"),
        (timedelta(days=24), "24 days ago"),
    ],
)
def test_how_long_ago_is_said_in_the_unit_that_fits(passed: timedelta, text: str) -> None:
    now = at(2026, 11, 15)
    assert present.ago_text(now - passed, now) == text


def test_moments_are_said_in_utc() -> None:
    elsewhere = datetime.fromisoformat("2026-11-01T05:15:00+05:30")
    assert present.moment_text(elsewhere) == "Oct 31, 23:45"


def test_counts_agree_with_their_nouns() -> None:
    assert present.plural(1, "app") == "1 app"
    assert present.plural(1204, "app") == "1,204 apps"
    assert present.plural(0, "cost centre") == "0 cost centres"
    assert present.plural(2, "day to go", "days to go") == "2 days to go"


def test_everything_a_view_can_choose_has_a_word() -> None:
    assert set(present.MEASURES) == set(Measure)
    assert set(present.DIMENSIONS) == set(Dimension)
    assert set(present.CHARTS) == set(Chart)
    assert set(present.COMPARISONS) == set(Comparison)
    assert set(present.GRANULARITIES) == set(Granularity)
