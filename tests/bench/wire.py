"""A loopback proxy that counts: what really goes over a connection, compressed, headers and frames and all."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class Wire:
    """The proxy's address and the bytes that have passed: `down` to the browser, `up` to the server."""

    address: str = ""
    down: int = 0
    up: int = 0


@contextmanager
def counted(address: str) -> Iterator[Wire]:
    """A way to `address` whose bytes are counted. It runs on a thread of its own: the browser's driver holds this one."""
    wire, loop, ready = Wire(), asyncio.new_event_loop(), threading.Event()
    stop = asyncio.Event()

    async def run() -> None:
        server = await asyncio.start_server(lambda reader, writer: _pass_on(wire, address, reader, writer), "127.0.0.1", 0)
        wire.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await stop.wait()
        server.close()
        open_ends = asyncio.all_tasks() - {asyncio.current_task()}
        for task in open_ends:
            task.cancel()
        await asyncio.gather(*open_ends, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), name="counting proxy")
    thread.start()
    ready.wait()
    try:
        yield wire
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _pass_on(wire: Wire, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    target = urlsplit(address)
    with suppress(asyncio.CancelledError):  # the end of the counting
        server_reader, server_writer = await asyncio.open_connection(target.hostname, target.port)
        await asyncio.gather(_pump(reader, server_writer, wire, "up"), _pump(server_reader, writer, wire, "down"))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: Wire, way: str) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            setattr(wire, way, getattr(wire, way) + len(data))
            writer.write(data)
            await writer.drain()
    writer.close()
