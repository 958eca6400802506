"""What a client sent arrives whole, though it offered to go on in another protocol first."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from flyusage.upgrades import WholeRequests

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

# As Java's HttpClient sends its first request: it would rather speak HTTP/2.
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"


async def echo(scope: "Scope", receive: "Receive", send: "Send") -> None:
    """Answers with the path and the body that arrived."""
    told, is_more = scope["path"].encode() + b" ", True
    while is_more:
        message = await receive()
        told, is_more = told + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(told)).encode())]})
    await send({"type": "http.response.body", "body": told})


def answers_to(*pieces: bytes) -> bytes:
    """All that comes back for what is sent piece by piece, the last request of which asks to close the connection."""

    async def talk() -> bytes:
        config = uvicorn.Config(echo, lifespan="off", log_config=None)
        config.load()
        state, protocol = ServerState(), lambda: WholeRequests(config=config, server_state=state, app_state={})
        server: Any = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        server.close()
        return answer

    with ThreadPoolExecutor(1) as thread:  # this one may have a browser's loop
        return thread.submit(asyncio.run, talk()).result()


def post(path: bytes, body: bytes, more: bytes = OFFER) -> bytes:
    return b"POST %s HTTP/1.1\r\nHost: here\r\n%sContent-Length: %d\r\n\r\n%s" % (path, more, len(body), body)


LAST = b"GET /last HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("piece", [1, 7, 1_000_000])
def test_a_body_arrives_beside_an_offer_however_it_is_cut(piece: int) -> None:
    sent = post(b"/first", b"what was sent") + LAST
    answer = answers_to(*(sent[at : at + piece] for at in range(0, len(sent), piece)))
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert b"/first what was sent" in answer
    assert b"/last " in answer


def test_a_body_in_chunks_arrives_too() -> None:
    head = b"POST /first HTTP/1.1\r\nHost: here\r\n" + OFFER + b"Transfer-Encoding: chunked\r\n\r\n"
    assert b"/first what was sent" in answers_to(head, b"5\r\nwhat \r\n", b"8\r\nwas sent\r\n0\r\n\r\n" + LAST)


def test_many_requests_at_once_each_with_an_offer_are_each_answered() -> None:
    """One after the other: were each read inside the one before, a few thousand would end in a RecursionError."""
    answer = answers_to(b"".join(post(b"/%d" % number, b"body") for number in range(3_000)) + LAST)
    assert answer.count(b"HTTP/1.1 200 OK") == 3_001
    assert b"/2999 body" in answer


def test_what_is_broken_behind_an_offer_is_refused_once() -> None:
    answer = answers_to(b"POST / HTTP/1.1\r\nHost: here\r\n" + OFFER + b"Transfer-Encoding: chunked\r\n\r\nno size\r\n")
    assert answer.count(b"400 Bad Request") == 1
