"""Asks the API without a server: any address, any token, any body."""

import socket
import threading
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn
from background import run_async
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from story import NOW

from flyusage import clock, db
from flyusage.api import application
from flyusage.orgs import api_tokens
from flyusage.orgs.acting import system
from flyusage.orgs.permissions import Permission
from flyusage.pricing.urls import parse_moment

EVERYTHING = tuple(one.value for one in api_tokens.grantable(Permission))


def token_of(org_id: int, *scopes: str, user_id: int | None = None, days: int = 90) -> str:
    """A new token's secret; with every scope unless some are named."""
    with db.platform_transaction() as session:
        made = api_tokens.create(session, org_id, name="tests", scopes=scopes or EVERYTHING, by=system("tests"), user_id=user_id, days=days)
    return made.secret


def ask(
    path: str,
    *,
    token: str | None = None,
    method: str = "GET",
    headers: Mapping[str, str | bytes] | None = None,
    content: bytes | Iterable[bytes] | None = None,
    json: Any = None,
    params: dict[str, str] | None = None,
) -> httpx.Response:
    """What an address under /api/v1 answers."""

    async def talk() -> httpx.Response:
        transport = httpx.ASGITransport(app=Starlette(routes=application.routes))
        given = {**({"authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            body = content if content is None or isinstance(content, bytes) else _stream(content)
            full = path if path.startswith("/api") else f"/api/v1{path}"
            return await client.request(method, full, headers=given, content=body, json=json, params=params)

    return run_async(talk())


async def _stream(parts: Iterable[bytes]) -> AsyncIterable[bytes]:
    for part in parts:
        yield part


@contextmanager
def served(routes: Sequence[BaseRoute] = application.routes) -> Iterator[str]:
    """The API's address (or that of other routes) on a free port, from a real server in this process, with the clock at the story's end."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    moment = parse_moment(NOW)
    assert moment is not None
    with clock.freeze(moment):
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()
    listener.close()
