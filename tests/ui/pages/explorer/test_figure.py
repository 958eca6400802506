"""The explorer's picture of an answer, hours told in the reader's zone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import page_samples as samples
import pytest

from flyusage.periods import HOUR, Period
from flyusage.pricing.view import Answer, Chart, Dimension, Granularity
from flyusage.ui.pages.explorer.figure import usage_figure, zone_said

MONDAY = datetime(2026, 10, 5, tzinfo=UTC)  # a Monday, 00:00
DAYS = 3


def hourly(chart: Chart, zone_minutes: int) -> Answer:
    """Three days by hour from Monday on, of one series that counts the hours: 0, 1, 2, …"""
    buckets = tuple(MONDAY + number * HOUR for number in range(24 * DAYS))
    series = replace(samples.series("gru", "2556"), points=tuple(float(number) for number in range(24 * DAYS)), previous_points=())
    answer = samples.answer(Dimension.REGION, (series,))
    view = replace(answer.view, period=Period(MONDAY, MONDAY + timedelta(days=DAYS)), chart=chart, zone_minutes=zone_minutes)
    return replace(answer, view=view, granularity=Granularity.HOUR, buckets=buckets, previous_total=None, previous_period=None)


def drawn(answer: Answer) -> dict:
    return usage_figure(answer, {"gru": 0}, [], {}, revision="x")


@pytest.mark.parametrize(
    ("zone_minutes", "first", "zone"),
    [(0, "2026-10-05 00:00", "UTC"), (330, "2026-10-05 05:30", "UTC+5:30"), (-180, "2026-10-04 21:00", "UTC−3")],
)
def test_hours_stand_and_are_named_in_the_zone(zone_minutes: int, first: str, zone: str) -> None:
    axis = drawn(hourly(Chart.AREA, zone_minutes))["layout"]["xaxis"]
    assert axis["range"][0] == first
    assert axis["hoverformat"].endswith(f"%H:%M {zone}")
    assert zone_said(hourly(Chart.AREA, zone_minutes).view) == zone


def test_a_heat_map_is_of_the_readers_week() -> None:
    # 05:30 in India is midnight UTC: Monday's hour 5 holds bucket 0, and Tuesday's hour 0 (00:30) bucket 19.
    (trace,) = drawn(hourly(Chart.HEATMAP, 330))["data"]
    cells = dict(zip(map(tuple, trace["customdata"]), trace["text"], strict=True))
    assert len(cells) == 24 * DAYS
    assert cells[0, 5].endswith("Mon 05:30")
    assert cells[1, 0].endswith("Tue 00:30")
    assert "19" in cells[1, 0]
    assert (0, 4) not in cells


def test_days_stay_those_of_utc() -> None:
    answer = samples.answer(Dimension.REGION, (samples.series("gru", "100"),))
    there = replace(answer, view=replace(answer.view, zone_minutes=330))
    assert drawn(there)["layout"]["xaxis"] == drawn(answer)["layout"]["xaxis"]
    assert zone_said(there.view) == "UTC"
