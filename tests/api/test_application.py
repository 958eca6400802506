"""Every route: what it needs, who gets in, and that nothing of another organization ever comes out."""

import base64
import json
import os
import re
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import billed_site
import pytest
import sqlalchemy as sa
from asking_api import EVERYTHING, ask, token_of
from fastapi.routing import APIRoute
from starlette.requests import Request
from story import NOW

from flyusage import clock, db
from flyusage.alerts import budgets, deliveries, endpoints, saved_views
from flyusage.alerts.budgets import Plan
from flyusage.alerts.saved_views import Reader
from flyusage.api import answers, application, auth, fields, forms
from flyusage.api.reference import sample
from flyusage.auth import accounts
from flyusage.orgs import api_tokens, audit, invitations
from flyusage.orgs.acting import system
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import Permission
from flyusage.orgs.queries import organization_by_slug
from flyusage.pricing.urls import parse_moment

if TYPE_CHECKING:
    from conftest import Database

IS_RELEASING = "FLYUSAGE_TEST_RELEASE" in os.environ
RELEASED = Path(__file__).parent / "openapi-v1.json"
NUMBER = "PRISM-000001"
ROUTES = {  # what each needs: the one table that a change of permissions has to pass
    ("GET", "/alerts"): "usage.read",
    ("GET", "/anomalies"): "usage.read",
    ("GET", "/apps"): "usage.read",
    ("GET", "/audit"): "audit.read",
    ("GET", "/budgets"): "usage.read",
    ("GET", "/budgets/{budget}"): "usage.read",
    ("GET", "/budgets/{budget}/standing"): "usage.read",
    ("GET", "/cost-centres"): "usage.read",
    ("GET", "/costs"): "invoices.read",
    ("GET", "/deliveries"): "deliveries.manage",
    ("GET", "/deliveries/{delivery}"): "deliveries.manage",
    ("GET", "/endpoints"): "deliveries.manage",
    ("GET", "/endpoints/{endpoint}"): "deliveries.manage",
    ("GET", "/exports/cost-centres.csv"): "invoices.read",
    ("GET", "/exports/cost-centres.pdf"): "invoices.read",
    ("GET", "/exports/focus"): "invoices.read",
    ("GET", "/exports/invoices.zip"): "invoices.read",
    ("GET", "/freshness"): "usage.read",
    ("GET", "/invitations"): "audit.read",
    ("GET", "/invoices"): "invoices.read",
    ("GET", "/invoices/{number}"): "invoices.read",
    ("GET", "/invoices/{number}/breakdown"): "invoices.read",
    ("GET", "/invoices/{number}/csv"): "invoices.read",
    ("GET", "/invoices/{number}/lines/{position}/evidence"): "invoices.read",
    ("GET", "/invoices/{number}/lines/{position}/working"): "invoices.read",
    ("GET", "/invoices/{number}/pdf"): "invoices.read",
    ("GET", "/invoices/{number}/xml"): "invoices.read",
    ("GET", "/machines"): "machines.read",
    ("GET", "/machines/{machine}"): "machines.read",
    ("GET", "/machines/{machine}/costs"): "machines.read",
    ("GET", "/members"): "members.read",
    ("GET", "/organization"): "any",
    ("GET", "/prices"): "prices.read",
    ("GET", "/prices/books"): "prices.read",
    ("GET", "/prices/history"): "prices.read",
    ("GET", "/questions"): "invoices.read",
    ("GET", "/regions"): "usage.read",
    ("GET", "/roles"): "members.read",
    ("GET", "/seats"): "invoices.read",
    ("GET", "/token"): "any",
    ("GET", "/tokens"): "audit.read",
    ("GET", "/usage"): "usage.read",
    ("GET", "/usage.arrow"): "usage.export",
    ("GET", "/usage.csv"): "usage.export",
    ("GET", "/usage.ndjson"): "usage.export",
    ("GET", "/vm-sizes"): "usage.read",
    ("GET", "/usage.parquet"): "usage.export",
    ("GET", "/views"): "usage.read",
    ("GET", "/views/{view}"): "usage.read",
    ("POST", "/views"): "views.save",
    ("PUT", "/views/{view}"): "views.save",
    ("DELETE", "/views/{view}"): "views.save",
    ("DELETE", "/budgets/{budget}"): "budgets.edit",
    ("POST", "/budgets"): "budgets.edit",
    ("POST", "/deliveries/{delivery}/replay"): "deliveries.manage",
    ("POST", "/endpoints/{endpoint}/test"): "deliveries.manage",
    ("POST", "/events"): "events.write",
    ("POST", "/prices/simulate"): "prices.read",
    ("PUT", "/budgets/{budget}"): "budgets.edit",
    ("POST", "/cost-centres"): "cost_centres.edit",
    ("POST", "/invoices/{number}/lines/{position}/questions"): "invoices.read",
    ("POST", "/invitations"): "members.manage",
    ("DELETE", "/invitations/{invitation}"): "members.manage",
    ("PUT", "/members/{member}/apps"): "members.manage",
    ("PUT", "/members/{member}/role"): "members.manage",
    ("DELETE", "/members/{member}"): "members.manage",
    ("POST", "/tokens"): "tokens.manage",
    ("DELETE", "/tokens/{token}"): "tokens.manage",
}
MORE = {  # beside what the route declares
    "/exports/focus": ("usage.export",),
    "/invoices/{number}/lines/{position}/evidence": ("machines.read",),
    "/tokens": ("usage.read",),
    "/tokens/{token}": ("members.manage",),  # since it is somebody else's
    "/views": ("views.share",),
    "/views/{view}": ("views.share",),
}
BYTES = {path for _, path in ROUTES if path.startswith(("/exports/", "/usage.")) or path.endswith(("/csv", "/pdf", "/xml", "/evidence"))}
COUNTED = count()
OK = (200, 201, 202, 204, 503)  # 503: the document is still being made
ASKED = {
    **{f"/exports/{name}": {"month": "2026-10"} for name in ("focus", "cost-centres.csv", "cost-centres.pdf")},
    "/exports/invoices.zip": {"year": "2026"},
    "/prices/history": {"sku": "machine.shared-cpu-1x"},
}
FILLED = {"number": NUMBER, "position": "1", "machine": "web-0"}


@pytest.fixture(scope="module")
def ids(shared_database: "Database") -> dict[str, int]:
    billed_site.fill()
    with db.lookup_transaction() as session:
        found = {slug: organization_by_slug(session, slug).id for slug in ("prism", "rival")}
    with db.transaction(found["prism"]) as session:
        audit.record(session, found["prism"], actor="user:1", action="members.manage", subject="user:2", detail={"to": "secret-of-prism"})
    return found


@pytest.fixture(autouse=True)
def story_end(ids: dict[str, int]):
    moment = parse_moment(NOW)
    assert moment is not None
    with clock.freeze(moment):
        yield


def api_routes() -> list[APIRoute]:
    found = []
    for one in application.api.router.routes:
        found += getattr(getattr(one, "original_router", None), "routes", [one])
    return [one for one in found if isinstance(one, APIRoute)]


def call(method: str, path: str, token: str | None = None, **more):
    if path == "/events":
        more = {"content": b"", "headers": {"content-type": "application/x-ndjson"}, **more}
    elif path in ASKED:
        more = {**more, "params": {**ASKED[path], **more.get("params", {})}}
    elif method in ("POST", "PUT"):
        more = {"json": _body(path), **more}
    made = {name: str(make()) for name, make in MAKERS.items() if f"{{{name}}}" in path}
    return ask(path.format(**FILLED, **made), token=token, method=method, **more)


BODIES = {
    "/cost-centres": {"assignments": [{"app": "web", "from_month": "2026-09", "cost_centre": "Shop"}], "dry_run": True},
    "/invoices/{number}/lines/{position}/questions": {"note": "Why?"},
    "/members/{member}/apps": {"apps": None},
    "/members/{member}/role": {"role": "billing"},
    "/tokens": {"name": "made", "scopes": ["usage.read"]},
}


def _body(path: str) -> dict[str, object]:
    if path in BODIES:
        return BODIES[path]
    if path == "/invitations":
        return {"emails": [f"new{next(COUNTED)}@example.com"]}
    if path.startswith("/budgets"):
        return {"name": f"ours {next(COUNTED)}", "amount": "5000"}
    return {"name": f"ours {next(COUNTED)}", "query": {"by": "app"}, "is_shared": True} if path.startswith("/views") else {}


def new_endpoint() -> int:
    """A chat of Prism's."""
    with db.platform_transaction() as session:
        org_id = session.scalars(sa.text("SELECT id FROM organization WHERE slug = 'prism'")).one()
        if known := endpoints.endpoints(session, org_id):
            return known[0].id
        url = "https://chat.example.com/secret-of-prism"
        made = endpoints.create(session, org_id, kind="chat", name="secret-of-prism", url=url, topics=["budgets"], by=system("tests"))
        return made.endpoint.id


def new_delivery() -> int:
    """A message to it, which nobody sends here."""
    endpoint_id = new_endpoint()
    with db.platform_transaction() as session:
        org_id = session.scalars(sa.text("SELECT id FROM organization WHERE slug = 'prism'")).one()
        return deliveries.test(session, org_id, endpoint_id, by=system("tests"))


def new_budget() -> int:
    """One of Prism's, for a request that may end it."""
    with db.platform_transaction() as session:
        org_id = session.scalars(sa.text("SELECT id FROM organization WHERE slug = 'prism'")).one()
        return budgets.create(session, org_id, Plan(f"secret-of-prism {next(COUNTED)}", 100_000), by=system("tests")).id


def new_view() -> int:
    """As `new_budget`."""
    everything = Reader(system("tests"), frozenset(Permission))
    with db.platform_transaction() as session:
        org_id = session.scalars(sa.text("SELECT id FROM organization WHERE slug = 'prism'")).one()
    with db.transaction(org_id) as session:
        shown = {"is_shared": True, "is_pinned": False}
        return saved_views.save(session, org_id, f"secret-of-prism {next(COUNTED)}", {"by": "app"}, **shown, reader=everything).id


def new_member() -> int:
    """A viewer of Prism's."""
    return joined("prism", Role.VIEWER)


def new_invitation() -> int:
    """One that waits."""
    with db.platform_transaction() as session:
        org_id = session.scalars(sa.text("SELECT id FROM organization WHERE slug = 'prism'")).one()
    with db.transaction(org_id) as session:
        address = f"secret-of-prism{next(COUNTED)}@example.com"
        invitations.invite(session, org_id, [address], Role.VIEWER, by=system("tests"))
        return next(one.id for one in invitations.waiting(session, org_id) if one.email == address)


def new_token() -> int:
    """One of Prism's own."""
    with db.platform_transaction() as session:
        org_id = session.scalars(sa.text("SELECT id FROM organization WHERE slug = 'prism'")).one()
        return api_tokens.create(session, org_id, name="secret-of-prism", scopes=["usage.read"], by=system("tests")).token.id


def joined(slug: str, role: Role) -> int:
    """Somebody new in an organization; their id."""
    with db.platform_transaction() as session:
        user_id = accounts.find_or_create(session, f"p{next(COUNTED)}@{slug}.example", name="Somebody", is_verified=True).user_id
        values = {"slug": slug, "user": user_id, "role": role, "now": clock.now() - timedelta(days=1)}
        session.execute(
            sa.text(
                "INSERT INTO membership (org_id, user_id, role, created_at) SELECT id, :user, :role, :now FROM organization WHERE slug = :slug"
            ),
            values,
        )
    return user_id


def token_for(ids: dict[str, int], slug: str, *scopes: str) -> str:
    """A token of the organization's; of an owner's where it lets others in. With every scope unless some are named."""
    wanted = scopes or tuple(one.value for one in api_tokens.grantable(Permission, is_personal=True))
    if not {one.value for one in api_tokens.LETTING_IN} & set(wanted):
        return token_of(ids[slug], *wanted)
    return token_of(ids[slug], *wanted, user_id=joined(slug, Role.OWNER), days=30)


MAKERS = {
    "budget": new_budget, "delivery": new_delivery, "endpoint": new_endpoint, "view": new_view, "member": new_member,
    "invitation": new_invitation, "token": new_token,
}  # fmt: skip


DOORS = {"/terminal-sign-ins"}  # where a command fetches its token: by a code and a verifier


def test_every_route_declares_what_it_needs():
    routes = [one for one in api_routes() if one.path not in DOORS]
    assert {one.path for one in api_routes()} - {one.path for one in routes} == DOORS
    declared = {(method, one.path): (one.openapi_extra or {}).get(auth.PERMISSION) for one in routes for method in one.methods}
    assert declared == ROUTES
    for one in routes:
        assert any(each.dependency is auth._admitted for each in one.dependencies), f"{one.path} lets anybody in"
    documented = {(method.upper(), path) for path, found in application.document()["paths"].items() for method in found}
    assert documented == set(ROUTES)


def test_an_invoice_by_machine_is_for_those_who_see_machines(ids: dict[str, int]):
    path = f"/invoices/{NUMBER}/breakdown"
    for scopes, status in ((["invoices.read"], 403), (["invoices.read", "machines.read"], 200)):
        token = token_of(ids["prism"], *scopes)
        assert ask(path, token=token, params={"by": "region"}).status_code == 200
        assert ask(path, token=token, params={"by": "machine"}).status_code == status


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_gets_in_without_a_working_token(ids: dict[str, int], method: str, path: str):
    unknown = api_tokens.new_secret()
    for headers in (
        {},
        {"authorization": "Basic Zm9vOmJhcg=="},
        {"authorization": f"Bearer {unknown}"},
        {"authorization": "Bearer \u00ff\u00fe"},
    ):
        given = {name: value.encode("latin-1") for name, value in headers.items()}
        told = call(method, path, headers={**given, **({"content-type": "application/x-ndjson"} if path == "/events" else {})})
        assert told.status_code == 401
        is_token = headers.get("authorization", "").startswith("Bearer")
        assert told.headers["www-authenticate"] == 'Bearer realm="flyusage"' + (', error="invalid_token"' if is_token else "")
        assert told.json()["request_id"] == told.headers["x-request-id"]


@pytest.mark.parametrize(("method", "path"), [one for one, needs in ROUTES.items() if needs != "any"])
def test_a_token_with_everything_but_the_scope_is_refused_and_with_it_alone_let_in(ids: dict[str, int], method: str, path: str):
    needed = ROUTES[method, path]
    without = token_for(ids, "prism", *(one for one in (*EVERYTHING, *api_tokens.LETTING_IN) if one != needed))
    assert (told := call(method, path, without)).status_code == 403, told.text
    assert needed in told.json()["detail"]
    scopes = (needed, *MORE.get(path, ()))
    assert call(method, path, token_for(ids, "prism", *scopes)).status_code in OK


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_another_organizations_token_never_gets_a_byte(ids: dict[str, int], method: str, path: str):
    told = call(method, path, token_for(ids, "rival"))
    if "{" in path:
        assert told.status_code in (404, 410)  # 410: an invitation is spent as much as unknown
    for word in ("prism", "Prism", NUMBER, "secret-of-prism", "web-0", "ap@prism"):
        assert word not in re.sub(r'"detail":"There is no [^"]*"', "", told.text)
    assert call(method, path, token_for(ids, "prism")).status_code in OK


def test_an_expired_and_a_revoked_token_get_nothing(ids: dict[str, int]):
    secret = token_of(ids["prism"], days=1)
    with clock.freeze(clock.now().replace(month=12)):
        assert ask("/usage", token=secret).json()["detail"].startswith("This API token expired")
    with db.platform_transaction() as session:
        last = api_tokens.tokens(session, ids["prism"])[0]
        api_tokens.revoke(session, ids["prism"], last.id, by=system("tests"))
    assert ask("/usage", token=secret).status_code == 401


def test_lists_are_read_to_their_end_page_by_page(ids: dict[str, int]):
    token = token_of(ids["prism"])
    for _ in range(3):
        new_delivery()
    for path in ("/machines", "/apps", "/audit", "/invoices", "/members", "/deliveries"):
        whole = ask(path, token=token, params={"limit": "500"}).json()
        found, after = [], None
        while True:
            answered = ask(path, token=token, params={"limit": "1", **({"after": after} if after else {})})
            found += answered.json()["data"]
            after = answered.json()["next"]
            if after is None:
                assert "link" not in answered.headers
                break
            followed = re.fullmatch(r'<(.*)>; rel="next"', answered.headers["link"])
            assert followed is not None
            assert followed[1].startswith(f"/api/v1{path}?")
        assert found == whole["data"]
        assert whole["next"] is None


def test_only_the_fields_asked_for_come_back_whatever_there_is(ids: dict[str, int]):
    """Every read that names its fields gives each of them alone, and says so by its media type."""
    token, made = token_of(ids["prism"]), application.document()
    sparse = {path: one["get"] for path, one in made["paths"].items() if fields.SPARSE in str(one.get("get", {}).get("responses"))}
    assert {path for method, path in ROUTES if method == "GET"} - set(sparse) == BYTES
    for path, operation in sparse.items():
        names = next(one["schema"]["items"]["enum"] for one in operation["parameters"] if one["name"] == "fields")
        whole = call("GET", path, token).json()
        chosen = [names[-1], names[0]]
        told = call("GET", path, token, params={"fields": ",".join(chosen)})
        assert (told.status_code, told.headers["content-type"]) == (200, fields.SPARSE), told.text
        if "data" in whole:
            assert told.json() == {**whole, "data": [{name: one[name] for name in chosen} for one in whole["data"]]}
        elif "{" not in path:  # else another one was made for the second request
            assert told.json() == {name: whole[name] for name in chosen}
        assert list(told.json()) == list(whole if "data" in whole else dict.fromkeys(chosen))
    for wrong in ("", "nothing", "org,nothing", "org,"):
        assert ask("/organization", token=token, params={"fields": wrong}).json()["code"] == "request_invalid"


def test_lists_are_filtered_as_their_pages_are(ids: dict[str, int]):
    token = token_of(ids["prism"])

    def found(path: str, **params: str) -> list[dict[str, Any]]:
        return ask(path, token=token, params=params).json()["data"]

    (entry,) = found("/audit", action="members.manage", actor="user:1")
    day = entry["at"][:10]
    assert found("/audit", action="members.manage", **{"from": day, "to": day}) == [entry]
    assert found("/audit", **{"from": "2099-01-01"}) == found("/audit", to="2026-10-01") == []
    assert found("/members", find="nobody of that name") == []
    assert {one["role"] for one in found("/members", role="owner")} == {"owner"}
    assert {one["role"] for one in found("/members", role="viewer")} <= {"viewer"}
    assert {one["state"] for one in found("/deliveries", state="waiting")} <= {"waiting"}
    assert found("/deliveries", state="failed") == []
    owner = next(one for one in found("/roles") if one["role"] == "owner")
    assert owner["takes_seat"] and "organization.delete" in owner["permissions"]
    assert {one["state"] for one in found("/tokens")} <= {"active", "revoked", "expired"}


def test_http_is_kept_to_where_clients_differ(ids: dict[str, int]):
    """HEAD is GET without its body; a list of ETags may be in several headers, and weak; a parameter twice is not half forgotten."""
    token = token_of(ids["prism"])
    whole = ask("/usage.csv", token=token, params={"range": "2026-10", "as_of": "2026-11-01T00:00:00Z"})
    head = ask("/usage.csv", token=token, method="HEAD", params={"range": "2026-10", "as_of": "2026-11-01T00:00:00Z"})
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", whole.headers["etag"])
    assert head.headers["content-length"] == str(len(whole.content)) == whole.headers["content-length"]
    assert ask("/organization", method="HEAD").status_code == 401
    assert ask("/organization", token=token, method="OPTIONS").headers["allow"] == "GET, HEAD"
    known = ask("/organization", token=token).headers["etag"]
    for held in (known, f'"other", W/{known}', "*"):
        told = ask("/organization", token=token, headers={"if-none-match": held})
        assert (told.status_code, told.content, told.headers["etag"]) == (304, b"", known)
    seen = answers.content(Request({"type": "http", "headers": []}), b"", "text/plain").headers["etag"].encode()
    several = Request({"type": "http", "headers": [(b"if-none-match", b'"other"'), (b"if-none-match", seen)]})
    assert answers.content(several, b"", "text/plain").status_code == 304
    twice = ask("/usage?app=web&app=api&range=2026-10", token=token)
    assert (twice.status_code, twice.json()["code"]) == (400, "request_invalid")
    assert ask("/invoices?fields=number&fields=state", token=token).status_code == 200


@pytest.mark.parametrize("after", ["x", "W10", "WzFd", "é", "[]", "A" * 400])
def test_a_cursor_that_no_page_gave_is_refused(ids: dict[str, int], after: str):
    for path in ("/machines", "/invoices"):
        assert ask(path, token=token_of(ids["prism"]), params={"after": after}).json()["code"] == "cursor_invalid"


def test_whoever_wrote_a_text_otherwise_is_told_how_and_not_by_a_pattern(ids: dict[str, int]):
    told = ask("/usage", token=token_of(ids["prism"]), params={"range": "yesterday"}).json()
    assert told["errors"] == [{"where": "query.range", "what": forms.IN_WORDS[forms.RANGE]}]
    misspelt = ask("/usage", token=token_of(ids["prism"]), params={"by": "regoin", "per": "decade"}).json()["errors"]
    assert misspelt[0] == {
        "where": "query.by", "what": "Did you mean region? Write continent, region, app, cost_centre, vm_size, sku, machine or nothing",
    }  # fmt: skip
    assert [one["where"] for one in misspelt] == ["query.by", "query.per"]
    document = ask("/openapi.json").text
    assert set(map(json.loads, re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', document))) <= set(forms.IN_WORDS)


def test_what_a_machine_costs_is_told_as_of_a_moment(ids: dict[str, int]):
    """web-0 runs through November: in two days of it for twice as long as in one, and at twice the cost."""

    def told(as_of: str) -> dict[str, Any]:
        return ask("/machines/web-0/costs", token=token_of(ids["prism"]), params={"month": "2026-11", "as_of": as_of}).json()

    def ran(told: dict[str, Any]) -> tuple[str, Decimal]:
        [line] = [line for line in told["lines"] if line["unit"] == "machine-second"]
        return line["quantity"], Decimal(line["cost"])

    one, two = told("2026-11-02T00:00:00Z"), told("2026-11-03T00:00:00Z")
    assert one["as_of"] == "2026-11-02T00:00:00Z"
    assert (ran(one)[0], ran(two)[0]) == ("86400", "172800")
    assert ran(two)[1] == 2 * ran(one)[1] > 0
    assert told("2026-02-30T00:00:00Z")["code"] == "view_invalid"


def test_rates_are_told_and_kept(ids: dict[str, int], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(auth, "PER_TOKEN", auth.Limit(2, 60))
    token = token_of(ids["prism"])
    told = [ask("/organization", token=token) for _ in range(3)]
    assert [one.status_code for one in told] == [200, 200, 429]
    assert [one.headers["ratelimit-remaining"] for one in told] == ["1", "0", "0"]
    assert told[2].headers["retry-after"] == "60"
    assert told[2].json()["code"] == "too_many_attempts"
    assert ask("/organization", token=token_of(ids["prism"])).status_code == 200  # another token is counted by itself


def test_a_failure_nobody_foresaw_says_its_id_and_nothing_else(ids: dict[str, int], monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("what the database said")

    monkeypatch.setattr("flyusage.api.organization.audit.entries", fail)
    told = ask("/audit", token=token_of(ids["prism"]))
    assert (told.status_code, told.json()["code"]) == (500, "internal")
    assert "what the database said" not in told.text
    assert told.json()["request_id"] == told.headers["x-request-id"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("DELETE", "/usage", 405), ("GET", "/usage/", 404)])
def test_addresses_that_are_none_are_problems_too(ids: dict[str, int], method: str, path: str, status: int):
    told = ask(path, method=method, token=token_of(ids["prism"]))
    assert (told.status_code, told.headers["content-type"]) == (status, "application/problem+json")


def test_drafts_and_other_customers_prices_are_not_to_be_tried(ids: dict[str, int]):
    token = token_of(ids["prism"])
    told = ask("/prices/simulate", token=token, method="POST", json={"version": "list@2099-01-01"})
    assert told.status_code == 404
    moved = ask("/prices/simulate", token=token, method="POST", json={"month": "2026-10", "moves": {"fra": "dfw"}})
    assert moved.status_code == 200
    assert "{" not in moved.json()["before"]


# ── the document ──


def test_the_document_says_what_each_address_needs_and_shows_an_example():
    made = application.document()
    assert made["openapi"].startswith("3.1")
    assert ask("/openapi.json").json() == made
    for path, operations in made["paths"].items():
        for method, one in operations.items():
            assert one["summary"] and one["description"], (method, path)
            assert one["security"] == [{"token": []}]
            assert {"400", "401", "429"} <= set(one["responses"])
            for parameter in one.get("parameters", []):
                assert parameter.get("description") or parameter["schema"].get("description"), (path, parameter["name"])
            for response in one["responses"].values():
                for kind, media in response.get("content", {}).items():
                    assert not ("json" in kind and sample(made, media["schema"]) is None), (path, kind)


def test_clients_are_generated_with_names_of_their_own():
    """A generator makes a method of each operation's id and a class of each schema's name; of two alike it leaves one out."""
    made = application.document()
    operations = [one for path in made["paths"].values() for one in path.values()]
    ids = [one["operationId"] for one in operations]
    assert len(set(ids)) == len(ids) == len(ROUTES)
    assert [one for one in ids if not re.fullmatch(r"[a-z]+(_[a-z]+)*", one)] == []
    assert [name for name in made["components"]["schemas"] if "__" in name] == []  # FastAPI's way out of two that are called alike
    text = json.dumps(made)
    assert [name for name in made["components"]["schemas"] if f'"#/components/schemas/{name}"' not in text] == []
    assert {tag for one in operations for tag in one["tags"]} == {one["name"] for one in made["tags"]}


def test_the_released_document_still_holds():
    """Nothing a client relies on goes away. To release more, write the new document: FLYUSAGE_TEST_RELEASE=1 pytest …"""
    if IS_RELEASING:
        made = application.document()
        made["info"].pop("x-product-version")
        RELEASED.write_text(json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    assert breaks(json.loads(RELEASED.read_text()), application.document()) == []


def test_a_breaking_change_would_be_found():
    released = json.loads(RELEASED.read_text())
    for change, said in (
        (lambda d: d["paths"].pop("/usage"), "GET /usage is gone"),
        (lambda d: d["paths"]["/usage"]["get"].update(operationId="other"), "GET /usage has another name"),
        (
            lambda d: d["paths"]["/invoices"]["get"]["parameters"].append({"name": "x", "in": "query", "required": True}),
            "GET /invoices asks for x",
        ),
        (lambda d: d["paths"]["/invoices"]["get"]["parameters"].pop(0), "GET /invoices takes no state any more"),
        (lambda d: d["components"]["schemas"]["Money"]["properties"].pop("currency"), "Money has no currency any more"),
        (lambda d: d["components"]["schemas"]["Money"]["properties"]["amount"].update(type="number"), "Money.amount is another kind"),
        (lambda d: d["components"]["schemas"]["Question"].update(required=["month"]), "Question asks for month"),
        (lambda d: d["components"]["schemas"]["Measure"]["enum"].remove("list_cost"), "Measure knows no list_cost any more"),
        (lambda d: d["paths"]["/usage"]["get"]["responses"].pop("200"), "GET /usage answers no 200 any more"),
    ):
        changed = json.loads(json.dumps(released))
        change(changed)
        assert said in breaks(released, changed)


def breaks(released: dict[str, Any], made: dict[str, Any]) -> list[str]:
    """What a client of the released document would miss, or be asked for, in the one made."""
    found = []
    for path, operations in released["paths"].items():
        for method, before in operations.items():
            after = made["paths"].get(path, {}).get(method)
            name = f"{method.upper()} {path}"
            if after is None:
                found.append(f"{name} is gone")
                continue
            if before["operationId"] != after["operationId"]:
                found.append(f"{name} has another name")
            known = {(one["in"], one["name"]): one for one in before.get("parameters", [])}
            now = {(one["in"], one["name"]): one for one in after.get("parameters", [])}
            found += [f"{name} takes no {key[1]} any more" for key in known if key not in now]
            found += [
                f"{name} asks for {key[1]}" for key, one in now.items() if one.get("required") and not known.get(key, {}).get("required")
            ]
            found += [f"{name} answers no {status} any more" for status in before["responses"] if status not in after["responses"]]
    for name, before in released["components"]["schemas"].items():
        after = made["components"]["schemas"].get(name, {})
        fields, now = before.get("properties", {}), after.get("properties", {})
        found += [f"{name} has no {field} any more" for field in fields if field not in now]
        kinds = ("type", "$ref", "anyOf", "items", "format")
        found += [
            f"{name}.{field} is another kind"
            for field, kind in fields.items()
            if field in now and any(kind.get(each) != now[field].get(each) for each in kinds)
        ]
        found += [f"{name} asks for {field}" for field in after.get("required", []) if field not in before.get("required", [])]
        found += [f"{name} knows no {value} any more" for value in before.get("enum", []) if value not in after.get("enum", [])]
    return found


def test_the_reference_page_needs_nothing_from_anywhere(ids: dict[str, int]):
    told = ask("/api/docs")
    assert (told.status_code, told.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<script" not in told.text
    assert not re.search(r'(?:src|href)="(?:https?:)?//', told.text)
    for _, path in ROUTES:
        assert f"<code>{path}</code>" in told.text


def test_a_secret_is_never_in_an_answer_or_in_the_log(ids: dict[str, int], capsys: pytest.CaptureFixture[str]):
    secret = token_of(ids["prism"])
    for path in ("/token", "/usage", "/nothing"):
        assert secret not in ask(path, token=secret).text
    assert secret not in "".join(capsys.readouterr())
    with db.platform_transaction() as session:
        assert not session.scalar(sa.text("SELECT count(*) FROM api_token WHERE hint = :secret"), {"secret": secret})


def test_permissions_named_here_are_the_enums():
    assert set(ROUTES.values()) - {"any"} <= {one.value for one in Permission}


@pytest.mark.parametrize(
    ("path", "held"),
    [
        ("/anomalies", [1, "0001-01-01T00:00:00Z"]),
        ("/invoices", ["2026-10-01T00:00:00_1"]),
        ("/invoices", [f"2026-10-01T00:00:00+00:00_{2**63}"]),
        ("/alerts", ["2026-10-01T00:00:00+00:00", 1, "2026-10-01", "\ud800", 50]),
    ],
)
def test_nor_one_that_none_could_have_given(ids: dict[str, int], path: str, held: list):
    after = base64.urlsafe_b64encode(json.dumps(held).encode()).decode().rstrip("=")
    assert ask(path, token=token_of(ids["prism"]), params={"after": after}).json()["code"] == "cursor_invalid"


def test_a_saved_view_that_nothing_could_hold_is_refused(ids: dict[str, int]):
    body = {"name": "n", "query": {"app": "a\0b"}, "is_shared": True}
    answer = ask("/views", method="POST", token=token_of(ids["prism"], *EVERYTHING), json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "view_invalid"), answer.text
