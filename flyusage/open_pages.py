"""How many pages may be open at once, each of which holds a websocket: from one address, and in all.

Anybody can open one without signing in, and each takes memory until it closes. One too many is told so in the words of its own
protocol: a browser lets no page read why its websocket was refused.
"""

import asyncio
import json
import resource
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from starlette.types import Message, Receive, Scope, Send

from flyusage.internet import subscriber

CODE = "too_many_pages"
FILES_FOR_OTHERS = 300  # of the process: the pool, files that are read, requests
MOST_TOLD_AT_ONCE, TOLD_SECONDS = 50, 5.0
LOG_SECONDS = 60.0
# The first packet of Engine.IO and the answer of Socket.IO to who asks to be connected (socket.io/docs/v4/socket-io-protocol).
_OPEN = '0{"sid":"none","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
_CONNECT, _REFUSED = "40", "44"

_log = structlog.get_logger(__name__)


class OpenPages:
    """The pages that are open. Those of an IPv6 line count together, as one of its computers may take any address of it."""

    def __init__(self, most: int = 4_000, most_of_address: int = 1_000) -> None:
        self.most = min(most, _files() - FILES_FOR_OTHERS)
        self.most_of_address = most_of_address
        self.by_address: Counter[str] = Counter()
        self._told, self._logged_at = 0, -LOG_SECONDS

    @contextmanager
    def place(self, scope: Scope) -> Iterator[str | None]:
        """A place for a websocket while it lasts; or, without one, the sentence why there is none."""
        address = subscriber(scope["client"][0]) if scope.get("client") else ""
        if refusal := self._refusal(address):
            yield refusal
            return
        self.by_address[address] += 1
        try:
            yield None
        finally:
            self.by_address[address] -= 1
            if not self.by_address[address]:
                del self.by_address[address]

    async def tell(self, scope: Scope, receive: Receive, send: Send, sentence: str) -> None:
        """Say it where the page's own client will hand it on, and close. Of very many at once some are refused without a word."""
        if self._told >= MOST_TOLD_AT_ONCE:
            await send({"type": "websocket.close", "code": 1013, "reason": sentence[:120]})
            return
        self._told += 1
        try:
            await asyncio.wait_for(_told(scope, receive, send, sentence), TOLD_SECONDS)
        except (TimeoutError, OSError):
            await send({"type": "websocket.close", "code": 1013})
        finally:
            self._told -= 1

    def _refusal(self, address: str) -> str | None:
        if self.by_address[address] >= self.most_of_address:
            setting, many, who = "FLYUSAGE_MOST_PAGES_PER_ADDRESS", self.most_of_address, " from your address"
        elif self.by_address.total() >= self.most:
            setting, many, who = "FLYUSAGE_MOST_PAGES", self.most, ""
        else:
            return None
        if time.monotonic() - self._logged_at >= LOG_SECONDS:
            self._logged_at = time.monotonic()
            _log.warning("a page too many is refused, and others that come within a minute", address=address, most=many, setting=setting)
        return f"{many:,} pages are open{who}, as many as may be. Close some; this one opens by itself"


async def _told(scope: Scope, receive: Receive, send: Send, sentence: str) -> None:
    message: Message = {"type": ""}
    while message["type"] != "websocket.connect":
        message = await receive()
    subprotocols = scope.get("subprotocols") or []  # a browser goes away where none of those it names is taken
    await send({"type": "websocket.accept", "subprotocol": subprotocols[0] if subprotocols else None})
    await send({"type": "websocket.send", "text": _OPEN})
    while message["type"] != "websocket.disconnect":
        message = await receive()
        said = message.get("text") or ""
        if said.startswith(_CONNECT):
            namespace = said[len(_CONNECT) :].partition(",")[0] + "," if said[len(_CONNECT) :].startswith("/") else ""
            why = json.dumps({"message": sentence, "data": {"code": CODE}})
            await send({"type": "websocket.send", "text": f"{_REFUSED}{namespace[:100]}{why}"})
            await send({"type": "websocket.close", "code": 1013, "reason": CODE})
            return


def _files() -> int:
    """How many files this process may have open, after it has asked for as many as it can have: a websocket is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[0]), hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
