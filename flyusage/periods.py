"""Half-open spans of UTC time and the calendar they are cut by."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, order=True)
class Period:
    """`[start, end)`, aware UTC. Raises ValueError for naive moments or an end before the start."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a period needs aware moments")
        if self.end < self.start:
            raise ValueError("a period ends at or after its start")

    @property
    def seconds(self) -> int:
        """Whole seconds in the period."""
        return int((self.end - self.start).total_seconds())

    def days(self) -> Iterator[date]:
        """Every UTC date the period touches, in order."""
        moment = floor_day(self.start)
        while moment < self.end:
            yield moment.date()
            moment += DAY

    def months(self) -> Iterator[date]:
        """The first day of every UTC month the period touches, in order."""
        month = month_start(self.start)
        while month < self.end:
            yield month.date()
            month = next_month(month)

    def clip(self, other: "Period") -> "Period":
        """The part inside `other`; empty at `other`'s nearer edge when they do not meet."""
        start = min(max(self.start, other.start), other.end)
        return Period(start, max(start, min(self.end, other.end)))

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


def midnight(day: date) -> datetime:
    """The UTC midnight a date begins with."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def floor_hour(moment: datetime) -> datetime:
    """The UTC hour `moment` lies in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def floor_day(moment: datetime) -> datetime:
    """The UTC midnight `moment` follows."""
    return floor_hour(moment).replace(hour=0)


def floor_week(moment: datetime) -> datetime:
    """The Monday midnight (ISO week, UTC) `moment` follows."""
    day = floor_day(moment)
    return day - timedelta(days=day.weekday())


def month_start(moment: datetime) -> datetime:
    """The first midnight of `moment`'s UTC month."""
    return floor_day(moment).replace(day=1)


def next_month(moment: datetime) -> datetime:
    """The first midnight of the UTC month after `moment`'s."""
    return month_start(month_start(moment) + timedelta(days=32))


def add_months(moment: datetime, months: int) -> datetime:
    """`moment` so many calendar months away, at the same time of day; the day is capped at the month's end."""
    index = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(index, 12)
    first = moment.replace(year=year, month=month + 1, day=1)
    last_day = (next_month(first) - DAY).day
    return first.replace(day=min(moment.day, last_day))


def month_period(moment: datetime) -> Period:
    """The calendar month (UTC) that holds `moment`."""
    return Period(month_start(moment), next_month(moment))
