"""Points to draw: floats per series and bucket, summed in SQL, a row of columns at a time.

The price of a cell is looked up in an array once per row, before its columns are multiplied: joining prices to the rows
costs twice as much. Nothing here is printed as money.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache

from sqlmodel import Session

from flyusage.periods import DAY, HOUR, Period, floor_day, floor_week, month_start, next_month
from flyusage.pricing.cells import GROUPS, Part, fold, fold_rows, parts, tail_rows
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.machine_cells import machine_points
from flyusage.pricing.measures import is_mean
from flyusage.pricing.question import Question
from flyusage.pricing.scope import both
from flyusage.pricing.slices import by_days, by_hours
from flyusage.pricing.view import Dimension, Granularity
from flyusage.pricing.weights import weight

TAIL = -1
NOISE = 1e-9  # what is left of a float sum that took away all it held, as a part of the largest point


@dataclass(frozen=True)
class Buckets:
    """The chart's time axis over a period: the starts of its buckets, the first cut at the period's own start."""

    period: Period
    granularity: Granularity
    starts: tuple[datetime, ...]

    def index(self, moment: datetime) -> int:
        """The bucket that holds `moment`."""
        if self.granularity is Granularity.HOUR:
            return (moment - self.period.start) // HOUR
        first = floor_day(self.period.start)
        if self.granularity is Granularity.DAY:
            return (moment - first) // DAY
        if self.granularity is Granularity.WEEK:
            return (moment - floor_week(first)) // timedelta(days=7)
        return (moment.year - first.year) * 12 + moment.month - first.month

    @cached_property
    def places(self) -> list[int]:
        """The bucket of each day, from the day that the period begins in."""
        first = floor_day(self.period.start)
        return [self.index(first + number * DAY) for number in range(-((first - self.period.end) // DAY))]

    def seconds(self, complete: Period) -> list[int]:
        """Seconds of each bucket that have passed, inside `complete`."""
        ends = (*self.starts[1:], self.period.end)
        return [Period(start, end).clip(complete).seconds for start, end in zip(self.starts, ends, strict=True)]


@lru_cache(maxsize=64)  # every row of a table asks for the same
def buckets(period: Period, granularity: Granularity) -> Buckets:
    """The buckets of `period`: each begins on its hour, midnight, Monday or first of the month; the first with the period."""
    steps = {Granularity.HOUR: HOUR, Granularity.DAY: DAY, Granularity.WEEK: timedelta(days=7)}
    floors = {
        Granularity.HOUR: lambda moment: moment,
        Granularity.DAY: floor_day,
        Granularity.WEEK: floor_week,
        Granularity.MONTH: month_start,
    }
    starts, moment = [period.start], floors[granularity](period.start)
    while True:
        moment = next_month(moment) if granularity is Granularity.MONTH else moment + steps[granularity]
        if moment >= period.end:
            return Buckets(period, granularity, tuple(starts))
        starts.append(moment)


def points(session: Session, question: Question, axis: Buckets, *, only: frozenset[int] | None = None) -> dict[int, list[float]]:
    """Series id → its value in each bucket; `only` these series, None: all of them. Absent: nothing was used."""
    drawn, hourly = _Drawing(axis), axis.granularity is Granularity.HOUR
    scope = question.scope
    if question.group_by is Dimension.MACHINE or scope.machines is not None:
        named = both(only, scope.machines) if question.group_by is Dimension.MACHINE else scope.machines
        for series, moments, values in machine_points(session, question, machines=named, is_hourly=hourly):
            drawn.add_each(series, moments, values)
        return drawn.finished(question)
    if scope.not_machines:
        for series, moments, values in machine_points(session, question, machines=scope.not_machines, is_hourly=hourly):
            drawn.add_each(series, moments, [-one for one in values])
            drawn.is_difference = True
    _draw_cells(session, question, drawn, only)
    return drawn.finished(question)


def _draw_cells(session: Session, question: Question, drawn: "_Drawing", only: frozenset[int] | None) -> None:
    """Cells of closed hours and of the open one."""
    binds, axis = Binds(), drawn.axis
    skus = None if question.measure.is_money else tuple(question.units.amounts)
    sliced = (by_hours if axis.granularity is Granularity.HOUR else by_days)(question.closed, question.epochs)
    found = parts(question, sliced, binds, skus=skus)
    queries = [_part_query(question, axis, (number, part), binds, only) for number, part in enumerate(found)]
    queries += _tail_query(question, binds, only)
    drawn.is_difference |= any(part.sign < 0 for part in found)
    if queries:
        for number, key, series, values in fetch(session, " UNION ALL ".join(queries), binds):
            if number == TAIL:
                drawn.add_each(series, [question.moment.since], values)
            else:
                drawn.add(series, found[number], key, values)


@dataclass
class _Drawing:
    axis: Buckets

    series: dict[int, list[float]] = field(default_factory=dict)
    is_difference: bool = False

    def add(self, series: int, part: Part, key: date, values: list[float]) -> None:
        """A row's columns into their buckets. Columns past the end of a short month hold nothing."""
        line = self.series.setdefault(series, [0.0] * len(self.axis.starts))
        moment = max(part.slice.starts(key), self.axis.period.start)
        first = self.axis.index(moment)
        if self.axis.granularity in (Granularity.HOUR, Granularity.DAY) or len(values) == 1:
            for place, one in enumerate(values[: len(line) - first], first):
                line[place] += one
            return
        day = (moment - floor_day(self.axis.period.start)) // DAY
        for place, one in zip(self.axis.places[day : day + len(values)], values, strict=False):
            line[place] += one

    def add_each(self, series: int, moments: list[datetime], values: list[float]) -> None:
        line = self.series.setdefault(series, [0.0] * len(self.axis.starts))
        for moment, one in zip(moments, values, strict=True):
            line[self.axis.index(max(moment, self.axis.period.start))] += one

    def finished(self, question: Question) -> dict[int, list[float]]:
        """Units, means divided by the seconds that have passed, and no specks where everything was taken away."""
        per = question.units.per
        seconds = self.axis.seconds(question.complete) if is_mean(question.measure) else []
        for series, line in self.series.items():
            settled = _without_specks(line) if self.is_difference else line
            if seconds:
                self.series[series] = [one / (per * passed) if passed else 0.0 for one, passed in zip(settled, seconds, strict=True)]
            else:
                self.series[series] = [one / per for one in settled] if per != 1 else settled
        return self.series


def _part_query(question: Question, axis: Buckets, numbered: tuple[int, Part], binds: Binds, only: frozenset[int] | None) -> str:
    """(part's number, key, series, values): a value per column, or one for all of them when one bucket holds them all."""
    number, part = numbered
    group = GROUPS[question.group_by]
    folding = fold(question)
    rows = part.where
    if only is not None and folding is None and question.group_by is not None:
        rows += f" AND {group} = ANY ({binds.add(sorted(only), 'int[]')})"
    columns = (part.quantity,) if _is_one_bucket(part, axis.granularity) else part.slice.names
    named = ", ".join(f"{column} AS c{place}" for place, column in enumerate(columns))
    cell = (
        f"SELECT {part.key} AS key, {group} AS g, {named}, {weight(question, part.slice.epoch, binds, part.sign)} AS w "
        f"FROM {part.table} WHERE {rows} OFFSET 0"
    )
    sums = [f"sum(c{place} * w)" for place in range(len(columns))]
    if folding is None:
        return f"SELECT {number} AS part, key, g, ARRAY[{', '.join(sums)}] AS points FROM ({cell}) AS cell GROUP BY key, g"
    inner = ", ".join(f"{one} AS v{place}" for place, one in enumerate(sums))
    outer = ", ".join(f"sum(v{place})" for place in range(len(columns)))
    where = "" if only is None else f"WHERE coalesce(fold.s, 0) = ANY ({binds.add(sorted(only), 'int[]')})"
    return (
        f"SELECT {number} AS part, key, coalesce(fold.s, 0) AS series, ARRAY[{outer}] AS points "
        f"FROM (SELECT key, g, {inner} FROM ({cell}) AS cell GROUP BY key, g) AS grouped "
        f"LEFT JOIN {fold_rows(folding, binds)} ON fold.g = grouped.g AND fold.epoch = {part.slice.epoch} "
        f"{where} GROUP BY key, series"
    )


def _is_one_bucket(part: Part, granularity: Granularity) -> bool:
    """Whether every column of the part falls into the same bucket: hours of a day into that day, days of a month into that month."""
    return granularity is not Granularity.HOUR and (not part.slice.is_month or granularity is Granularity.MONTH)


def _tail_query(question: Question, binds: Binds, only: frozenset[int] | None) -> list[str]:
    """The hour that is not closed yet, as one more part."""
    tail = tail_rows(question, binds)
    if tail is None:
        return []
    folding = fold(question)
    group = GROUPS[question.group_by] if folding is None else "coalesce(fold.s, 0)"
    joined = ""
    if folding is not None:
        joined = f"LEFT JOIN {fold_rows(folding, binds)} ON fold.g = {GROUPS[question.group_by]} AND fold.epoch = {question.tail_epoch}"
    where = f"WHERE {group} = ANY ({binds.add(sorted(only), 'int[]')})" if only is not None and question.group_by is not None else ""
    value = f"sum(CAST(quantity AS float8) * {weight(question, question.tail_epoch, binds)})"
    return [f"SELECT {TAIL}, CAST(NULL AS date), {group}, ARRAY[{value}] FROM ({tail}) AS tail {joined} {where} GROUP BY 3"]


def _without_specks(line: list[float]) -> list[float]:
    speck = max(map(abs, line), default=0.0) * NOISE
    return [one if abs(one) > speck else 0.0 for one in line]


def difference(whole: list[float], listed: list[list[float]]) -> list[float]:
    """What is left of `whole` without the `listed` lines: never below nothing by a rounding error's width."""
    if not listed:
        return list(whole)
    left = [one - sum(others) for one, *others in zip(whole, *listed, strict=True)]
    speck = max(map(abs, whole), default=0.0) * NOISE
    return [one if abs(one) > speck else 0.0 for one in left]
