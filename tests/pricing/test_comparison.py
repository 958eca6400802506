"""What a period is compared with, leap years included."""

from datetime import UTC, datetime, timedelta

import pytest
from factories import ingest, started, stopped
from hypothesis import given
from hypothesis import strategies as st
from metering.rolled import org_id, roll

from flyusage import clock, db
from flyusage.periods import HOUR, Period, month_start
from flyusage.pricing.comparison import earlier
from flyusage.pricing.explorer import explore
from flyusage.pricing.view import Comparison, Granularity, Measure, View

LATER = datetime(2030, 1, 1, tzinfo=UTC)
HOURS = st.datetimes(datetime(2020, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(minute=0, second=0, microsecond=0)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "before", "until"),
    [
        ("2026-10-01", "2026-10-08", "2025-10-01", "2025-10-08"),
        ("2024-02-28T05", "2024-02-29T04", "2023-02-28T05", "2023-03-01T04"),  # Feb 29 a year earlier lies before its start
        ("2024-02-29", "2024-03-01", "2023-02-28", "2023-03-01"),  # a day, and not nothing
        ("2024-02-01", "2024-03-01", "2023-02-01", "2023-03-01"),  # a whole month of 29 days against one of 28
        ("2024-01-01", "2025-01-01", "2023-01-01", "2024-01-01"),
        ("2025-02-20", "2025-03-05", "2024-02-20", "2024-03-04"),  # the same 13 days, of which one is Feb 29
    ],
)
def test_last_year_is_the_same_length_or_the_same_months(start: str, end: str, before: str, until: str) -> None:
    found = earlier(Period(at(start), at(end)), Comparison.LAST_YEAR, LATER)
    assert found is not None
    assert found.whole == found.compared == Period(at(before), at(until))


@given(HOURS, st.integers(1, 24 * 400), st.sampled_from((Comparison.LAST_YEAR, Comparison.PREVIOUS)), st.integers(-48, 24 * 420))
def test_every_window_has_an_earlier_one_of_its_length(start: datetime, hours: int, comparison: Comparison, elapsed: int) -> None:
    period = Period(start, start + hours * HOUR)
    found = earlier(period, comparison, start + elapsed * HOUR)
    assert found is not None
    is_months = start == month_start(start) and period.end == month_start(period.end)
    assert is_months or found.whole.seconds == period.seconds
    assert found.compared.start == found.whole.start
    assert found.compared.seconds == min(found.whole.seconds, max(0, elapsed) * 3600 if elapsed < hours else found.whole.seconds)
    assert found.whole.end <= period.end - timedelta(hours=1)


def test_a_day_is_told_beside_the_same_one_last_year(database: None) -> None:
    """A machine for 3 hours of Oct 20, 2025, and for 5 of it in 2026. History begins before, or there were nothing to compare with."""
    days = (("2025-09-01", 0, 1), ("2025-10-20", 1, 4), ("2026-10-20", 10, 15))
    runs = [(f"{day}T{start:02}:00:00Z", f"{day}T{stop:02}:00:00Z") for day, start, stop in days]
    with clock.freeze(at("2026-11-15")):
        ingest([event for start, stop in runs for event in (started("m", start), stopped("m", stop))])
        roll(at("2026-11-15"))
        view = View(
            Measure.MACHINE_HOURS, Period(at("2026-10-20"), at("2026-10-21")), granularity=Granularity.HOUR, comparison=Comparison.LAST_YEAR
        )
        with db.transaction(org_id()) as session:
            answer = explore(session, org_id(), view)
    assert (answer.total, answer.previous_total) == (5, 3)
    [series] = answer.series
    assert [place for place, one in enumerate(series.points) if one] == [10, 11, 12, 13, 14]
    assert [place for place, one in enumerate(series.previous_points) if one] == [1, 2, 3]
