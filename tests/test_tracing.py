"""Spans as a collector gets them: requests, events, statements, jobs and page events, one within the other, and no tenant in any."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from asking_api import ask, token_of
from background import run_async
from cast import Cast
from conftest import chosen
from factories import line, started
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from receiver import Receiver, receiving
from waiting import until

from flyusage import db, tracing
from flyusage.jobs import Worker
from flyusage.ui.reader import KnowReader

CALLERS = "ab" * 16
SECRETS = (b"prism", b"secret-app", b"secret-machine", b"flyu_", b"what the database said", b"127.0.0.1", b"owner@")


class Root:
    """What a page's state is to `KnowReader`."""

    router = SimpleNamespace(headers=SimpleNamespace(cookie=""), session=SimpleNamespace(client_ip="203.0.113.7"))

    def _get_root_state(self) -> "Root":
        return self


@pytest.fixture
def collector(cast: Cast) -> Iterator[Receiver]:
    with receiving() as receiver:
        receiver.status = 200
        url = f"http://127.0.0.1:{receiver.port}/v1/traces"
        with chosen({"FLYUSAGE_TRACES_URL": url, "FLYUSAGE_TRACES_HEADERS": "Authorization=Bearer collector"}):
            tracing.start("server")
            db.reset()
            yield receiver
            tracing.stop()
            db.reset()


def spans(receiver: Receiver) -> list[Any]:
    tracing.stop()
    told = [ExportTraceServiceRequest.FromString(one.body) for one in receiver.got]
    return [one for each in told for resource in each.resource_spans for scope in resource.scope_spans for one in scope.spans]


def test_a_collector_gets_the_tree_and_nothing_of_a_tenant(cast: Cast, collector: Receiver, monkeypatch: pytest.MonkeyPatch):
    token, caller = token_of(cast.prism.id), {"traceparent": f"00-{CALLERS}-{'cd' * 8}-01"}
    event = started("secret-machine", "2026-11-01T00:00:00Z", app="secret-app")
    sent = ask("/events", token=token, method="POST", content=line(event), headers={**caller, "content-type": "application/x-ndjson"})
    assert sent.json()["accepted"] + sent.json()["refused"] == 1
    assert ask("/machines/secret-machine", token=token).status_code in (200, 404)

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("what the database said")

    monkeypatch.setattr("flyusage.api.organization.audit.entries", fail)
    assert ask("/audit?actor=owner@secret-app", token=token).status_code == 500
    stop = threading.Event()

    def job() -> bool:
        with db.platform_transaction():
            stop.set()
        return False

    Worker(job, channel="told").run(stop)

    async def page_event() -> None:
        async def handled() -> None:
            await KnowReader().preprocess(None, Root(), SimpleNamespace(name="state.members.invite"))  # type: ignore[arg-type]
            await asyncio.to_thread(lambda: db.lookup_transaction().__enter__())

        await asyncio.create_task(handled())

    run_async(page_event())
    found = spans(collector)
    by_id, by_name = {one.span_id: one for one in found}, {one.name: one for one in found}
    assert {"POST /api/v1/events", "GET /api/v1/machines/{machine}", "GET /api/v1/audit", "take events", "page event invite"} <= set(
        by_name
    )

    def above(one: Any) -> list[str]:
        parent = by_id.get(one.parent_span_id)
        return [one.name, *(above(parent) if parent is not None else [])]

    statements = [above(one) for one in found if any(kept.key == "db.query.summary" for kept in one.attributes)]
    for root in (
        "POST /api/v1/events",
        "GET /api/v1/audit",
        "page event invite",
        next(name for name in by_name if name.startswith("job ")),
    ):
        assert any(line[-1] == root for line in statements), root
    assert any(line[-2:] == ["take events", "POST /api/v1/events"] for line in statements)
    assert by_name["POST /api/v1/events"].trace_id.hex() == CALLERS
    failed = {kept.key: kept.value for kept in by_name["GET /api/v1/audit"].attributes}
    assert failed["http.response.status_code"].int_value == 500
    assert by_name["GET /api/v1/audit"].status.code == 2
    assert not any(one.events for one in found)  # no exception with its text
    assert collector.got[0].path == "/v1/traces"
    assert collector.got[0].headers["authorization"] == "Bearer collector"
    for secret in SECRETS:
        assert not any(secret in one.body for one in collector.got), secret


def test_without_an_address_there_is_nothing_and_a_collector_that_is_away_holds_up_nobody():
    assert not tracing.is_on()
    with tracing.span("nothing") as nothing:
        assert not nothing.is_recording()
    with chosen({"FLYUSAGE_TRACES_URL": "http://127.0.0.1:9/v1/traces"}):
        tracing.start("worker")
        with tracing.span("lost"):
            pass
        stopping = threading.Thread(target=tracing.stop)
        stopping.start()
        until(lambda: not stopping.is_alive())
    assert not tracing.is_on()


def test_what_sends_spans_is_asked_for_by_name_where_it_is_not_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace.export", None)
    with (
        chosen({"FLYUSAGE_TRACES_URL": "http://127.0.0.1:9/v1/traces"}),
        pytest.raises(tracing.TracingUnavailable, match=r"flyusage\[tracing\]"),
    ):
        tracing.start("server")


@pytest.mark.parametrize(
    ("statement", "summary"),
    [
        ("SELECT a FROM usage_event JOIN app ON true JOIN app AS b ON true WHERE name = 'x from secret'", "SELECT usage_event app"),
        ("\n WITH one AS (SELECT 1) INSERT INTO budget VALUES (1)", "WITH budget"),
        ("(SELECT 1)", "SELECT"),
        ("", "STATEMENT"),
    ],
)
def test_a_statement_is_told_by_its_verb_and_tables(statement: str, summary: str):
    assert tracing.summary_of(statement)[0] == summary
