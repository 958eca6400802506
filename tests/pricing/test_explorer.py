"""The question engine against plain Python over what happened: any measure, grouping, filter, period and moment."""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
import usage_world as w
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from usage_world import NOW, Cell, World

from flyusage import db
from flyusage.periods import HOUR, Period
from flyusage.pricing.explorer import explore, history, price_steps, values
from flyusage.pricing.view import Answer, Comparison, Dimension, Filter, Granularity, Measure, View

GROUPS = {
    Dimension.APP: lambda cell: cell.app,
    Dimension.REGION: lambda cell: cell.region,
    Dimension.CONTINENT: lambda cell: w.REGIONS[cell.region],
    Dimension.VM_SIZE: lambda cell: cell.size,
    Dimension.SKU: lambda cell: cell.sku,
    Dimension.COST_CENTRE: lambda cell: w.centre_of(cell.app, cell.hour.date()),
    Dimension.MACHINE: lambda cell: cell.machine or "",
    None: lambda _cell: "",
}
VALUES = {
    Dimension.APP: (*w.APPS, "nothing of that name"),
    Dimension.REGION: (*w.REGIONS, "xxx"),
    Dimension.CONTINENT: tuple(w.REGIONS.values()),
    Dimension.VM_SIZE: (*w.PRESETS, "none"),
    Dimension.SKU: (*(f"machine.{size}" for size in w.PRESETS), *w.METER),
    Dimension.COST_CENTRE: ("Shop", "Data", "Unassigned"),
    Dimension.MACHINE: tuple(f"m{number:02d}" for number in range(0, 36, 5)),
}
ADDITIVE = [measure for measure in Measure if measure is not Measure.RUNNING_PEAK and not measure.is_invoiced]
FIRST = datetime(2026, 9, 18, tzinfo=UTC)

hours = st.integers(0, 60 * 24).map(lambda number: FIRST + number * HOUR)


@st.composite
def filters(draw: st.DrawFn) -> tuple[Filter, ...]:
    chosen = draw(st.lists(st.sampled_from(list(VALUES)), unique=True, max_size=2))
    values = {one: tuple(draw(st.lists(st.sampled_from(VALUES[one]), min_size=1, max_size=3, unique=True))) for one in chosen}
    return tuple(Filter(one, values[one], draw(st.booleans())) for one in chosen)


@st.composite
def views(draw: st.DrawFn, measures: list[Measure]) -> View:
    start = draw(hours)
    as_of = draw(st.none() | st.integers(0, 50 * 86_400).map(lambda ago: NOW - timedelta(seconds=ago)))
    return View(
        measure=draw(st.sampled_from(measures)),
        period=Period(start, start + draw(st.integers(1, 60 * 24)) * HOUR),
        group_by=draw(st.sampled_from(list(GROUPS))),
        filters=draw(filters()),
        granularity=draw(st.none() | st.sampled_from(list(Granularity))),
        as_of=as_of,
    )


def ask(world: World, view: View) -> Answer:
    with db.transaction(world.org_id) as session:
        return explore(session, world.org_id, view)


def cells_of(world: World, view: View) -> list[Cell]:
    as_of = view.as_of or NOW
    return [cell for cell in world.cells(as_of) if cell.hour in view.period and all(passes(cell, one) for one in view.filters)]


def passes(cell: Cell, one: Filter) -> bool:
    return (GROUPS[one.dimension](cell) in one.values) is not one.is_exclusion


def worth(world: World, view: View, cell: Cell, seconds: int) -> Fraction:
    """A cell in the measure's units; `seconds` are those a mean is over."""
    is_machine = cell.sku not in w.METER
    preset, vcpus = w.PRESETS.get(cell.size, (0, 0))
    match view.measure:
        case Measure.LIST_COST | Measure.CONTRACTED_COST:  # nothing is negotiated here
            return world.cost(cell)
        case Measure.MACHINE_HOURS:
            return Fraction(cell.quantity, 3600) if is_machine else Fraction(0)
        case Measure.VCPU_HOURS:
            return Fraction(cell.quantity * vcpus, 3600) if is_machine else Fraction(0)
        case Measure.MEMORY_GB_HOURS:
            mib = cell.quantity * preset if is_machine else cell.quantity if cell.sku == w.EXTRA else 0
            return Fraction(mib, 1024 * 3600)
        case Measure.VOLUME_GB:
            return Fraction(cell.quantity, 1024 * seconds) if cell.sku == w.VOLUME and seconds else Fraction(0)
        case Measure.EGRESS_GB:
            return Fraction(cell.quantity, 10**9) if cell.sku == w.EGRESS else Fraction(0)
        case _:
            return Fraction(cell.quantity, seconds) if is_machine and seconds else Fraction(0)


def passed(period: Period, as_of: datetime) -> int:
    return max(0, int((min(period.end, as_of) - period.start).total_seconds()))


def expected(world: World, view: View) -> dict[str, Fraction]:
    found: defaultdict[str, Fraction] = defaultdict(Fraction)
    seconds = passed(view.period, view.as_of or NOW)
    for cell in cells_of(world, view):
        found[GROUPS[view.group_by](cell)] += worth(world, view, cell, seconds)
    return {key: value for key, value in found.items() if value}


def read_only(examples: int):
    return settings(max_examples=examples, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@read_only(60)
@example(
    view=View(Measure.LIST_COST, Period(datetime(2026, 10, 7, 1, tzinfo=UTC), datetime(2026, 10, 17, 1, tzinfo=UTC)))
)  # an hour after a step
@example(
    view=View(
        Measure.LIST_COST,
        Period(FIRST, datetime(2026, 11, 5, 18, tzinfo=UTC)),
        Dimension.MACHINE,
        (Filter(Dimension.MACHINE, ("m00",), True),),
    )
)  # a machine that is left out is no line either
@given(view=views(ADDITIVE))
def test_every_total_is_that_of_what_happened(world: World, view: View) -> None:
    answer = ask(world, view)
    assert {one.key: one.total for one in answer.series if one.total} == expected(world, view)
    assert answer.total == sum((one.total for one in answer.series), Fraction(0))
    assert answer.total == sum((one.total for one in answer.drawn), Fraction(0))


@read_only(60)
@given(view=views(ADDITIVE))
def test_points_are_the_buckets_of_what_happened(world: World, view: View) -> None:
    answer = ask(world, view)
    ends = (*answer.buckets[1:], view.period.end)
    drawn = [sum(line) for line in zip(*(one.points for one in answer.drawn), strict=True)] or [0.0] * len(ends)
    assert all(len(one.points) == len(ends) for one in answer.drawn)
    held: list[list[Cell]] = [[] for _ in answer.buckets]
    for cell in cells_of(world, replace(view, period=Period(answer.buckets[0], view.period.end))):
        held[bisect_right(answer.buckets, cell.hour) - 1].append(cell)
    for start, end, point, cells in zip(answer.buckets, ends, drawn, held, strict=True):
        seconds = passed(Period(start, end), view.as_of or NOW)
        assert point == pytest.approx(float(sum(worth(world, view, cell, seconds) for cell in cells)), rel=1e-9, abs=1e-9)


@read_only(25)
@given(view=views([Measure.RUNNING_PEAK]))
def test_peaks_are_the_busiest_hours_after_grouping(world: World, view: View) -> None:
    if view.group_by is Dimension.MACHINE:
        view = replace(view, group_by=Dimension.APP)
    answer, as_of = ask(world, view), view.as_of or NOW
    running: defaultdict[str, defaultdict[datetime, int]] = defaultdict(lambda: defaultdict(int))
    for cell in cells_of(world, view):
        if cell.sku not in w.METER:
            running[GROUPS[view.group_by](cell)][cell.hour] += cell.quantity
            running["the whole"][cell.hour] += cell.quantity
    mean = {key: max(Fraction(s, passed(Period(hour, hour + HOUR), as_of)) for hour, s in of.items()) for key, of in running.items()}
    whole = mean.pop("the whole", Fraction(0))
    assert {one.key: one.total for one in answer.series} == mean
    assert (answer.total, answer.totals.running_peak) == (whole, whole)
    for one in answer.drawn:
        assert max(one.points) == pytest.approx(float(one.total))


@read_only(25)
@given(view=views([Measure.LIST_COST]))
def test_headlines_hold_whatever_is_grouped(world: World, view: View) -> None:
    totals, cells = ask(world, view).totals, [cell for cell in cells_of(world, view) if cell.quantity]
    machine_seconds = sum(cell.quantity for cell in cells if cell.sku not in w.METER)
    assert totals.list_cost == sum(map(world.cost, cells), Fraction(0))
    assert totals.machine_hours == Fraction(machine_seconds, 3600)
    assert totals.app_count == len({cell.app for cell in cells})
    assert totals.region_count == totals.continent_count == len({cell.region for cell in cells})
    assert totals.unpriced == (("machine.a10",) if any(cell.sku == "machine.a10" for cell in cells) else ())


@read_only(25)
@given(view=views([Measure.LIST_COST, Measure.RUNNING_MEAN]), cut=st.integers(0, 12 * 86_400))
def test_a_pinned_moment_answers_the_same_for_ever(world: World, view: View, cut: int) -> None:
    """What was asked an hour after the moment and what is asked today, of the same events."""
    pinned = replace(view, as_of=NOW - timedelta(seconds=cut))
    assert ask(world, pinned).series == ask(world, replace(pinned, as_of=pinned.as_of)).series
    assert ask(world, pinned).as_of == pinned.as_of


OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))


@pytest.mark.parametrize("granularity", list(Granularity))
@pytest.mark.parametrize("group", list(GROUPS))
def test_groups_and_grains_share_one_total(world: World, group: Dimension | None, granularity: Granularity) -> None:
    whole = ask(world, View(Measure.LIST_COST, OCTOBER, None))
    answer = ask(world, View(Measure.LIST_COST, OCTOBER, group, granularity=granularity))
    assert answer.total == whole.total
    assert sum(map(sum, (one.points for one in answer.drawn))) == pytest.approx(float(whole.total))


def test_an_unpriced_sku_is_said_and_never_a_price_of_zero(world: World) -> None:
    answer = ask(world, View(Measure.LIST_COST, OCTOBER, Dimension.SKU))
    gpu = next(one for one in answer.series if one.key == "machine.a10")
    assert (gpu.total, gpu.is_unpriced) == (0, True)
    assert "Unpriced, and so not in the cost: machine.a10." in answer.notices
    assert [one.key for one in answer.series if one.is_unpriced] == ["machine.a10"]


def test_unknown_names_are_kept_and_said(world: World) -> None:
    view = View(Measure.LIST_COST, OCTOBER, Dimension.REGION, (Filter(Dimension.APP, ("web", "wbe\u202e\x00")),))
    answer = ask(world, view)
    assert answer.view == view
    assert answer.notices == ("No app is called “wbe··”.",)
    assert answer.total == ask(world, replace(view, filters=(Filter(Dimension.APP, ("web",)),))).total > 0


def test_a_period_before_history_is_not_compared(world: World) -> None:
    answer = ask(world, View(Measure.LIST_COST, OCTOBER, Dimension.REGION, comparison=Comparison.PREVIOUS))
    assert (answer.previous_total, answer.previous_period) == (None, None)
    assert "History begins Sep 20, 2026, so there is nothing before to compare with." in answer.notices


def test_an_open_month_is_compared_at_the_same_elapsed_time(world: World) -> None:
    november = Period(OCTOBER.end, datetime(2026, 12, 1, tzinfo=UTC))
    answer = ask(world, View(Measure.LIST_COST, november, Dimension.REGION, comparison=Comparison.PREVIOUS))
    cut = OCTOBER.start + (NOW - november.start)
    assert answer.previous_period == Period(OCTOBER.start, cut)
    before = View(Measure.LIST_COST, OCTOBER, Dimension.REGION, as_of=cut)
    assert answer.previous_total == sum(expected(world, before).values())
    assert {one.key: one.previous_total for one in answer.series if one.previous_total} == expected(world, before)


def test_another_length_is_said(world: World) -> None:
    week = Period(datetime(2026, 10, 12, tzinfo=UTC), datetime(2026, 10, 19, tzinfo=UTC))
    answer = ask(world, View(Measure.LIST_COST, week, Dimension.APP, comparison=Comparison.PREVIOUS))
    earlier = View(Measure.LIST_COST, Period(week.start - timedelta(days=7), week.start), Dimension.APP)
    assert answer.previous_total == sum(expected(world, earlier).values())
    assert [one for one in answer.drawn if len(one.previous_points) not in (0, len(answer.buckets))] == []


def test_price_steps_are_marked(world: World) -> None:
    with db.transaction(world.org_id) as session:
        steps = price_steps(session, world.org_id, View(Measure.LIST_COST, OCTOBER))
        dearer = price_steps(
            session, world.org_id, View(Measure.LIST_COST, OCTOBER, filters=(Filter(Dimension.SKU, ("machine.performance-2x",)),))
        )
        none = price_steps(session, world.org_id, View(Measure.LIST_COST, OCTOBER, filters=(Filter(Dimension.SKU, ("egress.public",)),)))
    assert [(step.at, step.label) for step in steps] == [(datetime(2026, 10, 17, tzinfo=UTC), "prices −50 % to +5 %")]
    assert [step.label for step in dearer] == ["prices +5 %"]
    assert none == ()


def test_filters_find_their_values(world: World) -> None:
    with db.transaction(world.org_id) as session:
        assert [one.key for one in values(session, world.org_id, Dimension.APP, search='D"D')] == ['od"d, !=app']
        assert [one.key for one in values(session, world.org_id, Dimension.REGION, search="frank")] == ["fra"]
        assert [one.key for one in values(session, world.org_id, Dimension.COST_CENTRE)] == ["Data", "Shop", "Unassigned"]
        assert [one.key for one in values(session, world.org_id, Dimension.MACHINE, search="m1", limit=2)] == ["m10", "m11"]
        assert values(session, world.org_id, Dimension.MACHINE, search="%") == []


def test_history_is_that_of_the_organization(world: World, shared_database) -> None:
    with db.transaction(world.org_id) as session:
        spans = history(session, world.org_id)
        assert spans is not None
        assert spans.start == w.START
        assert history(session, world.org_id + 1) is None
        empty = explore(session, world.org_id + 1, View(Measure.LIST_COST, OCTOBER))
    assert (empty.series, empty.total, empty.history_begins) == ((), 0, None)


def test_a_period_that_ends_inside_the_day_a_price_begins_on(world: World) -> None:
    """Its last hour is priced by the new price, though no whole day of it is inside."""
    view = View(Measure.LIST_COST, Period(FIRST, datetime(2026, 10, 17, 1, tzinfo=UTC)), group_by=Dimension.APP)
    assert {one.key: one.total for one in ask(world, view).series if one.total} == expected(world, view)
