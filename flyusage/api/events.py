"""`/events`: usage events in, by the path that files take."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from flyusage import tracing
from flyusage.api import bodies
from flyusage.api.auth import Caller, route
from flyusage.api.errors import BodyBroken, Busy, EventRefused, TooLarge, TooManyRefused
from flyusage.api.metrics import count_events
from flyusage.metering.errors import Refusal
from flyusage.metering.ingest import Ingest, IngestResult
from flyusage.orgs.api_tokens import Bearer
from flyusage.orgs.permissions import Permission

MOST_REFUSALS = 100
# A megabyte of gzip holds a hundred million lines of `{}`, which would keep a place, and a processor, for half an hour.
MOST_MORE_REFUSED = 100_000
AT_ONCE = 4  # each holds up to two of the pool's connections while it writes

router = APIRouter(tags=["events"])
_places = threading.BoundedSemaphore(AT_ONCE)


class RefusedLine(BaseModel):
    """Why one event is refused. The rest of the request is in."""

    line: int = Field(description="1-based: the line, or the element of a batch.")
    code: str = Field(description="Stable, for programs.", examples=["unknown_type"])
    detail: str = Field(description="What to change.")
    excerpt: str = Field(description="The line's beginning.")


class Taken(BaseModel):
    """What became of the events. Sending the same ones again changes nothing: they count as duplicates."""

    accepted: int = Field(description="New events.")
    duplicate: int = Field(description="Events that were in already.")
    refused: int = Field(description="Events that are not in, and why below.")
    refused_by_code: dict[str, int] = Field(description="How many were refused for which reason.")
    refusals: list[RefusedLine] = Field(description=f"The first {MOST_REFUSALS} refusals, in the order of lines of each batch of 20,000.")
    refusals_left_out: int = Field(description="Refusals beyond those listed.")


_EVENT = {
    "specversion": "1.0",
    "id": "m-1-started-1",
    "source": "/platform/dfw",
    "type": "flyusage.machine.started",
    "time": "2026-11-20T12:00:00Z",
    "subject": "m-1",
    "data": {"org": "prism", "app": "web", "region": "dfw", "vm_size": "shared-cpu-1x", "memory_mb": 256},
}
_NAMES = ("specversion", "id", "source", "type", "time", "subject")
_SCHEMA = {
    "title": "UsageEvent",
    "type": "object",
    "required": [*_NAMES, "data"],
    "properties": {**{name: {"type": "string"} for name in _NAMES}, "data": {"title": "UsageEventData", "type": "object"}},
    "example": _EVENT,
}
_BODY = {
    "required": True,
    "description": "Of any size. NDJSON has one event per line; in binary mode the attributes are `ce-` headers and the body is `data`.",
    "content": {
        bodies.NDJSON[0]: {"schema": {"type": "string"}},
        bodies.BATCH: {
            "schema": {"type": "array", "items": {"description": "An event; what is none is refused by itself.", "example": _EVENT}}
        },
        bodies.STRUCTURED: {"schema": _SCHEMA},
        "application/json": {
            "schema": {"title": "EventData", "type": "object", "description": "Binary mode: the event's data, with `ce-` headers."}
        },
    },
}


@route(
    router,
    "POST",
    "/events",
    needs=Permission.EVENTS_WRITE,
    problems=(413, 415, 422),
    response_model=Taken,
    summary="Send usage events",
    openapi_extra={"requestBody": _BODY},
)
async def send_events(
    request: Request,
    bearer: Caller,
    content_encoding: Annotated[str, Header(description="gzip, or nothing.")] = "",
) -> JSONResponse:
    """Takes CloudEvents 1.0 of the token's organization; all that can be taken is in, the rest is named line by line.

    Safe to send whole again after a timeout. `200` even when some were refused; a single event (structured or binary mode) that is
    refused is a `422`. So is a request of which over 100,000 more events are refused than taken (`too_many_refused`): reading stops
    there, and `taken` says what was in. `429` with `Retry-After` when too much comes at once.
    """
    with _place():
        try:
            return await run_in_threadpool(_take, request, bearer, content_encoding.strip().lower())
        except ClientDisconnect:
            return JSONResponse({}, status_code=400)  # nobody hears it; what was committed stays


def _take(request: Request, bearer: Bearer, encoding: str) -> JSONResponse:
    kept, result, began = _Kept(), IngestResult(), time.monotonic()
    chunks = _while_any_hope(bodies.unpacked(bodies.chunks_of(request.stream()), encoding), kept, result)
    lines, is_single = bodies.lines_of(chunks, request.headers)

    def note(sofar: IngestResult) -> None:
        result.accepted, result.duplicate, result.refused = sofar.accepted, sofar.duplicate, sofar.refused

    ingest = Ingest(only_org=bearer.slug, only_apps=bearer.apps, strict_orgs=True, on_refusal=kept.add)
    try:
        with tracing.span("take events") as begun:
            result = ingest.run(lines, name=f"api:token:{bearer.token_id}", progress=note)
            for name, count in (("accepted", result.accepted), ("duplicate", result.duplicate), ("refused", kept.by_code.total())):
                begun.set_attribute(f"flyusage.events.{name}", count)
    except (BodyBroken, TooLarge, TooManyRefused) as error:
        raise type(error)(error.sentence, kept.told(result).model_dump()) from error
    finally:
        count_events(result, kept.by_code.total(), time.monotonic() - began)
    if is_single and kept.first is not None:
        raise EventRefused(f"The event is refused ({kept.first.code}): {kept.first.sentence}")
    return JSONResponse(kept.told(result).model_dump(), headers={"cache-control": "no-store"})


def _while_any_hope(chunks: Iterator[bytes], kept: "_Kept", result: IngestResult) -> Iterator[bytes]:
    """The chunks, until far more of what they hold was refused than taken. Raises TooManyRefused."""
    for chunk in chunks:
        if kept.by_code.total() > result.accepted + result.duplicate + MOST_MORE_REFUSED:
            raise TooManyRefused(
                f"Over {MOST_MORE_REFUSED:,} more events are refused than taken, mostly as {kept.by_code.most_common(1)[0][0]}; reading "
                "stopped there. Mend what sends them, then send all of it again: what was in counts once."
            )
        yield chunk


@dataclass
class _Kept:
    """Refusals: all counted, the first ones kept."""

    by_code: Counter[str] = field(default_factory=Counter)
    listed: list[RefusedLine] = field(default_factory=list)
    first: Refusal | None = None

    def add(self, refusal: Refusal) -> None:
        self.first = self.first or refusal
        self.by_code[refusal.code] += 1
        if len(self.listed) < MOST_REFUSALS:
            self.listed.append(RefusedLine(line=refusal.line, code=refusal.code, detail=refusal.sentence, excerpt=refusal.excerpt))

    def told(self, result: IngestResult) -> Taken:
        refused = self.by_code.total()
        return Taken(
            accepted=result.accepted,
            duplicate=result.duplicate,
            refused=refused,
            refused_by_code=dict(sorted(self.by_code.items())),
            refusals=self.listed,
            refusals_left_out=refused - len(self.listed),
        )


@contextmanager
def _place() -> Iterator[None]:
    """One of the places for those who send at once. Raises Busy."""
    if not _places.acquire(blocking=False):
        raise Busy(f"{AT_ONCE} senders are being served already. Wait two seconds, then send the same events again: it is safe.")
    try:
        yield
    finally:
        _places.release()
