"""The door before the pages, without a server: where it may send a browser."""

from pathlib import Path

import httpx
import pytest
from background import run_async
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import RedirectResponse
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
