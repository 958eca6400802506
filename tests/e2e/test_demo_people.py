"""Somebody looks around a demonstration as one of its people, by a click on the sign-in page."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from asking import cookies_of, post
from axe_playwright_python.sync_playwright import Axe
from browsing import PHONE, Site
from conftest import copied
from factories import line
from playwright.sync_api import Browser, expect
from serving import running, settings_for
from story import prism

if TYPE_CHECKING:
    from conftest import Server

SETTLE = """
from flyusage import db
from flyusage.config import settings
from flyusage.demo import people
with db.platform_transaction() as session:
    people.settle(session, settings().data_dir)
"""


@pytest.fixture
def demonstration(server: "Server", template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The story, in which only the demonstration's people have accounts."""
    folder = tmp_path_factory.mktemp("demonstration")
    (folder / "events.ndjson").write_bytes(b"".join(line(event) for event in prism()))
    with copied(server, template) as name:
        settings = settings_for(server, name) | {"FLYUSAGE_DATA_DIR": str(folder)}
        subprocess.run([sys.executable, "-c", SETTLE], env=os.environ | settings, check=True)
        Site("", settings).run("ingest", str(folder / "events.ndjson"))
        with running(**settings) as address:
            yield Site(address, settings)


def test_a_click_on_a_role_opens_the_page_that_was_asked_for(chromium: Browser, demonstration: Site) -> None:
    context = chromium.new_context(base_url=demonstration.address, viewport=PHONE)
    page = context.new_page()
    page.goto("/orgs/prism/usage")
    expect(page.get_by_role("heading", name="This is a demonstration")).to_be_visible()
    assert Axe().run(page).violations_count == 0
    page.get_by_role("button", name="developer Devi Raman").click()
    expect(page).to_have_url("/orgs/prism/usage")
    expect(page.locator(".org-name")).to_have_text("prism")
    context.close()


def test_the_doors_are_for_those_people_alone_and_close_with_a_real_account(demonstration: Site) -> None:
    entered = post(demonstration, "/auth/enter-demo", email="owner@demo.example", next="//evil.example")
    assert (entered.status, entered.headers["location"]) == (303, "/")
    assert cookies_of(entered)
    for email in ("nobody@demo.example", "", "OWNER@demo.example ", "\x00"):
        refused = post(demonstration, "/auth/enter-demo", email=email)
        assert refused.headers["location"].startswith("/sign-in?problem=sign_in_refused")
        assert not cookies_of(refused)
    assert post(demonstration, "/auth/enter-demo", {"origin": "https://evil.example"}, email="owner@demo.example").status == 403
    demonstration.run("users", "create", "ann@example.com", "--owner", "prism")
    refused = post(demonstration, "/auth/enter-demo", email="owner@demo.example")
    assert not cookies_of(refused)


def test_behind_a_proxy_there_are_no_such_doors(demonstration: Site) -> None:
    with running(**demonstration.settings, FLYUSAGE_BASE_URL="http://127.0.0.1:8321") as address:
        refused = post(Site(address, demonstration.settings), "/auth/enter-demo", email="owner@demo.example")
        assert not cookies_of(refused)
