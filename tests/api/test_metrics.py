"""Figures for Prometheus: to whom, and that nobody's name is among them."""

from typing import TYPE_CHECKING

import billed_site
import httpx
import pytest
from asking_api import ask, token_of
from background import run_async
from factories import line, started
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from flyusage import config
from flyusage.api import metrics

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
        (kind,) for kind in ("alert", "document", "mail", "payment")
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
