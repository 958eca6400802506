"""What is asked of the explorer in the benchmark, and the same in the SQL of the engines it is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from flyusage.periods import Period, floor_day
from flyusage.pricing.view import Dimension, Filter, Granularity, Measure, View

RANGES = (
    (1, Granularity.HOUR), (7, Granularity.HOUR), (31, Granularity.HOUR), (62, Granularity.HOUR), (31, Granularity.DAY),
    (92, Granularity.DAY), (None, Granularity.DAY), (None, Granularity.WEEK), (None, Granularity.MONTH),
)  # fmt: skip
GROUPS = (None, *(dimension for dimension in Dimension if dimension is not Dimension.MACHINE))
HOURS = {Granularity.HOUR: 1, Granularity.DAY: 24, Granularity.WEEK: 168, Granularity.MONTH: 24 * 30}
COLUMNS = {
    Dimension.CONTINENT: "r.continent", Dimension.REGION: "f.region", Dimension.APP: "f.app", Dimension.COST_CENTRE: "a.centre",
    Dimension.VM_SIZE: "f.size", Dimension.SKU: "f.sku",
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """A view, and in the rivals' terms: `ids` of each filter's values."""

    view: View
    ids: tuple[tuple[int, ...], ...]

    @property
    def is_filtered(self) -> bool:
        """Whether it has a filter."""
        return bool(self.view.filters)

    @property
    def words(self) -> str:
        """The question on a line."""
        days = (self.view.period.end - self.view.period.start) // timedelta(days=1)
        where = " ".join(f"{'not ' * each.is_exclusion}{each.dimension}={','.join(each.values)}" for each in self.view.filters)
        return f"{self.view.measure} by {self.view.group_by or 'nothing'}, {days} d by {self.view.granularity}; {where or 'all'}"


MEASURES = [one for one in Measure if one is Measure.LIST_COST or not one.is_money]  # what the rivals can be asked


def questions(history: Period, names: Mapping[Dimension, Mapping[str, int]], *, count: int, is_filtered: bool) -> list[Question]:
    """`count` views over the history: measures, groups, ranges, filters and granularities by a fixed die."""
    dice = Random(f"questions/{is_filtered}")
    end = floor_day(history.end)
    asked = []
    for number in range(count):
        days, granularity = RANGES[number % len(RANGES)]
        length = end - history.start if days is None else timedelta(days=days)
        earliest = 0 if days is None else (end - history.start - length).days
        stop = end - timedelta(days=dice.randrange(earliest + 1) if dice.random() < 0.3 else 0)
        filters = _filters(dice, names) if is_filtered else ()
        view = View(
            dice.choice(MEASURES), Period(max(history.start, stop - length), stop), group_by=dice.choice(GROUPS),
            filters=filters, granularity=granularity,
        )  # fmt: skip
        asked.append(Question(view, tuple(tuple(names[one.dimension][value] for value in one.values) for one in filters)))
    return asked


def _filters(dice: Random, names: Mapping[Dimension, Mapping[str, int]]) -> tuple[Filter, ...]:
    dimensions = dice.choice(
        ([Dimension.APP], [Dimension.REGION], [Dimension.VM_SIZE], [Dimension.APP, Dimension.REGION], [Dimension.REGION, Dimension.VM_SIZE])
    )
    return tuple(
        Filter(dimension, tuple(sorted(dice.sample(sorted(names[dimension]), dice.choice((1, 1, 3))))), is_exclusion=dice.random() < 0.25)
        for dimension in dimensions
    )


def rival_sql(question: Question, trunc: Mapping[Granularity, str]) -> str:
    """The question over `fact`, with `trunc` the engine's way to cut an hour `{}` to a bucket. Sums first, prices after."""
    view, where = question.view, _where(question)
    group = "0" if view.group_by is None else COLUMNS[view.group_by]
    joins = " JOIN region r ON r.id = f.region" if view.group_by is Dimension.CONTINENT else ""
    joins += " JOIN app a ON a.id = f.app" if view.group_by is Dimension.COST_CENTRE else ""
    granularity = view.granularity or Granularity.DAY
    bucket, cut = trunc[granularity].format("hour"), trunc[granularity].format("f.hour")
    if view.measure in (Measure.RUNNING_MEAN, Measure.RUNNING_PEAK):
        kept = f"{where} AND f.sku IN (SELECT sku FROM weight WHERE measure = 'machine_hours')"
        hourly = f"SELECT f.hour AS hour, {group} AS g, sum(q) / 3600.0 AS running FROM fact f{joins} WHERE {kept} GROUP BY 1, 2"
        total = "max(running)" if view.measure is Measure.RUNNING_PEAK else f"sum(running) / {HOURS[granularity]}"
        return f"SELECT {bucket} AS bucket, g, {total} AS value FROM ({hourly}) AS hourly GROUP BY 1, 2"
    if view.measure is not Measure.LIST_COST:
        return f"""SELECT bucket, g, sum(q * w) AS value FROM (
            SELECT {cut} AS bucket, {group} AS g, f.sku AS sku, sum(q) AS q FROM fact f{joins}
            WHERE {where} AND f.sku IN (SELECT sku FROM weight WHERE measure = '{view.measure}') GROUP BY 1, 2, 3) AS summed
            JOIN weight w ON w.sku = summed.sku AND w.measure = '{view.measure}' GROUP BY 1, 2"""
    # A price holds from a midnight on, so that weeks and months are priced by their days.
    fine = trunc[Granularity.HOUR if view.granularity is Granularity.HOUR else Granularity.DAY].format("f.hour")
    return f"""SELECT {bucket} AS bucket, g, sum(q * p.amount) AS value FROM (
        SELECT {fine} AS hour, {group} AS g, f.sku AS sku, f.region AS region, sum(q) AS q FROM fact f{joins}
        WHERE {where} GROUP BY 1, 2, 3, 4) AS summed
        JOIN price p ON p.sku = summed.sku AND p.region = summed.region AND hour >= p.starts AND hour < p.ends GROUP BY 1, 2"""


def _where(question: Question) -> str:
    period = question.view.period
    clauses = [f"f.hour >= {_moment(period.start)}", f"f.hour < {_moment(period.end)}"]
    for one, ids in zip(question.view.filters, question.ids, strict=True):
        clauses.append(f"{COLUMNS[one.dimension]} {'NOT ' * one.is_exclusion}IN ({_list(ids)})")
    return " AND ".join(clauses)


def _moment(moment: datetime) -> str:
    return f"'{moment:%Y-%m-%d %H:%M:%S}'"


def _list(ids: Sequence[int]) -> str:
    return ", ".join(str(one) for one in ids)
