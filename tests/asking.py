"""Requests without a browser, as a script or an attacker makes them."""

from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

from browsing import Site


@dataclass(frozen=True)
class Answer:
    """What a request without a browser got; redirects are not followed."""

    status: int
    headers: Message


def ask(site: Site, path: str, *, data: bytes | None = None, **headers: str) -> Answer:
    """A request: a POST with `data`, else a GET."""
    server = urlsplit(site.address)
    connection = HTTPConnection(server.hostname or "", server.port, timeout=20)
    try:
        given = {name.replace("_", "-"): value.encode("latin-1", "replace") for name, value in headers.items() if value}
        connection.request("POST" if data is not None else "GET", path, body=data, headers=given)
        response = connection.getresponse()
        response.read()
        return Answer(response.status, response.headers)
    finally:
        connection.close()


def post(site: Site, path: str, headers: dict[str, str] | None = None, **fields: str) -> Answer:
    """A form as a browser without scripts sends it."""
    given = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
    return ask(site, path, data=urlencode(fields).encode(), **given)


def cookies_of(answer: Answer) -> dict[str, str]:
    return dict(cookie.split(";")[0].split("=", 1) for cookie in answer.headers.get_all("set-cookie", []))
