"""Open tabs without a browser: websockets that say word for word what a real page said, then listen."""

import asyncio
import uuid
from collections.abc import Callable
from typing import TypeVar

from websockets.asyncio.client import ClientConnection, connect

SETTLE_SECONDS = 3
Read = TypeVar("Read")


def held_open(address: str, cookie: str, greeting: str, counts: tuple[int, ...], read: Callable[[], Read]) -> list[Read]:
    """What `read` gives while that many tabs are open, count by count; every one has been sent its page and its chart.

    `greeting` is the first message of a page of the explorer, overheard from a browser that was signed in by `cookie`.
    """
    return asyncio.run(_held_open(address.replace("http", "ws", 1), cookie, greeting, counts, read))


async def _held_open(address: str, cookie: str, greeting: str, counts: tuple[int, ...], read: Callable[[], Read]) -> list[Read]:
    found: list[Read] = []
    async with asyncio.TaskGroup() as listeners:
        tasks: list[asyncio.Task[None]] = []
        for count in counts:
            tasks += [listeners.create_task(_listen(await _opened(address, cookie, greeting))) for _ in range(count - len(tasks))]
            await asyncio.sleep(SETTLE_SECONDS)
            found.append(await asyncio.to_thread(read))
        for task in tasks:
            task.cancel()
    return found


async def _opened(address: str, cookie: str, greeting: str) -> ClientConnection:
    """A tab that has its chart."""
    where = f"{address}/_event/?token={uuid.uuid4()}&EIO=4&transport=websocket"
    tab = await connect(where, additional_headers={"Cookie": cookie}, max_size=None, subprotocols=None)
    await tab.recv()
    await tab.send(greeting)
    async with asyncio.timeout(30):
        while '"_flyusage"' not in str(message := await tab.recv()):
            await _answer_heartbeat(tab, str(message))
    return tab


async def _listen(tab: ClientConnection) -> None:
    async with tab:
        async for message in tab:
            await _answer_heartbeat(tab, str(message))


async def _answer_heartbeat(tab: ClientConnection, message: str) -> None:
    if message == "2":
        await tab.send("3")
