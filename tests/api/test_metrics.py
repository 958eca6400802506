"""Figures for Prometheus: to whom, and that nobody's name is among them."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import billed_site
import httpx
import pytest
import sqlalchemy as sa
from asking_api import ask, token_of
from background import run_async
from factories import line, started
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from test_tracing import Root

from flyusage import clock, config, db
from flyusage.alerts import deliveries, endpoints
from flyusage.api import metrics
from flyusage.front_door import FrontDoor
from flyusage.ui.pages.explorer.state import Explorer
from flyusage.ui.pages.tokens.state import Tokens
from flyusage.ui.reader import KnowReader, KnowsReader, time_handlers

if TYPE_CHECKING:
    from conftest import Database

LOCAL = ("127.0.0.1", 4711)


@pytest.fixture(scope="module")
def org_id(shared_database: "Database"):
    with billed_site.filled() as found:
        yield found


def scrape(client: tuple[str, int] = LOCAL, host: str = "localhost", **headers: str) -> httpx.Response:
    async def talk() -> httpx.Response:
        transport = httpx.ASGITransport(app=Starlette(routes=metrics.routes), client=client)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as asking:
            return await asking.get("/metrics", headers=headers)

    return run_async(talk())


def values(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {(one.name, tuple(one.labels.values())): one.value for family in text_string_to_metric_families(text) for one in family.samples}


def test_requests_events_queues_and_roll_ups_are_told_without_a_name(org_id: int):
    token, before = token_of(org_id), values(scrape().text)
    event = line(started("m-secret", "2026-11-14T00:00:00Z", org="prism", app="web", region="dfw"))
    ask("/events", token=token, method="POST", content=event.rstrip() + b"\nnonsense\n", headers={"content-type": "application/x-ndjson"})
    ask("/machines/web-0", token=token)
    ask("/nobody/prism", token=token)
    text = scrape().text
    after = values(text)

    def grown(name: str, *labels: str) -> float:
        return after.get((name, labels), 0) - before.get((name, labels), 0)

    assert grown("flyusage_api_events_total", "accepted") == 1
    assert grown("flyusage_api_events_total", "refused") == 1
    assert grown("flyusage_api_request_seconds_count", "GET", "/machines/{machine}", "200") == 1
    assert grown("flyusage_api_request_seconds_count", "any", "none", "404") == 1
    assert after["flyusage_database_up", ()] == 1
    assert after["flyusage_organizations", ()] >= 2
    assert {labels for name, labels in after if name == "flyusage_queue_waiting"} == {
        (kind,) for kind in ("alert", "delivery", "document", "mail", "payment")
    }
    assert after["flyusage_rollup_lag_seconds", ()] >= 0
    for name in ("prism", "rival", "web-0", "m-secret", "PRISM", "dfw"):
        assert name not in text


def test_they_are_for_this_machine_or_for_the_token_alone(org_id: int, monkeypatch: pytest.MonkeyPatch):
    assert scrape().status_code == 200
    assert scrape(("203.0.113.9", 1)).status_code == 404
    assert scrape(host="usage.example.com").status_code == 404  # behind a proxy on the same machine
    assert scrape(**{"x-forwarded-for": "203.0.113.9"}).status_code == 404
    monkeypatch.setenv("FLYUSAGE_METRICS_TOKEN", "a-token-of-sixteen")
    config.settings.cache_clear()
    try:
        assert scrape().status_code == 404
        assert scrape(authorization="Bearer wrong").status_code == 404
        assert scrape(("203.0.113.9", 1), "usage.example.com", authorization="Bearer a-token-of-sixteen").status_code == 200
    finally:
        monkeypatch.delenv("FLYUSAGE_METRICS_TOKEN")
        config.settings.cache_clear()


def test_a_webhook_that_waits_is_in_the_queue_until_its_organization_is_deleted(org_id: int):
    with db.platform_transaction() as session:
        hook = {"kind": "chat", "name": "Ops", "url": "https://chat.example.com/hook", "topics": ["budgets"]}
        made = endpoints.create(session, org_id, **hook, by=billed_site.BY)
        deliveries.test(session, org_id, made.endpoint.id, by=billed_site.BY)
    with clock.freeze(clock.now() + timedelta(seconds=90)):
        told = values(scrape().text)
        assert told["flyusage_queue_waiting", ("delivery",)] == 1
        assert told["flyusage_queue_failing", ("delivery",)] == 0
        assert told["flyusage_queue_oldest_seconds", ("delivery",)] == 90
        deleted = sa.text("UPDATE organization SET deleted_at = CASE WHEN :gone THEN now() END WHERE id = :org")
        with db.platform_transaction() as session:
            session.execute(deleted, {"gone": True, "org": org_id})
        told = values(scrape().text)
        with db.platform_transaction() as session:
            session.execute(deleted, {"gone": False, "org": org_id})
    assert told["flyusage_queue_waiting", ("delivery",)] == 0


def test_pages_are_timed_by_route_and_their_events_by_handler(org_id: int, tmp_path: Path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "usage.js").write_text("")
    page = {"index": True, "path": "orgs/:slug/usage", "module": "/assets/usage.js", "imports": []}
    (tmp_path / "assets" / "manifest-1.js").write_text(f"window.__reactRouterManifest={json.dumps({'routes': {'usage': page}})};")

    async def save(_request: Request) -> Response:
        return Response("a file", status_code=403)

    routes = [Route("/orgs/{slug}/usage.csv", save), Mount("/", HTMLResponse("a page"))]
    door = FrontDoor(Starlette(routes=routes, middleware=[Middleware(KnowsReader)]), pages=tmp_path)

    async def visit() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=door), base_url="http://localhost") as asking:
            for path in ("/orgs/prism/usage", "/orgs/secret/usage.csv", "/nobody/prism"):
                await asking.get(path)

    async def handled(name: str) -> None:
        await KnowReader().preprocess(None, Root(), SimpleNamespace(name=name))  # type: ignore[arg-type]

    async def events() -> None:
        for name in (f"{Tokens.get_full_name()}.create", f"{Explorer.get_full_name()}.watch", "secret.name"):
            await asyncio.create_task(handled(name))

    time_handlers()
    before = values(scrape().text)
    run_async(visit())
    run_async(events())
    after = values(text := scrape().text)
    grown = {key: after[key] - before.get(key, 0) for key in after if key[0].endswith("_count") and key[0].startswith("flyusage_page_")}
    assert {key: count for key, count in grown.items() if count} == {
        ("flyusage_page_request_seconds_count", ("/orgs/:slug/usage", "200")): 1,
        ("flyusage_page_request_seconds_count", ("/orgs/{slug}/usage.csv", "403")): 1,
        ("flyusage_page_event_seconds_count", ("Tokens.create",)): 1,  # what watches lasts as long as its page is open
    }
    assert "secret" not in text
    assert "prism" not in text
