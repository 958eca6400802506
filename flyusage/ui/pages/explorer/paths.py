"""Ways from one view to another: what each menu entry, chip, row and click leads to. Pure; a way is an address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from urllib.parse import quote

from flyusage.pricing.urls import usage_path, view_to_query, zone_text
from flyusage.pricing.view import Chart, Comparison, Dimension, Filter, Granularity, Measure, View

DRILL = (Dimension.CONTINENT, Dimension.REGION, Dimension.APP, Dimension.VM_SIZE, Dimension.MACHINE)
SIDE_DOORS = {Dimension.COST_CENTRE: Dimension.APP, Dimension.SKU: Dimension.APP}


@dataclass(frozen=True)
class Place:
    """A view of an organization, from which ways lead on."""

    slug: str
    view: View

    def href(self, **changes: object) -> str:
        """The address of this view with `changes` to its fields; a changed question is asked of the present again."""
        view = replace(self.view, **changes)
        return usage_href(self.slug, view_to_query(view))

    def measured(self, measure: Measure) -> str:
        """The same view of another measure."""
        return self.href(measure=measure)

    def grouped(self, dimension: Dimension | None) -> str:
        """The same view by another dimension; a map stays one only where places are shown."""
        is_place = dimension in (Dimension.REGION, Dimension.CONTINENT)
        chart = Chart.AREA if self.view.chart is Chart.MAP and not is_place else self.view.chart
        return self.href(group_by=dimension, chart=chart)

    def drawn(self, chart: Chart) -> str:
        """The same numbers drawn otherwise; the map shows regions."""
        return self.href(chart=chart, group_by=Dimension.REGION) if chart is Chart.MAP else self.href(chart=chart)

    def bucketed(self, granularity: Granularity | None) -> str:
        """The same view in other buckets; None chooses by the range."""
        return self.href(granularity=granularity)

    def compared(self, comparison: Comparison) -> str:
        """The same view held against something else."""
        return self.href(comparison=comparison)

    def filtered(self, dimension: Dimension, values: tuple[str, ...], *, excludes: bool = False) -> str:
        """The same view with the filter on `dimension` replaced; no values take it away."""
        return self.href(filters=with_filter(self.view.filters, dimension, values, excludes=excludes))

    def toggled(self, dimension: Dimension, value: str, *, excludes: bool) -> str:
        """The same view with `value` added to the filter on `dimension`, or taken out of it."""
        present = filter_on(self.view.filters, dimension)
        values = present.values if present else ()
        changed = tuple(one for one in values if one != value) if value in values else (*values, value)
        return self.filtered(dimension, changed, excludes=excludes)

    def down(self, value: str) -> str:
        """Into one value of the grouping: only that, by the next dimension on the way down to its machines."""
        group = self.view.group_by
        if group is None:
            return self.grouped(Dimension.CONTINENT)
        if group is Dimension.MACHINE:
            return self.machine(value)
        filters = with_filter(self.view.filters, group, (value,))
        chart = Chart.AREA if self.view.chart is Chart.MAP else self.view.chart
        return self.href(filters=filters, group_by=below(group, filters), chart=chart)

    def beyond(self, listed: Sequence[str]) -> str:
        """Into "other": this view without the values that stand by themselves, so that what was folded does."""
        group = self.view.group_by
        present = None if group is None else filter_on(self.view.filters, group)
        if group is None or not listed:
            return ""
        if present is None or present.is_exclusion:
            return self.filtered(group, (*(present.values if present else ()), *listed), excludes=True)
        return self.filtered(group, tuple(one for one in present.values if one not in listed))

    def machine(self, name: str) -> str:
        """A machine's page in the view's zone; at the view's month where it lies within one."""
        start, last = self.view.period.start, self.view.period.end - timedelta(seconds=1)
        month = start.date().replace(day=1) if (start.year, start.month) == (last.year, last.month) else None
        return machine_href(self.slug, name, month=month, zone_minutes=self.view.zone_minutes)


def usage_href(slug: str, query: Mapping[str, str]) -> str:
    """The explorer's address for a view's query."""
    return usage_path(slug, query)


def machine_href(slug: str, machine: str, *, month: date | None = None, zone_minutes: int = 0) -> str:
    """A machine's page: at a month, None for the last one it was there in; its hours told so many minutes east of UTC."""
    asked = ([f"month={month:%Y-%m}"] if month else []) + ([f"zone={zone_text(zone_minutes)}"] if zone_minutes else [])
    return f"/orgs/{quote(slug)}/machines/{quote(machine, safe='')}" + ("?" + "&".join(asked) if asked else "")


def filter_on(filters: tuple[Filter, ...], dimension: Dimension) -> Filter | None:
    """The filter on `dimension`, if there is one."""
    return next((one for one in filters if one.dimension is dimension), None)


def with_filter(
    filters: tuple[Filter, ...], dimension: Dimension, values: tuple[str, ...], *, excludes: bool = False
) -> tuple[Filter, ...]:
    """`filters` with the one on `dimension` replaced in its place, added at the end, or taken away."""
    made = Filter(dimension, values, excludes) if values else None
    if filter_on(filters, dimension) is None:
        return (*filters, made) if made else filters
    return tuple(one for one in (made if old.dimension is dimension else old for old in filters) if one is not None)


def below(group: Dimension, filters: tuple[Filter, ...]) -> Dimension:
    """The next dimension on the way down that is not yet narrowed to one value."""
    narrowed = {one.dimension for one in filters if len(one.values) == 1 and not one.is_exclusion}
    first = DRILL.index(SIDE_DOORS[group]) if group in SIDE_DOORS else DRILL.index(group) + 1
    steps = DRILL[first:]
    return next((step for step in steps if step not in narrowed), Dimension.MACHINE)


def trail(filters: tuple[Filter, ...]) -> list[Filter]:
    """The filters that are steps of a way down, in the order they were taken."""
    return [one for one in filters if len(one.values) == 1 and not one.is_exclusion]
