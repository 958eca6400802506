"""Somebody sets a budget on the page, sees how it stands, and ends it."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import OpenPage
from playwright.sync_api import expect


def test_a_budget_is_set_seen_and_ended(open_as_owner: OpenPage) -> None:
    page = open_as_owner("/orgs/prism/budgets")
    expect(page.get_by_role("heading", name="No budget yet")).to_be_visible()
    page.get_by_text("New budget", exact=True).click()
    page.get_by_label("Name", exact=True).fill("Web")
    page.get_by_label("Amount for a month").fill("nothing")
    page.get_by_role("button", name="Set budget").click()
    expect(page.get_by_role("alert")).to_contain_text("no amount in USD")
    page.get_by_label("Amount for a month").fill("100")
    page.get_by_role("combobox", name="Of").select_option("app")
    page.get_by_label("Which, by commas").fill("web")
    page.get_by_label("Write to").fill("ann@prism.example")
    page.get_by_role("button", name="Set budget").click()
    row = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Web"))
    expect(row).to_contain_text("of $100.00")
    expect(row).to_contain_text("Tells at 50 %, 80 %, 100 % spent and 100 % expected: ann@prism.example")
    row.get_by_text("End", exact=True).click()
    expect(row).to_contain_text("tells nothing any more")
    row.get_by_role("button", name="End the budget").click()
    expect(page.get_by_role("heading", name="No budget yet")).to_be_visible()


@pytest.mark.parametrize("is_phone", [False, True])
def test_the_page_has_no_barriers_that_axe_can_find(open_as_owner: OpenPage, is_phone: bool) -> None:
    page = open_as_owner("/orgs/prism/budgets", is_phone=is_phone, is_dark=is_phone)
    expect(page.get_by_role("heading", name="No budget yet")).to_be_visible()
    page.get_by_text("New budget", exact=True).click()
    assert Axe().run(page).violations_count == 0, Axe().run(page).generate_report()


def test_whoever_may_only_read_finds_no_form(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism/budgets")
    expect(page.get_by_role("heading", name="No budget yet")).to_be_visible()
    expect(page.get_by_text("New budget")).to_have_count(0)
