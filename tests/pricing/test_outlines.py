"""The small lines of a table are the same numbers as the chart's."""

from datetime import UTC, datetime

import pytest
from usage_world import APPS, NOW, World

from flyusage import db
from flyusage.periods import DAY, HOUR, Period
from flyusage.pricing.explorer import explore
from flyusage.pricing.outlines import outline_granularity, outlines
from flyusage.pricing.view import Dimension, Filter, Granularity, Measure, View

PERIOD = Period(datetime(2026, 9, 25, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
KEYS = {
    Dimension.APP: APPS[1:4],
    Dimension.REGION: ("fra", "gru"),
    Dimension.CONTINENT: ("Europe",),
    Dimension.VM_SIZE: ("performance-2x", "none"),
    Dimension.SKU: ("volume", "machine.performance-8x"),
    Dimension.COST_CENTRE: ("Shop", "Unassigned"),
    Dimension.MACHINE: ("m00", "m05", "m10"),
}


@pytest.mark.parametrize("measure", [Measure.LIST_COST, Measure.RUNNING_MEAN, Measure.RUNNING_PEAK])
@pytest.mark.parametrize("group", KEYS)
def test_each_is_what_the_chart_would_draw_of_it(world: World, group: Dimension, measure: Measure):
    view = View(measure, PERIOD, group, (Filter(Dimension.REGION, ("nrt",), True),), granularity=Granularity.DAY, as_of=NOW)
    with db.transaction(world.org_id) as session:
        found = outlines(session, world.org_id, view, KEYS[group])
        shown = {one.key: one for one in explore(session, world.org_id, view).series}
    expected = {key: shown[key].points for key in KEYS[group] if key in shown and any(shown[key].points)}
    assert set(expected) <= set(found) <= set(KEYS[group])
    assert {key: pytest.approx(line) for key, line in expected.items()} == {key: found[key] for key in expected}
    assert not any(any(line) for key, line in found.items() if key not in shown)
    if measure is Measure.LIST_COST:  # drawn or not: a line adds up to its row
        assert {key: pytest.approx(float(shown[key].total)) for key in found if key in shown} == {
            key: sum(line) for key, line in found.items() if key in shown
        }


def test_nothing_is_asked_for_no_rows_or_no_grouping(world: World):
    by_app = View(Measure.LIST_COST, PERIOD, Dimension.APP, granularity=Granularity.DAY)
    with db.transaction(world.org_id) as session:
        assert outlines(session, world.org_id, by_app, ()) == {}
        assert outlines(session, world.org_id, View(Measure.LIST_COST, PERIOD, granularity=Granularity.DAY), ("web",)) == {}
        assert outlines(session, world.org_id, by_app, ("no such app",)) == {}


def test_many_hours_are_outlined_by_day():
    start = PERIOD.start
    assert outline_granularity(Granularity.HOUR, Period(start, start + 4 * DAY)) is Granularity.HOUR
    assert outline_granularity(Granularity.HOUR, Period(start, start + 4 * DAY + HOUR)) is Granularity.DAY
    assert outline_granularity(Granularity.WEEK, PERIOD) is Granularity.WEEK
