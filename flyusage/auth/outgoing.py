"""Requests to servers that a member of an organization named: a few short ones, to public addresses only, by HTTPS only.

Whoever names an address must not reach through us what they cannot reach themselves. A name is looked up once, every address that it
has must be public, and the connection goes to the one that was checked. No redirect is followed, and no proxy of the environment asked.
"""

import ipaddress
import json
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from flyusage.auth.errors import ProviderUnreachable
from flyusage.config import settings
from flyusage.internet import is_public

SECONDS = 10  # for all of an answer, however slowly it drips
LARGEST_ANSWER = 1024 * 1024
LONGEST_ADDRESS = 2000


def get_json(url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON object at `url`. Raises ProviderUnreachable with what is wrong there."""
    try:
        found = json.loads(get(url, headers))
    except (ValueError, RecursionError):  # also brackets without end
        found = None
    if not isinstance(found, dict):
        raise ProviderUnreachable(f"{_named(url)} answered something that is no JSON object.")
    return found


def get(url: str, headers: Mapping[str, str] | None = None) -> bytes:
    """What is at `url`. Raises ProviderUnreachable, also for any other answer than 200."""
    answer = send("GET", url, headers={"accept": "application/json", **(headers or {})})
    if answer.status_code != 200:
        raise ProviderUnreachable(f"{_named(url)} answered {answer.status_code} where 200 was expected.")
    return answer.content


def send(method: str, url: str, *, headers: Mapping[str, str] | None = None, data: Mapping[str, str] | None = None) -> httpx.Response:
    """One request's whole answer, whatever its status. Raises ProviderUnreachable."""
    checked(url)
    try:
        with (
            httpx.Client(transport=_Public(), timeout=SECONDS / 2, follow_redirects=False, trust_env=False) as client,
            client.stream(method, url, headers=dict(headers or {}), data=dict(data) if data is not None else None) as answer,
        ):
            body = b"".join(_limited(answer, url))
            given = {name: value for name, value in answer.headers.items() if name not in ("content-encoding", "content-length")}
            return httpx.Response(answer.status_code, headers=given, content=body, request=answer.request)
    except httpx.HTTPError as error:
        raise ProviderUnreachable(f"{_named(url)} does not answer ({_reason(error)}).") from error


def checked(url: str) -> str:
    """`url` where it is one we may ask: https, with a host and no password in it. Raises ProviderUnreachable."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host or len(url) > LONGEST_ADDRESS or not url.isascii() or not url.isprintable() or " " in url:
        raise ProviderUnreachable("That is no web address. It should look like https://login.example.com.")
    if parts.username is not None or parts.password is not None:
        raise ProviderUnreachable("An address of a provider holds no user or password.")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in settings().private_providers and _is_loopback(host)):
        raise ProviderUnreachable(f"{host} must be asked by https, so that nobody between reads or changes what it says.")
    return url


class _Public(httpx.HTTPTransport):
    """Connects to the address that was checked, and to no other one that the name may have a moment later."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        address = _public_address(host, request.url.port or {"https": 443}.get(request.url.scheme, 80))
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=address)  # the Host header was made from the name
        return super().handle_request(request)


def _public_address(host: str, port: int) -> str:
    """An address of `host`, all of whose addresses are public. Raises ProviderUnreachable."""
    try:
        found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise ProviderUnreachable(f"No server is known under the name {host}.") from error
    if host.lower() not in settings().private_providers:
        for one in found:
            if not is_public(ipaddress.ip_address(one.partition("%")[0])):
                raise ProviderUnreachable(
                    f"{host} has a private address, which is not asked. Whoever runs this installation can allow it "
                    "(FLYUSAGE_SSO_PRIVATE_HOSTS)."
                )
    return found[0]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _limited(answer: httpx.Response, url: str) -> Iterator[bytes]:
    ends, size = time.monotonic() + SECONDS, 0
    for piece in answer.iter_bytes():
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise ProviderUnreachable(f"{_named(url)} answered more than a provider has to say.")
        if time.monotonic() > ends:
            raise ProviderUnreachable(f"{_named(url)} answered too slowly.")
        yield piece


def _named(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}{parts.path}"[:200]


def _reason(error: httpx.HTTPError) -> str:
    return "too slow" if isinstance(error, httpx.TimeoutException) else (str(error) or type(error).__name__)[:200]


def as_json(content: bytes) -> dict[str, Any]:
    """A JSON object, empty where it is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
