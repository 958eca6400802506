"""Billing: what is owed, why, and the invoices before it. The organizations are those of tests/billed_site.py.

Prism's November up to the 15th: 1,008 h of performance-1x in dfw are 1,008 × 3,600 × $0.000014949846 = $54.25; all usage is $75.47,
with the support plan $104.47, less 10 % $94.02, with 19 % VAT $111.88, less $20.00 of a prepaid credit $91.88.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import billed_site
import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import OpenPage, Site, barriers, press_one_after_the_other
from conftest import copied, pointed_at
from factories import line, started
from playwright.sync_api import Locator, Page, expect
from serving import running, settings_for

if TYPE_CHECKING:
    from conftest import Server


@pytest.fixture(scope="module")
def site(server: "Server", template: str) -> Iterator[Site]:
    """A server over organizations with agreements and an issued invoice."""
    with copied(server, template) as name:
        settings = settings_for(server, name)
        with pointed_at(server, name):
            billed_site.fill()
        with running(**settings) as address:
            yield Site(address, settings)


def ready(page: Page) -> Page:
    page.locator(".billing-top .figure").wait_for()
    return page


def performance(page: Page) -> Locator:
    """The line of performance-1x in dfw."""
    return page.locator('[data-line^="machine.performance-1x"]')


def drafted(site: Site, org: str = "prism") -> dict:
    """What the command line says of November."""
    return json.loads(site.told("invoices", "draft", "--org", org, "--month", "2026-11", "--json"))


def test_the_amount_is_that_of_the_command_line(open_page: OpenPage, site: Site) -> None:
    page = ready(open_page("/orgs/prism/billing"))
    due = drafted(site)["due_minor"]
    expect(page.locator(".billing-top .figure")).to_have_text(f"${due // 100:,}.{due % 100:02d}")
    expect(page.locator(".billing-top .figure")).to_have_text("$91.88")
    expect(page.locator(".answer-sentence")).to_contain_text("complete to Nov 15, 00:00 UTC; heading for $")
    expect(page.locator(".figure-label")).to_have_text("You owe so far for November")


def test_a_line_opens_its_working_and_leads_to_exactly_its_usage(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/billing"))
    one = performance(page)
    expect(one.locator(".working").first).to_be_hidden()
    one.locator("summary").click()
    expect(one.locator(".working").first).to_contain_text("3,628,800 × 0.000014949846")
    expect(one.locator(".working tfoot").first).to_contain_text("$54.25")
    one.get_by_role("link", name="Exactly this usage in the explorer").click()
    expect(page).to_have_url(re.compile(r"/orgs/prism/usage\?.*region=dfw"))
    expect(page.locator("main")).to_contain_text("$54.25")


def test_the_keyboard_opens_and_closes_a_line(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/billing"))
    one = performance(page)
    one.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(one.locator(".working").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(one.locator(".working").first).to_be_hidden()


def test_keys_and_the_palette_lead_to_billing(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism/machines")
    page.locator(".machine-table").wait_for()
    press_one_after_the_other(page, "g", "b")
    expect(page).to_have_url("/orgs/prism/billing")
    expect(page.get_by_role("link", name="Billing", exact=True)).to_have_attribute("aria-current", "page")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("invoices owe")
    expect(page.get_by_role("option", name="Billing")).to_be_visible()


def test_an_issued_month_shows_its_invoice_and_the_address_keeps_it(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/billing"))
    page.locator(".months").get_by_role("link", name="October").click()
    expect(page).to_have_url("/orgs/prism/billing?month=2026-10")
    # 167.58 net + 31.84 VAT − 50.00 prepaid − 100.00 paid
    expect(page.locator(".billing-top .figure")).to_have_text("$49.42")
    expect(page.locator(".answer-sentence")).to_contain_text("PRISM-000001 was issued on Nov 2, 2026; $49.42 is to be paid by Dec 2, 2026")
    page.go_back()
    expect(page.locator(".figure-label")).to_have_text("You owe so far for November")


def test_invoices_are_found_by_state_year_and_search(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/billing"))
    expect(page.locator(".invoice-table tbody tr")).to_have_count(1)
    page.get_by_role("group", name="State").get_by_role("link", name="Paid").click()
    expect(page).to_have_url(re.compile("state=paid"))
    expect(page.get_by_text("No invoice matches")).to_be_visible()
    page.get_by_role("group", name="State").get_by_role("link", name="Open").click()
    expect(page.locator(".invoice-table tbody tr")).to_contain_text("PRISM-000001")
    page.get_by_label("Search invoices").fill("gmbh")
    expect(page).to_have_url(re.compile("find=gmbh"))
    expect(page.locator(".invoice-table tbody tr")).to_have_count(1)


def test_without_an_address_it_says_so_and_without_invoices_it_teaches(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/rival/billing"))
    expect(page.locator(".notice").filter(has_text="Enter the billing address")).to_be_visible()
    expect(page.locator(".reckoning").filter(has_text="not yet known")).to_be_visible()
    expect(page.get_by_text("flyusage bill close 2026-10 --org rival")).to_be_visible()


def test_hostile_names_stand_there_literally(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/billing"))
    expect(page.locator("[data-line^=fee]").filter(has_text="Support plan <b>Standard</b>")).to_be_visible()
    expect(page.locator(".statement b")).to_have_count(0)


def test_amounts_are_right_aligned_in_tabular_figures(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/billing"))
    expect(page.locator(".invoice-table td.number").first).to_be_visible()
    styles = page.locator(".statement .number, .reckoning .number, .invoice-table td.number").evaluate_all(
        "all => all.map(e => [getComputedStyle(e).textAlign, getComputedStyle(e).fontVariantNumeric])"
    )
    assert {tuple(style) for style in styles} == {("right", "tabular-nums")}


def test_the_draft_follows_new_events_and_keeps_what_is_open(open_page: OpenPage, site: Site, tmp_path) -> None:
    page = ready(open_page("/orgs/rival/billing"))
    page.locator(".statement-line summary").first.click()
    owed = page.locator(".billing-top .figure")
    before = owed.inner_text()
    fresh = tmp_path / "fresh.ndjson"
    fresh.write_bytes(line(started("late-0", "2026-11-14T12:00:00Z", org="rival", app="secret", region="lhr")))
    site.run("ingest", str(fresh))
    expect(owed).not_to_have_text(before)
    expect(page.locator(".statement-line .working").first).to_be_visible()


def test_on_a_phone_a_line_takes_two_rows(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/billing", is_phone=True))
    one = performance(page).locator("summary > *")
    expect(one).to_have_count(4)
    what, quantity, _, amount = (box.bounding_box() for box in one.all())
    assert amount["y"] < quantity["y"]
    assert quantity["y"] >= what["y"] + what["height"] - 1


@pytest.mark.parametrize("path", ["/orgs/prism/billing", "/orgs/rival/billing"])
@pytest.mark.parametrize("is_phone", [False, True])
def test_pages_of_billing_have_no_barriers_that_axe_can_find(open_page: OpenPage, path: str, is_phone: bool) -> None:
    page = ready(open_page(path, is_phone=is_phone))
    page.locator(".statement-line summary").first.click()
    assert barriers(page) == []


BILLED = "/orgs/prism/usage?from=2026-10-01&to=2026-11-01&show=billed_cost&by=app"


def explored(site: Site, *options: str) -> dict:
    """What `flyusage usage` says of Prism's October."""
    return json.loads(site.told("usage", "--org", "prism", "--range", "2026-10", *options, "--json"))


def test_the_explorer_shows_what_the_invoice_says(open_page: OpenPage, site: Site) -> None:
    """Usage $157.20, the support plan $29.00, less 10 %, $18.62: $167.58, of which $26.10 belong to no app."""
    page = open_page(BILLED)
    expect(page.locator(".usage-table tfoot")).to_contain_text("$167.58")
    expect(page.locator(".tile-value").first).to_have_text("$167.58")
    expect(page.locator(".usage-table tbody tr", has_text="No app")).to_contain_text("$26.10")
    expect(page.locator(".notice").first).to_contain_text("Billed by PRISM-000001, net of tax.")
    text = page.request.get(site.address + BILLED.replace("/usage", "/usage.csv")).text()
    assert ",Total,167.580000000000," in text
    said = explored(site, "--show", "billed_cost", "--by", "app")
    assert Decimal(said["total"]) == sum(Decimal(one["total"]) for one in said["series"]) == Decimal("167.58")
    assert Decimal(explored(site, "--show", "effective_cost")["total"]) == Decimal("167.58")  # nothing is reserved
    page.locator(".usage-table tbody a", has_text="web").click()
    expect(page.locator(".chip", has_text="web")).to_be_visible()
    expect(page.locator(".usage-table tfoot")).not_to_contain_text("$167.58")


def test_a_measure_is_chosen_by_keys_and_hours_are_not_offered(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism/usage?from=2026-10-01&to=2026-11-01&by=region")
    expect(page.locator(".usage-table tfoot")).to_contain_text("$157.19")
    page.get_by_role("button", name="Measure:").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    page.keyboard.type("billed")
    expect(page.get_by_role("menuitem", name="billed cost")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("show=billed_cost"))
    expect(page.locator(".usage-table tfoot")).to_contain_text("$167.58")
    page.get_by_role("button", name="Granularity:").click()
    expect(page.get_by_role("menuitem", name="day")).to_be_visible()
    expect(page.get_by_role("menuitem", name="hour")).to_have_count(0)


def test_what_is_not_issued_is_so_far_and_hours_are_widened_in_words(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism/usage?from=2026-11-03T05:00&to=2026-11-12&per=hour&show=effective_cost")
    expect(page.locator(".notice", has_text="November 2026 is not issued yet: a draft, so far.")).to_be_visible()
    expect(page.locator(".notice", has_text="so effective cost is shown from Nov 3, 2026 to Nov 11, 2026.")).to_be_visible()
    expect(page.get_by_role("complementary", name="What changed")).to_contain_text("this cost is not told that way")


@pytest.mark.parametrize(("is_phone", "is_dark"), [(False, False), (True, True)])
def test_billed_cost_has_no_barriers_that_axe_can_find(open_page: OpenPage, is_phone: bool, is_dark: bool) -> None:
    page = open_page(BILLED, is_phone=is_phone, is_dark=is_dark)
    expect(page.locator("#usage[data-drawn]")).to_be_visible()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def opened(page: Page) -> Page:
    """The invoice's page, once it shows the invoice."""
    page.locator(".parts-table tbody tr").first.wait_for()
    return page


def test_the_list_leads_to_the_invoice_and_its_pdf(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/billing"))
    page.locator(".invoice-table").get_by_role("link", name="PRISM-000001").click()
    expect(page).to_have_url("/orgs/prism/invoices/PRISM-000001")
    expect(page.get_by_role("link", name="Billing", exact=True).first).to_have_attribute("aria-current", "page")
    expect(page.locator(".billing-top .figure")).to_have_text("$49.42")
    with page.expect_download() as saved:
        page.get_by_role("link", name="October invoice (PDF)").click()
    assert saved.value.suggested_filename == "PRISM-000001.pdf"
    assert saved.value.path().read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("way", ["Region", "App", "VM size", "Cost centre", "Machine", "Day"])
def test_every_way_to_break_it_down_sums_to_the_net(open_page: OpenPage, way: str) -> None:
    page = opened(open_page("/orgs/prism/invoices/PRISM-000001"))
    page.get_by_role("group", name="Broken down by").get_by_role("link", name=way, exact=True).click()
    expect(page.locator(".parts-table thead th").first).to_have_text(way)
    amounts = page.locator(".parts-table tbody td:last-child").all_inner_texts()
    cents = sum(int(re.sub(r"\D", "", amount)) * (-1 if "−" in amount else 1) for amount in amounts)
    assert cents == 16758
    expect(page.locator(".parts-table tfoot")).to_contain_text("$167.58")


def test_a_frozen_line_opens_its_working(open_page: OpenPage) -> None:
    page = opened(open_page("/orgs/prism/invoices/PRISM-000001"))
    one = page.locator('[data-line*="machine.performance-1x"]')
    one.locator("summary").first.click()
    # 2,232 h × 3,600 s × 0.000014949846
    expect(one.locator(".working").first).to_contain_text("8,035,200 × 0.000014949846")
    one.get_by_role("link", name="Exactly this usage in the explorer").click()
    expect(page.locator("main")).to_contain_text("$120.13")


@pytest.mark.parametrize("path", ["/orgs/rival/invoices/PRISM-000001", "/orgs/prism/invoices/%3Cimg%20src=x%3E", "/orgs/prism/invoices/x"])
def test_what_is_no_invoice_here_is_missing(open_page: OpenPage, path: str) -> None:
    page = open_page(path)
    expect(page.get_by_role("heading", name="There is no such invoice")).to_be_visible()
    expect(page.locator("main img")).to_have_count(0)


@pytest.mark.parametrize("is_phone", [False, True])
def test_an_invoices_page_has_no_barriers_that_axe_can_find(open_page: OpenPage, is_phone: bool) -> None:
    page = opened(open_page("/orgs/prism/invoices/PRISM-000001?by=day", is_phone=is_phone))
    page.locator(".statement-line summary").first.click()
    assert barriers(page) == []


def test_a_line_is_questioned_and_staffs_answer_stands_below_it(open_page: OpenPage, site: Site) -> None:
    page = opened(open_page("/orgs/prism/invoices/PRISM-000001"))
    one = page.locator('[data-line*="shared-cpu-2x"]')
    one.locator("summary").first.click()
    one.get_by_text("Question this line").click()
    one.get_by_label("Your question on this line").fill("Who runs <b>this</b>?")
    one.get_by_role("button", name="Send the question").click()
    expect(one.locator(".line-questions li")).to_contain_text("Who runs <b>this</b>?")
    expect(one.locator(".line-questions li")).to_contain_text("Waits for an answer")
    expect(one.get_by_label("Your question on this line")).to_have_value("")
    expect(one.locator("summary").first).to_contain_text("1 open question")
    site.run("invoices", "answer", "1", "Team web does.")
    page.reload()
    opened(page)
    one.locator("summary").first.click()
    expect(one.locator(".question-answer")).to_contain_text("Team web does.")
    assert Axe().run(page).violations_count == 0


@pytest.mark.parametrize(("link", "name"), [("Working (JSON)", "PRISM-000001-line-1.json"), ("Evidence (zip)", "PRISM-000001-line-1.zip")])
def test_a_lines_working_and_evidence_are_saved(open_page: OpenPage, link: str, name: str) -> None:
    page = opened(open_page("/orgs/prism/invoices/PRISM-000001"))
    one = page.locator('[data-line*="machine.performance-1x"]')
    one.locator("summary").first.click()
    with page.expect_download() as saved:
        one.get_by_role("link", name=link).click()
    assert saved.value.suggested_filename == name


def test_a_years_invoices_are_saved_as_one_file(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism/billing?year=2026"))
    with page.expect_download() as saved:
        page.get_by_role("link", name="All PDFs of 2026 (zip)").click()
    assert saved.value.suggested_filename == "prism-2026.zip"


@pytest.mark.parametrize("is_phone", [False, True])
def test_a_month_is_saved_as_files(open_page: OpenPage, is_phone: bool) -> None:
    page = open_page("/orgs/prism/invoices/PRISM-000001", is_phone=is_phone, is_dark=is_phone)
    card = page.get_by_label("The month as files")
    expect(card.get_by_role("heading")).to_have_text("October 2026 as files")
    found = Axe().run(page, {"include": [["[aria-label='The month as files']"]]}).response["violations"]
    assert found == []
    with page.expect_download() as saved:
        card.get_by_role("link", name="By cost centre (PDF)").press("Enter")
    assert saved.value.suggested_filename == "prism-2026-10-cost-centres.pdf"
    with page.expect_download() as saved:
        card.get_by_role("link", name="FOCUS 1.2 (CSV)").click()
    assert saved.value.path().read_text().startswith("BilledCost,")
