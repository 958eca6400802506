"""A request's JSON, looked at before anything is done with it: of a bounded size, unpacked, and with no key twice.

FastAPI reads a body before it asks who sent it, and of a key that is there twice it takes the last without a word.
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from flyusage.api.errors import MediaTypeUnknown, RequestInvalid, TooLarge

LARGEST = 256 << 10  # the largest question that the document allows is a tenth of it
LONGEST_NUMBER = 100
JSON = "application/json"


class JsonRoute(APIRoute):
    """A route whose body, where it takes one, is checked JSON. Raises TooLarge, MediaTypeUnknown and RequestInvalid."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI's, behind the check."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def checked(request: Request) -> Response:
            body = await _bounded(request)
            _refuse_other_than_json(request, body)
            return await handle(Request(request.scope, _again(body)))

        return checked


async def _bounded(request: Request) -> bytes:
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > LARGEST:
            raise TooLarge(f"The body is over {LARGEST >> 10} KiB, which nothing asks for that is taken here. Send less at once.")
    return bytes(found)


def _refuse_other_than_json(request: Request, body: bytes) -> None:
    if not body:
        return  # that it is missing is told by what describes it
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON and not (kind.startswith("application/") and kind.endswith("+json")):
        raise MediaTypeUnknown(f"The body is {JSON}, not {kind[:60]!r}. Say so in Content-Type.", accept=(JSON,))
    if (packed := request.headers.get("content-encoding", "identity").strip().lower()) not in ("", "identity"):
        raise MediaTypeUnknown(
            f"The body is encoded as {packed[:40]!r}. Send it as it is; events alone come as gzip.", accept_encoding=("identity",)
        )
    try:
        json.loads(body, object_pairs_hook=_object, parse_int=_whole_number)
    except RecursionError:
        raise RequestInvalid("The body is nested too deep. Send it as the document describes it.") from None
    except ValueError as error:
        raise RequestInvalid(f"The body is not JSON ({error}). Correct it there, and send it again.") from None


def _object(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise RequestInvalid(f"The body has the key {key[:60]!r} twice. Send it once.")
        seen.add(key)


def _whole_number(digits: str) -> None:
    if len(digits) > LONGEST_NUMBER:
        raise RequestInvalid(f"The body has a number of {len(digits):,} digits, which nothing here has. Check what writes it.")


def _again(body: bytes) -> Callable[[], Coroutine[Any, Any, dict[str, Any]]]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
