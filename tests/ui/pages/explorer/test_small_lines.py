"""The small lines beside the table's rows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import page_samples as samples
import pytest

from flyusage.periods import HOUR, Period
from flyusage.pricing.view import Answer, Dimension, Granularity, Measure
from flyusage.ui.charts.sparkline import sparkline
from flyusage.ui.pages.explorer.small_lines import KeptLines, drawn_line, other_lines

START = datetime(2026, 10, 1, 14, tzinfo=UTC)  # the first day is cut


def hourly(days: int, *, measure: Measure = Measure.LIST_COST, as_of: datetime | None = None) -> Answer:
    """`days` whole days after the cut one, by hour; each hour's point is its day of the month."""
    period = Period(START, datetime(2026, 10, 2, tzinfo=UTC) + timedelta(days=days))
    buckets = tuple(START + number * HOUR for number in range(period.seconds // 3600))
    series = replace(samples.series("gru", "100"), points=tuple(float(bucket.day) for bucket in buckets))
    answer = samples.answer(Dimension.REGION, (series,))
    view = replace(answer.view, measure=measure, period=period)
    return replace(answer, view=view, granularity=Granularity.HOUR, buckets=buckets, as_of=as_of or period.end)


@pytest.mark.parametrize("measure", [Measure.LIST_COST, Measure.RUNNING_PEAK])
def test_many_hours_are_taken_together_by_whole_days(measure: Measure) -> None:
    answer = hourly(6, measure=measure)
    assert drawn_line(answer, answer.series[0]) == sparkline([2, 3, 4, 5, 6, 7])


def test_one_that_is_not_drawn_is_like_one_that_is() -> None:
    answer = hourly(6)
    # By day: ten hours of 1, then 24 of each day's number.
    assert other_lines(answer, {"fra": [10, 48, 72, 96, 120, 144, 168]}) == {"fra": sparkline([2, 3, 4, 5, 6, 7])}


def test_the_day_that_still_fills_is_left_out() -> None:
    answer = hourly(6, as_of=datetime(2026, 10, 5, 9, tzinfo=UTC))
    assert drawn_line(answer, answer.series[0]) == sparkline([2, 3, 4])


def test_few_hours_stay_hours() -> None:
    answer = hourly(1)
    assert drawn_line(answer, answer.series[0]) == sparkline([1.0] * 10 + [2.0] * 24)


def test_a_series_without_points_has_none_of_its_own() -> None:
    answer = hourly(6)
    assert drawn_line(answer, replace(answer.series[0], points=())) == ""


def test_lines_are_kept_within_bounds() -> None:
    kept = KeptLines()
    kept.keep("view", {"a": "1"})
    kept.keep("view", {"b": "2"})
    assert kept.of("view") == {"a": "1", "b": "2"}
    for number in range(100):
        kept.keep(number, {"a": "1"})
    assert kept.of("view") == {}
    kept.keep("wide", {str(number): "x" for number in range(300)})
    kept.keep("wide", {"new": "y"})
    assert kept.of("wide") == {"new": "y"}
