"""The command palette and the single keys: getting anywhere by keyboard alone."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import OpenPage, press_one_after_the_other
from playwright.sync_api import Page, expect


def opened(page: Page) -> Page:
    page.locator(".org-name").filter(has_text="prism").wait_for()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    return page


def test_it_jumps_to_an_app(open_page: OpenPage) -> None:
    page = opened(open_page("/orgs/prism"))
    page.keyboard.type("bat")
    expect(page.get_by_role("option", name="batch", exact=True)).to_be_visible()
    chosen = page.get_by_role("combobox").get_attribute("aria-activedescendant")
    expect(page.locator(f"[id='{chosen}']")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/orgs/prism/usage\?.*app=batch"))


def test_it_jumps_to_a_machine_and_to_a_region(open_page: OpenPage) -> None:
    page = opened(open_page("/orgs/prism"))
    page.keyboard.type("odd-0")
    page.get_by_role("option", name="odd-0").click()
    expect(page).to_have_url(re.compile("/orgs/prism/machines/odd-0"))
    expect(page.get_by_role("heading", name="odd-0")).to_be_visible()  # a key pressed sooner is the old page's
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("frankfurt")
    page.get_by_role("option", name=re.compile("Frankfurt")).click()
    expect(page).to_have_url(re.compile("region=fra"))


def test_arrows_go_round_and_pages_are_there_at_once(open_page: OpenPage) -> None:
    page = opened(open_page("/orgs/prism"))
    options = page.get_by_role("option")
    expect(options).to_have_text(
        ["Overview", "Explorer", "Saved views", "Machines", "Billing", "Budgets", "Alerts", "Prices", "What if", "Members", "Audit"]
    )
    page.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/orgs/prism/audit$"))


def test_nothing_found_says_so(open_page: OpenPage) -> None:
    page = opened(open_page("/orgs/prism"))
    page.keyboard.type("no-such-thing")
    expect(page.get_by_text("Nothing here is called")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox")).to_be_visible()


def test_another_organizations_names_are_not_found(open_page: OpenPage) -> None:
    page = opened(open_page("/orgs/prism"))
    page.keyboard.type("secret")
    expect(page.get_by_text("Nothing here is called")).to_be_visible()


def test_escape_gives_the_focus_back(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism")
    button = page.get_by_role("button", name="Jump to")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()


def test_a_question_mark_lists_the_keys(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism")
    page.locator(".org-name").filter(has_text="prism").wait_for()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


def test_two_keys_lead_to_a_page_and_slash_starts_its_search(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism")
    page.locator(".org-name").filter(has_text="prism").wait_for()
    press_one_after_the_other(page, "g", "m")
    expect(page).to_have_url(re.compile("/machines$"))
    page.locator(".machine-table").wait_for()
    page.keyboard.press("/")
    expect(page.get_by_label("Search machines")).to_be_focused()
    page.keyboard.type("g?/")
    expect(page.get_by_label("Search machines")).to_have_value("g?/")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_slash_opens_the_explorers_filters(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism/usage")
    page.locator("#add-filter").wait_for()
    page.keyboard.press("/")
    expect(page.locator(".filter-menu")).to_be_visible()


@pytest.mark.parametrize("is_phone", [False, True])
def test_it_has_no_barriers_that_axe_can_find(open_page: OpenPage, is_phone: bool) -> None:
    page = opened(open_page("/orgs/prism", is_phone=is_phone))
    page.keyboard.type("a")
    page.get_by_role("option", name="api").first.wait_for()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
