"""The alerts page in a browser: what ran away is seen, an endpoint is added, tried, turned and removed, and what was sent is sent again."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import OpenPage, Site, WarmContexts, keep_pictures, toasted
from conftest import copied
from demonstration import settle
from factories import line, started
from guarded_site import SESSION, cookies_of, let_in, post
from playwright.sync_api import Page, expect
from psycopg import sql
from receiver import Receiver, receiving
from serving import running, settings_for
from story import prism

if TYPE_CHECKING:
    from conftest import Server

RUNAWAY = "2026-11-14T06:00:00Z"


@pytest.fixture(scope="module")
def site(server: "Server", template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Prism's story, in which ten large machines of web ran away on its last day, with the demonstration's people."""
    folder = tmp_path_factory.mktemp("alerts")
    size = {"vm_size": "performance-8x", "memory_mb": 16384, "app": "web", "region": "dfw"}
    more = [started(f"runaway-{number}", RUNAWAY, **size) for number in range(10)]
    (folder / "events.ndjson").write_bytes(b"".join(line(event) for event in (*prism(), *more)))
    with copied(server, template) as name:
        settings = settings_for(server, name) | {"FLYUSAGE_DATA_DIR": str(folder), "FLYUSAGE_DELIVERY_NETWORKS": "127.0.0.1/32"}
        site = Site("", settings)
        settle(site)
        site.run("ingest", str(folder / "events.ndjson"))
        site.run("anomalies", "--org", "prism", "--look")
        with running(**settings) as address:
            yield Site(address, settings)


@pytest.fixture
def open_as(warm: WarmContexts, site: Site, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """Opens a path as Prism's owner, or whoever `as_whom` names."""
    pages: list[Page] = []

    def open_path(path: str, *, is_phone: bool = False, is_dark: bool = False, zone: str = "UTC", as_whom: str = "owner") -> Page:
        page = warm.somebodys(site.address, is_phone=is_phone, is_dark=is_dark, is_calm=True, zone=zone)
        pages.append(page)
        let_in(page.context, site, cookies_of(post(site, "/auth/enter-demo", email=f"{as_whom}@demo.example"))[SESSION])
        page.goto(path)
        return page

    with warm.forgetting():
        yield open_path
        keep_pictures(pages, request.node.name)


@pytest.fixture
def receiver(site: Site) -> Iterator[Receiver]:
    """Where messages arrive; no endpoint is left after it, nor what was sent to one."""
    with receiving() as one:
        yield one
    with psycopg.connect(site.settings["FLYUSAGE_MIGRATION_URL"]) as connection:
        for table in ("delivery_attempt", "delivery", "alert_endpoint"):
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))


def test_an_endpoint_is_added_tried_turned_and_removed(open_as: OpenPage, receiver: Receiver) -> None:
    page = open_as("/orgs/prism/alerts")
    page.get_by_text("New endpoint", exact=True).click()
    page.get_by_label("Name", exact=True).fill("On-call")
    page.get_by_label("Address").fill("https://169.254.169.254/latest")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("alert")).to_contain_text("not on the public internet")
    page.get_by_label("Address").fill(receiver.url)
    page.get_by_role("button", name="Add it").click()
    secret = page.locator("#endpoint-secret")
    expect(secret).to_contain_text("whsec_")
    first = secret.inner_text()
    page.get_by_role("button", name="I have copied it").click()
    expect(secret).to_have_text("")
    row = page.locator(".token-list li").filter(has_text="On-call")
    row.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("cell", name="204 in").first).to_be_visible()
    assert json.loads(receiver.got[0].body)["type"] == "test"
    page.get_by_role("button", name="Send again").click()
    toasted(page, "It is sent once more.")
    row.get_by_text("New secret", exact=True).click()
    row.get_by_role("button", name="Make a new secret").click()
    expect(secret).to_contain_text("whsec_")
    assert secret.inner_text() != first
    expect(row).to_contain_text("the old secret signs beside the new one until")
    row.get_by_text("Remove", exact=True).click()
    row.get_by_role("button", name="Remove it").click()
    expect(row).to_have_count(0)
    expect(page.get_by_text("Alerts go by mail: a budget's to whom it names")).to_be_visible()
    expect(page.get_by_role("table")).to_contain_text("On-call")


def test_what_ran_away_is_on_overview_and_alerts_and_leads_to_its_view(open_as: OpenPage) -> None:
    page = open_as("/orgs/prism")
    expect(page.get_by_text("Out of the ordinary, last 7 days")).to_be_visible()
    page.locator("#content a[href$='/alerts']").click()
    row = page.locator(".anomalies li").filter(has_text="10 machines started: runaway-0")
    expect(row).to_contain_text("since Nov 14, 06:00 UTC, still going on")
    row.get_by_role("link", name="web in dfw").click()
    expect(page).to_have_url(re.compile(r"show=contracted_cost.*app=web.*region=dfw"))
    asides = page.get_by_role("list", name="Budgets, forecast and what was not usual")
    expect(asides.get_by_role("listitem")).to_contain_text(["web in dfw cost $"])


@pytest.mark.parametrize("is_phone", [False, True])
def test_the_page_has_no_barriers_that_axe_can_find(open_as: OpenPage, receiver: Receiver, is_phone: bool) -> None:
    page = open_as("/orgs/prism/alerts", is_phone=is_phone, is_dark=is_phone)
    page.get_by_text("New endpoint", exact=True).click()
    page.get_by_label("Name", exact=True).fill(f"Room {is_phone}")
    page.get_by_role("combobox", name="Kind").select_option("chat")
    page.get_by_label("Address").fill(receiver.url)
    page.get_by_role("button", name="Add it").click()
    row = page.locator(".token-list li").filter(has_text=f"Room {is_phone}")
    row.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("cell", name="204 in").first).to_be_visible()
    assert "hook" not in row.inner_text()  # the address of a chat is its secret
    assert Axe().run(page).violations_count == 0, Axe().run(page).generate_report()


def test_who_may_only_read_sees_no_endpoint(open_as: OpenPage) -> None:
    page = open_as("/orgs/prism/alerts", as_whom="viewer")
    expect(page.get_by_role("link", name="web in dfw")).to_be_visible()
    expect(page.get_by_text("Where alerts are sent")).to_have_count(0)
