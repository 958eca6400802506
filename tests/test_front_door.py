"""The door before the pages, without a server: where it may send a browser."""

from pathlib import Path

import httpx
import pytest
from background import run_async
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from flyusage.front_door import FrontDoor


def location(app: ASGIApp, target: bytes, pages: Path) -> str:
    """Where somebody is sent who asks for `target`, as it is written in the request."""

    async def ask() -> httpx.Response:
        url = httpx.URL("http://localhost/").copy_with(raw_path=target)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=FrontDoor(app, pages=pages))) as client:
            return await client.get(url)

    return run_async(ask()).headers.get("location", "")


@pytest.mark.parametrize("target", [b"//evil.example/..%2fhelp", b"/%2fevil.example/..%2fhelp", b"/%5cevil.example/..%2fhelp"])
def test_a_path_that_begins_like_a_host_leads_to_none(tmp_path: Path, target: bytes) -> None:
    (tmp_path / "help").mkdir()
    (tmp_path / "help" / "index.html").write_text("help")
    sent = location(StaticFiles(directory=tmp_path, html=True), target, tmp_path)
    assert sent.startswith("/")
    assert sent[1:2] not in ("/", "\\", "")


@given(wanted=st.text(st.sampled_from("/\\ \t\n:?#.ahttps@"), max_size=12))
def test_no_redirect_leads_to_another_host(tmp_path_factory: pytest.TempPathFactory, wanted: str) -> None:
    sent = location(RedirectResponse("/" + wanted), b"/", tmp_path_factory.getbasetemp())
    assert sent.startswith("/")
    assert not sent.startswith(("//", "/\\", "/\t", "/\n"))


def asked(pages: Path, **headers: str) -> httpx.Response:
    """The answer of a door before an application that says "in"."""

    async def ask() -> httpx.Response:
        app = FrontDoor(PlainTextResponse("in"), pages=pages, base_url="https://usage.example")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost:8321") as client:
            return await client.get("/", headers=headers)

    return run_async(ask())


@pytest.mark.parametrize(
    "host",
    [
        "[",
        "[::1",
        "[::1]x",
        "a@localhost",
        "localhost:x",
        "localhost:1:2",
        "localhost/",
        "",
        " ",
        "localhost.evil.example",
        "evil.example#localhost",
        "usage.example.evil.example",
    ],
)
def test_a_host_that_is_none_of_ours_however_odd_is_refused_with_every_header(tmp_path: Path, host: str) -> None:
    refused = asked(tmp_path, host=host)
    assert (refused.status_code, refused.headers["cache-control"]) == (403, "no-cache")
    assert "frame-ancestors 'none'" in refused.headers["content-security-policy"]
    assert refused.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("host", ["localhost", "LocalHost:8321", "[::1]:8321", "127.0.0.1", "usage.example", "demo.localhost:1"])
def test_our_own_hosts_are_answered_for(tmp_path: Path, host: str) -> None:
    assert asked(tmp_path, host=host).text == "in"
    assert asked(tmp_path, host=host, origin=f"https://{host}").text == "in"


@pytest.mark.parametrize(
    "origin",
    [
        "http://[",
        "http://localhost:8321@evil.example",
        "http://user@localhost:8321",
        "ftp://localhost:8321",
        "localhost:8321",
        "http://evil.example#localhost:8321",
        "null",
        "",
        "http://localhost",
        "http://localhost:8321/x",
    ],
)
def test_an_origin_that_is_not_this_very_host_however_odd_is_refused(tmp_path: Path, origin: str) -> None:
    assert asked(tmp_path, origin=origin).status_code == 403
