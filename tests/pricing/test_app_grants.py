"""A reader of some apps gets the whole organization's answer filtered to them, whatever is asked; and the lock alone would hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
import usage_world as w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, SQLModel
from usage_world import NOW, World

from flyusage import db
from flyusage.metering import machines as metered
from flyusage.metering import queries
from flyusage.periods import HOUR, Period
from flyusage.pricing.changes import what_changed
from flyusage.pricing.explorer import explore, values
from flyusage.pricing.machine_list import MachineChoice, machine_page
from flyusage.pricing.machines import top_machines, why
from flyusage.pricing.overview import overview
from flyusage.pricing.simulate import WhatIf, simulate
from flyusage.pricing.view import Answer, Comparison, Dimension, Filter, Granularity, Measure, View

OWN = ("web", 'od"d, !=app')
OTHERS = tuple(app for app in w.APPS if app not in OWN)
OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
MEASURES = [measure for measure in Measure if not measure.is_invoiced]
GROUPS = [None, *Dimension]


@contextmanager
def limited(world: World, apps: tuple[str, ...] = OWN) -> Iterator[Session]:
    with db.transaction(world.org_id, apps=ids_of(world, apps)) as session:
        yield session


def ids_of(world: World, apps: tuple[str, ...]) -> frozenset[int]:
    with db.transaction(world.org_id) as session:
        found = session.execute(sa.text("SELECT id FROM app WHERE name = ANY(:names)"), {"names": list(apps)}).scalars()
        return frozenset(found)


def filtered(view: View, apps: tuple[str, ...] = OWN) -> View:
    return View(**{**vars(view), "filters": (*view.filters, Filter(Dimension.APP, apps))})


def same(own: Answer, owners: Answer, *, but: tuple[str, ...] = ()) -> None:
    """Everything that the two show is the same, except notices that begin with `but`."""
    assert exact(own, but) == exact(owners, but)
    for one, other in zip(own.drawn, owners.drawn, strict=True):
        assert (one.key, one.label) == (other.key, other.label)
        assert one.points == pytest.approx(other.points, abs=1e-6)
        assert one.previous_points == pytest.approx(other.previous_points, abs=1e-6)


def exact(answer: Answer, but: tuple[str, ...]) -> object:
    series = [
        (one.key, one.label, one.total, one.previous_total, one.list_cost, one.machine_hours, one.is_unpriced) for one in answer.series
    ]
    notices = [one for one in answer.notices if not one.startswith(but or "\0")]
    return series, answer.total, answer.previous_total, answer.totals, answer.previous_period, notices


def both(world: World, view: View, apps: tuple[str, ...] = OWN) -> tuple[Answer, Answer]:
    with limited(world, apps) as session:
        own = explore(session, world.org_id, view)
    with db.transaction(world.org_id) as session:
        return own, explore(session, world.org_id, filtered(view, apps))


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("measure", MEASURES)
def test_every_grouping_of_every_measure_is_the_owners_filtered(world: World, measure: Measure, group: Dimension | None):
    view = View(measure, OCTOBER, group, granularity=Granularity.DAY, comparison=Comparison.PREVIOUS)
    own, owners = both(world, view)
    same(own, owners)
    assert own.series
    assert not any(name in f"{one.key} {one.label}" for one in own.series for name in OTHERS)


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_view_of_any_apps_is_the_owners_filtered(world: World, data: st.DataObject):
    apps = tuple(data.draw(st.lists(st.sampled_from(w.APPS), min_size=1, max_size=4, unique=True)))
    start = datetime(2026, 9, 18, tzinfo=UTC) + data.draw(st.integers(0, 58 * 24)) * HOUR
    asked = data.draw(
        st.sampled_from(
            [
                (),
                (Filter(Dimension.REGION, ("dfw", "gru")),),
                (Filter(Dimension.COST_CENTRE, ("Shop",), True),),
                (Filter(Dimension.APP, ("api",), True),),
                (Filter(Dimension.APP, ("web", "batch")),),
                (Filter(Dimension.MACHINE, ("m00", "m05"), True),),
                (Filter(Dimension.VM_SIZE, ("shared-cpu-1x",)), Filter(Dimension.SKU, ("volume",), True)),
            ]
        )
    )
    view = View(
        data.draw(st.sampled_from(MEASURES)), Period(start, start + data.draw(st.integers(1, 1400)) * HOUR), data.draw(st.sampled_from(GROUPS)),
        asked, data.draw(st.sampled_from([None, *Granularity])), data.draw(st.sampled_from(list(Comparison))),
    )  # fmt: skip
    own, owners = both(world, view, apps)
    same(own, owners, but=("No app is called", "No machine is called", "No cost centre is called"))  # what is not the reader's is unknown


def test_no_other_app_or_machine_is_named_counted_or_found(world: World):
    with db.transaction(world.org_id) as session:
        foreign = session.scalars(
            sa.text("SELECT r.name FROM resource r JOIN app a ON a.org_id = r.org_id AND a.id = r.app_id WHERE a.name = ANY(:others)"),
            {"others": list(OTHERS)},
        ).all()
        whole_health, whole = queries.data_health(session, world.org_id), queries.freshness(session, world.org_id)
    assert foreign
    with limited(world) as session:
        org = world.org_id
        shown = overview(session, org)
        told = [
            {app.key for app in values(session, org, Dimension.APP)},
            [one.key for one in values(session, org, Dimension.COST_CENTRE)],
            values(session, org, Dimension.MACHINE, search="m"),
            queries.deployments(session, org, Period(w.START, NOW)),
            queries.machine_names(session, org, "m"),
            metered.names_like(session, org, foreign[0]),
            machine_page(session, org, MachineChoice(), now=NOW),
            top_machines(session, org, OCTOBER),
            what_changed(session, org, View(Measure.LIST_COST, OCTOBER)),
            shown,
            simulate(session, org, OCTOBER, WhatIf()),
        ]
        assert told[:2] == [set(OWN), ["Shop", "Unassigned"]]
        for text in map(str, told):
            assert not any(f"'{name}'" in text for name in (*OTHERS, *foreign, "Data"))
        assert shown is not None and shown.daily.totals.app_count == len(OWN)
        assert not any(metered.machine(session, org, one) or why(session, org, one, OCTOBER) for one in foreign)
        fresh, health = queries.freshness(session, org), queries.data_health(session, org)
        own = simulate(session, org, OCTOBER, WhatIf())
        assert own.before == explore(session, org, View(Measure.CONTRACTED_COST, OCTOBER)).total
    assert whole is not None and fresh is not None and 0 < fresh.running_now < whole.running_now
    assert health.refused_events == 0 and sum(vars(health).values()) <= sum(vars(whole_health).values())


def test_the_lock_holds_alone(world: World, monkeypatch: pytest.MonkeyPatch):
    """With what the application does removed: rows of other apps are not there, nor sums that hold them."""
    monkeypatch.setattr(db, "granted_apps", lambda _: None)
    own = ids_of(world, OWN)
    by_app = [table.name for table in SQLModel.metadata.tables.values() if {"org_id", "app_id"} <= set(table.columns.keys())]
    assert {"usage_interval", "usage_day", "usage_month", "resource", "usage_event", "resource_month", "open_cell"} <= set(by_app)
    with limited(world) as session:
        for table in by_app:
            assert set(session.scalars(sa.text(f"SELECT DISTINCT app_id FROM {table}"))) <= own, table
        assert set(session.scalars(sa.text("SELECT id FROM app"))) == own
        for table in ("usage_day_by_region", "usage_month_by_region"):
            assert session.scalar(sa.text(f"SELECT count(*) FROM {table}")) == 0
        assert set(map(tuple, session.execute(sa.text("SELECT DISTINCT dimension, key FROM running_day")))) <= {(2, one) for one in own}
        by_name = explore(session, world.org_id, View(Measure.LIST_COST, OCTOBER, Dimension.APP))
        assert {one.key for one in by_name.series} == set(OWN)
    with limited(world, ()) as session:
        for table in (*by_app, "app", "running_day", "cost_centre"):
            assert session.scalar(sa.text(f"SELECT count(*) FROM {table}")) == 0, table
        assert explore(session, world.org_id, View(Measure.LIST_COST, OCTOBER)).series == ()


def test_a_reader_of_some_apps_writes_nothing_of_others(world: World):
    with pytest.raises(sa.exc.ProgrammingError, match="row-level security"), limited(world) as session:
        other = min(ids_of(world, OTHERS))
        session.execute(sa.text("INSERT INTO cost_centre_app VALUES (:org, :app, '2026-12-01', NULL)"), {"org": world.org_id, "app": other})
