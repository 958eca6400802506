"""Failures as problem+json (RFC 9457): a stable `code`, what happened, what to do about it, and the request's id."""

import difflib
import re
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.routing import Match

from flyusage.api.forms import IN_WORDS
from flyusage.auth.errors import TooManyAttempts
from flyusage.errors import FlyusageError
from flyusage.logs import harmless

MEDIA_TYPE = "application/problem+json"
MOST_POINTS = 20
REQUEST_ID = "x-request-id"
_CHOICES = ("enum", "literal_error")
_KINDS = ("str-enum[", "literal[")  # what the validator says between a field and what is wrong, where several kinds may stand there

_log = structlog.get_logger(__name__)


class RequestInvalid(FlyusageError):
    """The request is not one that the document describes."""

    code = "request_invalid"
    status = 400


class TextInvalid(FlyusageError):
    """A text that nothing here could hold."""

    code = "text_invalid"
    status = 422


class StoppedHalfway(FlyusageError):
    """A body that was read in part; of events, `taken` says what was in by then."""

    def __init__(self, sentence: str, taken: dict[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.taken = taken


class TooLarge(StoppedHalfway):
    """More than is taken at once, or packed so tightly that it is a trap."""

    code = "too_large"
    status = 413


class TooManyRefused(StoppedHalfway):
    """Events hardly any of which can be taken."""

    code = "too_many_refused"
    status = 422


class MediaTypeUnknown(FlyusageError):
    """The body is of a kind that is not taken here; `accept` or, where it is packed so, `accept_encoding` says which are (RFC 9110, 15.5.16)."""

    code = "media_type_unknown"
    status = 415

    def __init__(self, sentence: str, *, accept: Sequence[str] = (), accept_encoding: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        told = {"accept": ", ".join(accept), "accept-encoding": ", ".join(accept_encoding)}
        self.headers = {name: value for name, value in told.items() if value}


class BodyBroken(StoppedHalfway):
    """The body ends early or cannot be unpacked."""

    code = "body_broken"
    status = 400


class Busy(FlyusageError):
    """More at once than this server takes."""

    code = "busy"
    status = 429


class CursorInvalid(FlyusageError):
    """An `after` that no page gave."""

    code = "cursor_invalid"
    status = 422

    def __init__(self) -> None:
        super().__init__("`after` is none that a page gave. Pass the page's `next` as it stands, or leave it out.")


class EventRefused(FlyusageError):
    """The one event of a request is refused."""

    code = "event_refused"
    status = 422


class Point(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(description="The parameter or field.", examples=["query.limit"])
    what: str = Field(description="What is wrong with it.", examples=["Input should be less than or equal to 500"])


class Problem(BaseModel):
    """What went wrong, for a program (`code`) and for people (`detail`)."""

    type: str = Field(default="about:blank", description="Always about:blank: `code` says which problem it is.")
    title: str = Field(description="The HTTP status in words.", examples=["Not Found"])
    status: int = Field(description="The HTTP status.", examples=[404])
    code: str = Field(description="Stable, for programs.", examples=["invoice_unknown"])
    detail: str = Field(description="What happened, and what to do about it.", examples=["There is no invoice 'PRISM-000099'."])
    request_id: str = Field(description="Also in the X-Request-Id header, and in the server's log.", examples=["req_3f9a1c27b5d84e60"])
    errors: list[Point] | None = Field(default=None, description="What is wrong with the request, point by point.")
    taken: dict[str, Any] | None = Field(default=None, description="Of events: what was in by then. Sending all of it again is safe.")


def new_request_id() -> str:
    """An id that no other request has."""
    return f"req_{secrets.token_hex(8)}"


def problem(request: Request, status: int, code: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any) -> JSONResponse:
    """The answer to a request that failed."""
    told = Problem(
        title=HTTPStatus(status).phrase, status=status, code=code, detail=harmless(detail), request_id=request.state.request_id, **more
    )
    return JSONResponse(
        told.model_dump(exclude_none=True),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={"cache-control": "no-store", **(headers or {})},
    )


def handle(app: FastAPI) -> None:
    """Have every failure answered so."""
    app.add_exception_handler(FlyusageError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, unexpected)


def unexpected(request: Request, error: Exception) -> JSONResponse:
    """What is nobody's mistake but ours: it is in the log under the request's id."""
    _log.error("request_failed", request_id=request.state.request_id, path=request.url.path, exc_info=error)
    detail = "That failed on the server, and nothing of this step was kept. Try again; if it stays so, tell whoever runs flyusage the request id."
    return problem(request, 500, "internal", detail)


def _gone(request: Request, _error: Exception) -> JSONResponse:
    """To whoever went while they still sent: nobody reads it, and nothing failed."""
    return problem(request, 400, "body_broken", "The body ended before it was whole.")


def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, FlyusageError)
    headers = dict(error.headers) if isinstance(error, MediaTypeUnknown) else {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        told = ', error="invalid_token"' if error.code == "token_refused" else ""  # none where no token came (RFC 6750, 3.1)
        headers["www-authenticate"] = f'Bearer realm="flyusage"{told}'
    if isinstance(error, TooManyAttempts):
        headers["retry-after"] = str(error.retry_after_s)
    elif error.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        headers["retry-after"] = "2"
    more = {"taken": error.taken} if isinstance(error, StoppedHalfway) and error.taken is not None else {}
    return problem(request, error.status, error.code, error.sentence, headers=headers, **more)


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    points = _points(error.errors()[:MOST_POINTS])
    detail = "The request is not as the document describes it: " + "; ".join(f"{one.where}: {one.what}" for one in points[:3])
    return problem(request, RequestInvalid.status, RequestInvalid.code, f"{detail}. The reference is at /api/docs.", errors=points)


def _points(errors: Sequence[Mapping[str, Any]]) -> list[Point]:
    """What is wrong, field by field; a value that is none of several kinds of choice is one point, with all that could stand there."""
    fields: dict[str, list[Mapping[str, Any]]] = {}
    for one in errors:
        where = ".".join(part for part in map(str, one["loc"]) if not part.startswith(_KINDS))
        fields.setdefault(harmless(where)[:200], []).append(one)
    told = []
    for where, many in fields.items():
        words = [_choice(many)] if all(one["type"] in _CHOICES for one in many) else map(_in_words, many)
        told += [Point(where=where, what=harmless(what)[:500]) for what in words]
    return told


def _choice(errors: Sequence[Mapping[str, Any]]) -> str:
    """What could stand there instead, and what was probably meant."""
    choices = [name for one in errors for name in re.findall("'([^']*)'", one["ctx"]["expected"])]
    near = difflib.get_close_matches(str(errors[0]["input"])[:100], choices, 1)
    meant = f"Did you mean {near[0]}? " if near else ""
    return f"{meant}Write {', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else f"Write {choices[0]}"


def _in_words(error: Mapping[str, Any]) -> str:
    """What is wrong: where a text is written otherwise than the document's pattern, how it is written, since few read patterns."""
    return IN_WORDS.get(error.get("ctx", {}).get("pattern", ""), str(error["msg"]))


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    detail = {
        404: "There is nothing at this address. The reference is at /api/docs.",
        405: "This address does not answer that method. The reference is at /api/docs.",
    }.get(error.status_code, str(error.detail))
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["allow"] = ", ".join(_answered(request))
    return problem(request, error.status_code, code, detail, headers=headers)


def _answered(request: Request) -> list[str]:
    """The methods of every route at the request's address; the router names those of the first one only."""
    found: set[str] = set()
    for one in request.app.router.routes:
        for route in getattr(getattr(one, "original_router", None), "routes", [one]):
            if route.matches(request.scope)[0] is not Match.NONE:
                found |= set(getattr(route, "methods", None) or ())
    return sorted(found | ({"HEAD"} if "GET" in found else set()))
