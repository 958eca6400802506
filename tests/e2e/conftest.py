"""Browser journeys on the built frontend: one server per run, one browser context per test."""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest
from browsing import FAILED, OpenPage, Site, WarmContexts, keep_pictures, launch
from conftest import copied
from demonstration import demonstrating
from factories import line
from guarded_site import ALONE, OUTSIDER, OWNER, PASSWORDS, SESSION, Visit, cookies_of, let_in, link_for, post, session_of
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from serving import running, settings_for
from story import prism, rival

if TYPE_CHECKING:
    from conftest import Server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note what failed, for `keep_picture`."""
    report = yield
    if report.failed:
        FAILED.add(item.name)
    return report


@pytest.fixture(scope="session")
def site(server: "Server", template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Prism's and Rival's story behind a server whose clock stands at the story's end."""
    events = tmp_path_factory.mktemp("story") / "events.ndjson"
    events.write_bytes(b"".join(line(event) for event in [*prism(), *rival()]))
    with copied(server, template) as name:
        settings = settings_for(server, name)
        Site("", settings).run("ingest", str(events))
        with running(**settings) as address:
            yield Site(address, settings)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for the whole run."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def warm(chromium: Browser) -> Iterator[WarmContexts]:
    contexts = WarmContexts(chromium)
    yield contexts
    contexts.close()


@pytest.fixture
def open_page(warm: WarmContexts, site: Site, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """Opens a path of the site in a context as new: `open_page("/orgs/prism", is_phone=True, is_dark=True)`.

    At the end the browser must have had nothing to complain about, and the page must not scroll sideways.
    A picture of what was last shown is kept under tests/artefacts when the test failed.
    """
    pages: list[Page] = []
    complaints: list[str] = []

    def note(said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            complaints.append(said.text)

    def open_path(path: str, *, is_phone: bool = False, is_dark: bool = False, zone: str = "UTC") -> Page:
        page = warm.page(site.address, is_phone=is_phone, is_dark=is_dark, zone=zone)
        pages.append(page)
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path)
        return page

    with warm.forgetting():
        yield open_path
        keep_pictures(pages, request.node.name)
    assert complaints == []


@pytest.fixture(scope="module")
def demonstration(server: "Server", template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The story as a demonstration, a module's own: its journeys write to it."""
    with demonstrating(server, template, tmp_path_factory.mktemp("demonstration")) as site:
        yield site


@pytest.fixture
def open_as_owner(warm: WarmContexts, demonstration: Site, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """Opens a path as Prism's owner."""
    pages: list[Page] = []

    def open_path(path: str, *, is_phone: bool = False, is_dark: bool = False, zone: str = "UTC") -> Page:
        page = warm.somebodys(demonstration.address, is_phone=is_phone, is_dark=is_dark, zone=zone)
        pages.append(page)
        let_in(page.context, demonstration, cookies_of(post(demonstration, "/auth/enter-demo", email="owner@demo.example"))[SESSION])
        page.goto(path)
        return page

    with warm.forgetting():
        yield open_path
        keep_pictures(pages, request.node.name)


@pytest.fixture(scope="module")
def guarded(server: "Server", template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The story behind sign-in; nobody has set a password yet."""
    events = tmp_path_factory.mktemp("story") / "events.ndjson"
    events.write_bytes(b"".join(line(event) for event in [*prism(), *rival()]))
    with copied(server, template) as name:
        settings = settings_for(server, name) | {"FLYUSAGE_SIGN_UP": "open"}
        site = Site("", settings)
        site.run("ingest", str(events))
        for email, org in ((OWNER, "prism"), (OUTSIDER, "rival")):
            site.run("users", "create", email, "--owner", org)
        site.run("users", "create", ALONE)
        with running(**settings) as address:
            site = Site(address, settings)
            for email, password in PASSWORDS.items():
                secret = link_for(site, email).partition("link=")[2]
                assert post(site, "/auth/set-password", link=secret, password=password).headers["location"] == "/"
            yield site


@pytest.fixture
def visit(warm: WarmContexts, guarded: Site, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Opens a path in a context of its own, or in the one given; as somebody who has signed in where `who` names one."""
    pages: list[Page] = []

    def open_path(
        path: str, context: BrowserContext | None = None, *, who: str = "", is_phone: bool = False, is_dark: bool = False
    ) -> Page:
        page = warm.somebodys(guarded.address, is_phone=is_phone, is_dark=is_dark) if context is None else context.new_page()
        pages.append(page)
        if who:
            let_in(page.context, guarded, session_of(guarded, who, PASSWORDS[who]))
        page.goto(path)
        return page

    with warm.forgetting():
        yield open_path
        keep_pictures(pages, request.node.name, is_narrow=False)
