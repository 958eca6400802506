"""The overview: the answer, what explains it, and the ways on from it.

Prism's story stands at 2026-11-15 00:00 (tests/story.py): November has 14 whole days, October the same 14 to compare.
"""

import re

import pytest
from browsing import OpenPage, Site, barriers
from factories import line, started
from playwright.sync_api import Page, expect

FRESH = "2026-11-14T23:59:30Z"


def ready(page: Page) -> Page:
    page.locator(".answer [data-drawn]").wait_for(state="attached")
    page.locator(".map-card [data-drawn]").wait_for(state="attached")
    return page


def test_the_answer_comes_first_and_what_changed_directly_below(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism"))
    expect(page.get_by_role("heading", level=1)).to_have_text("November so far")
    expect(page.locator(".figure")).to_have_text(re.compile(r"^\$[\d,]+\.\d\d$"))
    expect(page.locator(".answer-sentence")).to_contain_text("in 14 days; $")
    # api is the only app that grew: 4 machines more since Nov 9
    expect(page.locator(".answer-sentence")).to_contain_text("api in fra explains")
    rows = page.locator(".changed-table tr")
    expect(rows.nth(1)).to_contain_text("api in fra")
    expect(page.locator(".changed-table tfoot tr")).to_contain_text("Total")


def test_on_a_phone_what_changed_stands_between_the_answer_and_the_map(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism", is_phone=True))
    tops = [page.locator(part).bounding_box()["y"] for part in (".answer", ".changes-card", ".map-card")]
    assert tops == sorted(tops)


def test_lines_lead_into_the_explorer_and_back(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism"))
    page.locator(".ranked a").filter(has_text="dfw").click()
    expect(page).to_have_url(re.compile(r"/orgs/prism/usage\?.*region=dfw"))
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("November so far")


def test_the_name_in_the_sentence_leads_to_what_explains_it(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism"))
    page.locator(".answer-sentence a").click()
    expect(page).to_have_url(re.compile(r"app=api.*region=fra"))


def test_a_bubble_on_the_map_leads_down_into_its_region(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism"))
    page.locator("#regions .scatterlayer .point").first.click(force=True)  # what answers lies above it
    expect(page).to_have_url(re.compile(r"/orgs/prism/usage\?.*region="))


def test_a_hostile_name_stands_there_literally(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism"))
    line_of_it = page.locator(".ranked a").filter(has_text="<img src=x onerror=alert(1)>")
    expect(line_of_it).to_be_visible()
    expect(page.locator("main img")).to_have_count(0)
    box = line_of_it.bounding_box()
    assert box["height"] <= 40, "a long name stays on one line"


def test_every_amount_is_right_aligned_in_tabular_figures(open_page: OpenPage) -> None:
    page = ready(open_page("/orgs/prism"))
    styles = page.locator(".ranked .number, .changed-table td.number").evaluate_all(
        "all => all.map(e => [getComputedStyle(e).textAlign, getComputedStyle(e).fontVariantNumeric])"
    )
    assert styles
    assert {tuple(style) for style in styles} == {("right", "tabular-nums")}


def test_new_events_show_without_a_reload(open_page: OpenPage, site: Site, tmp_path) -> None:
    page = ready(open_page("/orgs/rival"))
    running = page.locator(".facts > div").filter(has_text="Machines running now").locator(".fact-value")
    before = int(running.inner_text())
    page.evaluate("window.stillHere = true")
    fresh = tmp_path / "fresh.ndjson"
    fresh.write_bytes(line(started(f"late-{before}", FRESH, org="rival", app="secret", region="lhr")))
    site.run("ingest", str(fresh))
    expect(running).to_have_text(str(before + 1))
    assert page.evaluate("window.stillHere")


@pytest.mark.parametrize("is_phone", [False, True])
def test_the_overview_has_no_barriers_that_axe_can_find(open_page: OpenPage, is_phone: bool) -> None:
    page = ready(open_page("/orgs/prism", is_phone=is_phone))
    assert barriers(page) == []
