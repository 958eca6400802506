"""Behind proxies: whose address counts, for throttles, the audit and the list of devices; and what cookies are called there."""

from collections.abc import Iterator

import httpx
import pytest
import sqlalchemy as sa
from background import run_async
from cast import Cast
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import Receive, Scope, Send

from flyusage import config, db
from flyusage.asgi import behind_proxies
from flyusage.auth import accounts, sessions, throttle
from flyusage.ui import sign_in
from flyusage.ui.reader import KnowsReader

PASSWORD = "violin oxide parcel thunder"
PROXY, PROXIES = "10.1.2.3", ("10.1.0.0/16", "2001:db8:7::/48")


@pytest.fixture
def https(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FLYUSAGE_BASE_URL", "https://usage.example")
    config.settings.cache_clear()
    yield
    monkeypatch.undo()
    config.settings.cache_clear()


def seen(by: str, *forwarded: str, proto: str = "", proxies: tuple[str, ...] = PROXIES, kind: str = "http") -> tuple[str, str]:
    """The address and scheme that the application sees of a connection from `by` with these X-Forwarded-For headers."""
    found: list[tuple[str, str]] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        found.append((scope["client"][0], scope["scheme"]))

    async def ask() -> None:
        headers = [(b"x-forwarded-for", one.encode()) for one in forwarded] + ([(b"x-forwarded-proto", proto.encode())] if proto else [])
        scope = {"type": kind, "scheme": "ws" if kind == "websocket" else "http", "client": (by, 50_000), "headers": headers}
        await behind_proxies(app, proxies)(scope, None, None)  # pyright: ignore[reportArgumentType] nobody reads or answers

    run_async(ask())
    return found[0]


@pytest.mark.parametrize(
    ("by", "forwarded", "address"),
    [
        (PROXY, ["198.51.100.7"], "198.51.100.7"),
        (PROXY, ["127.0.0.1, 198.51.100.7"], "198.51.100.7"),  # what the visitor wrote stands left of what the proxy saw
        (PROXY, ["203.0.113.9, 198.51.100.7, 10.1.9.9"], "198.51.100.7"),  # two proxies of ours
        (PROXY, ["127.0.0.1", "198.51.100.7"], "198.51.100.7"),  # a header of the visitor's own before the proxy's
        (PROXY, ["198.51.100.7:4711"], "198.51.100.7"),
        (PROXY, ["[2001:db8::9]:4711"], "2001:db8::9"),
        ("2001:db8:7::1", ["2001:db8::9"], "2001:db8::9"),
        (PROXY, [], PROXY),
        ("198.51.100.66", ["127.0.0.1"], "198.51.100.66"),  # somebody who came past the proxy
        ("10.2.0.1", ["198.51.100.7"], "10.2.0.1"),
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_the_rightmost_address_that_is_no_proxys_counts_and_only_proxies_are_believed(
    by: str, forwarded: list[str], address: str, kind: str
) -> None:
    assert seen(by, *forwarded, kind=kind)[0] == address


def test_nobody_is_believed_unless_a_setting_says_so_and_the_scheme_neither() -> None:
    assert seen(PROXY, "198.51.100.7", proto="https", proxies=()) == (PROXY, "http")
    assert seen("198.51.100.66", proto="https") == ("198.51.100.66", "http")
    assert seen(PROXY, "198.51.100.7", proto="https") == ("198.51.100.7", "https")
    assert seen(PROXY, "198.51.100.7", proto="https", kind="websocket") == ("198.51.100.7", "wss")
    assert seen(PROXY, "198.51.100.7", proto="javascript") == ("198.51.100.7", "http")


def post(path: str, forwarded: str, cookie: str = "", **fields: str) -> httpx.Response:
    app = behind_proxies(Starlette(routes=sign_in.routes, middleware=[Middleware(KnowsReader)]), PROXIES)

    async def send() -> httpx.Response:
        carried = httpx.ASGITransport(app=app, client=(PROXY, 50_000))
        async with httpx.AsyncClient(transport=carried, base_url="https://usage.example") as client:
            return await client.post(path, data=fields, headers={"x-forwarded-for": forwarded, "cookie": cookie})

    return run_async(send())


def test_tries_and_devices_are_told_by_the_visitors_own_address(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "PER_ADDRESS", throttle.Limit(3, 900))
    with db.platform_transaction() as session:
        accounts.set_password(session, cast.owner.user_id, PASSWORD)
    for number in range(4):  # each claims to come from elsewhere; the proxy knows better
        guess = post("/auth/sign-in", f"203.0.113.{number}, 198.51.100.66", email=f"nobody{number}@prism.example", password="x")
        assert ("too_many_attempts" in guess.headers["location"]) == (number == 3)
    assert post("/auth/sign-in", "198.51.100.7", email=cast.owner.email, password=PASSWORD).headers["location"] == "/"
    with db.platform_transaction() as session:
        assert [one.address for one in sessions.devices(session, cast.owner.user_id)] == ["198.51.100.7"]


def test_by_https_cookies_are_called_so_that_no_other_host_can_plant_one(cast: Cast, https: None) -> None:
    with db.platform_transaction() as session:
        accounts.set_password(session, cast.owner.user_id, PASSWORD)
    given = post("/auth/sign-in", "198.51.100.7", email=cast.owner.email, password=PASSWORD).headers.get_list("set-cookie")
    assert {one.partition("=")[0] for one in given} == {"__Host-flyusage_session", "__Host-flyusage_device"}
    for one in given:  # what a browser asks of that name (RFC 6265bis, 4.1.3.2)
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(one.split("; "))
        assert "Domain" not in one
    secret = given[0].partition("=")[2].partition(";")[0]

    def is_left() -> bool:
        with db.platform_transaction() as session:
            return session.scalar(sa.text("SELECT count(*) FROM user_session WHERE ended_at IS NULL")) == 1

    post("/auth/sign-out", "198.51.100.7", cookie=f"flyusage_session={secret}")  # a name that a sibling host may set
    assert is_left()
    post("/auth/sign-out", "198.51.100.7", cookie=f"__Host-flyusage_session={secret}")
    assert not is_left()
