"""The audit in a browser: what people do is told there, filtered, in pages, and as files."""

import json
import re
from itertools import pairwise

import pytest
from browsing import Site, barriers
from guarded_site import OUTSIDER, OWNER, PASSWORDS, SESSION, Visit, ask, cookies_of, post
from hostile import call, connected, handlers, heard
from playwright.sync_api import Page, expect


def cookie_of(site: Site, email: str) -> str:
    return f"{SESSION}={cookies_of(post(site, '/auth/sign-in', email=email, password=PASSWORDS[email]))[SESSION]}"


def opened(visit: Visit, path: str = "/orgs/prism/audit", **how: bool) -> Page:
    page = visit(path, who=OWNER, **how)
    expect(page.get_by_role("table")).to_be_visible()
    return page


def test_signing_in_and_out_is_told_with_who_and_from_where(visit: Visit, guarded: Site) -> None:
    cookie = cookie_of(guarded, OWNER)
    post(guarded, "/auth/sign-out", {"cookie": cookie})
    post(guarded, "/auth/sign-in", email=OWNER, password="not the password")
    page = opened(visit)
    for told in ("Signed in", "Signed out", "Was refused a sign-in"):
        row = page.get_by_role("row", name=re.compile(told)).first
        expect(row).to_contain_text("127.0.0.1")
    expect(page.get_by_role("row", name=re.compile("Signed out")).first).to_contain_text("owner")


def test_a_download_is_told(visit: Visit, guarded: Site) -> None:
    assert ask(guarded, "/orgs/prism/usage.csv?by=region", cookie=cookie_of(guarded, OWNER)).status == 200
    page = opened(visit, "/orgs/prism/audit?action=usage.export")
    expect(page.get_by_role("row", name=re.compile("Downloaded usage")).first).to_contain_text("by=region")


def test_entries_are_filtered_by_keyboard_and_the_address_says_so(visit: Visit, guarded: Site) -> None:
    page = opened(visit)
    page.get_by_label("Did what").focus()
    page.get_by_label("Did what").select_option("Added a member")
    page.get_by_role("button", name="Show", exact=True).press("Enter")
    expect(page).to_have_url(re.compile(r"/orgs/prism/audit\?action=members\.add$"))
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text(OWNER)
    page.get_by_label("To", exact=True).fill("2020-01-01")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_text("No entry matches")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(page.get_by_role("row", name=re.compile("Signed in")).first).to_be_visible()
    expect(page.get_by_label("Did what")).to_have_value("")


def test_older_entries_are_a_page_further(visit: Visit, guarded: Site) -> None:
    cookie = cookie_of(guarded, OWNER)
    for _ in range(55):
        ask(guarded, "/orgs/prism/audit.csv?from=2030-01-01", cookie=cookie)
    page = opened(visit)
    expect(page.locator("tbody tr")).to_have_count(50)
    newest = page.locator("tbody tr").first.inner_text()
    page.get_by_role("link", name="Older").click()
    expect(page.locator("tbody tr").first).not_to_have_text(newest)
    expect(page).to_have_url(re.compile(r"before=\d+"))
    page.get_by_role("link", name="Newest").click()
    expect(page).to_have_url(re.compile(r"/orgs/prism/audit$"))


def test_the_files_hold_it_all(visit: Visit) -> None:
    page = opened(visit)
    with page.expect_download() as given:
        page.get_by_role("link", name="Download JSON lines").click()
    lines = [json.loads(line) for line in given.value.path().read_text().splitlines()]
    assert [one["entry"]["position"] for one in lines] == list(range(1, len(lines) + 1))
    assert all(before["sha256"] == after["previous_sha256"] for before, after in pairwise(lines))
    with page.expect_download() as given:
        page.get_by_role("link", name="Download CSV").click()
    assert given.value.suggested_filename == "prism-audit.csv"
    assert given.value.path().read_text().startswith("at,actor,action,subject,address,detail")
    page.reload()
    expect(page.get_by_role("row", name=re.compile("Downloaded the audit")).first).to_contain_text("csv")


def test_an_outsider_and_nobody_learn_nothing(guarded: Site) -> None:
    outsider = cookie_of(guarded, OUTSIDER)
    for ending in ("csv", "jsonl"):
        assert ask(guarded, f"/orgs/prism/audit.{ending}", cookie=outsider).status == 404
        assert ask(guarded, f"/orgs/prism/audit.{ending}").status == 303
    with connected(guarded.address, cookie=outsider) as client:
        for payload in ({"given": {"actor": "user:1"}}, {"given": [1]}, {"given": None}):
            call(client, _handler("choose"), "/orgs/prism/audit", payload)
        call(client, _handler("load"), "/orgs/prism/audit", {})
        said = heard(client)
    assert "Signed in" not in said
    assert OWNER not in said


def _handler(name: str) -> str:
    return next(one for one in handlers() if "audit_page" in one and one.endswith(f".{name}"))


@pytest.mark.parametrize("is_phone", [False, True])
def test_it_has_no_barriers_that_axe_can_find(visit: Visit, is_phone: bool) -> None:
    page = opened(visit, is_phone=is_phone)
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
