"""At the foot of each page: the same numbers as a command and as a request to the API."""

import json
import shlex

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import OpenPage, Site, copied_by
from playwright.sync_api import Page, expect

from flyusage.api.prices import Question

PAGES = {  # page: command, path of the API
    "": (
        "flyusage usage --org prism --by region --range 2026-11 --as-of 2026-11-15T00:00:00Z",
        "/usage?by=region&range=2026-11&as_of=2026-11-15T00%3A00%3A00Z",
    ),
    "/machines?find=web&state=running": (
        "flyusage machines --org prism --find web --state running",
        "/machines?find=web&state=running",
    ),
    "/machines/batch-0?month=2026-10": (
        "flyusage usage --org prism --by sku --machine batch-0 --range 2026-10",
        "/machines/batch-0/costs?month=2026-10",
    ),
    "/machines/batch-0?month=2026-11": (
        "flyusage usage --org prism --by sku --machine batch-0 --range 2026-11 --as-of 2026-11-15T00:00:00Z",
        "/machines/batch-0/costs?month=2026-11&as_of=2026-11-15T00%3A00%3A00Z",
    ),
    "/billing?month=2026-10": (None, "/costs?month=2026-10"),
    "/billing": (None, "/costs?month=2026-11&as_of=2026-11-15T00%3A00%3A00Z"),
    "/budgets": ("flyusage budgets list --org prism", "/budgets"),
    "/alerts": ("flyusage anomalies --org prism", "/anomalies"),
    "/prices?region=fra": (None, "/prices?region=fra"),
    "/views": ("flyusage views list --org prism", "/views"),
    "/settings": ("flyusage orgs show prism", "/organization"),
    "/members?find=ada": ("flyusage members list prism --find ada", "/members?find=ada"),
    "/audit?action=org.create": ("flyusage audit list prism --action org.create", "/audit?action=org.create"),
}


def foot(page: Page):
    return page.get_by_role("complementary", name="This page in a terminal")


def copied(page: Page, label: str) -> str:
    return copied_by(foot(page).get_by_role("button", name=label))


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_copied_as_what_gives_its_numbers(open_page: OpenPage, site: Site, path: str) -> None:
    command, api = PAGES[path]
    page = open_page(f"/orgs/prism{path}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(foot(page)).to_be_visible()
    if "as_of" in api:  # a page says of when its numbers are once they are there
        expect(page.locator("[data-as-of]")).to_be_visible()
    quoted = shlex.quote(f"{site.address}/api/v1{api}") if "?" in api else f"{site.address}/api/v1{api}"
    assert copied(page, "Copy as curl") == f'curl -H "Authorization: Bearer $FLYUSAGE_TOKEN" {quoted}'
    if command is None:
        expect(foot(page).get_by_role("button", name="Copy as command")).to_have_count(0)
    else:
        assert copied(page, "Copy as command") == command
        site.run(*shlex.split(command)[1:])


def test_a_what_if_is_copied_with_what_it_supposes(open_page: OpenPage, site: Site) -> None:
    page = open_page("/orgs/prism/what-if?range=2026-10&move=fra:iad&reserve=dfw:shared:12:2")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(foot(page)).to_be_visible()
    words = shlex.split(copied(page, "Copy as curl"))
    expect(foot(page).get_by_role("button", name="Copy as curl")).to_be_visible()  # it says "Copied" for two seconds
    assert words[-1] == f"{site.address}/api/v1/prices/simulate"
    assert words[3:5] == ["-H", "Content-Type: application/json"]
    asked = json.loads(words[words.index("-d") + 1])
    reserved = {"region": "dfw", "cpu_kind": "shared", "upfront": "12", "monthly_credit": "2"}
    assert asked == {"range": "2026-10", "moves": {"fra": "iad"}, "resizes": {}, "reservations": [reserved]}
    Question.model_validate(asked)


def test_the_command_gives_the_pages_own_rows(open_page: OpenPage, site: Site) -> None:
    page = open_page("/orgs/prism/machines?find=web", is_phone=True, is_dark=True)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(page.locator(".machine-table tbody tr")).to_have_count(3)
    told = site.told(*shlex.split(copied(page, "Copy as command"))[1:])
    for name, row in zip(("web-0", "web-1", "web-2"), page.locator(".machine-table tbody tr").all(), strict=True):
        (line,) = [one for one in told.splitlines() if one.startswith(name)]
        assert line.split()[-1] in (row.text_content() or "")
    assert Axe().run(page).response["violations"] == []
