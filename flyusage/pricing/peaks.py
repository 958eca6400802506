"""The busiest hour: the largest hourly mean of running machines, found after grouping, since peaks do not add up.

Hours are summed per group and day in SQL. `running_day` has them summed already for whole groups by one dimension;
anything finer (an app in a region) is summed from day cells.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction

from sqlmodel import Session

from flyusage.metering.models import HOURS, RUNNING_BY_APP, RUNNING_BY_REGION, RUNNING_BY_SIZE, RUNNING_WHOLE
from flyusage.periods import HOUR, midnight
from flyusage.pricing.cells import GROUPS, fold, fold_rows, parts, tail_rows
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.points import Buckets, buckets, points
from flyusage.pricing.question import Question
from flyusage.pricing.slices import Slice, by_hours
from flyusage.pricing.view import Dimension, Granularity, Measure

OTHER = -1
HOUR_SECONDS = 3600
HOURS_LISTED = ", ".join(HOURS)
LISTED = f"ARRAY[{HOURS_LISTED}]"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
SUMMED = {
    None: RUNNING_WHOLE,
    Dimension.REGION: RUNNING_BY_REGION,
    Dimension.CONTINENT: RUNNING_BY_REGION,
    Dimension.APP: RUNNING_BY_APP,
    Dimension.COST_CENTRE: RUNNING_BY_APP,
    Dimension.VM_SIZE: RUNNING_BY_SIZE,
}


@dataclass
class Peak:
    """A series' busiest hour: machine-seconds in it over the seconds that passed, when it was, and the busiest hour of each bucket."""

    machines: Fraction
    at: datetime
    points: list[float]


def peaks(session: Session, question: Question, axis: Buckets | None, *, drawn: frozenset[int] | None = None) -> dict[int, Peak]:
    """Series id → its peak. `drawn`: these series each, all others together under OTHER. Series that never ran are absent.

    Without an `axis` there are no points, and grouped series do not say when.
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
    query = _query(asked, binds, axis, drawn)
    if query:
        for key, series, most, hour, values in fetch(session, query, binds):
            found.note_day(series, midnight(key), (int(most), hour), values)
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

    def note_day(self, series: int, day: datetime, most: tuple[int, int], values: list[int] | None) -> None:
        """A day: its largest hour's machine-seconds and which hour that was, and all of them where hours are drawn."""
        seconds, hour = most
        peak = self._of(series)
        if seconds * peak.machines.denominator > peak.machines.numerator * HOUR_SECONDS:
            peak.machines, peak.at = Fraction(seconds, HOUR_SECONDS), day + hour * HOUR
        if self.axis is None:
            return
        if values is None:
            place = self.axis.index(max(day, self.axis.period.start))
            peak.points[place] = max(peak.points[place], seconds / HOUR_SECONDS)
            return
        for place, one in enumerate(values, (day - self.axis.period.start) // HOUR):
            if 0 <= place < len(peak.points):
                peak.points[place] = one / HOUR_SECONDS

    def _of(self, series: int) -> Peak:
        if series not in self.series:
            self.series[series] = Peak(Fraction(0), NEVER, [0.0] * len(self.axis.starts) if self.axis else [])
        return self.series[series]


def _elapsed(question: Question, start: datetime) -> int:
    """Seconds of the hour that have passed: fewer only in the hour that is not closed."""
    return max(1, min(HOUR_SECONDS, int((question.moment.as_of - start).total_seconds())))


def _query(question: Question, binds: Binds, axis: Buckets | None, drawn: frozenset[int] | None) -> str | None:
    """(day, series, largest hour's machine-seconds, which hour, all hours where they are drawn).

    Without points, each series' largest hour alone, and when it was for everything together.
    """
    rows = _days(question, binds, drawn)
    if rows is None:
        return None
    if axis is None and question.group_by is None:
        return f"SELECT key, series, most, array_position({LISTED}, most) - 1, NULL::bigint[] FROM {rows} AS day ORDER BY most DESC, key LIMIT 1"
    if axis is None:
        return f"SELECT min(key), series, max(most), 0, NULL::bigint[] FROM {rows} AS day GROUP BY series"
    hours = LISTED if axis.granularity is Granularity.HOUR else "NULL::bigint[]"
    return f"SELECT key, series, most, array_position({LISTED}, most) - 1, {hours} FROM {rows} AS day"


def _days(question: Question, binds: Binds, drawn: frozenset[int] | None) -> str | None:
    """A table of (key, series, h00..h23, most): a row per day and series."""
    sliced = by_hours(question.closed, question.epochs)
    kept = _summed_by(question)
    folding = fold(question)
    if kept is not None and folding is None:
        rows = [row for one in sliced for row in _summed(question, one, binds, kept, drawn)]
        if len(rows) == len(sliced) and drawn is None and question.group_by is not None:
            return f"({' UNION ALL '.join(rows)})" if rows else None
        return _added(rows, "g", "")
    series, joined = _series(question, binds, drawn)
    if kept is not None:
        return _added([row for one in sliced for row in _summed(question, one, binds, kept, None)], series, joined)
    return _added(_cells(question, sliced, binds), series, joined)


def _added(rows: list[str], series: str, joined: str) -> str | None:
    """The rows of a day and series as one."""
    if not rows:
        return None
    sums = ", ".join(f"sum({hour})::bigint AS {hour}" for hour in HOURS)
    cells = " UNION ALL ".join(f"SELECT key, series AS g, epoch, {HOURS_LISTED} FROM ({row}) AS row" for row in rows)
    summed = f"SELECT key, {series} AS series, {sums} FROM ({cells}) AS cell {joined} GROUP BY 1, 2"
    return f"(SELECT *, greatest({HOURS_LISTED}) AS most FROM ({summed}) AS summed OFFSET 0)"


def _cells(question: Question, sliced: list[Slice], binds: Binds) -> list[str]:
    """Queries for (key, series, epoch, h00..h23) from the cells themselves."""
    found = parts(question, sliced, binds, skus=question.reference.machine_skus)
    group = GROUPS[question.group_by]
    return [
        f"SELECT {part.key} AS key, {group} AS series, {part.slice.epoch} AS epoch, {_hours(part.slice, part.sign)} "
        f"FROM {part.table} WHERE {part.where}"
        for part in found
    ]


def _summed_by(question: Question) -> tuple[int, list[frozenset[int] | None]] | None:
    """The dimension of `running_day` that answers, and its keys by epoch (None: all), where at most one dimension is in play."""
    scope = question.scope
    filters: dict[int, list[frozenset[int] | None]] = {}
    if any(apps is not None for apps in scope.apps):
        filters[RUNNING_BY_APP] = list(scope.apps)
    if scope.regions is not None:
        filters[RUNNING_BY_REGION] = [scope.regions for _ in question.epochs]
    if scope.sizes is not None:
        filters[RUNNING_BY_SIZE] = [scope.sizes for _ in question.epochs]
    needed = {*filters, *({SUMMED[question.group_by]} if question.group_by in SUMMED else {-1})} - {RUNNING_WHOLE}
    if scope.skus is not None or len(needed) > 1 or -1 in needed:
        return None
    dimension = needed.pop() if needed else RUNNING_WHOLE
    return dimension, filters.get(dimension, [None for _ in question.epochs])


def _summed(
    question: Question, one: Slice, binds: Binds, kept: tuple[int, list[frozenset[int] | None]], drawn: frozenset[int] | None
) -> list[str]:
    """Queries for (key, series, epoch, h00..h23, most) from `running_day`; with `drawn`, OTHER is everything less these."""
    dimension, keys = kept[0], kept[1][one.epoch]
    group = "key" if question.group_by is not None else "0"
    if drawn is None:
        return [_running(question, one, binds, (dimension, keys), group)]
    listed = drawn if keys is None else drawn & keys
    return [
        _running(question, one, binds, (dimension, listed), group),
        _running(question, one, binds, (dimension, listed), str(OTHER), sign=-1),
        _running(question, one, binds, (RUNNING_WHOLE if keys is None else dimension, keys), str(OTHER)),
    ]


def _running(question: Question, one: Slice, binds: Binds, kept: tuple[int, frozenset[int] | None], series: str, sign: int = 1) -> str:
    dimension, keys = kept
    where = [f"org_id = {binds.add(question.org_id, 'int')}", f"dimension = {dimension}"]
    where.append(f"day BETWEEN {binds.add(one.days[0], 'date')} AND {binds.add(one.days[-1], 'date')}")
    if keys is not None:
        where.append(f"key = ANY ({binds.add(sorted(keys), 'int[]')})")
    most = "most" if one.is_whole else f"greatest({', '.join(one.names)}) AS most"
    return f"SELECT day AS key, {series} AS series, {one.epoch} AS epoch, {_hours(one, sign)}, {most} FROM running_day WHERE {' AND '.join(where)}"


def _hours(one: Slice, sign: int) -> str:
    minus = "-" if sign < 0 else ""
    return ", ".join(f"{minus}{hour} AS {hour}" if hour in one.names else f"0::bigint AS {hour}" for hour in HOURS)


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
