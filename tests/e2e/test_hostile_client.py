"""A client that speaks the websocket's language and means harm: any handler, any address, any arguments.

It never loads a page. The server must answer nothing of an organization that the address does not name, fail no call
with a trace in the open, and go on serving.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from browsing import OpenPage, Site
from hostile import call, connected, handlers, heard
from playwright.sync_api import expect
from websockets.sync.client import ClientConnection

JUNK: list[Any] = [
    None, True, -1, 10**400, 0.5, "", "x" * 100_000, "\0 %_' OR 1=1 --", "../../etc/passwd", "9" * 5000, ["a", ["b"]], {},
    {"series": {"a": 1}, "customdata": ["secret"], "label": 7}, {"customdata": [["dfw"]]}, {"customdata": "lhr"},
    {"start": "yesterday", "end": [1]}, {"first_day": "2026-99-99", "last_day": None},
    {"first_day": "0001-01-01", "last_day": "9999-12-31"},
]  # fmt: skip
LISTING_REGIONS = ("____prices.load", "____what_if_page.load")  # every region that there is can be chosen there, Rival's among them
PATHS = ["/orgs/prism", "/orgs/nobody", "/orgs/%00", "/orgs/prism/machines/secret-0", "/orgs/'--/usage", "not a path", ""]


@pytest.fixture
def client(site: Site) -> Iterator[ClientConnection]:
    with connected(site.address) as made:
        yield made


@pytest.mark.parametrize(("handler", "parameters"), sorted(handlers().items()), ids=lambda given: str(given)[-40:])
def test_a_handler_takes_anything_and_gives_away_nothing(client: ClientConnection, handler: str, parameters: list[str]) -> None:
    for path in PATHS:
        call(client, handler, path, dict.fromkeys(parameters, "a"))
    for junk in JUNK if parameters else []:
        call(client, handler, "/orgs/prism", dict.fromkeys(parameters, junk))
    said = heard(client)
    for rivals in ('"secret"', "app=secret", "region=lhr", "Traceback", *([] if handler.endswith(LISTING_REGIONS) else ['"lhr"'])):
        assert rivals not in said
    assert "That failed on the server" not in said


def test_the_server_goes_on(open_page: OpenPage) -> None:
    expect(open_page("/orgs/prism").locator(".org-name")).to_have_text("prism")  # it may still be busy with the calls above


def test_what_is_no_handler_cannot_be_called(client: ClientConnection) -> None:
    base = next(name for name in handlers() if name.endswith(".show_world")).rpartition(".")[0]
    for name in ("_show", "_slug", "get_state", "reset", "__init__", "dict"):
        call(client, f"{base}.{name}", "/orgs/prism", {})
    assert "Traceback" not in heard(client)
