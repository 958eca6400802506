"""The listening process: one port for pages, websocket and API, on loopback until sign-in exists."""

import errno
import gc
import importlib
import ipaddress
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

from flyusage.errors import FlyusageError
from flyusage.upgrades import WholeRequests

SHUTDOWN_SECONDS = 3


class PortTaken(FlyusageError):
    """Another program listens there."""

    code = "port_taken"
    status = 409


class NotLoopback(FlyusageError):
    """Listening there would let anybody in."""

    code = "not_loopback"
    status = 403


def serve(host: str, port: int, *, has_sign_in: bool = False, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM, then return once open requests have ended (at most 3 s).

    `port` 0 takes a free one. With `has_sign_in` strangers are kept out, so that other machines may be answered. `on_ready` is
    called with the address once pages can be loaded. Raises NotLoopback, PortTaken and what the application raises while
    starting.
    """
    listener = listen(host, port, has_sign_in=has_sign_in)
    with listener:
        app = _application()
        config = uvicorn.Config(
            app,
            lifespan="on",
            log_config=None,
            log_level="warning",  # each websocket would be two lines
            access_log=False,
            server_header=False,
            proxy_headers=False,
            http=WholeRequests,
            ws="websockets-sansio",  # compresses with a small window: 36 kB a connection
            ws_max_size=1_000_000,  # what Reflex announces to browsers
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
        with suppress(KeyboardInterrupt):
            _Server(config, lambda: on_ready and on_ready(address_of(listener))).run(sockets=[listener])


def _application() -> ASGIApp:
    """The application, imported now, by name: it stands above this module, as in every ASGI server.

    What it is made of stays to the end. Collecting garbage would look at all of it again and again, which takes a sixth of
    the start, and later a quarter of a second each time, in which nobody is answered.
    """
    gc.disable()
    try:
        return importlib.import_module("flyusage.asgi").create()
    finally:
        gc.freeze()
        gc.enable()


def listen(host: str, port: int, *, has_sign_in: bool = False) -> socket.socket:
    """A listening socket. Raises NotLoopback (without `has_sign_in`) and PortTaken."""
    if not has_sign_in:
        refuse_other_than_loopback(host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"Port {port} on {host} is taken. Stop what listens there, or set FLYUSAGE_PORT to another.") from error
        if error.errno == errno.EACCES:
            raise PortTaken(f"Port {port} needs more rights than this user has. Set FLYUSAGE_PORT to one above 1023.") from error
        raise
    return listener


def address_of(listener: socket.socket) -> str:
    """The address to open in a browser."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether an address, or the name localhost, is this machine's own."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def refuse_other_than_loopback(host: str) -> None:
    """Raise NotLoopback for an address that other machines reach."""
    if not is_loopback(host):
        raise NotLoopback(
            f"Nobody can sign in to this installation yet, so it listens on this machine only, not on {host}. "
            "Make the first account (`flyusage users create EMAIL --owner ORG`), or leave FLYUSAGE_HOST at 127.0.0.1."
        )


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but the signal is not raised again: who called `serve` still has a database to stop."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()
