"""How many pages are open at once is bounded, by address and in all, and one too many is told why."""

import asyncio
import json
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import websockets
from background import run_async
from serving import running

from flyusage.open_pages import OpenPages

if TYPE_CHECKING:
    from conftest import Database


def scope(address: str) -> dict[str, Any]:
    return {"type": "websocket", "client": (address, 1)}


def refusal(open_pages: OpenPages, stack: ExitStack, address: str) -> str | None:
    """What one more page that stays open is told."""
    return stack.enter_context(open_pages.place(scope(address)))


def test_an_address_has_so_many_and_others_go_on() -> None:
    open_pages = OpenPages(10, 2)
    with ExitStack() as stack:
        assert [refusal(open_pages, stack, "192.0.2.1") for _ in range(2)] == [None, None]
        assert (
            refusal(open_pages, stack, "192.0.2.1")
            == "2 pages are open from your address, as many as may be. Close some; this one opens by itself"
        )
        assert refusal(open_pages, stack, "192.0.2.2") is None
    assert not open_pages.by_address
    with ExitStack() as stack:
        assert refusal(open_pages, stack, "192.0.2.1") is None


def test_one_line_of_ipv6_is_one_address() -> None:
    open_pages = OpenPages(10, 2)
    with ExitStack() as stack:
        assert [refusal(open_pages, stack, f"2001:db8:1:1::{n}") for n in range(2)] == [None, None]
        assert refusal(open_pages, stack, "2001:db8:1:1:ffff::1") is not None
        assert refusal(open_pages, stack, "2001:db8:1:2::1") is None


def test_all_together_are_so_many() -> None:
    open_pages = OpenPages(3, 2)
    with ExitStack() as stack:
        assert [refusal(open_pages, stack, f"192.0.2.{n}") for n in range(3)] == [None] * 3
        assert "3 pages are open, as many" in (refusal(open_pages, stack, "192.0.2.9") or "")
    assert not open_pages.by_address


@pytest.mark.parametrize(("behind", "refused"), [("127.0.0.1/32", [False, False, True, False]), ("", [False, False, True, True])])
def test_one_too_many_is_told_why_and_a_trusted_proxys_visitors_are_counted_one_by_one(
    shared_database: "Database", behind: str, refused: list[bool]
) -> None:
    async def opened(address: str, stack: Any, visitor: str) -> bool:
        """Whether it is refused; the page stays open."""
        target = address.replace("http://", "ws://") + "/_event/?EIO=4&transport=websocket&token=1b4e28ba-2fa1-4d2b-883f-0016d3cca427"
        socket = await stack.enter_async_context(
            websockets.connect(
                target, origin=websockets.Origin(address), subprotocols=[websockets.Subprotocol("0.10.1")],
                additional_headers={"X-Forwarded-For": visitor},
            )
        )  # fmt: skip
        assert socket.subprotocol == "0.10.1"
        assert str(await asyncio.wait_for(socket.recv(), 5)).startswith('0{"sid"')
        await socket.send("40/_event,{}")
        answer = str(await asyncio.wait_for(socket.recv(), 5))
        if not answer.startswith("44/_event,"):
            return False
        said = json.loads(answer.removeprefix("44/_event,"))
        assert said["message"].startswith("2 pages are open from your address")
        await asyncio.wait_for(socket.wait_closed(), 5)
        return True

    async def talk(address: str) -> list[bool]:
        async with AsyncExitStack() as stack:
            return [await opened(address, stack, visitor) for visitor in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2")]

    with running(FLYUSAGE_MOST_PAGES_PER_ADDRESS="2", FLYUSAGE_TRUSTED_PROXIES=behind) as started:
        assert run_async(talk(started)) == refused
