"""What changed: contributors that add up to the difference, ranked, and said in words that are true."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
import usage_world as w
from factories import ingest, started, stopped, volume_created
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from usage_world import NOW, World

from flyusage import clock, db
from flyusage.metering.rollups import catch_up
from flyusage.periods import HOUR, Period
from flyusage.pricing.changes import Changes, what_changed
from flyusage.pricing.steps import find_step
from flyusage.pricing.view import Comparison, Contributor, Dimension, Filter, Measure, View

FIRST = datetime(2026, 10, 1, tzinfo=UTC)
DIMENSIONS = [one for one in Dimension if one is not Dimension.MACHINE]


def ask(world: World, view: View, **options) -> Changes | None:
    with db.transaction(world.org_id) as session:
        return what_changed(session, world.org_id, view, **options)


def cost_of(world: World, period: Period, filters: tuple[Filter, ...] = ()) -> Fraction:
    regions = {value for one in filters for value in one.values}
    return sum(
        (world.cost(cell) for cell in world.cells(NOW) if cell.hour in period and (not regions or cell.region in regions)), Fraction(0)
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@example(start=145, hours=240, by=(Dimension.CONTINENT,), limit=1, region="dfw")  # ends an hour after the price step
@given(
    start=st.integers(0, 35 * 24),
    hours=st.integers(1, 10 * 24),
    by=st.lists(st.sampled_from(DIMENSIONS), min_size=1, max_size=2, unique=True).map(tuple),
    limit=st.integers(1, 8),
    region=st.sampled_from(["dfw", "gru", ""]),
)
def test_lines_add_up_to_the_difference(world: World, start: int, hours: int, by: tuple[Dimension, ...], limit: int, region: str) -> None:
    period = Period(FIRST + start * HOUR, FIRST + (start + hours) * HOUR)
    filters = (Filter(Dimension.REGION, (region,)),) if region else ()
    told = ask(world, View(Measure.LIST_COST, period, filters=filters), by=by, limit=limit)
    assert told is not None
    assert told.total.after == cost_of(world, told.after, filters)
    assert told.total.before == cost_of(world, told.before, filters)
    lines = [*told.contributors, *([told.rest] if told.rest else [])]
    for part in ("before", "after", "price", "amount", "mix", "difference", "machines_before", "machines_after"):
        assert sum((getattr(one, part) for one in lines), Fraction(0)) == getattr(told.total, part)
    for one in (*lines, told.total):
        assert one.price + one.amount + one.mix == one.difference
    sizes = [abs(one.difference) for one in told.contributors]
    assert sizes == sorted(sizes, reverse=True)
    assert len(told.contributors) <= limit


def test_nothing_is_compared_with_what_was_before_history(world: World) -> None:
    october = Period(FIRST, datetime(2026, 11, 1, tzinfo=UTC))
    assert ask(world, View(Measure.LIST_COST, october)) is None
    assert ask(world, View(Measure.LIST_COST, Period(FIRST, FIRST + timedelta(days=3)), comparison=Comparison.LAST_YEAR)) is None


def test_a_price_step_is_called_one(world: World) -> None:
    """A week after the step against the week before it, where nothing else is priced anew: volumes at half the price."""
    step = datetime(2026, 10, 17, tzinfo=UTC)
    view = View(Measure.LIST_COST, Period(step, step + timedelta(days=3)), filters=(Filter(Dimension.SKU, ("volume",)),))
    told = ask(world, view, by=(Dimension.SKU,))
    assert told is not None
    assert told.contributors[0].words == "price step, Oct 17"
    assert told.contributors[0].price < 0


@pytest.fixture
def stories(database) -> Changes:
    """October against September for six apps, each with one thing that happened to it, in performance-1x unless told."""
    september, october = "2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z"
    events = [started("steady", september, app="steady")]
    events += [started(f"grown-{n}", september if n < 3 else "2026-10-17T14:00:00Z", app="grown", region="gru") for n in range(23)]
    for number in range(6):
        events.append(started(f"shrunk-{number}", september, app="shrunk"))
        if number > 1:
            events.append(stopped(f"shrunk-{number}", "2026-10-05T00:00:00Z", app="shrunk"))
    for number in range(4):
        events.append(started(f"moved-{number}", september, app="moved", vm_size="performance-8x", memory_mb=16384))
        events.append(started(f"moved-{number}", october, app="moved", vm_size="performance-12x", memory_mb=24576))
    events += [started("fresh-0", "2026-10-09T00:00:00Z", app="fresh"), started("gone-0", september, app="gone")]
    events += [stopped("gone-0", "2026-09-20T06:00:00Z", app="gone"), volume_created("v", "2026-10-01T00:00:00Z", app="stored", gb=4000)]
    events += [volume_created("v0", september, app="stored", gb=1000)]
    with clock.freeze(datetime(2026, 11, 1, tzinfo=UTC)):
        assert not ingest(events).refused
        catch_up(1)
        with db.transaction(1) as session:
            told = what_changed(session, 1, View(Measure.LIST_COST, Period(FIRST, datetime(2026, 11, 1, tzinfo=UTC))), limit=10)
    assert told is not None
    return told


def test_what_happened_is_said_in_words(stories: Changes) -> None:
    words = {one.label: one.words for one in stories.contributors}
    assert words["grown in gru"] == "+20 machines since Oct 17, 14:00"
    assert words["shrunk in dfw"] == "4 fewer machines since Oct 5"
    assert words["moved in dfw"] == "moved from performance-8x to 12x"
    assert words["fresh in dfw"] == "new since Oct 9"
    assert words["gone in dfw"] == "gone since Sep 20, 06:00"
    assert words["stored in dfw"] == "+4,000 GB of volumes on average"
    since = {one.label: one.since for one in stories.contributors}
    assert since["grown in gru"] == datetime(2026, 10, 17, 14, tzinfo=UTC)
    assert since["moved in dfw"] is None


def test_the_move_is_all_mix_and_the_month_is_longer_by_a_day(stories: Changes) -> None:
    # moved: 4 machines, 30 days of 8x (16 GB preset) before, 31 of 12x after, dfw: 248 and 372 a month × 1.25 = 310 and 465.
    # In prices per second: 8x 0.000119598765 (310/2,592,000 = 0.00011959876…), 12x 0.000179398148.
    moved = next(one for one in stories.contributors if one.label == "moved in dfw")
    before = 4 * 30 * 86_400 * Fraction("0.000119598765")
    after = 4 * 31 * 86_400 * Fraction("0.000179398148")
    assert (moved.before, moved.after) == (before, after)
    assert moved.amount == before / 30
    assert moved.price == 0
    assert moved.mix == after - before - before / 30


def test_a_step_is_found_where_it_is_and_not_in_noise() -> None:
    step = find_step([5.0] * 100 + [12.0] * 60)
    assert step is not None
    assert (step.place, step.size) == (100, 7.0)
    assert find_step([5.0, 6.0, 5.0, 7.0] * 20) is None
    assert find_step([5.0] * 50) is None
    assert find_step([]) is None


def test_dimensions_must_be_those_of_cells(world: World) -> None:
    view = View(Measure.LIST_COST, Period(FIRST + timedelta(days=9), FIRST + timedelta(days=10)))
    with pytest.raises(ValueError, match="dimensions of cells"):
        ask(world, view, by=(Dimension.MACHINE,))


def test_a_contributor_is_named_as_views_name_it(world: World) -> None:
    week = View(Measure.LIST_COST, Period(FIRST + timedelta(days=9), FIRST + timedelta(days=12)))
    told = ask(world, week, by=(Dimension.COST_CENTRE, Dimension.CONTINENT))
    assert told is not None
    for one in told.contributors:
        assert isinstance(one, Contributor)
        assert one.key[0] in {w.centre_of(app, FIRST.date()) for app in w.APPS}
        assert one.key[1] in w.REGIONS.values()
