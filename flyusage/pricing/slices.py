"""Which rows and columns of the cell tables a period is made of. Pure.

A month row holds a column per day, a day row one per hour. A period becomes whole months (their total), days of months
(columns), and hours of the days at its edges. It is cut further where a price or a cost centre changes: inside an *epoch*
every sku in a region has one price.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from flyusage.metering.models import DAYS, HOURS
from flyusage.periods import DAY, HOUR, Period, floor_day, midnight, month_start, next_month


@dataclass(frozen=True)
class Epoch:
    """A span of days with constant prices and cost centres: `[starts_on, ends_on)`, `number` counting from 0."""

    number: int
    starts_on: date
    ends_on: date


@dataclass(frozen=True)
class Slice:
    """The same `columns` of the rows of `days` (first days of months when `is_month`), all in one epoch.

    `is_whole`: every column of the row counts, so that its total does.
    """

    is_month: bool
    days: tuple[date, ...]
    columns: range
    epoch: int
    is_whole: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return (DAYS if self.is_month else HOURS)[self.columns.start : self.columns.stop]

    def starts(self, day: date) -> datetime:
        """When the first column of the row of `day` begins."""
        return midnight(day) + self.columns.start * (DAY if self.is_month else HOUR)


def epochs(period: Period, steps: Iterable[date]) -> tuple[Epoch, ...]:
    """The period's days cut at the `steps` inside it."""
    first, end = period.start.date(), (floor_day(period.end - timedelta(microseconds=1)) + DAY).date()
    cuts = [first, *sorted({step for step in steps if first < step < end}), max(end, first + DAY)]
    return tuple(Epoch(number, *span) for number, span in enumerate(pairwise(cuts)))


def by_days(period: Period, held: tuple[Epoch, ...]) -> list[Slice]:
    """The period (hour-aligned) as months, days of months, and hours of the days at its edges."""
    first, last = floor_day(period.start), floor_day(period.end)
    if first == last or (period.start != first and first + DAY == last == period.end):
        return _edge(period, held)
    slices = []
    if period.start != first:
        slices += _edge(Period(period.start, first + DAY), held)
        first += DAY
    slices += _months(Period(first, last), held)
    if period.end != last:
        slices += _edge(Period(last, period.end), held)
    return slices


def by_hours(period: Period, held: tuple[Epoch, ...]) -> list[Slice]:
    """The period (hour-aligned) as day rows, whole and at its edges. The days of a slice follow each other."""
    first, last = floor_day(period.start), floor_day(period.end)
    if first == last:
        return _edge(period, held)
    slices = []
    if period.start != first:
        slices += _edge(Period(period.start, first + DAY), held)
        first += DAY
    for epoch in held:
        inside = Period(midnight(epoch.starts_on), midnight(epoch.ends_on)).clip(Period(first, last))
        if days := tuple(inside.days()):
            slices.append(Slice(False, days, range(24), epoch.number, True))
    if period.end != last:
        slices += _edge(Period(last, period.end), held)
    return slices


def _edge(period: Period, held: tuple[Epoch, ...]) -> list[Slice]:
    """Some hours of one day."""
    if not period.seconds:
        return []
    day = floor_day(period.start)
    hours = range((period.start - day) // HOUR, (period.end - day) // HOUR)
    return [Slice(False, (day.date(),), hours, _epoch_of(day.date(), held), hours == range(24))]


def _months(period: Period, held: tuple[Epoch, ...]) -> list[Slice]:
    """Whole days, by month; months that are whole and of one epoch together."""
    whole: dict[int, list[date]] = {}
    slices = []
    for month in period.months():
        calendar = Period(midnight(month), next_month(midnight(month)))
        for epoch in held:
            span = calendar.clip(period)
            span = Period(midnight(epoch.starts_on), midnight(epoch.ends_on)).clip(span)
            if span == calendar:
                whole.setdefault(epoch.number, []).append(month)
            elif span.seconds:
                first = (span.start - month_start(span.start)).days
                slices.append(Slice(True, (month,), range(first, first + span.seconds // 86400), epoch.number))
    return [Slice(True, tuple(months), range(31), epoch, True) for epoch, months in whole.items()] + slices


def _epoch_of(day: date, held: tuple[Epoch, ...]) -> int:
    return next(epoch.number for epoch in held if epoch.starts_on <= day < epoch.ends_on)
