"""What is drawn beside the usage: only where the view shows just what a budget is of, and what lies inside of its filters."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from billing_world import take_in, volume
from conftest import Database
from factories import started

from flyusage import clock, db
from flyusage.alerts.anomalies import look_for
from flyusage.alerts.budgets import Plan, create, standing
from flyusage.alerts.overlays import Overlays, overlays
from flyusage.orgs.acting import system
from flyusage.periods import Period
from flyusage.pricing.asking import know
from flyusage.pricing.explorer import explore
from flyusage.pricing.view import Dimension, Filter, Granularity, Measure, View

NOW = datetime(2026, 10, 16, 12, tzinfo=UTC)
OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
WHOLE = View(Measure.CONTRACTED_COST, OCTOBER, Dimension.APP, granularity=Granularity.DAY)
WEB = replace(WHOLE, filters=(Filter(Dimension.APP, ("web",)),))
SIZE = {"vm_size": "performance-8x", "memory_mb": 16384}


@pytest.fixture(scope="module")
def prism(shared_database: Database) -> Iterator[int]:
    """$3 a day of web's volume since September 1, and twenty machines of jobs in fra that ran away on October 15."""
    with clock.freeze(NOW):
        runaway = [started(f"j{number}", "2026-10-15T06:00:00Z", app="jobs", region="fra", **SIZE) for number in range(20)]
        org_id = take_in(volume("v1", 600, month=9)[0], *runaway, at=NOW)["prism"]
        with db.transaction(org_id) as session:
            create(session, org_id, Plan("All", 310_000), by=system("test"))
            create(session, org_id, Plan("Web", 3_100, {"app": "web"}), by=system("test"))
            create(session, org_id, Plan("Not fra", 3_100, {"region": "!fra"}), by=system("test"))
            look_for(session, org_id)
        yield org_id


def beside(org_id: int, view: View) -> Overlays:
    with db.transaction(org_id) as session:
        return overlays(session, know(session, org_id, None, NOW), explore(session, org_id, view, now=NOW), now=NOW)


def test_a_budget_is_drawn_at_its_even_pace_where_the_view_is_what_it_is_of(prism: int):
    assert [line.budget.plan.name for line in beside(prism, WHOLE).budgets] == ["All"]
    (web,) = beside(prism, WEB).budgets
    assert web.budget.plan.name == "Web"
    assert web.points == pytest.approx([1.0] * 31)  # $31 over 31 days
    hours = replace(WEB, period=Period(datetime(2026, 10, 2, tzinfo=UTC), datetime(2026, 10, 3, tzinfo=UTC)), granularity=Granularity.HOUR)
    assert beside(prism, hours).budgets[0].points == pytest.approx([1 / 24] * 24)
    assert beside(prism, replace(WEB, filters=(Filter(Dimension.APP, ("web", "jobs")),))).budgets == ()


def test_what_is_expected_is_the_budgets_own_forecast_on_the_days_to_come(prism: int):
    found = beside(prism, WEB)
    assert found.heading is not None
    with db.transaction(prism) as session:
        expected = standing(session, prism, found.budgets[0].budget).expected
    assert expected is not None
    assert found.heading.total.expected == pytest.approx(expected.expected, abs=1)
    assert found.heading.points[:16] == (None,) * 16  # the 16th itself is under way
    assert found.heading.points[16:] == pytest.approx([3.0] * 15, rel=0.01)
    assert beside(prism, replace(WEB, as_of=NOW)).heading is None
    assert beside(prism, replace(WEB, period=Period(OCTOBER.start, NOW.replace(hour=0)))).heading is None


def test_anomalies_are_those_inside_of_the_filters(prism: int):
    assert [one.where for one in beside(prism, WHOLE).anomalies] == ["jobs in fra"]
    assert beside(prism, WEB).anomalies == ()
    inside = replace(WHOLE, filters=(Filter(Dimension.REGION, ("dfw",), is_exclusion=True),))
    assert [one.where for one in beside(prism, inside).anomalies] == ["jobs in fra"]
    sized = replace(WHOLE, filters=(Filter(Dimension.VM_SIZE, ("performance-8x",)),))
    assert beside(prism, sized).anomalies == ()


def test_quantities_have_none_of_it_and_list_cost_has_it_while_nothing_is_negotiated(prism: int):
    assert beside(prism, replace(WHOLE, measure=Measure.MACHINE_HOURS)) == Overlays()
    assert len(beside(prism, replace(WHOLE, measure=Measure.LIST_COST)).budgets) == 1
