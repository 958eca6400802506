"""The busiest hour: the largest hourly mean of running machines, found after grouping, since peaks do not add up."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction

from sqlmodel import Session

from flyusage.metering.models import HOURS
from flyusage.periods import HOUR, midnight
from flyusage.pricing.cells import GROUPS, Part, fold, fold_rows, parts, tail_rows
from flyusage.pricing.points import Buckets, buckets, points
from flyusage.pricing.question import Binds, Question, fetch
from flyusage.pricing.slices import by_hours
from flyusage.pricing.view import Dimension, Granularity, Measure

OTHER = -1
HOUR_SECONDS = 3600
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Peak:
    """A series' busiest hour: exact mean of running machines, when it was, and the busiest hour of each bucket."""

    machines: Fraction
    at: datetime
    points: list[float]


def peaks(session: Session, question: Question, axis: Buckets | None, *, drawn: frozenset[int] | None = None) -> dict[int, Peak]:
    """Series id → its peak. `drawn`: these series each, all others together under OTHER. Series that never ran are absent.

    Without an `axis` there are no points.
    """
    asked = replace(question, measure=Measure.RUNNING_PEAK)
    found = _Found(axis, {})
    if question.group_by is Dimension.MACHINE or question.scope.is_about_machines:
        hours = buckets(question.period, Granularity.HOUR)
        for series, line in points(session, asked, hours).items():
            for start, seconds in zip(hours.starts, line, strict=True):
                found.note(series, start, Fraction(int(seconds), _elapsed(asked, start)))
        return found.series
    binds = Binds()
    query = _query(asked, binds, drawn, is_hourly=axis is not None and axis.granularity is Granularity.HOUR)
    if query:
        for key, series, most, hour, values in fetch(session, query, binds):
            found.note_day(series, midnight(key), (int(most), hour), [float(one) / HOUR_SECONDS for one in values])
    for series, seconds in _tail(session, asked, drawn):
        found.note(series, asked.moment.since, Fraction(int(seconds), _elapsed(asked, asked.moment.since)))
    return {series: peak for series, peak in found.series.items() if peak.machines}


@dataclass
class _Found:
    axis: Buckets | None
    series: dict[int, Peak]

    def note(self, series: int, at: datetime, machines: Fraction) -> None:
        peak = self._of(series)
        if machines > peak.machines:
            peak.machines, peak.at = machines, at
        if self.axis:
            place = self.axis.index(at)
            peak.points[place] = max(peak.points[place], float(machines))

    def note_day(self, series: int, day: datetime, most: tuple[int, int], values: list[float]) -> None:
        """A day: its largest hour and which that was, and every hour's mean or that of the largest."""
        peak, (seconds, hour) = self._of(series), most
        if Fraction(seconds, HOUR_SECONDS) > peak.machines:
            peak.machines, peak.at = Fraction(seconds, HOUR_SECONDS), day + hour * HOUR
        if self.axis is None:
            return
        if len(values) == 1:
            place = self.axis.index(max(day, self.axis.period.start))
            peak.points[place] = max(peak.points[place], values[0])
            return
        first = (day - self.axis.period.start) // HOUR
        for place, one in enumerate(values, first):
            if 0 <= place < len(peak.points):
                peak.points[place] = one

    def _of(self, series: int) -> Peak:
        if series not in self.series:
            self.series[series] = Peak(Fraction(0), NEVER, [0.0] * len(self.axis.starts) if self.axis else [])
        return self.series[series]


def _elapsed(question: Question, start: datetime) -> int:
    """Seconds of the hour that have passed: fewer only in the hour that is not closed."""
    return max(1, min(HOUR_SECONDS, int((question.moment.as_of - start).total_seconds())))


def _query(question: Question, binds: Binds, drawn: frozenset[int] | None, *, is_hourly: bool) -> str | None:
    """(day, series, largest hour's machine-seconds, which hour, all hours or the largest alone)."""
    found = parts(question, by_hours(question.closed, question.epochs), binds, skus=question.reference.machine_skus)
    if not found:
        return None
    series, joined = _series(question, binds, drawn)
    sums = ", ".join(f"sum({hour}) AS {hour}" for hour in HOURS)
    listed = f"ARRAY[{', '.join(HOURS)}]"
    most = f"greatest({', '.join(HOURS)})"
    return f"""
    SELECT key, series, {most} AS most, array_position({listed}, {most}) - 1 AS hour,
           {listed if is_hourly else f"ARRAY[{most}]"} AS hours
    FROM (SELECT key, {series} AS series, {sums} FROM ({" UNION ALL ".join(_rows(question, one) for one in found)}) AS cell {joined}
          GROUP BY 1, 2) AS summed"""


def _rows(question: Question, part: Part) -> str:
    minus = "-" if part.sign < 0 else ""
    hours = ", ".join(f"{minus}{hour} AS {hour}" if hour in part.slice.names else f"0::bigint AS {hour}" for hour in HOURS)
    return f"SELECT {part.key} AS key, {GROUPS[question.group_by]} AS g, {part.slice.epoch} AS epoch, {hours} FROM {part.table} WHERE {part.where}"


def _series(question: Question, binds: Binds, drawn: frozenset[int] | None) -> tuple[str, str]:
    """SQL for the series of a row with `g` and `epoch`, and the join it needs."""
    folding = fold(question)
    series = "g" if folding is None else "coalesce(fold.s, 0)"
    joined = "" if folding is None else f"LEFT JOIN {fold_rows(folding, binds)} USING (g, epoch)"
    if drawn is not None:
        series = f"CASE WHEN {series} = ANY ({binds.add(sorted(drawn), 'int[]')}) THEN {series} ELSE {OTHER} END"
    return series, joined


def _tail(session: Session, question: Question, drawn: frozenset[int] | None) -> list[tuple[int, int]]:
    """(series, machine-seconds) of the hour that is not closed yet."""
    binds = Binds()
    tail = tail_rows(question, binds)
    if tail is None:
        return []
    series, joined = _series(question, binds, drawn)
    skus = binds.add(list(question.reference.machine_skus), "smallint[]")
    rows = f"SELECT {GROUPS[question.group_by]} AS g, {question.tail_epoch} AS epoch, quantity FROM ({tail}) AS tail WHERE sku_id = ANY ({skus})"
    return fetch(session, f"SELECT {series}, sum(quantity) FROM ({rows}) AS cell {joined} GROUP BY 1", binds)
