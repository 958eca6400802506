"""Machines: the list, one machine's life and hours, and why its amount is what it is.

batch-0 (tests/story.py) runs 02:00–06:00 every day: 31 × 4 h = 124 h in October, 14 × 4 h = 56 h in November.
"""

import re

import pytest
from browsing import OpenPage, barriers, copied_by
from playwright.sync_api import Page, expect


def ready(page: Page) -> Page:
    page.locator("#hours[data-drawn]").wait_for(state="attached")
    return page


def tile(page: Page, label: str):
    return page.locator(".tile").filter(has_text=label).locator(".tile-value")


def test_the_list_leads_to_a_machine(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism/machines")
    expect(page.locator(".machine-table tbody tr")).to_have_count(11)  # 3 web, 6 api, batch-0, odd-0
    page.get_by_label("Search machines").fill("batch")
    expect(page).to_have_url(re.compile("find=batch"))
    expect(page.locator(".machine-table tbody tr")).to_have_count(1)
    page.get_by_role("link", name="batch-0").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("batch-0")


def test_the_list_tells_running_from_stopped(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism/machines")
    page.get_by_role("link", name="Stopped").click()
    expect(page.locator(".machine-table tbody tr")).to_have_count(1)  # batch-0, since 06:00
    page.get_by_role("link", name="Running").click()
    expect(page.locator(".machine-table tbody tr")).to_have_count(10)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ids = copied_by(page.get_by_role("button", name="Copy 10 ids")).splitlines()
    assert ids == page.locator(".machine-table tbody tr th a").all_inner_texts()
    assert len(ids) == 10


def test_a_search_without_a_match_says_what_is_searched(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism/machines?find=nothing-like-it")
    expect(page.get_by_text("No machine matches")).to_be_visible()


def test_the_month_is_hours_times_price(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/machines/batch-0?month=2026-10"))
    expect(tile(page, "Hours in October")).to_have_text("124")
    expect(page.locator(".days-table tbody tr")).to_have_count(31)
    expect(page.locator(".days-table tfoot")).to_contain_text("124.00 h")
    runs = page.locator(".why-table tbody").filter(has_text="14,400 s")
    expect(runs).to_have_count(31)  # 4 h = 14,400 s each


def test_why_reaches_down_to_the_raw_events(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/machines/batch-0"))
    first = page.locator(".why-table tbody").filter(has_text="14,400 s").first
    first.locator("summary").click()
    expect(first.locator(".event-list")).to_contain_text("machine.started")
    expect(first.locator(".event-list")).to_contain_text("/hosts/")


def test_months_are_chosen_and_the_address_keeps_them(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/machines/batch-0"))
    expect(tile(page, "Hours in November")).to_have_text("56")
    page.locator(".months").get_by_role("link", name="October").click()
    expect(page).to_have_url(re.compile("month=2026-10"))
    expect(tile(page, "Hours in October")).to_have_text("124")


def test_its_hours_are_told_in_the_readers_zone(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/machines/batch-0?month=2026-10", zone="America/Sao_Paulo"))
    switch = page.get_by_role("navigation", name="Hours are told in")
    switch.get_by_role("link", name="UTC−3").click()
    expect(page).to_have_url(re.compile("zone=-03:00"))
    expect(page.get_by_text("minutes run in each hour, UTC−3")).to_be_visible()
    page.wait_for_function("document.querySelector('#hours').layout.xaxis.range[0].includes('21:00')")
    expect(tile(page, "Hours in October")).to_have_text("124")  # October stays UTC's
    page.locator(".months").get_by_role("link", name="November").click()
    expect(page).to_have_url(re.compile("month=2026-11&zone=-03:00"))


def test_breadcrumbs_lead_up(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/machines/batch-0"))
    page.locator(".crumbs").get_by_role("link", name="gru").click()
    expect(page).to_have_url(re.compile(r"/orgs/prism/usage\?.*region=gru"))


def test_an_unknown_machine_says_so_and_offers_the_nearest(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism/machines/batch-9")
    expect(page.get_by_role("heading", name="There is no such machine")).to_be_visible()
    page.get_by_role("link", name="batch-0").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("batch-0")


def test_another_organizations_machine_is_unknown(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism/machines/secret-0")
    expect(page.get_by_role("heading", name="There is no such machine")).to_be_visible()
    expect(page.locator(".nearest")).not_to_contain_text("secret")


@pytest.mark.parametrize("name", ["%3Cimg%20src=x%20onerror=alert(1)%3E", "%E2%80%AEgnp", "a" * 900, "%25"])
def test_nonsense_in_the_address_is_an_unknown_machine(open_page: OpenPage, name: str) -> None:
    page = open_page(f"/orgs/prism/machines/{name}")
    expect(page.get_by_role("heading", name="There is no such machine")).to_be_visible()


@pytest.mark.parametrize("path", ["/orgs/prism/machines", "/orgs/prism/machines/batch-0", "/orgs/prism/machines/nobody"])
@pytest.mark.parametrize("is_phone", [False, True])
def test_pages_of_machines_have_no_barriers_that_axe_can_find(open_page: OpenPage, path: str, is_phone: bool) -> None:
    page = open_page(path, is_phone=is_phone)
    page.locator(".machine-table, #hours[data-drawn], .nearest").first.wait_for(state="attached")
    assert barriers(page) == []
