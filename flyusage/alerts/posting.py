"""A POST to an address that a customer wrote down: to the public internet only, to one place, within seconds, a few bytes read.

An address leads somewhere only when it is used, so that is when it is judged. The name is resolved once, every address it has must be
allowed, and the connection is made to one of these and to nothing that a second look-up would say (DNS rebinding). Redirects are
answers and not ways on. The whole exchange has one deadline, however slowly a peer talks.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import cast
from urllib.parse import SplitResult, urlsplit

from flyusage.alerts.errors import EndpointInvalid
from flyusage.config import settings
from flyusage.internet import Address, is_public, meant
from flyusage.logs import harmless

CONNECT_SECONDS, WHOLE_SECONDS = 5.0, 15.0
MOST_READ_BYTES, EXCERPT_CHARACTERS = 16_384, 300
LONGEST_URL = 2_000
MOST_TRIED = 4
PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class Response:
    """What came back: the status, how the body begins as harmless text, and how long it said to wait (None: nothing)."""

    status: int
    excerpt: str
    retry_after_seconds: float | None


class NoAnswer(Exception):
    """Nothing came back; the words say why."""


class AddressRefused(NoAnswer):
    """The name leads to an address that messages are not sent to."""


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Response:
    """Send `body` as JSON. Raises NoAnswer where none came in time, AddressRefused where the address is not allowed."""
    parts = urlsplit(url)
    places = _addresses(parts)
    deadline, open_now = time.monotonic() + WHOLE_SECONDS, _Open()
    ending = threading.Timer(WHOLE_SECONDS, open_now.end)
    ending.daemon = True
    ending.start()
    try:
        connection = _connected(parts, places, open_now)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(
            "POST", path, body, {"Content-Type": "application/json", "User-Agent": "flyusage", "Connection": "close", **headers}
        )
        answer = connection.getresponse()
        return Response(answer.status, _excerpt(answer.read(MOST_READ_BYTES)), _pause(answer.getheader("Retry-After")))
    except (OSError, http.client.HTTPException) as error:
        if time.monotonic() >= deadline:
            raise NoAnswer(f"No whole answer within {WHOLE_SECONDS:.0f} seconds.") from error
        raise NoAnswer(f"The connection broke: {harmless(str(error) or type(error).__name__)[:EXCERPT_CHARACTERS]}") from error
    finally:
        ending.cancel()
        open_now.close()


def sound_url(written: str) -> str:
    """The address as it is kept. Raises EndpointInvalid for what is none, or can only lead inwards."""
    url = written.strip()
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise EndpointInvalid("That is no web address. Write it as https://hooks.example.com/flyusage.") from error
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url or not host or port == 0:
        raise EndpointInvalid("That is no web address. Write it as https://hooks.example.com/flyusage.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise EndpointInvalid("Leave user, password and fragment out of the address: messages are signed instead.")
    if parts.scheme != "https" and not (parts.scheme == "http" and _networks()):
        raise EndpointInvalid("Messages go to https:// addresses only, so that nobody on the way reads or changes them.")
    with suppress(ValueError):
        if not is_allowed(ipaddress.ip_address(host)):
            raise EndpointInvalid(_REFUSED.format(host))
    return url


def is_allowed(address: Address) -> bool:
    """Whether messages are sent there: the public internet, and what FLYUSAGE_DELIVERY_NETWORKS names beside it."""
    there = meant(address)
    return is_public(address) or any(there in network for network in _networks() if network.version == there.version)


def _networks() -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return settings().allowed_networks


def _addresses(parts: SplitResult) -> list[tuple[socket.AddressFamily, tuple]]:
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, parts.port or PORTS[parts.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NoAnswer(f"The name {host} leads nowhere: {error}") from error
    for _, _, _, _, place in found:
        if not is_allowed(ipaddress.ip_address(str(place[0]).partition("%")[0])):
            raise AddressRefused(_REFUSED.format(host))
    if parts.scheme != "https" and any(ipaddress.ip_address(place[0]).is_global for *_, place in found):
        raise AddressRefused(f"{host} is reached without encryption. Use an https:// address.")
    return [(family, place) for family, _, _, _, place in found]


def _connected(parts: SplitResult, places: list[tuple[socket.AddressFamily, tuple]], open_now: "_Open") -> http.client.HTTPConnection:
    """Connected to the first of `places` that answers; TLS is the name's, though the name is not looked up again."""
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    is_tls = parts.scheme == "https"
    problem: OSError | None = None
    for family, place in places[:MOST_TRIED]:
        try:
            open_now.take(socket.socket(family, socket.SOCK_STREAM)).settimeout(CONNECT_SECONDS)
            open_now.sock.connect(place)
            if is_tls:
                context = ssl.create_default_context()
                open_now.sock = context.wrap_socket(open_now.sock, server_hostname=host, do_handshake_on_connect=False)
                cast("ssl.SSLSocket", open_now.sock).do_handshake()
        except OSError as error:
            problem = error
            continue
        connection = (http.client.HTTPSConnection if is_tls else http.client.HTTPConnection)(host, port, timeout=WHOLE_SECONDS)
        connection.sock = open_now.sock
        connection.sock.settimeout(WHOLE_SECONDS)
        return connection
    raise NoAnswer(f"Nobody answers at {host}: {harmless(str(problem))[:EXCERPT_CHARACTERS]}")


class _Open:
    """The socket in use, for who ends the exchange from beside it."""

    sock: socket.socket

    def take(self, sock: socket.socket) -> socket.socket:
        self.close()
        self.sock = sock
        return sock

    def end(self) -> None:
        with suppress(OSError, AttributeError, ValueError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(AttributeError):
            self.sock.close()


def _excerpt(said: bytes) -> str:
    return " ".join(harmless(said.decode(errors="replace")).split())[:EXCERPT_CHARACTERS]


def _pause(said: str | None) -> float | None:
    return float(said) if said and said.isascii() and said.isdecimal() and len(said) < 7 else None


_REFUSED = (
    "{} is not on the public internet, and messages are not sent anywhere else. Whoever runs flyusage can allow its network "
    "with FLYUSAGE_DELIVERY_NETWORKS."
)
