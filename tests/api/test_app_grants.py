"""Tokens of some apps: every route tells of those alone, an unknown name and another app's are the same, and events of others are refused."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import billed_site
import pytest
import sqlalchemy as sa
from asking_api import EVERYTHING, ask, token_of
from billing_world import value
from cast import Tenant, add_person
from factories import deployed, ipv4_allocated, ipv4_released, line, started, stopped, voided
from story import HOSTILE, NOW

from flyusage import clock, db
from flyusage.alerts import budgets, saved_views
from flyusage.alerts.budgets import Plan
from flyusage.alerts.errors import BudgetInvalid, BudgetUnknown
from flyusage.alerts.saved_views import Reader
from flyusage.api import application
from flyusage.api.auth import PERMISSION
from flyusage.orgs import api_tokens, app_grants, audit, memberships
from flyusage.orgs.acting import Actor, member, system
from flyusage.orgs.errors import AppUnknown, GrantRefused, NotPermitted, TokenInvalid
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import PERMISSIONS, Permission
from flyusage.orgs.queries import organization_by_slug
from flyusage.pricing.urls import parse_moment

if TYPE_CHECKING:
    from conftest import Database

BY = system("tests")
FOREIGN = ("api", "batch", HOSTILE, "api-0", "batch-0", "odd-0", "PRISM-000001")
DEVELOPERS = tuple(one.value for one in api_tokens.grantable(PERMISSIONS[Role.DEVELOPER]))
ROUTES = {
    (method.upper(), path): one[PERMISSION] for path, found in application.document()["paths"].items() for method, one in found.items()
}
WHOLE = ("invoices.read", "audit.read")  # what is of all apps or not at all
NOTHING = 987_654
BODIES = {
    "/budgets": {"name": "mine", "amount": "5", "scope": {"app": "api"}},
    "/views": {"name": "mine", "query": {"by": "app", "app": "api"}, "is_shared": True},
}
NDJSON = {"content-type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def prism(shared_database: "Database") -> Tenant:
    billed_site.fill()
    with db.lookup_transaction() as session:
        return Tenant(organization_by_slug(session, "prism").id, "prism", "prism")


@pytest.fixture(autouse=True)
def story_end(prism: Tenant):
    moment = parse_moment(NOW)
    assert moment is not None
    with clock.freeze(moment):
        yield


@pytest.fixture(scope="module")
def developer(prism: Tenant) -> Actor:
    """A developer who sees web alone."""
    with clock.freeze(billed_site.ISSUED_AT):
        with db.platform_transaction() as session:
            person = add_person(session, "limited@prism.example", prism, Role.DEVELOPER)
        limit(prism, person.user_id, "web")
    return member(person.user_id, Role.DEVELOPER)


@pytest.fixture
def hidden_view(prism: Tenant) -> Iterator[int]:
    """As `hidden_budget`, shared with the whole organization."""
    everything = Reader(BY, frozenset(Permission))
    with db.transaction(prism.id) as session:
        shown = {"is_shared": True, "is_pinned": True}
        made = saved_views.save(session, prism.id, "api alone", {"by": "app", "app": "api"}, **shown, reader=everything).id
    yield made
    with db.transaction(prism.id) as session:
        saved_views.delete(session, prism.id, made, reader=everything)


@pytest.fixture
def hidden_budget(prism: Tenant) -> Iterator[int]:
    """The number of a budget of an app that nobody here is granted."""
    with db.transaction(prism.id) as session:
        made = budgets.create(session, prism.id, Plan("api alone", 500_00, {"app": "api"}), by=BY).id
    yield made
    with db.transaction(prism.id) as session:
        budgets.end(session, prism.id, made, by=BY)


def limit(prism: Tenant, user_id: int, *apps: str) -> None:
    with db.transaction(prism.id) as session:
        memberships.grant_apps(session, prism.id, user_id, app_grants.apps_named(session, prism.id, apps) if apps else None, by=BY)


def made(prism: Tenant, by: Actor, *apps: str, scopes=("usage.read",), is_own: bool = True) -> api_tokens.Made:
    with db.transaction(prism.id) as session:
        chosen = app_grants.apps_named(session, prism.id, apps) if apps else None
        user_id = by.user_id if is_own and by.role else None
        return api_tokens.create(session, prism.id, name="t", scopes=scopes, by=by, user_id=user_id, apps=chosen)


def foreign_in(text: str) -> list[str]:
    return [one for one in FOREIGN if re.search(rf"(?<![\w./-]){re.escape(one)}(?![\w/-])", text)]


@pytest.mark.parametrize("kind", ["organization", "member"])
def test_no_route_tells_of_another_app(prism: Tenant, developer: Actor, hidden_budget: int, hidden_view: int, kind: str):
    secret = made(
        prism, BY if kind == "organization" else developer, *(["web"] if kind == "organization" else []), scopes=DEVELOPERS
    ).secret
    whole = token_of(prism.id)
    hidden = {
        "budget": hidden_budget,
        "view": hidden_view,
        "delivery": NOTHING,
        "endpoint": NOTHING,
        "member": NOTHING,
        "invitation": NOTHING,
        "token": NOTHING,
    }
    for (method, path), needed in ROUTES.items():
        for machine in ("web-0", "api-0"):
            filled = path.format(number="PRISM-000001", position="1", machine=machine, **hidden)
            body = next((body for begins, body in BODIES.items() if path.startswith(begins)), {})
            more = {"content": b"", "headers": NDJSON} if path == "/events" else {"json": body} if method in ("POST", "PUT") else {}
            asked = {"sku": "machine.shared-cpu-1x"} if path == "/prices/history" else None
            told = ask(filled, token=secret, method=method, params=asked, **more)
            if needed != "any" and (needed not in DEVELOPERS or needed in WHOLE):
                assert told.status_code == 403
            elif "{budget}" in path or "{view}" in path:
                unknown = ask(path.format(budget=NOTHING, view=NOTHING), token=secret, method=method, **more)
                assert told.status_code == unknown.status_code == 404
                assert told.json()["detail"].replace(str(hidden_budget), str(NOTHING)) == unknown.json()["detail"]
            elif (method, path) in (("POST", "/budgets"), ("POST", "/views")):
                assert told.status_code == 422
                assert foreign_in(told.text) == []
            elif machine == "api-0" and "{machine}" in path:
                unknown = ask(path.format(machine="api-9"), token=secret)
                assert told.status_code == unknown.status_code == 404
                assert told.json()["detail"].replace("api-0", "api-9") == unknown.json()["detail"]
            else:
                assert told.status_code == 200, told.text
                assert foreign_in(told.text) == [], path
    for by in ("region", "app", "machine", "cost_centre", "nothing"):
        own = ask("/usage", token=secret, params={"by": by, "range": "2026-10"}).json()
        theirs = ask("/usage", token=whole, params={"by": by, "range": "2026-10", "app": "web"}).json()
        assert (own["total"], own["series"]) == (theirs["total"], theirs["series"])
        assert foreign_in(json.dumps(own)) == []
    for query in ({"app": "api"}, {"machine": "api-0"}, {"app": "!web"}):
        told = ask("/usage", token=secret, params={**query, "range": "2026-10"}).json()
        assert (float(told["total"]), told["series"]) == (0, [])
    unknown = [ask("/usage", token=secret, params={"app": app}).json()["notices"] for app in ("api", "nil")]
    assert unknown[0] == [one.replace("nil", "api") for one in unknown[1]]
    assert ask("/token", token=secret).json()["apps"] == ["web"]
    assert ask("/token", token=whole).json()["apps"] is None


def test_what_a_token_of_some_apps_makes_is_of_those_alone(prism: Tenant):
    """Though its member sees all of them."""
    with clock.freeze(billed_site.ISSUED_AT), db.platform_transaction() as session:
        person = add_person(session, "maker@prism.example", prism, Role.DEVELOPER)
    by, scopes = member(person.user_id, Role.DEVELOPER), ["usage.read", "tokens.manage"]
    with db.transaction(prism.id) as session:
        web = app_grants.apps_named(session, prism.id, ["web"])
        secret = api_tokens.create(session, prism.id, name="t", scopes=scopes, by=by, user_id=person.user_id, days=30, apps=web).secret
    asked = {"name": "made", "scopes": ["usage.read"]}
    for apps, status in ((["api"], 404), (["web"], 201), (None, 201)):
        told = ask("/tokens", token=secret, method="POST", json={**asked, "apps": apps})
        assert told.status_code == status, told.text
        if status == 201:
            assert told.json()["apps"] == ["web"]
            assert [one["app"] for one in ask("/apps", token=told.json()["secret"]).json()["data"]] == ["web"]


def test_what_is_granted_holds_from_the_next_request_on(prism: Tenant):
    with db.platform_transaction() as session:
        person = add_person(session, "moving@prism.example", prism, Role.VIEWER)
    secret = token_of(prism.id, "usage.read", "machines.read", user_id=person.user_id)
    seen = []
    for apps in (("web",), ("api", "batch"), ("batch",), ()):
        limit(prism, person.user_id, *apps)
        seen.append([one["app"] for one in ask("/apps", token=secret).json()["data"]])
    assert seen[:3] == [["web"], ["api", "batch"], ["batch"]]
    assert len(seen[3]) == 4
    with db.transaction(prism.id) as session:
        told = [one.detail for one in audit.entries(session, prism.id) if one.action == "members.grant_apps"]
    changes = [(one["from"], one["to"]) for one in told if one["email"] == person.email]
    assert changes == [(["batch"], "all"), (["api", "batch"], ["batch"]), (["web"], ["api", "batch"]), ("all", ["web"])]


def test_a_token_is_for_no_more_than_its_maker_sees(prism: Tenant, developer: Actor):
    own = made(prism, developer, is_own=False).token
    with db.transaction(prism.id) as session:
        assert own.app_ids == tuple(app_grants.apps_named(session, prism.id, ["web"]))
    with pytest.raises(AppUnknown):
        made(prism, developer, "web", "api")
    with pytest.raises(TokenInvalid, match="tells of every app"):
        made(prism, BY, "web", scopes=("usage.read", "invoices.read"))
    wide = made(prism, BY, "web", "batch").secret
    assert [one["app"] for one in ask("/apps", token=wide).json()["data"]] == ["batch", "web"]
    mine = token_of(prism.id, *EVERYTHING, user_id=developer.user_id)  # made for them by a command, with every scope
    assert ask("/apps", token=mine).json()["data"] == [{"app": "web"}]
    assert ask("/invoices", token=mine).status_code == 403


def test_a_member_is_limited_by_whoever_manages_members_and_a_role_that_sees_all_lifts_it(prism: Tenant, developer: Actor):
    with db.platform_transaction() as session:
        person = add_person(session, "rising@prism.example", prism, Role.DEVELOPER)
        boss = add_person(session, "boss@prism.example", prism, Role.OWNER)
    with db.transaction(prism.id) as session:
        web = app_grants.apps_named(session, prism.id, ["web"])
        with pytest.raises(NotPermitted):
            memberships.grant_apps(session, prism.id, developer.user_id or 0, None, by=developer)
        for wanted, refusal in ((frozenset(), "one app at least"), (frozenset(range(2000)), "1,000 apps")):
            with pytest.raises(GrantRefused, match=refusal):
                memberships.grant_apps(session, prism.id, person.user_id, wanted, by=BY)
        with pytest.raises(AppUnknown):
            memberships.grant_apps(session, prism.id, person.user_id, [*web, 10**6], by=BY)
        with pytest.raises(GrantRefused, match="role owner sees every app"):
            memberships.grant_apps(session, prism.id, boss.user_id, web, by=BY)
        assert memberships.grant_apps(session, prism.id, person.user_id, web, by=member(boss.user_id, Role.OWNER))
        assert not memberships.grant_apps(session, prism.id, person.user_id, web, by=BY)
        memberships.change_role(session, prism.id, person.user_id, Role.VIEWER, by=BY)
        assert app_grants.granted_to(session, prism.id, member(person.user_id, Role.VIEWER)) == web
        memberships.change_role(session, prism.id, person.user_id, Role.ADMIN, by=BY)
        assert app_grants.granted_to(session, prism.id, member(person.user_id, Role.ADMIN)) is None
        assert audit.entries(session, prism.id)[0].detail == {
            "email": person.email, "from": "viewer", "to": "admin", "apps_from": ["web"], "apps_to": "all",
        }  # fmt: skip


def test_a_reader_of_some_apps_has_the_budgets_of_them_alone(prism: Tenant, developer: Actor):
    with db.transaction(prism.id) as session:
        web = app_grants.apps_named(session, prism.id, ["web"])
        kept = {
            name: budgets.create(session, prism.id, Plan(name, 100_000, scope), by=BY).id
            for name, scope in (
                ("all", {}), ("api", {"app": "api"}), ("both", {"app": "api,web"}), ("but api", {"app": "!api"}), ("web", {"app": "web"}),
            )
        }  # fmt: skip
    with db.transaction(prism.id, apps=web) as session:
        assert [one.plan.name for one in budgets.budgets(session, prism.id)] == ["web"]
        shown = budgets.standing(session, prism.id, budgets.budget_of(session, prism.id, kept["web"]))
        with pytest.raises(BudgetUnknown):
            budgets.end(session, prism.id, kept["api"], by=developer)
        for scope, refusal in (
            ({}, "You see some apps only"), ({"region": "dfw"}, "You see some"), ({"app": "!web"}, "You see some"), ({"app": "web,api"}, "not known"),
            ({"app": "nil"}, "not known"),
        ):  # fmt: skip
            with pytest.raises(BudgetInvalid, match=refusal):
                budgets.create(session, prism.id, Plan("mine", 100, scope), by=developer)
        with pytest.raises(BudgetInvalid, match="called all already"):
            budgets.create(session, prism.id, Plan("all", 100, {"app": "web"}), by=developer)
        mine = budgets.create(session, prism.id, Plan("mine", 100, {"app": "web", "region": "dfw"}), by=developer)
        with pytest.raises(BudgetInvalid, match="You see some"):
            budgets.change(session, prism.id, mine.id, Plan("mine", 100, {}), by=developer)
    with db.transaction(prism.id) as session:
        assert len(budgets.budgets(session, prism.id)) == 6
        assert shown == budgets.standing(session, prism.id, budgets.budget_of(session, prism.id, kept["web"]))


def test_what_invoices_say_is_locked_too(prism: Tenant):
    """Whatever asks: their totals tell of every app."""
    for table in (
        "invoice",
        "invoice_line",
        "invoice_cell",
        "invoice_usage",
        "invoice_machine",
        "invoice_snapshot",
        "payment",
        "credit_grant",
    ):
        with db.transaction(prism.id) as session:
            assert session.scalar(sa.text(f"SELECT count(*) FROM {table}")) > 0, table
            web = app_grants.apps_named(session, prism.id, ["web"])
        with db.transaction(prism.id, apps=web) as session:
            assert session.scalar(sa.text(f"SELECT count(*) FROM {table}")) == 0, table


def test_events_of_other_apps_are_refused_like_those_of_apps_that_are_not_there(prism: Tenant):
    at = "2026-11-14T12:00:00Z"
    home = started("api-0", "2026-10-01T00:00:00Z", vm_size="shared-cpu-2x", memory_mb=512, app="api", region="fra")
    secret = made(prism, BY, "web", scopes=("events.write",)).secret
    own = [
        started("web-9", at, app="web", region="dfw"), stopped("web-0", at, app="web", region="dfw"), deployed("web", at, version="v3", region="dfw"),
        ipv4_allocated("203.0.113.9", at, app="web", region="dfw"),
    ]  # fmt: skip
    others = [
        started("api-9", at, app="api", region="fra"), started("nil-9", at, app="nil", region="fra"),
        started("api-0", "2026-09-01T00:00:00Z", app="web", region="fra"),  # before its first event: would move it here
        stopped("api-0", at, app="web", region="fra"), deployed("api", at, version="v3", region="fra"), voided(home, at),
    ]  # fmt: skip
    before = value("SELECT count(*) FROM event_finding"), value("SELECT count(*) FROM app")
    told = ask("/events", token=secret, method="POST", content=b"".join(map(line, [*own, *others])), headers=NDJSON).json()
    assert (told["accepted"], told["refused_by_code"]) == (len(own), {"app_not_granted": len(others)}), told
    assert {one["detail"] for one in told["refusals"]} == {told["refusals"][0]["detail"]}
    assert (value("SELECT count(*) FROM event_finding"), value("SELECT count(*) FROM app")) == before
    whole = token_of(prism.id, "events.write")
    moved = [
        ipv4_released("203.0.113.9", "2026-11-14T13:00:00Z", app="web"),
        ipv4_allocated("203.0.113.9", "2026-11-14T14:00:00Z", app="api"),
    ]
    assert ask("/events", token=whole, method="POST", content=b"".join(map(line, moved)), headers=NDJSON).json()["accepted"] == 2
    taken = ipv4_released("203.0.113.9", "2026-11-14T15:00:00Z", app="web")
    assert ask("/events", token=secret, method="POST", content=line(taken), headers=NDJSON).json()["refused"] == 1
