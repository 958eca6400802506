"""Egress reports over UTC hours: bytes in proportion to time, by largest remainder, ties to the earlier hour.

The same rule twice: `spread` in Python, `spread_sql` for roll-ups of many reports. A test holds them equal.
"""

from datetime import datetime, timedelta

from flyusage.periods import HOUR, floor_hour


def spread(count: int, start: datetime, end: datetime) -> list[tuple[datetime, int]]:
    """(hour, bytes) of every UTC hour that `[start, end)` touches, in order; the bytes add up to `count` exactly.

    Whole seconds only. Raises ValueError unless start < end.
    """
    if start >= end:
        raise ValueError("a report starts before it ends")
    total = _seconds(end - start)
    hours, moment = [], floor_hour(start)
    while moment < end:
        share, rest = divmod(count * _seconds(min(end, moment + HOUR) - max(start, moment)), total)
        hours.append((moment, share, rest))
        moment += HOUR
    leftover = count - sum(share for _, share, _ in hours)
    favoured = {hour for hour, _, _ in sorted(hours, key=lambda hour: (-hour[2], hour[0]))[:leftover]}
    return [(hour, share + (hour in favoured)) for hour, share, _ in hours]


def spread_sql(reports: str) -> str:
    """A query for `spread` over the rows of `reports` (a table, or a subquery in brackets).

    `reports` has the columns of `usage_interval` it needs: `capacity` (bytes, at most events.MAX_REPORT_BYTES, so that
    bytes × 3,600 stays a bigint), `started_at`, `stopped_at`. The answer has all its columns, plus `hour timestamptz` and
    `bytes bigint`. The remainders of the hours between the first and the last are equal, so ranks need no sort.
    """
    return f"""
    SELECT report.*, to_timestamp(first_hour + 3600 * i) AS hour,
           CASE WHEN hours = 1 THEN report.capacity
                WHEN i = 0 THEN head / total
                     + (1 + CASE WHEN middle % total > head % total THEN hours - 2 ELSE 0 END
                          + CASE WHEN tail % total > head % total THEN 1 ELSE 0 END <= leftover)::int
                WHEN i = hours - 1 THEN tail / total
                     + (1 + CASE WHEN middle % total >= tail % total THEN hours - 2 ELSE 0 END
                          + CASE WHEN head % total >= tail % total THEN 1 ELSE 0 END <= leftover)::int
                ELSE middle / total
                     + (i + CASE WHEN head % total >= middle % total THEN 1 ELSE 0 END
                          + CASE WHEN tail % total > middle % total THEN 1 ELSE 0 END <= leftover)::int
           END AS bytes
    FROM {reports} AS report
    CROSS JOIN LATERAL (
      SELECT extract(epoch FROM report.started_at)::bigint AS starts, extract(epoch FROM report.stopped_at)::bigint AS ends OFFSET 0
    ) AS bounds
    CROSS JOIN LATERAL (
      SELECT starts - starts % 3600 AS first_hour, ends - starts AS total, (ends - 1) / 3600 - starts / 3600 + 1 AS hours,
             report.capacity * (3600 - starts % 3600) AS head, report.capacity * 3600 AS middle,
             report.capacity * ((ends - 1) % 3600 + 1) AS tail OFFSET 0
    ) AS parts
    CROSS JOIN LATERAL (
      SELECT report.capacity - head / total - tail / total - (hours - 2) * (middle / total) AS leftover OFFSET 0
    ) AS remainder
    CROSS JOIN LATERAL generate_series(0, hours - 1) AS i"""


def _seconds(span: timedelta) -> int:
    return span.days * 86_400 + span.seconds
