"""Assigning apps to cost centres: what it changes, what it leaves a trace of, and whom it lets."""

from datetime import date

import pytest
from factories import ingest, started
from metering.rolled import org_id, utc

from flyusage import clock, db
from flyusage.metering.cost_centres import Assignment, app_names, assign, assignments
from flyusage.orgs import audit

SEPTEMBER, OCTOBER = date(2026, 9, 1), date(2026, 10, 1)
HOSTILE = '=SUM(A1) \u202e😀 "quotes", <b>'


@pytest.fixture(autouse=True)
def apps(database):
    with clock.freeze(utc("2026-11-15 10:40")):
        for number, (org, app) in enumerate([("prism", "web"), ("prism", "api"), ("prism", HOSTILE), ("rival", "web")]):
            ingest([started(f"m{number}", "2026-10-01T00:00:00Z", org=org, app=app)])
        yield


def put(*wanted: Assignment, org: str = "prism"):
    with db.transaction(org_id(org)) as session:
        return assign(session, org_id(org), wanted, actor="user:1", origin="centres.csv")


def held(org: str = "prism") -> list[Assignment]:
    with db.transaction(org_id(org)) as session:
        return assignments(session, org_id(org))


def audited() -> list:
    with db.platform_transaction() as session:
        return [one for one in audit.entries(session, org_id("prism")) if one.action == "cost_centres.edit"]


def test_apps_are_assigned_from_a_month_on_and_cost_centres_made_as_needed():
    made = put(Assignment("web", OCTOBER, "Shop"), Assignment(HOSTILE, SEPTEMBER, HOSTILE), Assignment("web", SEPTEMBER, None))
    assert (len(made.changed), made.unchanged, made.created, made.unknown_apps) == (3, 0, (HOSTILE, "Shop"), frozenset())
    assert held() == sorted(made.changed)
    assert held("rival") == []


def test_repeating_changes_nothing_and_leaves_no_trace():
    put(Assignment("web", OCTOBER, "Shop"), Assignment("api", OCTOBER, None))
    again = put(Assignment("web", OCTOBER, "Shop"), Assignment("api", OCTOBER, None))
    assert (again.changed, again.unchanged, again.created) == ((), 2, ())
    assert len(audited()) == 1


def test_a_change_is_audited_with_what_it_was_made_to():
    put(Assignment("web", OCTOBER, "Shop"))
    put(Assignment("web", OCTOBER, "Data"), Assignment("api", OCTOBER, "Shop"))
    entry = audited()[0]
    assert (entry.actor, entry.subject) == ("user:1", "centres.csv")
    assert entry.detail == {"assigned": [["api", "2026-10", "Shop"], ["web", "2026-10", "Data"]], "created": ["Data"]}


def test_unknown_apps_are_left_out_and_the_rest_is_assigned():
    made = put(Assignment("web", OCTOBER, "Shop"), Assignment("nothing", OCTOBER, "Nowhere"))
    assert (made.unknown_apps, made.created) == (frozenset({"nothing"}), ("Shop",))
    assert held() == [Assignment("web", OCTOBER, "Shop")]


def test_an_organization_reaches_its_own_apps_only():
    with db.transaction(org_id("rival")) as session:  # asks for Prism's, as Rival
        made = assign(session, org_id("prism"), [Assignment("api", OCTOBER, "Stolen")], actor="user:2", origin="x")
        assert (made.changed, app_names(session, org_id("prism"))) == ((), [])
    assert held() == []
