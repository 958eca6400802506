"""A site on which people sign in, and what tests do there: requests without a browser, and signing in with one."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

from browsing import Site
from playwright.sync_api import BrowserContext, Page

PASSWORDS = {
    "owner@prism.example": "violin oxide parcel thunder",
    "owner@rival.example": "copper meadow lantern seven",
    "alone@example.com": "walnut siphon ladder eleven",
}
OWNER, OUTSIDER, ALONE = PASSWORDS
SESSION = "flyusage_session"


def link_for(site: Site, email: str) -> str:
    """A new link to set the password, as the command prints it."""
    return json.loads(site.told("users", "link", email, "--json"))["link"]


@dataclass(frozen=True)
class Answer:
    """What a request without a browser got; redirects are not followed."""

    status: int
    headers: Message


def ask(site: Site, path: str, *, data: bytes | None = None, **headers: str) -> Answer:
    """A request: a POST with `data`, else a GET."""
    server = urlsplit(site.address)
    connection = HTTPConnection(server.hostname or "", server.port, timeout=60)
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


def cookie_for(site: Site, email: str, password: str) -> str:
    """The Cookie header of a browser that has just signed in."""
    return f"{SESSION}={session_of(site, email, password)}"


def session_of(site: Site, email: str, password: str) -> str:
    """What the cookie of a browser that has just signed in holds."""
    return cookies_of(post(site, "/auth/sign-in", email=email, password=password))[SESSION]


def let_in(context: BrowserContext, site: Site, session: str) -> None:
    """Have the context's pages be those of somebody who has signed in: as `sign_in`, without the sign-in page's load."""
    context.add_cookies([{"name": SESSION, "value": session, "url": site.address}])


def set_password(site: Site, email: str, password: str) -> None:
    """Give an account its password, by a new link."""
    answer = post(site, "/auth/set-password", link=link_for(site, email).partition("link=")[2], password=password)
    assert answer.headers["location"] == "/"


def sign_in(page: Page, email: str = OWNER, password: str | None = None) -> Page:
    page.get_by_label("Mail address").fill(email)
    page.get_by_label("Password").fill(password or PASSWORDS[email])
    page.get_by_role("button", name="Sign in").click()
    return page


Visit = Callable[..., Page]
