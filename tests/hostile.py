"""Speaks the websocket's language without a browser: any handler, any address, any arguments, any cookie."""

import inspect
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import reflex as rx
from websockets.sync.client import ClientConnection, connect

PATIENCE = 30  # seconds in which a server answers, whatever else the machine does


@contextmanager
def connected(address: str, *, cookie: str = "") -> Iterator[ClientConnection]:
    """A connected client of no page, with a token that it made up."""
    socket = f"{address.replace('http', 'ws')}/_event/?token={uuid.uuid4()}&EIO=4&transport=websocket"
    headers = {"cookie": cookie} if cookie else None
    with connect(socket, max_size=None, open_timeout=PATIENCE, additional_headers=headers) as made:
        made.recv(timeout=PATIENCE)
        made.send("40/_event,")
        yield made


def call(client: ClientConnection, handler: str, path: str, payload: dict[str, Any]) -> None:
    router = {"pathname": path, "asPath": path, "query": {"slug": "prism"}}
    event = {"name": handler, "payload": payload, "router_data": router}
    client.send(f"42/_event,{json.dumps(['event', event])}")


def heard(client: ClientConnection, *, seconds: float = 0.3, until: Callable[[str], object] = lambda _: True) -> str:
    """Everything the server says until it is quiet for `seconds` and `until` holds of it, for which it has half a minute."""
    said, ends = [], time.monotonic() + PATIENCE
    while True:
        try:
            message = str(client.recv(timeout=seconds))
        except TimeoutError:
            if until("\n".join(said)) or time.monotonic() > ends:
                return "\n".join(said)
            continue
        if message == "2":
            client.send("3")  # the transport's heartbeat
        said.append(message)


def handlers() -> dict[str, list[str]]:
    """Every handler of ours by the name it has on the wire, and its parameters' names."""
    import flyusage.flyusage  # noqa: F401 declares every State

    def walk(of: type[rx.State]) -> Iterator[type[rx.State]]:
        for state in of.get_substates():
            yield state
            yield from walk(state)

    ours = [state for state in walk(rx.State) if state.__module__.startswith("flyusage.")]
    return {
        f"{state.get_full_name()}.{name}": list(inspect.signature(handler.fn).parameters)[1:]
        for state in ours
        for name, handler in state.event_handlers.items()
    }
