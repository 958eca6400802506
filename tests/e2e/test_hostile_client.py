"""A client that speaks the websocket's language and means harm: any handler, any address, any arguments.

It never loads a page. The server must answer nothing of an organization that the address does not name, fail no call
with a trace in the open, and go on serving.
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from browsing import OpenPage, Site
from playwright.sync_api import expect
from websockets.sync.client import ClientConnection, connect

JUNK: list[dict[str, Any]] = [
    {},
    {"text": "x" * 100_000},
    {"text": None},
    {"text": "\0 %_' OR 1=1 --"},
    {"text": ["a"]},
    {"point": None},
    {"point": {"series": {"a": 1}, "customdata": ["secret"]}},
    {"point": {"customdata": [["dfw"]], "label": 7}},
    {"point": "gru"},
    {"chosen": {"start": "yesterday", "end": [1]}},
    {"chosen": None},
    {"form": {"first_day": "2026-99-99", "last_day": None}},
    {"key": "value; DROP TABLE organization"},
    {"step": "1"},
    {"is_open": "true"},
    {"dimension": "../../etc/passwd"},
    {"value": {"$ne": 1}},
    {"excludes": 3},
    {"kind": "exe"},
    {"var_name": "phase", "value": "ready"},
    {"var_name": "_shown", "value": "rival"},
]
PATHS = ["/orgs/prism", "/orgs/nobody", "/orgs/%00", "/orgs/prism/machines/secret-0", "/orgs/'--/usage", "not a path", ""]


@pytest.fixture
def client(site: Site) -> Iterator[ClientConnection]:
    """A connected client of no page, with a token that it made up."""
    address = site.address.replace("http", "ws")
    with connect(f"{address}/_event/?token={uuid.uuid4()}&EIO=4&transport=websocket", max_size=None, open_timeout=10) as made:
        made.recv(timeout=5)
        made.send("40/_event,")
        yield made


def call(client: ClientConnection, handler: str, path: str, payload: dict[str, Any]) -> None:
    router = {"pathname": path, "asPath": path, "query": {"slug": "prism"}}
    event = {"name": handler, "payload": payload, "router_data": router}
    client.send(f"42/_event,{json.dumps(['event', event])}")


def heard(client: ClientConnection, *, seconds: float = 0.3) -> str:
    """Everything the server says until it is quiet."""
    said = []
    while True:
        try:
            message = str(client.recv(timeout=seconds))
        except TimeoutError:
            return "\n".join(said)
        if message == "2":
            client.send("3")  # the transport's heartbeat
        said.append(message)


def handlers() -> list[str]:
    """Every handler of ours, by the name it has on the wire."""
    import reflex as rx

    import flyusage.flyusage  # noqa: F401 declares every State

    def walk(of: type[rx.State]) -> Iterator[type[rx.State]]:
        for state in of.get_substates():
            yield state
            yield from walk(state)

    ours = [state for state in walk(rx.State) if state.__module__.startswith("flyusage.")]
    return sorted(f"{state.get_full_name()}.{name}" for state in ours for name in state.event_handlers)


def test_no_call_of_any_handler_with_anything_gives_away_another_organization(client: ClientConnection, open_page: OpenPage) -> None:
    for handler in handlers():
        for path in PATHS:
            call(client, handler, path, {})
        for payload in JUNK:
            call(client, handler, "/orgs/prism", payload)
        said = heard(client)
        assert "secret" not in said.replace('"secret-0"', ""), handler
        assert "Traceback" not in said, handler
    page = open_page("/orgs/prism")
    expect(page.locator(".org-name")).to_have_text("prism")


def test_what_is_no_handler_cannot_be_called(client: ClientConnection) -> None:
    base = next(name for name in handlers() if name.endswith("overview.load") or ".overview." in name).rpartition(".")[0]
    for name in ("_show", "_slug", "get_state", "reset", "__init__", "dict"):
        call(client, f"{base}.{name}", "/orgs/prism", {})
    assert "Traceback" not in heard(client)
