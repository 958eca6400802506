"""Prices: what each thing costs, where, since when. The list prices are facts (flyusage/pricing/facts)."""

import re

import pytest
from browsing import OpenPage, barriers, press_one_after_the_other
from playwright.sync_api import Locator, Page, expect


def ready(page: Page) -> Page:
    page.locator(".price-table tbody tr").first.wait_for()
    return page


def priced(page: Page, sku: str) -> Locator:
    return page.locator(f'[data-sku="{sku}"]')


def test_a_region_is_chosen_and_the_address_keeps_it(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/prices"))
    expect(priced(page, "machine.performance-1x")).to_contain_text("–")
    page.get_by_label("Region", exact=True).select_option("ams")
    expect(page).to_have_url("/orgs/prism/prices?region=ams")
    # $0.000012419872 a second: × 3,600 = 0.0447, × 2,592,000 = 32.19
    expect(priced(page, "machine.performance-1x")).to_contain_text("$0.0447 per hour")
    expect(priced(page, "machine.performance-1x")).to_contain_text("$32.19")
    page.go_back()
    expect(page.get_by_label("Region", exact=True)).to_have_value("")


def test_search_and_its_key(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/prices"))
    page.keyboard.press("/")
    page.keyboard.type("volume")
    expect(page).to_have_url(re.compile("find=volume"))
    expect(priced(page, "machine.performance-1x")).to_have_count(0)
    expect(priced(page, "volume")).to_contain_text("$0.15 per GB for 30 days")
    page.get_by_label("Search prices").fill("nothing-like-it")
    expect(page.get_by_text("No price matches")).to_be_visible()


def test_history_opens_from_a_price_and_from_a_version(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/prices?region=gru"))
    priced(page, "machine.performance-1x").get_by_role("link").click()
    rows = page.locator(".history-table tbody tr")
    expect(rows).to_have_count(5)  # the regional prices came in five steps
    expect(rows.first).to_contain_text("now")
    page.get_by_role("group", name="Price version").get_by_role("link", name="Jul 1, 2024").click()
    expect(page).to_have_url(re.compile("on=2024-07-01"))
    expect(page.get_by_text("Price version list@2024-07-01")).to_be_visible()
    page.get_by_role("link", name="Close").click()
    expect(page.locator(".history-table")).to_have_count(0)


def test_keys_lead_to_prices(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism/machines")
    page.locator(".machine-table").wait_for()
    press_one_after_the_other(page, "g", "p")
    expect(page).to_have_url("/orgs/prism/prices")
    expect(page.get_by_role("link", name="Prices", exact=True)).to_have_attribute("aria-current", "page")


def test_nonsense_in_the_address_is_ignored(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/prices?region=%3Cb%3E&on=9999-12-31&sku=%00x&find="))
    expect(page.locator(".history-table")).to_have_count(0)
    expect(page.get_by_label("Region", exact=True)).to_have_value("")


@pytest.mark.parametrize("query", ["", "?region=gru&sku=machine.performance-1x"])
@pytest.mark.parametrize("is_phone", [False, True])
def test_prices_have_no_barriers_that_axe_can_find(open_page: OpenPage, query: str, is_phone: bool) -> None:
    page = ready(open_page(f"/orgs/prism/prices{query}", is_phone=is_phone))
    assert barriers(page) == []
