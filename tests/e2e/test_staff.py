"""Staff's pages: price books, closing a month, what waits, revenue, questions. The organizations are those of tests/billed_site.py.

Rival, of whom nothing else is known, also has 1,000 GB since Oct 1: 1,000 × 0.15 × 31 / 30 = $155.00 of October, without tax.
"""

import re
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

import billed_site
import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from browsing import OpenPage, Site, copied_by, toasted
from conftest import copied, pointed_at
from factories import ingest, volume_created
from playwright.sync_api import Page, expect
from serving import running, settings_for

from flyusage import db
from flyusage.metering.rollups import catch_up
from flyusage.orgs.queries import organization_by_slug

if TYPE_CHECKING:
    from conftest import Server

FAILED = """UPDATE outbox SET attempts = 3, failure = 'refused', last_error = 'The processor answered <b>503</b>',
            due_at = '2026-12-01' WHERE kind = 'payment'"""
PAGES = (
    "/staff/prices?version=list@2024-11-01", "/staff/close", "/staff/payments", "/staff/revenue", "/staff/questions",
    "/staff/terms?org=prism&agree=price", "/staff/experiments", "/staff/bank?invoice=PRISM-000001", "/staff/seller",
    "/staff/invoices?invoice=PRISM-000001",
)  # fmt: skip


@pytest.fixture(scope="module")
def site(server: "Server", template: str) -> Iterator[Site]:
    """A server over organizations with agreements and an issued invoice."""
    with copied(server, template) as name:
        settings = settings_for(server, name)
        with pointed_at(server, name):
            billed_site.fill()
            assert not ingest([volume_created("big", "2026-10-01T00:00:00Z", gb=1000, org="rival", app="secret", region="lhr")]).refused
            with db.lookup_transaction() as session:
                org_id = organization_by_slug(session, "rival").id
            catch_up(org_id)
            with db.platform_transaction() as session:
                session.execute(sa.text(FAILED))
        with running(**settings) as address:
            yield Site(address, settings)


def ready(page: Page) -> Page:
    page.locator("main .card").first.wait_for()
    expect(page.locator(".waiting")).to_have_count(0)
    return page


def test_a_draft_is_made_changed_tried_and_published_after_being_asked(open_page: OpenPage) -> None:
    page = ready(open_page("/staff/prices"))
    page.get_by_label("With the prices of").select_option("list@2024-11-01")
    page.get_by_label("to hold from (UTC)").fill("2027-03-01")
    page.get_by_label("note").fill("Spring <b>prices</b>")
    page.get_by_role("button", name="Draft it").click()
    expect(page).to_have_url(re.compile("version=list@2027-03-01|version=list%402027-03-01"))
    expect(page.get_by_text("The prices are the same.")).to_be_visible()
    page.get_by_label("Raise amounts by, in percent").fill("5")
    page.get_by_label("of what").fill("machine.performance-1x")
    page.get_by_role("button", name="Change the draft").click()
    expect(page.locator(".money-table tbody tr").first).to_contain_text("+5 %")
    expect(page.get_by_role("button", name="Publish for ever")).to_be_hidden()
    page.get_by_text("Publish …").click()
    expect(page.get_by_text("A published version stays for ever")).to_be_visible()
    page.get_by_role("button", name="Publish for ever").click()
    expect(page.get_by_text("Publish …")).to_have_count(0)
    expect(page.locator(".version-table tbody tr").filter(has_text="list@2027-03-01")).to_contain_text("To come")
    expect(page.locator(".version-table")).to_contain_text("Spring <b>prices</b>")


def test_a_month_is_released_and_closed_after_being_asked(open_page: OpenPage, site: Site) -> None:
    page = ready(open_page("/staff/close?month=2026-09"))
    expect(page.get_by_role("link", name="Sep 2026")).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name="Oct 2026").click()
    waiting = page.locator(".exceptions li").filter(has_text="tax_undecided")
    expect(waiting).to_contain_text("Waits")
    waiting.get_by_label("Why").fill("They told us on the phone")
    waiting.get_by_role("button", name="Decide").click()
    expect(waiting).to_contain_text("Released")
    expect(page.locator(".billing-top .figure")).to_have_text("1")
    expect(page.locator(".billing-top")).to_contain_text("$322.58")  # 155.00 and Prism's 167.58, net
    expect(page.get_by_role("button", name="Issue 1 invoice")).to_be_hidden()
    page.get_by_text("Close October …").click()
    page.get_by_role("button", name="Issue 1 invoice").click()
    toasted(page, "1 invoice issued for October 2026.")
    expect(page.locator(".billing-top .figure")).to_have_text("0")
    page.goto("/orgs/rival/billing?month=2026-10")
    expect(page.locator(".billing-top .figure")).to_have_text("$155.00")


def test_what_failed_is_tried_again(open_page: OpenPage) -> None:
    page = ready(open_page("/staff/payments"))
    row = page.locator(".queue-table tbody tr").first
    expect(row).to_contain_text("PRISM-000001")
    expect(row).to_contain_text("The processor answered <b>503</b>")
    row.get_by_role("button", name="Try now: PRISM-000001").click()
    toasted(page, "It is tried again at once.")
    expect(row).to_contain_text("3 attempts, due now")
    page.get_by_role("link", name=re.compile("^Documents")).click()
    expect(page).to_have_url(re.compile("kind=document"))


def test_revenue_shows_the_months_and_experiments_which_are_started_and_ended_after_being_asked(open_page: OpenPage, site: Site) -> None:
    page = ready(open_page("/staff/revenue"))
    expect(page.locator(".month-table tbody tr").first).to_contain_text(
        re.compile(r"\$167\.58|\$322\.58|\$166\.58|\$321\.58")
    )  # before or after the close above, and what is credited below
    expect(page.locator(".js-plotly-plot")).to_be_visible()
    expect(page.get_by_text("No experiment with prices yet")).to_be_visible()
    site.run("prices", "draft", "new", "trial", "2026-01-01", "--from", "list@2024-11-01")
    site.run("prices", "draft", "publish", "trial@2026-01-01", "--past")
    page = ready(open_page("/staff/experiments"))
    page.get_by_label("Name, for ever").fill("spring-trial")
    page.get_by_label("Sell at the prices of").select_option("trial")
    page.get_by_label("From (UTC)").fill("2099-03-01")
    page.get_by_role("button", name="Start it").click()
    expect(page.get_by_role("alert").filter(has_text="Nobody would take part")).to_be_visible()
    page.get_by_label("And these, by commas").fill("prism")
    page.get_by_role("button", name="Start it").click()
    row = page.locator(".staff-questions li").filter(has_text="spring-trial")
    expect(row).to_contain_text("1 in, ")
    row.locator("summary").click()
    expect(row).to_contain_text("spring-trial then never begins.")
    row.get_by_role("button", name="End it").click()
    expect(row).to_contain_text("Never began")
    row.get_by_role("link", name="Revenue of both cohorts").click()
    expect(page.get_by_text("spring-trial was ended before it began.")).to_be_visible()


def test_a_question_is_answered(open_page: OpenPage, site: Site) -> None:
    site.run("invoices", "question", "PRISM-000001", "1", "Why so much?")
    page = ready(open_page("/staff/questions"))
    expect(page.locator(".staff-questions li").first).to_contain_text("Why so much?")
    page.get_by_label("Your answer").first.fill("Three machines all month.")
    page.get_by_role("button", name="Answer").first.click()
    expect(page.get_by_text("No question waits")).to_be_visible()


def test_terms_are_agreed_ended_and_taken_back_and_a_refusal_keeps_what_was_typed(open_page: OpenPage) -> None:
    page = ready(open_page("/staff/terms"))
    page.get_by_label("Name or slug").fill("priS")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="prism").click()
    page.get_by_role("link", name="Fee").click()
    expect(page.get_by_role("link", name="Fee")).to_have_attribute("aria-current", "true")
    page.get_by_label("The invoice calls it").fill("Onboarding <b>help</b>")
    page.get_by_label("Amount for one, each month").fill("12,5o")
    page.get_by_role("button", name="Agree").click()
    expect(page.get_by_role("alert").filter(has_text="The amount is not a number")).to_be_visible()
    expect(page.get_by_label("The invoice calls it")).to_have_value("Onboarding <b>help</b>")
    page.get_by_label("Amount for one, each month").fill("12.50")
    page.get_by_role("button", name="Agree").click()
    row = page.locator(".term-table tbody tr").filter(has_text="Onboarding <b>help</b>: 1 × 12.5 USD a month")
    expect(row).to_be_visible()
    expect(page.get_by_label("The invoice calls it")).to_have_value("")
    row.locator("summary").click()
    row.get_by_label("Its last day (UTC)").fill("2099-12-31")
    row.get_by_role("button", name="Let it end").click()
    expect(row).to_contain_text("Jan 1, 2100")
    discount = page.locator(".term-table tbody tr").filter(has_text="Launch discount")
    discount.locator("summary").click()
    expect(discount).to_contain_text("October 2026 is billed with it and stays")  # which finance reads before it is too late
    row.get_by_role("button", name="Withdraw it").click()
    expect(row).to_have_count(0)
    page.get_by_role("link", name="Its audit").click()
    expect(page.get_by_role("cell", name="Withdrew a recurring fee")).to_be_visible()


def test_a_bank_payment_is_entered_in_part_and_too_much(open_page: OpenPage) -> None:
    page = ready(open_page("/staff/bank"))
    page.get_by_role("link", name="PRISM-000001").first.click()
    amount, reference = page.get_by_label("What arrived, in USD"), page.get_by_label("The bank's reference")
    expect(amount).to_have_value("49.42")  # 199.42 with tax, less 50.00 prepaid and 100.00 paid
    amount.fill("9.42")
    reference.fill("SEPA 1")
    page.get_by_role("button", name="Enter the payment").click()
    expect(page.get_by_text("$40.00 of $149.42 is to be paid")).to_be_visible()
    expect(reference).to_have_value("")
    amount.fill("50")
    reference.fill("SEPA 2")
    page.get_by_role("button", name="Enter the payment").click()
    expect(page.get_by_text("Nothing of it is to be paid (paid)")).to_be_visible()
    expect(page.get_by_role("region", name="Payments, the newest first").locator("tbody tr").first).to_contain_text("$10.00 of it prepaid")
    credit_in_part(open_page("/orgs/prism/invoices/PRISM-000001"))


def credit_in_part(page: Page) -> None:
    """What it comes to is told first. Behind the payments, whose amounts it changes."""
    page.get_by_role("link", name="Correct it (staff)").click()
    expect(page).to_have_url("/staff/invoices?invoice=PRISM-000001")
    page.get_by_text("Credit it").click()
    page.get_by_label("Of single lines").check()
    page.get_by_label("Give back of line 1").fill("2.00")
    page.get_by_label("Why; it is printed on the credit note").fill("A wrong <b>size</b>")
    page.get_by_role("button", name="See what it comes to").click()
    told = page.locator(".correct-plan")
    expect(told).to_contain_text("$2.00 net and $0.38 tax are given back: $2.38.")  # 19 % of 2.00
    page.get_by_role("button", name="Change it").click()
    expect(told).to_have_count(0)
    page.get_by_text("Credit it").click()
    page.get_by_label("An amount, shared over all of it").check()
    page.get_by_label("Net, in USD").fill("1,000")
    page.get_by_label("Why; it is printed on the credit note").fill("x")
    page.get_by_role("button", name="See what it comes to").click()
    expect(page.get_by_role("alert")).to_contain_text("net left to give back")
    page.get_by_label("Net, in USD").fill("1")
    page.get_by_role("button", name="See what it comes to").click()
    page.get_by_role("button", name="Issue the credit note").click()
    expect(page.get_by_role("region", name="Documents, the newest first")).to_contain_text("PRISM-C000001")
    expect(page.get_by_text("$1.00 net was given back before.")).to_be_visible()


def test_the_seller_is_named(open_page: OpenPage) -> None:
    page = ready(open_page("/staff/seller"))
    for label, text in {
        "Name, as the register has it": "Acme GmbH", "Street and number": "Hauptstr. 1", "Postcode": "10115",
        "Where customers answer to": "billing@acme.example", "IBAN that customers pay to": "DE00 1234",
    }.items():  # fmt: skip
        page.get_by_label(label).fill(text)
    page.get_by_role("textbox", name="City").fill("Berlin")
    page.get_by_label("Country").select_option("DE")
    page.get_by_role("button", name="Issue invoices in this name").click()
    expect(page.get_by_role("alert").filter(has_text="The bank account is none")).to_be_visible()
    page.get_by_label("IBAN that customers pay to").fill("DE89 3704 0044 0532 0130 00")
    page.get_by_role("button", name="Issue invoices in this name").click()
    expect(page.locator(".seller-table tbody tr").first).to_contain_text("DE89370400440532013000")


def test_an_organizations_page_leads_to_staffs_and_back(open_page: OpenPage) -> None:
    page = open_page("/orgs/prism/machines")
    page.get_by_role("link", name="Staff").click()
    expect(page).to_have_url("/staff/close")
    page.get_by_role("link", name="Organizations").click()
    expect(page).to_have_url("/welcome")


def test_each_page_is_copied_as_a_command_that_runs(open_page: OpenPage, site: Site) -> None:
    page = open_page(PAGES[0])
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for path in PAGES:
        if path == "/staff/close":
            continue  # its command, which closes the month, stands at its head
        page.goto(path)
        foot = page.get_by_role("complementary", name="This page in a terminal")
        command = shlex.split(copied_by(foot.get_by_role("button", name="Copy as command")))
        expect(foot.get_by_role("button", name="Copy as curl")).to_have_count(0)  # a token opens one organization
        assert command[0] == "flyusage"
        assert site.told(*command[1:]), path


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("is_phone", "is_dark"), [(False, False), (True, True)])
def test_staffs_pages_have_no_barriers_that_axe_can_find(open_page: OpenPage, path: str, is_phone: bool, is_dark: bool) -> None:
    page = ready(open_page(path, is_phone=is_phone, is_dark=is_dark))
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
