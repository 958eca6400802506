"""A member makes a token at the page, uses it at the API, and ends it; and the reference page is one that everybody can read."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import OpenPage, Site, WarmContexts, keep_picture, keep_pictures
from conftest import copied
from factories import line
from guarded_site import let_in, session_of, set_password
from playwright.sync_api import Page, expect
from psycopg.conninfo import conninfo_to_dict
from serving import running, settings_for
from story import prism, rival

if TYPE_CHECKING:
    from conftest import Server

OWNER, VIEWER = "owner@prism.example", "viewer@prism.example"
PASSWORD = "violin oxide parcel thunder"
CONFIGURED = "http://127.0.0.1:8321"  # what the server believes is its address; the system chose another port for it


@pytest.fixture(scope="module")
def guarded(server: "Server", template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The story behind sign-in, with Prism's owner and somebody who may make no tokens."""
    events = tmp_path_factory.mktemp("story") / "events.ndjson"
    events.write_bytes(b"".join(line(event) for event in [*prism(), *rival()]))
    with copied(server, template) as name:
        settings = settings_for(server, name)
        site = Site("", settings)
        site.run("ingest", str(events))
        for email, org in ((OWNER, "prism"), (VIEWER, "rival")):
            site.run("users", "create", email, "--owner", org)
        server_url = server.superuser_url(name)
        with psycopg.connect(server_url, autocommit=True) as connection:  # the command makes owners only
            connection.execute(
                "UPDATE membership SET role = 'viewer' WHERE user_id = (SELECT id FROM user_account WHERE email = %s)", (VIEWER,)
            )
        with running(**settings) as address:
            site = Site(address, settings)
            for email in (OWNER, VIEWER):
                set_password(site, email, PASSWORD)
            yield site


Visit = Callable[..., Page]


@pytest.fixture
def visit(warm: WarmContexts, guarded: Site, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Opens a path as somebody who has signed in."""
    pages: list[Page] = []

    def open_path(path: str, email: str = OWNER, *, is_phone: bool = False, is_dark: bool = False) -> Page:
        page = warm.somebodys(guarded.address, is_phone=is_phone, is_dark=is_dark)
        pages.append(page)
        let_in(page.context, guarded, session_of(guarded, email, PASSWORD))
        page.goto(path)
        return page

    with warm.forgetting():
        yield open_path
        keep_pictures(pages, request.node.name)


def send(command: str, secret: str) -> str:
    """What a request answers that was copied from a page as `curl`, which not every machine has."""
    curl, address, *options = shlex.split(command.replace("\\\n", "").replace("$FLYUSAGE_TOKEN", secret))
    assert (curl, options[::2]) == ("curl", ["-H", "-H", "--data-binary"])
    return httpx.post(address, headers=dict(given.split(": ") for given in options[1:-1:2]), content=options[-1]).text


def make(page: Page, name: str, *scopes: str, whose: str = "mine") -> str:
    """Make a token at the page; its secret."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Whose").select_option(whose)
    for scope in scopes:
        page.get_by_label(scope).check()
    page.get_by_role("button", name="Make a token").click()
    secret = page.locator(".token-secret")
    expect(secret).to_have_text(re.compile("^flyu_"))
    return secret.inner_text()


def usage(site: Site, secret: str) -> httpx.Response:
    return httpx.get(f"{site.address}/api/v1/usage", params={"range": "2026-10"}, headers={"authorization": f"Bearer {secret}"})


@contextmanager
def asking(site: Site, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`flyusage login` as it waits, on a machine of somebody's own, and the address that it prints."""
    command = [sys.executable, "-m", "flyusage.cli.main", "login", site.address, "--browser"]
    own = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with subprocess.Popen(command, text=True, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as waiting:
        assert waiting.stderr is not None
        try:
            yield waiting, next(line.strip() for line in waiting.stderr if "/terminal?" in line)
        finally:
            waiting.kill()


def test_a_command_is_let_in_by_one_click(visit: Visit, guarded: Site, tmp_path: Path) -> None:
    with asking(guarded, tmp_path) as (command, address):
        page = visit(address.removeprefix(guarded.address))
        expect(page.get_by_text(f"flyusage login on {socket.gethostname()} asks for an API token of yours.")).to_be_visible()
        expect(page.get_by_role("list", name="It may")).to_contain_text("usage.read")
        assert Axe().run(page).response["violations"] == []
        keep_picture(page, "terminal-asks", 0)
        page.get_by_role("button", name="Let it in").click()
        expect(page.get_by_role("heading", name="Back to the terminal")).to_be_visible()
        said, _ = command.communicate(timeout=30)
        assert said.startswith(f"Signed in to prism at {guarded.address} until 20")
        assert command.returncode == 0
        secret = json.loads((tmp_path / "flyusage" / "profiles.json").read_text())["profiles"]["default"]["token"]
        assert usage(guarded, secret).status_code == 200
        assert secret not in page.url


def test_a_command_is_refused_on_a_phone_in_the_dark_and_says_so(visit: Visit, guarded: Site, tmp_path: Path) -> None:
    with asking(guarded, tmp_path) as (command, address):
        page = visit(address.removeprefix(guarded.address), is_phone=True, is_dark=True)
        refuse = page.get_by_role("button", name="Refuse")
        expect(refuse).to_be_visible()
        assert Axe().run(page).response["violations"] == []
        keep_picture(page, "terminal-asks-phone", 0)
        refuse.click()
        expect(page.get_by_role("heading", name="Refused")).to_be_visible()
        _, said = command.communicate(timeout=30)
        assert (command.returncode, said.splitlines()[-1]) == (1, "flyusage: That was refused in the browser. Nothing was changed.")
        page.goto(re.sub(r"port=\d+", "port=0", address))  # it runs elsewhere, and the code is typed there
        page.get_by_role("button", name="Let it in").click()
        expect(page.locator("#terminal-code")).to_have_text(re.compile(r"^[\w-]{43}$"))
        assert Axe().run(page).response["violations"] == []


@pytest.mark.parametrize(("is_phone", "is_dark"), [(False, False), (True, True)])
def test_a_token_is_made_shown_once_used_and_ended(visit: Visit, guarded: Site, is_phone: bool, is_dark: bool) -> None:
    name = f"ci {is_phone} {is_dark}"
    page = visit("/orgs/prism/tokens", is_phone=is_phone, is_dark=is_dark)
    expect(page.get_by_role("heading", name="API tokens")).to_be_visible()
    secret = make(page, name, "usage.read", "prices.read")
    expect(page.get_by_role("button", name="Copy the secret")).to_be_visible()
    assert usage(guarded, secret).status_code == 200
    assert Axe().run(page).response["violations"] == []
    keep_picture(page, f"tokens-made-{is_phone}-{is_dark}", 0)
    page.reload()
    expect(page.get_by_role("button", name="Copy the secret")).to_be_hidden()
    row = page.locator(".token-list li").filter(has_text=name)
    expect(row).to_contain_text("active")
    assert secret not in page.content()
    row.get_by_text("Revoke", exact=True).click()
    expect(row).to_contain_text("It cannot be undone.")
    assert Axe().run(page).response["violations"] == []
    row.get_by_role("button", name="Revoke it").click()
    expect(row).to_contain_text("revoked")
    assert usage(guarded, secret).json()["detail"].startswith("This API token was revoked.")


def test_an_empty_organization_says_how_to_send_the_first_event_and_comes_alive_with_it(visit: Visit, guarded: Site) -> None:
    guarded.run("orgs", "create", "nova", "--owner", OWNER)
    page = visit("/orgs/nova", is_phone=True, is_dark=True)
    expect(page.get_by_text("Waiting for the first event")).to_be_visible()
    assert Axe().run(page).violations_count == 0
    command = page.get_by_role("region", name="The request").inner_text()
    assert command.startswith(f"curl {CONFIGURED}/api/v1/events ")
    command = command.replace(CONFIGURED, guarded.address)
    page.evaluate("window.stillHere = true")
    page.get_by_role("link", name="Make a token").click()
    secret = make(page, "first", "events.write")
    page.go_back()
    expect(page.get_by_text("Waiting for the first event")).to_be_visible()
    assert '"accepted":2' in send(command, secret)
    expect(page.get_by_role("heading", name="You have spent")).to_be_visible(timeout=10_000)
    guarded.run("rollup", "run")  # the hour has ended: its worker does so within seconds
    expect(page.locator(".answer-figure .figure")).to_have_text("$0.04")  # 3,600 s × $0.000011959877 = $0.0431
    assert page.evaluate("window.stillHere")


def test_a_page_says_that_the_database_is_away_and_no_more_and_comes_back_with_it(visit: Visit, guarded: Site, server: "Server") -> None:
    page = visit("/orgs/prism/tokens")
    expect(page.get_by_role("button", name="Make a token")).to_be_visible()
    name = conninfo_to_dict(guarded.settings["FLYUSAGE_DATABASE_URL"])["dbname"]
    with psycopg.connect(server.superuser_url("postgres"), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            page.reload()
            expect(page.get_by_text("This page loads by itself as soon as it answers.")).to_be_visible(timeout=15_000)
            ready = httpx.get(f"{guarded.address}/readyz")
            assert ready.status_code == 503
            for text in (page.locator("main").inner_text(), ready.text):
                assert "The database does not answer" in text
                for known in (name, "postgresql:", "FATAL"):
                    assert known not in text
        finally:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    expect(page.get_by_role("button", name="Make a token")).to_be_visible(timeout=20_000)


def test_what_cannot_be_made_is_said_beside_the_form(visit: Visit) -> None:
    page = visit("/orgs/prism/tokens")
    page.get_by_label("Name").fill("nothing")
    page.get_by_role("button", name="Make a token").click()
    expect(page.get_by_role("alert")).to_have_text("A token needs at least one scope, such as usage.read.")


def test_who_may_not_make_tokens_is_told_who_may(visit: Visit) -> None:
    page = visit("/orgs/rival/tokens", VIEWER)
    expect(page.get_by_role("heading", name="Tokens are made by members who may")).to_be_visible()
    expect(page.get_by_role("link", name="API tokens")).to_have_count(0)


def test_the_reference_is_a_page_of_its_own(open_page: OpenPage) -> None:
    """axe takes fifteen seconds of the processor for it, so it is asked where there is least room and light."""
    for is_small in (False, True):
        page = open_page("/api/docs", is_phone=is_small, is_dark=is_small)
        expect(page.get_by_role("heading", name="API reference")).to_be_visible()
    assert Axe().run(page).response["violations"] == []
