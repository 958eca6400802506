"""The API as one application: its routes under /api/v1, its document, and a reference page that needs no network."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from fastapi import FastAPI
from fastapi.routing import APIRoute
from opentelemetry.trace import SpanKind
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flyusage import __version__, tracing
from flyusage.api import (
    alerts,
    budgets,
    cost_centres,
    errors,
    events,
    exports,
    fields,
    fleet,
    invoices,
    metrics,
    organization,
    people,
    prices,
    questions,
    reference,
    terminal,
    usage,
    views,
)
from flyusage.api.answers import content
from flyusage.auth.throttle import Counted

PREFIX = "/api/v1"
TAGS = {  # in the order of the document
    "events": "Usage in: what machines, volumes and addresses did.",
    "usage": "What was used and what it costs: the explorer's views.",
    "fleet": "Machines, apps, regions and sizes.",
    "prices": "What things cost, what they cost before, and what other prices would come to.",
    "invoices": "What is owed and what was billed, line by line; questions on it.",
    "budgets": "Amounts for a month, and how they stand.",
    "views": "Views of the explorer, by name.",
    "alerts": "What budgets told, what is out of the ordinary, and what was sent of it.",
    "exports": "Whole months and years as files.",
    "cost centres": "Which team an app belongs to.",
    "organization": "The organization, its people, tokens and audit.",
}
SINCE = "1.0.0"
ABOUT = """
Every number here is the one that the pages and the command line show: money is text with its currency, quantities are text with their
unit, moments are RFC 3339 in UTC, ranges are half-open.

**Tokens.** `Authorization: Bearer flyu_…`. A token opens one organization, which every address is about.
**Errors** are `application/problem+json` with a stable `code`, what to do, and the request's id (also in `X-Request-Id`).
**Lists** come in pages with a stable order: pass `next` as `after`, or follow the `Link` header.
**Less of it.** Reads take `fields`, names separated by commas; what comes then is `application/vnd.flyusage.sparse+json`.
**Reads** have an `ETag`; send it as `If-None-Match` and get a `304`. Pin `as_of` where the same numbers are wanted again.
**Writes** take an `Idempotency-Key`: within a day the same request under the same key does nothing twice and gives the first answer again.
An event's own `source` and `id` make sending it again harmless, so events need no other key.
**Rates.** `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds); beyond them a `429` with `Retry-After`.
**Deprecation.** Within v1 fields and parameters are only added. What is to go is marked here as deprecated, answers with `Deprecation`
and `Sunset` headers (RFC 9745, RFC 8594), and stays for at least twelve months. The whole policy is in docs/api.md.
"""


def create() -> FastAPI:
    """The API, to be mounted at PREFIX."""
    app = FastAPI(
        title="flyusage",
        version=SINCE,
        description=ABOUT.strip(),
        openapi_url=None,  # served below, with an ETag and without a token
        docs_url=None,
        redoc_url=None,
        openapi_tags=[{"name": name, "description": says} for name, says in TAGS.items()],
        servers=[{"url": PREFIX}],
        root_path_in_servers=False,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        # its own spans hold addresses, and its log entries what was sent
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False},
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    for part in (events, usage, fleet, prices, invoices, budgets, views, alerts, exports, cost_centres, questions, people, organization):
        app.include_router(part.router)
    app.include_router(terminal.router)
    errors.handle(app)
    app.router.routes.append(Route("/openapi.json", _document))
    return app


async def _document(request: Request) -> Response:
    return content(request, json.dumps(document(), ensure_ascii=False).encode(), "application/json")


def document() -> dict:
    """The OpenAPI 3.1 document."""
    made = api.openapi()
    made["info"]["x-product-version"] = __version__
    for path in made["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None) if _is_default(operation["responses"].get("422")) else None
    for name in ("HTTPValidationError", "ValidationError"):  # of those 422, which nothing refers to any more
        made["components"]["schemas"].pop(name, None)
    fields.describe(made)
    return made


def _is_default(response: dict | None) -> bool:
    """FastAPI's own 422, which never comes: what is not as described is a 400 here."""
    return response is not None and "HTTPValidationError" in str(response)


class _Outermost:
    """Gives each request an id, each answer its rates, and a failure that nobody foresaw its problem+json."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        told: dict[str, int] = {}
        request_id, has_begun, began = errors.new_request_id(), False, time.monotonic()
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        is_head = scope["method"] == "HEAD"  # answered as GET would be, with the same headers and nothing else
        asked = {**scope, "method": "GET"} if is_head else scope

        async def send_with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                told["status"] = message["status"]
                metrics.count_request(asked, message["status"], time.monotonic() - began)
                added = {errors.REQUEST_ID: request_id, **_rates(state.get("rate"))}
                message["headers"] = [*message["headers"], *((name.encode(), value.encode()) for name, value in added.items())]
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id), _traced(asked, request_id, told):
            try:
                await self.app(asked, receive, send_with_headers)
            except Exception:
                if not has_begun:  # else `errors.unexpected` has answered, and its log entry is the whole story
                    raise


@contextmanager
def _traced(scope: Scope, request_id: str, told: dict[str, int]) -> Iterator[None]:
    """A span of a request: its route as documented and its id, which is in the answer and in the log; never its address."""
    if not tracing.is_on():
        yield
        return
    parent = tracing.parent_of(Headers(scope=scope))
    method = tracing.method_of(scope["method"])
    with tracing.span(method, kind=SpanKind.SERVER, parent=parent, http__request__method=method) as begun:
        yield
        if isinstance(route := scope.get("route"), APIRoute):
            begun.update_name(f"{method} {PREFIX}{route.path}")
            begun.set_attribute("http.route", f"{PREFIX}{route.path}")
        begun.set_attribute("http.response.status_code", told.get("status", 0))
        begun.set_attribute("flyusage.request_id", request_id)
        if told.get("status", 0) >= 500:
            tracing.failed(begun, str(told["status"]))


def _rates(counted: Counted | None) -> dict[str, str]:
    if counted is None:
        return {}
    return {
        "ratelimit-limit": str(counted.limit.times),
        "ratelimit-remaining": str(counted.left),
        "ratelimit-reset": str(counted.reset_s),
        "ratelimit-policy": f"{counted.limit.times};w={counted.limit.seconds}",
    }


async def _reference(_request: Request) -> Response:
    return Response(reference.page(document()), media_type="text/html; charset=utf-8")


async def _home(_request: Request) -> JSONResponse:
    return JSONResponse({"document": f"{PREFIX}/openapi.json", "reference": "/api/docs"})


api = create()
routes = [Mount(PREFIX, app=_Outermost(api)), Route("/api", _home), Route("/api/docs", _reference)]
