import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import websockets
from background import run_async
from serving import running, running_from_nothing
from waiting import until

from flyusage.server import NotLoopback, PortTaken, address_of, listen
from flyusage.ui import bundle, failures

if TYPE_CHECKING:
    from conftest import Database

ENCODED = {"Accept-Encoding": "br"}


@pytest.fixture(scope="module")
def address(shared_database: "Database") -> Iterator[str]:
    with running_from_nothing() as started:
        yield started


@pytest.fixture(scope="module")
def page(address: str) -> httpx.Response:
    return httpx.get(f"{address}/orgs/prism/usage")


def assets_of(page: httpx.Response) -> list[str]:
    return re.findall(r'"(/assets/[^"]+\.(?:js|css))"', page.text)


def event_address(address: str) -> str:
    return address.replace("http://", "ws://") + "/_event/?EIO=4&transport=websocket&token=1b4e28ba-2fa1-4d2b-883f-0016d3cca427"


@pytest.mark.parametrize("path", ["", "/usage", "/usage?measure=cost&by=region", "/machines", "/machines/m-1"])
def test_deep_links_to_any_organization_load_the_pages(address: str, path: str) -> None:
    answer = httpx.get(f"{address}/orgs/some-slug-of-a-customer{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "/assets/entry.client" in answer.text


def test_a_page_without_an_organization_needs_no_redirect(address: str) -> None:
    assert httpx.get(f"{address}/welcome").status_code == 200


def test_an_unknown_path_is_not_found(address: str) -> None:
    assert httpx.get(f"{address}/no/such/page").status_code == 404


def test_pages_find_their_server_by_their_own_origin(page: httpx.Response, address: str) -> None:
    scripts = {path: httpx.get(address + path).text for path in assets_of(page) if path.endswith(".js")}
    assert not [path for path, script in scripts.items() if "localhost:8000" in script]
    (environment,) = [script for path, script in scripts.items() if "reflex-env" in path]
    assert 'EVENT:(location.origin.replace(/^http/,"ws")+"/_event")' in environment


def test_hashed_assets_are_kept_for_ever_and_compressed(page: httpx.Response, address: str) -> None:
    for path in assets_of(page):
        answer = httpx.get(address + path, headers=ENCODED)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-encoding"] == "br" or len(answer.content) < 300
    assert page.headers["cache-control"] == "no-cache"


def test_a_page_says_what_it_will_load_next(page: httpx.Response, address: str) -> None:
    named = re.findall(r"<(/assets/[^>]+)>; rel=(\w+)", page.headers["link"])
    assert {kind for _, kind in named} == {"preload", "modulepreload"}
    assert [path for path, _ in named if "plotly-basic" in path]
    assert {httpx.get(address + path).status_code for path, _ in named} == {200}
    assert "link" not in httpx.get(f"{address}/healthz").headers


def test_a_missing_asset_is_not_kept(address: str) -> None:
    answer = httpx.get(f"{address}/assets/gone-12345678.js")
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-cache")


def test_the_first_load_of_a_chart_page_stays_under_800_kb(page: httpx.Response, address: str) -> None:
    first = {path for path in assets_of(page) if "manifest" not in path} | set(chart_page_assets())
    fonts = bundle.client().glob("assets/inter-latin-wght*.woff2")
    sizes = [transferred(address + path) for path in sorted(first)]
    assert sum(sizes) + sum(font.stat().st_size for font in fonts) < 800_000


def chart_page_assets() -> Iterator[str]:
    """The explorer's own scripts, and Plotly's."""
    for pattern in ("*usage*.js", "plotly*.js"):
        for script in bundle.client().glob(f"assets/{pattern}"):
            yield f"/assets/{script.name}"


def transferred(url: str) -> int:
    """Bytes on the wire with gzip: browsers take brotli over https only."""
    with httpx.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as answer:
        return sum(len(chunk) for chunk in answer.iter_raw())


def test_every_answer_carries_the_security_headers(address: str, page: httpx.Response) -> None:
    for answer in (page, httpx.get(f"{address}/healthz"), httpx.get(f"{address}/no/such/page")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        policy = answer.headers["content-security-policy"]
        for locked in ("frame-ancestors", "frame-src", "object-src", "base-uri", "script-src-attr", "worker-src"):
            assert f"{locked} 'none'" in policy
        assert "form-action 'self'" in policy
        assert "strict-transport-security" not in answer.headers  # by HTTP nobody is told to come by HTTPS only
        assert "unsafe-eval" not in policy
        assert re.search(r"script-src 'self'( 'sha256-[^']+')+;", policy)
    assert "server" not in page.headers


@pytest.mark.parametrize("is_script", [True, False])
def test_a_script_and_the_api_carry_a_policy_that_lets_nothing_run(address: str, is_script: bool) -> None:
    """Opened by themselves, that is: what a page loads is held to the page's policy."""
    script = "/assets/" + next(bundle.client().glob("assets/plotly*.js")).name
    answer = httpx.get(address + (script if is_script else "/api/v1/usage"))
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null"])
def test_another_sites_page_is_refused(address: str, origin: str) -> None:
    assert httpx.get(f"{address}/healthz", headers={"Origin": origin}).status_code == 403
    assert httpx.post(f"{address}/healthz", headers={"Origin": origin}).status_code == 403


def test_our_own_page_is_not_refused(address: str) -> None:
    assert httpx.get(f"{address}/healthz", headers={"Origin": address}).status_code == 200


def test_a_host_that_is_not_ours_is_refused(address: str) -> None:
    answer = httpx.get(f"{address}/orgs/prism", headers={"Host": "rebound.example", "Origin": "http://rebound.example"})
    assert answer.status_code == 403
    assert "FLYUSAGE_BASE_URL" in answer.text


def test_the_public_address_is_answered_for(shared_database: "Database") -> None:
    with running(FLYUSAGE_BASE_URL="https://usage.example") as started:
        answer = httpx.get(f"{started}/healthz", headers={"Host": "usage.example", "Origin": "https://usage.example"})
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        signed = httpx.post(f"{started}/auth/sign-out", headers={"Host": "usage.example"})
        assert all("; Secure" in cookie for cookie in signed.headers.get_list("set-cookie"))
        assert signed.headers.get_list("set-cookie")


def test_the_websocket_opens_for_our_page_and_compresses(address: str) -> None:
    async def talk() -> tuple[str, str]:
        async with websockets.connect(event_address(address), origin=websockets.Origin(address)) as socket_:
            first = str(await asyncio.wait_for(socket_.recv(), 30))
            return first, str(socket_.response.headers.get("Sec-WebSocket-Extensions")) if socket_.response else ""

    first, extensions = run_async(talk())
    assert first.startswith('0{"sid"')
    assert "permessage-deflate" in extensions


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_the_websocket_is_refused_to_another_sites_page(address: str, origin: str) -> None:
    async def talk() -> None:
        async with websockets.connect(event_address(address), origin=websockets.Origin(origin)):
            pass

    with pytest.raises(websockets.InvalidStatus, match="403"):
        run_async(talk())


def test_what_is_no_event_is_refused_in_few_lines_of_the_log_without_what_was_sent(shared_database: "Database", tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def logged(words: str, times: int = 1) -> None:
        await asyncio.to_thread(until, lambda: log.read_text().count(words) >= times)

    async def send(address: str) -> None:
        async with websockets.connect(
            event_address(address), origin=websockets.Origin(address), additional_headers={"Cookie": "session=for-nobody-else"}
        ) as opened:
            await opened.recv()
            await opened.send("40/_event,{}")
            await opened.recv()
            await opened.send('42/_event,["event",{"name":"state.no_such_thing","payload":{},"router_data":{}}]')
            await opened.send('42/_event,["event",["proof","for-nobody-else"]]')
            for _ in range(200):
                await opened.send("42/_event,[")
            await logged("no_such_thing")
            await logged("Frame refused", 21)
        async with websockets.connect(event_address(address).partition("?")[0] + "?EIO=4&transport=websocket") as nameless:
            await nameless.recv()
            await nameless.send("40/_event,{}")
            await nameless.recv()
            await nameless.send('42/_event,["event",{"name":"x","payload":{"proof":"for-nobody-else"}}]')
            await logged("with no associated token")
        for path in ("/auth/sign-in", "/auth/sso/back-channel", "/webhooks/stripe"):  # forms that are cut off
            half = (
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\na="
            )
            _, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
            writer.write(half.encode())
            await writer.drain()
            await asyncio.sleep(0.2)
            writer.close()
        await asyncio.sleep(0.3)

    with log.open("w") as kept, running(log=kept) as started:
        run_async(send(started))
    assert "no_such_thing" in log.read_text()
    assert "for-nobody-else" not in log.read_text()
    assert "with no associated token" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert 20 < log.read_text().count("Frame refused") <= failures.OfClients.MOST


def test_redirects_name_no_host(address: str) -> None:
    answer = httpx.get(f"{address}/")
    assert answer.is_redirect
    assert answer.headers["location"].startswith("/")


def test_health_and_readiness(address: str) -> None:
    assert httpx.get(f"{address}/healthz").json()["status"] == "alive"
    assert httpx.get(f"{address}/readyz").json()["status"] == "ready"


def test_without_its_database_it_lives_and_is_not_ready(shared_database: "Database") -> None:
    with running(FLYUSAGE_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none") as started:
        assert httpx.get(f"{started}/healthz").status_code == 200
        answer = httpx.get(f"{started}/readyz", timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unreachable")


def test_a_taken_port_is_said_in_one_sentence() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(PortTaken, match=r"^Port \d+ on 127\.0\.0\.1 is taken\. .+FLYUSAGE_PORT"):
        listen("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org", ""])
def test_it_listens_nowhere_but_on_loopback(host: str) -> None:
    with pytest.raises(NotLoopback, match="Nobody can sign in"):
        listen(host, 0)


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "http://127.0.0.1:"), ("localhost", "http://127.0.0.1:"), ("::1", "http://[::1]:")]
)
def test_loopback_has_an_address_to_open(host: str, shown: str) -> None:
    if host == "::1" and not socket.has_ipv6:
        return
    with listen(host, 0) as listener:
        assert address_of(listener).startswith(shown)


def test_it_serves_from_any_folder_without_leaving_a_trace(
    shared_database: "Database", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with running_from_nothing() as started:
        assert httpx.get(f"{started}/orgs/prism").status_code == 200
    assert list(tmp_path.iterdir()) == []


def test_without_built_pages_it_says_how_to_build_them(tmp_path: Path) -> None:
    code = "from pathlib import Path; from flyusage.ui import bundle; bundle.web = lambda: Path('nowhere'); bundle.serving().__enter__()"
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "FrontendNotBuilt: The pages are not built yet. Run `make frontend`" in ran.stderr
