"""Bytes over hours: by hand, and SQL against Python."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyusage import db
from flyusage.metering.events import MAX_REPORT_BYTES
from flyusage.metering.spread import spread, spread_sql

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)


def minutes(count):
    return timedelta(minutes=count)


def test_a_report_inside_an_hour_belongs_to_it():
    assert spread(7, NOON + minutes(5), NOON + minutes(6)) == [(NOON, 7)]


def test_bytes_follow_time():
    # 30 of 120 minutes, then 60, then 30: a quarter, a half, a quarter of 1,000
    assert spread(1000, NOON + minutes(30), NOON + minutes(150)) == [
        (NOON, 250),
        (NOON + minutes(60), 500),
        (NOON + minutes(120), 250),
    ]


def test_leftover_bytes_go_by_largest_remainder_then_to_the_earlier_hour():
    # 10 over 30 + 60 + 30 minutes: 2.5, 5, 2.5; one byte is left, both halves are equal, the earlier hour gets it
    assert [count for _, count in spread(10, NOON + minutes(30), NOON + minutes(150))] == [3, 5, 2]
    # 10 over 20 + 60 + 40 minutes: 1.67, 5, 3.33: the first has the largest remainder
    assert [count for _, count in spread(10, NOON + minutes(40), NOON + minutes(160))] == [2, 5, 3]
    # 5 bytes over a whole day: the first five hours get one each
    assert [count for _, count in spread(5, NOON, NOON + minutes(1440))] == [1] * 5 + [0] * 19


def test_a_report_that_ends_on_the_hour_does_not_touch_the_next():
    assert spread(3, NOON, NOON + minutes(60)) == [(NOON, 3)]


def test_a_report_that_takes_no_time_is_refused():
    with pytest.raises(ValueError, match="before it ends"):
        spread(1, NOON, NOON)


reports = st.builds(
    lambda count, begin, length: (count, NOON + timedelta(seconds=begin), NOON + timedelta(seconds=begin + length)),
    st.one_of(st.integers(0, 100), st.integers(0, MAX_REPORT_BYTES)),
    st.integers(0, 90_000),
    st.one_of(st.sampled_from([1, 3_600, 5_400, 7_200, 86_400]), st.integers(1, 86_400)),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(reports, min_size=1, max_size=50))
def test_sql_spreads_as_python_does(shared_database, found):
    values = ", ".join(
        f"({n}, {count}::bigint, '{start}'::timestamptz, '{end}'::timestamptz)" for n, (count, start, end) in enumerate(found)
    )
    source = f"(SELECT * FROM (VALUES {values}) AS given (n, capacity, started_at, stopped_at))"
    with db.platform_transaction() as session:
        rows = session.execute(sa.text(f"SELECT n, hour, bytes FROM ({spread_sql(source)}) AS hours ORDER BY n, hour")).all()
    assert [tuple(row) for row in rows] == [(n, *hour) for n, report in enumerate(found) for hour in spread(*report)]
    assert sum(count for _, _, count in rows) == sum(count for count, _, _ in found)
