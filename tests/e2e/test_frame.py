"""The frame around every page: getting about, on a desk and on a phone, by mouse and by keyboard, in light and dark."""

import re

import pytest
from browsing import OpenPage, Site, barriers
from factories import deployed, line
from guarded_site import ask
from playwright.sync_api import Page, expect


def test_the_address_of_the_server_opens_the_organization_in_which_something_happened_last(
    open_page: OpenPage, site: Site, tmp_path
) -> None:
    newest = tmp_path / "newest.ndjson"
    newest.write_bytes(line(deployed("secret", "2026-11-14T23:59:59Z", version="v9", org="rival", region="lhr")))
    site.run("ingest", str(newest))
    expect(open_page("/")).to_have_url("/orgs/rival")


def test_the_choice_lists_the_organizations(open_page: OpenPage) -> None:
    page = open_page("/welcome")
    page.get_by_role("link", name="prism").click()
    expect(page).to_have_url("/orgs/prism")
    expect(page.locator(".org-name")).to_have_text("prism")
    expect(page.locator(".org-note")).to_have_text("4 apps · 4 regions")


def test_the_navigation_leads_to_pages_and_marks_the_one_shown(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism")
    page.get_by_role("link", name="Explorer", exact=True).click()
    expect(page).to_have_url(re.compile("/orgs/prism/usage"))
    expect(page.get_by_role("link", name="Explorer", exact=True)).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("link", name="Overview")).not_to_have_attribute("aria-current", "page")
    page.go_back()
    expect(page.get_by_role("link", name="Overview")).to_have_attribute("aria-current", "page")


def test_another_organization_opens_from_the_menu(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism")
    page.get_by_role("button", name="prism").click()
    page.get_by_role("menuitem", name="rival").click()
    expect(page).to_have_url("/orgs/rival")
    expect(page.locator(".org-name")).to_have_text("rival")


def test_an_unknown_organization_says_so_and_offers_those_there_are(open_page: OpenPage) -> None:
    page = open_page("/orgs/nobody/usage")
    expect(page.get_by_role("heading", name="There is no organization under this address")).to_be_visible()
    page.get_by_role("link", name="prism").click()
    expect(page.locator(".org-name")).to_have_text("prism")


def test_an_address_of_nothing_says_so_and_leads_back(open_page: OpenPage, site: Site) -> None:
    nothing, document = ask(site, "/orgs/prism/nonsense/at-all"), ask(site, "/404.html")
    assert (nothing.status, document.status) == (404, 200)
    assert nothing.headers["content-length"] == document.headers["content-length"]
    page = open_page("/404.html")  # where the browser does not complain of the status in its console
    expect(page.get_by_role("heading", name="There is nothing at this address")).to_be_visible()
    assert barriers(page) == []
    page.get_by_role("link", name="Open the first page").click()
    expect(page.locator(".org-name")).to_be_visible()


@pytest.mark.parametrize(("typed", "opened"), [("/orgs/prism/invoices", "/orgs/prism/billing"), ("/staff", "/staff/prices")])
def test_an_address_that_one_would_type_leads_to_the_page(site: Site, typed: str, opened: str) -> None:
    assert (ask(site, typed).status, ask(site, typed).headers["location"]) == (307, opened)


def test_freshness_is_always_in_sight(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism")
    expect(page.locator(".fresh")).to_contain_text("events to")
    expect(page.locator(".fresh")).to_contain_text("ago")
    expect(page.locator(".side-foot [role=status], .side-foot [aria-live]")).to_have_count(0)  # it changes every second


def test_the_theme_follows_the_system_until_one_is_chosen_and_charts_follow(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism", is_dark=True)
    root = page.locator("html")
    expect(root).to_have_class(re.compile("dark"))
    dark_ground = ground_of(page)
    page.locator("[data-drawn]").first.wait_for()
    drawn = int(page.locator("[data-drawn]").first.get_attribute("data-drawn") or 0)
    page.get_by_role("button", name="Theme follows the system").click()
    expect(root).to_have_class(re.compile("light"))
    expect(page.locator("body")).not_to_have_css("background-color", dark_ground)
    page.wait_for_function("(before) => Number(document.querySelector('[data-drawn]').dataset.drawn) > before", arg=drawn)
    page.reload()
    expect(root).to_have_class(re.compile("light"))
    expect(page.get_by_role("button", name="Light theme")).to_be_visible()


def ground_of(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_on_a_phone_the_navigation_waits_behind_one_button(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism", is_phone=True)
    expect(page.get_by_role("link", name="Machines")).to_be_hidden()
    menu = page.get_by_role("button", name="Menu")
    menu.click()
    expect(menu).to_have_attribute("aria-expanded", "true")
    page.get_by_role("link", name="Machines").focus()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Machines")).to_be_hidden()
    expect(menu).to_be_focused()
    menu.click()
    page.get_by_role("link", name="Machines").click()
    expect(page).to_have_url("/orgs/prism/machines")
    expect(menu).to_have_attribute("aria-expanded", "false")


def test_the_keyboard_skips_to_the_content(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism")
    page.locator(".org-name").wait_for()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("path", ["/welcome", "/orgs/nobody"])
def test_pages_have_no_barriers_that_axe_can_find(open_page: OpenPage, path: str) -> None:
    """The overview, the explorer and the machines are looked at by their own tests, at both widths."""
    page = open_page(path)
    page.get_by_role("heading", level=1).wait_for()
    assert barriers(page) == []
