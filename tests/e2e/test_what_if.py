"""What if: past usage under other prices, elsewhere, with a reservation. Prism's October is 157.19 at list prices."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import OpenPage, press_one_after_the_other, toasted
from playwright.sync_api import Page, expect


def ready(page: Page) -> Page:
    page.locator(".what-if-answer .figure").wait_for()
    return page


def test_a_move_is_added_answered_and_left_out_again(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/what-if"))
    before = page.locator(".what-if-answer .figure").inner_text()
    page.locator("select[name=move_from]").select_option("gru")
    page.locator("select[name=move_to]").select_option("iad")
    page.get_by_role("button", name="Work it out").click()
    expect(page).to_have_url(re.compile(r"what-if\?range=last-month&move=gru:iad$|what-if\?move=gru:iad$"))
    # performance-2x for 124 h: gru 0.1391025636 an hour, iad 0.0861111108: 17.25 becomes 10.68
    expect(page.locator(".money-table tbody tr").first).to_contain_text("−$6.57")
    expect(page.locator(".what-if-answer")).to_contain_text("$6.57 less")
    page.get_by_role("link", name="Leave out: gru moves to iad").click()
    expect(page.locator(".what-if-answer .figure")).to_have_text(before)


def test_a_reservation_without_amounts_is_refused_in_words(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/what-if"))
    page.get_by_label("credit a month").fill("lots")
    page.get_by_role("button", name="Work it out").click()
    toasted(page, "That reservation is not complete.")


def test_an_unknown_region_is_said_and_can_be_left_out(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism/what-if?move=xx:yy")
    expect(page.get_by_role("alert")).to_contain_text("There is no region 'xx'.")
    page.get_by_role("link", name="Leave out: xx moves to yy").click()
    ready(page)


def test_keys_lead_to_what_if(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism/machines")
    page.locator(".machine-table").wait_for()
    press_one_after_the_other(page, "g", "w")
    expect(page).to_have_url("/orgs/prism/what-if")


@pytest.mark.parametrize("query", ["", "?move=gru:iad&reserve=dfw:performance:144:20"])
@pytest.mark.parametrize(("is_phone", "is_dark"), [(False, False), (True, True)])
def test_what_if_has_no_barriers_that_axe_can_find(open_page: OpenPage, query: str, is_phone: bool, is_dark: bool) -> None:
    page = ready(open_page(f"/orgs/prism/what-if{query}", is_phone=is_phone, is_dark=is_dark))
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
