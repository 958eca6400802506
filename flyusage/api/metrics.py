"""`/metrics` for Prometheus: what this process did, and how far the platform's queues are behind. Nothing in it names a tenant.

Answered to whoever shows FLYUSAGE_METRICS_TOKEN; without one set, to requests from this machine itself that no proxy passed on.
"""

import hmac
import time
from contextlib import suppress

import sqlalchemy as sa
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from flyusage import __version__, clock, db, timings
from flyusage.config import settings
from flyusage.errors import FlyusageError
from flyusage.metering.ingest import IngestResult
from flyusage.server import is_loopback

PASSED_ON = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")

_process = CollectorRegistry(auto_describe=True)
_requests = Histogram(
    "flyusage_api_request_seconds",
    "API requests by route as documented.",
    ("method", "route", "status"),
    buckets=timings.SECONDS,
    registry=_process,
)
_events = Counter("flyusage_api_events", "Events sent to the API, by what became of them.", ("outcome",), registry=_process)
_batches = Histogram(
    "flyusage_api_ingest_seconds", "Requests of events, from the first byte to the answer.", buckets=timings.SECONDS, registry=_process
)


def count_request(scope: Scope, status: int, seconds: float) -> None:
    """Note an API request; one that no route took is `none`, so that no address from outside becomes a label."""
    route = scope.get("route")
    method, path = (scope["method"], route.path) if isinstance(route, APIRoute) else ("any", "none")
    _requests.labels(method, path, str(status)).observe(seconds)


def count_events(result: IngestResult, refused: int, seconds: float) -> None:
    """Note what became of a request's events."""
    for outcome, count in (("accepted", result.accepted), ("duplicate", result.duplicate), ("refused", refused)):
        _events.labels(outcome).inc(count)
    _batches.observe(seconds)


async def metrics(request: Request) -> Response:
    """The figures; 404 for whoever may not have them, as if there were none."""
    if not _is_admitted(request):
        return PlainTextResponse("Not Found\n", status_code=404)
    body = await run_in_threadpool(_written)
    return Response(body, headers={"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"})


def _is_admitted(request: Request) -> bool:
    token = settings().metrics_token
    if token is not None:
        given = request.headers.get("authorization", "").encode("latin-1", "replace")
        return hmac.compare_digest(given, f"Bearer {token.get_secret_value()}".encode())
    host = request.url.hostname or ""
    is_direct = not any(name in request.headers for name in PASSED_ON)
    return is_direct and request.client is not None and is_loopback(request.client.host) and (host == "localhost" or is_loopback(host))


def _written() -> bytes:
    return generate_latest(_process) + generate_latest(timings.registry) + generate_latest(_platform())


def _platform() -> CollectorRegistry:
    """What the database says now; only that it does not answer, where it does not."""
    found = CollectorRegistry(auto_describe=True)
    Gauge("flyusage_build", "The version that runs.", ("version",), registry=found).labels(__version__).set(1)
    is_up = Gauge("flyusage_database_up", "Whether the database answers.", registry=found)
    is_up.set(0)
    began = time.monotonic()
    with suppress(FlyusageError), db.platform_transaction() as session:
        rolled = session.execute(sa.text(_ROLLUP), {"now": clock.now()}).one()
        queues = session.execute(sa.text(_QUEUES), {"now": clock.now()}).all()
        events = session.execute(sa.text(_EVENTS)).scalar_one()
        is_up.set(1)
        for name, says, value in (
            ("flyusage_rollup_lag_seconds", "How far behind now the organization furthest behind is rolled up.", rolled.lag),
            ("flyusage_rollup_backlog_days", "Days whose figures are to be rolled, or rolled again.", rolled.days),
            ("flyusage_organizations", "Organizations with events.", rolled.organizations),
            ("flyusage_events_stored_estimate", "Events in the ledger, as the planner counts.", max(0, events)),
            ("flyusage_scrape_seconds", "How long these questions took.", time.monotonic() - began),
        ):
            Gauge(name, says, registry=found).set(float(value))
        waiting = Gauge("flyusage_queue_waiting", "Tasks that are to be done.", ("queue",), registry=found)
        failing = Gauge("flyusage_queue_failing", "Of these, tasks that failed at least once.", ("queue",), registry=found)
        oldest = Gauge("flyusage_queue_oldest_seconds", "How long the oldest of them has been due.", ("queue",), registry=found)
        for queue, count, failed, age in queues:
            waiting.labels(queue).set(count)
            failing.labels(queue).set(failed)
            oldest.labels(queue).set(float(age))
    return found


_ROLLUP = """
SELECT coalesce(max(greatest(0, extract(epoch FROM CAST(:now AS timestamptz) - coalesce(rolled_through, first_event_at)))), 0) AS lag,
       count(*) AS organizations, (SELECT count(*) FROM dirty_day) AS days
FROM rollup_state WHERE first_event_at IS NOT NULL"""
_QUEUES = """
SELECT queue.kind, count(task.due_at), count(*) FILTER (WHERE task.attempts > 0),
       coalesce(max(greatest(0, extract(epoch FROM CAST(:now AS timestamptz) - task.due_at))), 0)
FROM unnest(ARRAY['document', 'mail', 'payment', 'alert', 'delivery']) AS queue (kind)
LEFT JOIN (SELECT kind, due_at, attempts FROM outbox WHERE done_at IS NULL
           UNION ALL SELECT 'alert', due_at, attempts FROM budget_alert WHERE done_at IS NULL
           UNION ALL SELECT 'alert', due_at, attempts FROM member_mail WHERE done_at IS NULL
           UNION ALL SELECT 'delivery', due_at, attempts FROM delivery JOIN organization o ON o.id = org_id
           WHERE state = 'waiting' AND o.deleted_at IS NULL) AS task USING (kind)
GROUP BY queue.kind ORDER BY queue.kind"""
_EVENTS = """
SELECT coalesce(sum(greatest(child.reltuples, 0)), 0)::bigint FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
WHERE inhparent = to_regclass('usage_event')"""

routes = [Route("/metrics", metrics)]
