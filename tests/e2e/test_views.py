"""Somebody saves a view, finds it again everywhere, lets a budget count by it, and chooses the mails they get."""

import re

from axe_playwright_python.sync_playwright import Axe
from browsing import OpenPage, toasted
from playwright.sync_api import Page, expect

WEB = "/orgs/prism/usage?show=contracted_cost&by=region&range=this-month&app=web"


def save(page: Page, name: str, *ticked: str) -> None:
    """What the explorer shows, under a name."""
    page.get_by_role("button", name="Views").click()
    page.get_by_label("Save what is shown as").fill(name)
    for label in ticked:
        page.get_by_label(label).check()
    page.get_by_role("button", name="Save view").click()


def test_a_view_is_saved_found_everywhere_counted_by_a_budget_and_deleted(open_as_owner: OpenPage) -> None:
    page = open_as_owner(WEB)
    figure = page.locator(".tile-value").first
    expect(figure).to_contain_text("$")
    save(page, "Web <b>now</b>", "On the overview")
    toasted(page, "Web <b>now</b> is saved.")
    page.get_by_role("button", name="Views").click()
    expect(page.get_by_role("list", name="Saved views").get_by_role("link", name="Web <b>now</b>")).to_be_visible()
    save_again = page.get_by_label("Save what is shown as")
    save_again.fill("Web <b>now</b>")
    page.get_by_role("button", name="Save view").click()
    expect(page.get_by_role("alert")).to_contain_text("called Web <b>now</b> already")
    page.keyboard.press("Escape")
    shown = figure.inner_text()

    page.get_by_role("link", name="Overview").click()
    tile = page.get_by_role("region", name="Saved views").get_by_role("listitem")
    expect(tile).to_contain_text("Contracted cost by region, this month, only app web")
    expect(tile.locator(".pinned-figure")).to_have_text(shown)  # its clock stands still
    assert Axe().run(page).violations_count == 0, Axe().run(page).generate_report()

    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("now</b>")
    page.get_by_role("option", name="Web <b>now</b>").click()
    expect(page).to_have_url(re.compile(r"/usage\?.*range=this-month"))
    expect(figure).to_have_text(shown)

    page.get_by_role("link", name="Budgets").click()
    page.get_by_text("New budget", exact=True).click()
    page.get_by_label("Name", exact=True).fill("Web's")
    page.get_by_label("Amount for a month").fill("100")
    page.get_by_role("combobox", name="Of").select_option("Web <b>now</b>")
    page.get_by_role("button", name="Set budget").click()
    row = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Web's"))
    expect(row).to_contain_text("web, as the saved view Web <b>now</b>")

    page.get_by_role("link", name="Saved views").click()
    row = page.get_by_role("list", name="Saved views").get_by_role("listitem")
    share = row.get_by_role("button", name="Shared")
    expect(share).to_have_attribute("aria-pressed", "false")
    share.click()
    expect(row).to_contain_text("Everybody here, saved by you")
    row.locator("summary", has_text="Rename").click()
    row.get_by_label("New name").fill("Web")
    row.get_by_role("button", name="Rename").click()
    expect(row.get_by_role("heading")).to_have_text("Web")
    assert Axe().run(page).violations_count == 0, Axe().run(page).generate_report()
    row.locator("summary", has_text="Delete").click()
    row.get_by_role("button", name="Delete this view").click()
    expect(page.get_by_role("heading", name="No saved view yet")).to_be_visible()


def test_the_menu_works_on_a_phone_in_the_dark_by_keyboard_alone(open_as_owner: OpenPage) -> None:
    page = open_as_owner(WEB, is_phone=True, is_dark=True)
    expect(page.locator(".tile-value").first).to_contain_text("$")
    page.get_by_role("button", name="Views").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Save what is shown as")).to_have_value("Contracted cost by region, this month, only app web")
    assert Axe().run(page).violations_count == 0, Axe().run(page).generate_report()
    page.get_by_label("Save what is shown as").focus()
    page.keyboard.press("Enter")
    toasted(page, "is saved.")
    page.goto("/orgs/prism/views")  # the other journeys begin without one
    page.locator("summary", has_text="Delete").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Delete this view").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="No saved view yet")).to_be_visible()


def test_which_mails_somebody_gets_is_theirs_to_choose_and_stays(open_as_owner: OpenPage) -> None:
    page = open_as_owner("/account")
    prism = page.get_by_role("group", name="Prism")
    month = prism.get_by_label("The month in a mail")
    expect(month).to_be_checked()
    month.click()
    expect(month).not_to_be_checked()
    page.reload()
    expect(month).not_to_be_checked()
    expect(prism.get_by_label("Anomalies, once a day")).to_be_checked()
    assert Axe().run(page).violations_count == 0, Axe().run(page).generate_report()


def test_whoever_only_reads_finds_shared_views_and_no_form(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism/views")
    expect(page.get_by_role("heading", name="No saved view yet")).to_be_visible()
    page.goto(WEB)
    page.get_by_role("button", name="Views").click()
    expect(page.get_by_text("Nothing is saved yet.")).to_be_visible()
    expect(page.get_by_role("button", name="Save view")).to_have_count(0)
