"""What writes have in common: a key under which sending them again does nothing twice."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Header, Request
from pydantic import BaseModel
from sqlmodel import Session
from starlette.responses import Response

from flyusage import db
from flyusage.api.forms import VISIBLE
from flyusage.orgs.api_tokens import Bearer
from flyusage.orgs.idempotency import Sent, once

REPLAYED = "idempotent-replayed"
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key", pattern=VISIBLE,
        description="Any text of your own, as a UUID. Within a day the same request with it gives the first one's answer, and does nothing twice.",
    ),
]  # fmt: skip


def written(
    request: Request, bearer: Bearer, key: str, asked: BaseModel | None, write: Callable[[Session], tuple[int, BaseModel | None]]
) -> Response:
    """What `write` answers, (status, body), in one transaction with it being remembered under `key`. Raises KeyUsedOtherwise."""
    said = asked.model_dump_json().encode() if asked is not None else b""
    sent = Sent(bearer.org_id, bearer.token_id, key, f"{request.method} {request.url.path}\n".encode() + said)
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        status, body, is_repeated = once(session, sent, lambda: _encoded(write(session)))
    headers = {"cache-control": "no-store", **({REPLAYED: "true"} if is_repeated else {})}
    return Response(body or None, status_code=status, headers=headers, media_type="application/json" if body else None)


def _encoded(told: tuple[int, BaseModel | None]) -> tuple[int, bytes]:
    status, body = told
    return status, body.model_dump_json().encode() if body is not None else b""
