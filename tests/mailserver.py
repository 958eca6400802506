"""A real SMTP server on loopback that keeps what it gets, and refuses what it is told to."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True)
class Got:
    to: list[str]
    content: bytes


@dataclass
class Mailserver:
    """`answer` is what it says to every message; without one it takes them. `refused` recipients are answered as said."""

    got: list[Got] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    answer: str | None = None
    drops_after_taking: bool = False
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_EHLO(self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]) -> list[str]:  # noqa: N802
        session.host_name = hostname
        self.connections += 1
        return responses

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.answer:
            return self.answer
        assert isinstance(envelope.content, bytes)
        self.got.append(Got(list(envelope.rcpt_tos), envelope.content))
        if self.drops_after_taking:
            assert server.transport is not None
            server.transport.abort()
        return "250 taken"


@contextmanager
def running() -> Iterator[Mailserver]:
    """The server, in a thread of its own until the block ends."""
    mailserver, loop, ready = Mailserver(), asyncio.new_event_loop(), threading.Event()

    async def listen() -> None:
        server = await loop.create_server(lambda: SMTP(mailserver, loop=loop, hostname="mail.example"), "127.0.0.1", 0)
        mailserver.port = server.sockets[0].getsockname()[1]
        ready.set()
        try:
            await asyncio.Event().wait()
        finally:
            server.close()

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        finally:
            for left in asyncio.all_tasks(loop):
                left.cancel()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()

    task = loop.create_task(listen())
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield mailserver
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
