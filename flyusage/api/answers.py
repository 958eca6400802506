"""What answers have in common: their digest as ETag, a page's cursor and its Link, money and quantities with their units."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from flyusage.api import fields
from flyusage.api.errors import CursorInvalid
from flyusage.money import CURRENCIES

MOST, USUAL = 500, 100
LAST_ID = 2**63 - 1

Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]
After = Annotated[str | None, Query(max_length=500, description="Continue behind a page: its `next`, as it was given.", examples=[None])]
Id = Annotated[int, Path(ge=1, le=LAST_ID, description="As the list has it.", examples=[1])]
Item = TypeVar("Item")
Fields = TypeVar("Fields", bound=BaseModel)


class Money(BaseModel):
    """An amount as text, so that no digit is lost, with its currency (ISO 4217)."""

    amount: str = Field(description="Decimal, in whole units of the currency.", examples=["167.58"])
    currency: str = Field(description="ISO 4217.", examples=["USD"])


class Page(BaseModel, Generic[Item]):
    """A part of a list, in a stable order."""

    data: list[Item]
    next: str | None = Field(default=None, description="Pass it as `after` for what follows; null at the end. Also in the Link header.")


def money(minor: int, currency: str) -> Money:
    """Minor units as an amount."""
    return Money(amount=f"{Decimal(minor).scaleb(-CURRENCIES[currency].exponent):f}", currency=currency)


def answer(request: Request, body: BaseModel) -> Response:
    """`body` as JSON (what was asked for of it), with its ETag; 304 to whoever has it already."""
    headers = {}
    following = getattr(body, "next", None)
    if following:
        kept = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
        headers["link"] = f'<{request.scope.get("root_path", "")}{_path(request)}?{urlencode([*kept, ("after", following)])}>; rel="next"'
    if wanted := request.state.fields:
        told = fields.left(json.loads(body.model_dump_json()), wanted)
        return content(request, json.dumps(told, ensure_ascii=False).encode(), fields.SPARSE, headers)
    return content(request, body.model_dump_json().encode(), "application/json", headers)


def content(request: Request, body: bytes, media_type: str, headers: dict[str, str] | None = None) -> Response:
    """`body` with its ETag; 304 to whoever has it already."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    shown = {"etag": etag, "cache-control": "private, no-cache", **(headers or {})}
    if _holds(",".join(request.headers.getlist("if-none-match")), etag):
        return Response(status_code=304, headers=shown)
    return Response(body, media_type=media_type, headers=shown)


def plain(value: Any) -> Any:
    """What JSON can hold: decimals in full, never with an exponent."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def cursor(*parts: str | int) -> str:
    """An opaque text that `parts_of` reads again."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def parts_of(after: str | None, kinds: Sequence[type]) -> list | None:
    """What a cursor of ours holds, None without one. Raises CursorInvalid for any other text."""
    if after is None:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        json.dumps(found, ensure_ascii=False).encode()  # half a pair, which JSON can write, is no text to ask a database for
    except (ValueError, binascii.Error, RecursionError):
        found = None
    if not isinstance(found, list) or [type(one) for one in found] != list(kinds):
        raise CursorInvalid
    return found


def _holds(given: str, etag: str) -> bool:
    return given.strip() == "*" or etag in (one.strip().removeprefix("W/") for one in given.split(","))


def _path(request: Request) -> str:
    return request.url.path.removeprefix(request.scope.get("root_path", ""))
