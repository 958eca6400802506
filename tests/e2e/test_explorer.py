"""Journeys through the explorer: the sentence, the way down and back, filters, comparison, export, by mouse and by keys.

October of the story (`story.py`), list prices of 2024-11-01, 2,592,000 s in 30 days:

    dfw  web  2,232 h × 3,600 × 0.000014949846          120.1250025792
         volume 40 GB × 744 h, 0.15 per GB and 30 days     6.20
         address 744 h, 2 per 30 days                      2.0666…
         egress 31 × 2 GB × 0.02                           1.24         129.6316692458…
    gru  batch 124 h × 3,600 × 0.000038639601             17.2487178864
         root filesystem 618 h × 8 GB, 0.15                1.03          18.2787178864
    fra  api 1,488 h × 3,600 × 0.000001731660                             9.276156288
    all                                                                 157.1865434202…
"""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import OpenPage, Site, barriers
from factories import line, started, stopped
from playwright.sync_api import Page, expect

OCTOBER = "/orgs/prism/usage?from=2026-10-01&to=2026-11-01"


def rows(page: Page) -> list[str]:
    return page.locator(".usage-table tbody tr th").all_inner_texts()


def cell(page: Page, name: str) -> str:
    return page.locator(".usage-table tbody tr", has=page.locator("th", has_text=name)).locator("td.num").first.inner_text()


def wait_drawn(page: Page) -> None:
    expect(page.locator("#usage[data-drawn]")).to_be_visible()


@contextmanager
def drawn_anew(page: Page) -> Iterator[None]:
    """What the block does leads to another drawing of the chart, which is there after it and answers to the pointer."""
    before = int(page.locator("#usage[data-drawn]").get_attribute("data-drawn") or 0)
    yield
    page.wait_for_function("(before) => Number(document.querySelector('#usage').dataset.drawn) > before", arg=before)


def choose(page: Page, word: str, entry: str) -> None:
    page.get_by_role("button", name=word).click()
    page.get_by_role("menuitem", name=entry, exact=False).first.click()


def test_october_by_region_is_exact_and_adds_up(open_page: OpenPage):
    page = open_page(OCTOBER)
    wait_drawn(page)
    expect(page.locator(".usage-table tfoot")).to_contain_text("$157.19")
    assert [cell(page, region) for region in ("dfw", "gru", "fra")] == ["$129.63", "$18.28", "$9.28"]
    expect(page.locator(".tile-value").first).to_have_text("$157.19")


def test_rows_lead_down_to_the_machine_and_back_leads_up(open_page: OpenPage):
    page = open_page(OCTOBER + "&by=continent")
    for step in ("South America", "gru", "batch", "performance-2x"):
        page.locator(".usage-table tbody a", has_text=re.compile(f"^{step}$")).click()
    expect(page.locator(".usage-table tbody a")).to_have_text(["batch-0"])
    expect(page.get_by_label("Where you are")).to_contain_text("gru")
    page.locator(".usage-table tbody a").click()
    expect(page).to_have_url(re.compile("/orgs/prism/machines/batch-0[?]month=2026-10$"))
    page.go_back()
    expect(page.locator(".usage-table tbody a")).to_have_text(["batch-0"])
    page.go_back()
    expect(page.locator(".usage-table tbody a")).to_have_text(["performance-2x"])


# What the chart shows at the moment that it is painted, and once Plotly has drawn it: each text's place, and how many series.
SHOWN = """
() => {
  const shown = (selector, root) => [...root.querySelectorAll(selector)].map((text) => {
    const { x, y, width } = text.getBoundingClientRect();
    return [[...text.childNodes].map((part) => part.textContent).join("|"), Math.round(x + width / 2), Math.round(y)];
  });
  const lines = (texts) => texts.flatMap(([text, x, y]) => text.split("|").map((line) => [line, x]));
  window.paintings = [];
  new MutationObserver((changes) => {
    for (const { target, attributeName } of changes) {
      const picture = target.parentElement.querySelector(".chart-picture");
      const root = attributeName === "data-painted" ? picture : target;
      if (!root) continue;
      const series = root.querySelectorAll(".band").length || target.data.filter(({ uid }) => !uid.startsWith("Ø")).length;
      window.paintings.push({ kind: attributeName, series, isAlone: !picture, words: lines(shown("text", root)).sort() });
    }
  }).observe(document.getElementById("usage"), { attributes: true, attributeFilter: ["data-painted", "data-drawn"] });
}
"""


def test_a_chart_is_a_picture_until_plotly_has_drawn_the_same(open_page: OpenPage):
    page = open_page(OCTOBER + "&by=region&per=day")
    wait_drawn(page)
    page.evaluate(SHOWN)
    steps = [("Chart:", "lines"), ("Chart:", "share"), ("Measure:", "machine-hours"), ("Granularity:", "hour"), ("Granularity:", "week")]
    for turn, (word, entry) in enumerate(steps, 1):
        choose(page, word, entry)
        page.wait_for_function("turn => window.paintings.filter(({ kind }) => kind === 'data-drawn').length >= turn", arg=turn)
        painted, drawn = page.evaluate("window.paintings.slice(-2)")
        assert [painted["kind"], drawn["kind"]] == ["data-painted", "data-drawn"], entry
        assert painted["series"] == drawn["series"] == 3, entry
        assert drawn["isAlone"], entry  # Plotly's, which answers to the pointer
        assert [text for text, _ in painted["words"]] == [text for text, _ in drawn["words"]], entry
        for (text, x), (_, there) in zip(painted["words"], drawn["words"], strict=True):
            assert abs(x - there) <= 2, (entry, text)


def test_a_name_beside_the_chart_leads_down_and_lights_its_series_up(open_page: OpenPage):
    page = open_page(OCTOBER)
    wait_drawn(page)
    name = page.locator(".chart-name text", has_text="gru")
    name.hover()
    expect(page.locator("#usage .scatterlayer .trace").nth(1)).to_have_css("opacity", "1")
    expect(page.locator("#usage .scatterlayer .trace").nth(0)).to_have_css("opacity", "0.18")
    name.click()
    expect(page.locator(".chip", has_text="gru")).to_be_visible()


def test_the_sentence_changes_the_view_and_the_address_holds_it(open_page: OpenPage):
    page = open_page(OCTOBER)
    wait_drawn(page)
    choose(page, "Group by:", "app")
    expect(page.locator(".usage-table tbody a").first).to_have_text("web")
    choose(page, "Measure:", "machine-hours")
    expect(page.locator(".usage-table tfoot")).to_contain_text("3,844")  # 2,232 + 1,488 + 124
    choose(page, "Chart:", "stacked bars")
    expect(page).to_have_url(re.compile(r"show=machine_hours.*by=app.*as=bars|by=app.*show=machine_hours"))
    page.reload()
    expect(page.locator(".usage-table tfoot")).to_contain_text("3,844")


def test_the_view_a_pointer_rests_on_is_sent_ahead_and_not_again(open_page: OpenPage):
    page = open_page(OCTOBER)
    wait_drawn(page)
    with page.expect_websocket() as opened:
        page.reload()
    wait_drawn(page)
    page.get_by_role("button", name="Measure:").click()
    entry = page.get_by_role("menuitem", name="machine-hours").first
    with opened.value.expect_event("framereceived", lambda said: "figure" in str(said)):
        entry.hover()
    expect(page.locator("#usage .ytick text").last).to_contain_text("$")  # nothing is shown before it is asked for
    told: list[str] = []
    opened.value.on("framereceived", lambda said: told.append(str(said)))
    entry.click()
    expect(page.locator("#usage .ytick text").last).not_to_contain_text("$")
    expect(page.get_by_role("columnheader", name="Machine-hours")).to_be_visible()
    assert any("drawPrepared" in one for one in told)
    assert not any('\\"figure\\"' in one for one in told)


def test_another_view_goes_on_living(open_page: OpenPage, site: Site, tmp_path):
    """Reflex ends what a view's load began with the next view's: the watch must not be part of it."""
    page = open_page("/orgs/rival/usage?from=2026-11-14&to=2026-11-16&by=app")
    wait_drawn(page)
    choose(page, "Measure:", "machine-hours")
    expect(page.get_by_role("columnheader", name="Machine-hours")).to_be_visible()
    fresh = tmp_path / "fresh.ndjson"
    fresh.write_bytes(line(started("late-newcomer", "2026-11-14T23:59:30Z", org="rival", app="newcomer", region="lhr")))
    site.run("ingest", str(fresh))
    expect(page.locator(".usage-table tbody")).to_contain_text("newcomer")
    expect(page.get_by_role("columnheader", name="Machine-hours")).to_be_visible()


def test_a_filter_narrows_and_its_chip_lets_go(open_page: OpenPage):
    page = open_page(OCTOBER)
    wait_drawn(page)
    page.keyboard.press("/")
    page.get_by_placeholder("Search apps").fill("ap")
    page.locator(".filter-values label", has_text="api").click()
    expect(page.locator(".usage-table tfoot")).to_contain_text("$9.28")
    page.keyboard.press("Escape")
    expect(page.locator(".chip", has_text="api")).to_be_visible()
    page.get_by_role("link", name="Remove the filter on app").click()
    expect(page.locator(".usage-table tfoot")).to_contain_text("$157.19")


def test_november_so_far_is_held_against_october_at_the_same_moment(open_page: OpenPage):
    page = open_page("/orgs/prism/usage?from=2026-11-01&to=2026-12-01&vs=previous&by=app&show=machine_hours")
    row = page.locator(".usage-table tbody tr", has=page.locator("th", has_text="api"))
    # 2 machines × 336 h + 4 × 132 h = 1,200 h; October until the 15th: 2 × 336 h = 672 h
    expect(row).to_contain_text("1,200")
    expect(row).to_contain_text("672")
    expect(row).to_contain_text("+528")
    expect(page.get_by_role("complementary", name="What changed")).to_contain_text("api")


def test_the_export_is_the_table_to_the_last_decimal(open_page: OpenPage, site: Site):
    page = open_page(OCTOBER)
    wait_drawn(page)
    text = page.request.get(site.address + "/orgs/prism/usage.csv?from=2026-10-01&to=2026-11-01").text()
    body = list(csv.reader(io.StringIO(text)))
    numbers = {row[0]: row for row in body}
    assert any("157.186543420267" in row for row in body)
    assert "129.631669245867" in numbers["dfw"]
    assert "9.276156288000" in numbers["fra"]


def test_the_menu_saves_the_numbers_and_stays_on_the_page(open_page: OpenPage):
    page = open_page(OCTOBER)
    wait_drawn(page)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as saved:
        page.get_by_role("menuitem", name="Numbers, exact (CSV)").click()
    assert saved.value.suggested_filename == "prism-usage.csv"
    assert saved.value.path().read_text(encoding="utf-8").startswith("# measure,list_cost")
    expect(page).to_have_url(re.compile("/orgs/prism/usage"))


def test_hostile_names_show_literally_and_break_nothing(open_page: OpenPage):
    page = open_page("/orgs/prism/usage?from=2026-11-01&to=2026-11-15&by=app")
    wait_drawn(page)
    expect(page.locator(".usage-table")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.locator(".chart-words")).to_contain_text("<img src=x")
    assert page.locator(".usage-table img").count() == 0


@pytest.mark.parametrize(
    "query", ["by=nonsense", "from=tomorrow", "show=%00", "per=hour&from=1999-01-01&to=2026-01-01", "region=zzz", "as=pie"]
)
def test_nonsense_in_the_address_gives_the_nearest_view_and_says_so(open_page: OpenPage, query: str):
    page = open_page(f"/orgs/prism/usage?{query}")
    expect(page.locator(".notice").first).to_be_visible()


def test_a_range_without_usage_says_when_there_was_some(open_page: OpenPage):
    page = open_page("/orgs/prism/usage?from=2026-02-01&to=2026-03-01")
    expect(page.locator(".empty")).to_contain_text("Oct 1")
    page.get_by_role("link", name="Show the last month with usage").click()
    expect(page.locator(".usage-table tfoot")).to_contain_text("$")


@pytest.mark.parametrize("is_phone", [False, True], ids=["desktop", "phone"])
def test_axe_finds_nothing(open_page: OpenPage, *, is_phone: bool):
    page = open_page(OCTOBER + "&vs=previous&app=!web", is_phone=is_phone)
    wait_drawn(page)
    assert barriers(page) == []


def test_by_keys_alone(open_page: OpenPage):
    page = open_page(OCTOBER)
    wait_drawn(page)
    word = page.get_by_role("button", name="Group by:")
    word.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="nothing")).to_be_focused()
    page.keyboard.press("a")  # type-ahead to "app"
    expect(page.get_by_role("menuitem", name="app")).to_be_focused()
    page.keyboard.press("Enter")
    expect(word).to_be_focused()  # the closing menu gives the focus back; before that, it would take it from the row
    row = page.locator(".usage-table tbody a", has_text="web")
    expect(row).to_be_visible()
    row.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".chip", has_text="web")).to_be_visible()


@pytest.mark.parametrize("chart", ["area", "bars", "lines", "share", "treemap", "heatmap", "map"])
def test_every_chart_draws(open_page: OpenPage, chart: str):
    page = open_page(f"{OCTOBER}&as={chart}")
    wait_drawn(page)


def test_a_treemaps_words_stay_in_their_tiles_on_a_phone(open_page: OpenPage):
    page = open_page(f"{OCTOBER}&as=treemap&by=app", is_phone=True)
    wait_drawn(page)
    sides = page.evaluate("""() => {
        const across = (one) => { const box = one.getBoundingClientRect(); return [box.left, box.right]; };
        const tiles = [...document.querySelectorAll("#usage .barlayer path")].map(across);
        return [...document.querySelectorAll("#usage .textpoint text")].map(across)
            .filter(([left, right]) => !tiles.some(([from, to]) => left >= from && right <= to));
    }""")
    assert sides == []


def test_every_row_has_its_small_line(open_page: OpenPage):
    page = open_page(OCTOBER + "&by=app")
    expect(page.locator(".usage-table tbody tr")).to_have_count(3)
    expect(page.locator(".usage-table tbody tr svg path[d]")).to_have_count(3)


ONE_DAY = "/orgs/prism/usage?from=2026-10-06&to=2026-10-07"  # by hour


def first_hour(page: Page) -> str:
    wait_drawn(page)
    return page.evaluate("document.querySelector('#usage').layout.xaxis.range[0]").replace("T", " ")[:16]


def test_hours_are_told_in_the_readers_zone_by_keys_alone_and_back_again(open_page: OpenPage):
    page = open_page(ONE_DAY, zone="Asia/Kolkata")
    card = page.get_by_role("region", name="List cost per hour by region")
    assert first_hour(page) == "2026-10-06 00:00"
    expect(card.locator(".unit")).to_have_text("US dollars · UTC")
    total = page.locator(".usage-table tfoot").inner_text()
    own = page.get_by_role("navigation", name="Hours are told in").get_by_role("link", name="UTC+5:30")
    own.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("zone=05:30"))
    expect(card.locator(".unit")).to_have_text("US dollars · UTC+5:30")
    expect(page.locator(".page-note")).to_have_text("all times UTC, the chart's hours UTC+5:30")
    page.wait_for_function("document.querySelector('#usage').layout.xaxis.range[0].includes('05:30')")
    assert first_hour(page) == "2026-10-06 05:30"
    assert page.locator(".usage-table tfoot").inner_text() == total
    page.go_back()
    expect(card.locator(".unit")).to_have_text("US dollars · UTC")


def test_a_zone_in_the_address_stays_on_the_way_down_and_is_for_every_reader(open_page: OpenPage):
    page = open_page(ONE_DAY + "&zone=-03:00")
    switch = page.get_by_role("navigation", name="Hours are told in")
    expect(switch.get_by_role("link")).to_have_text(["UTC", "UTC−3"])
    page.locator(".usage-table tbody a", has_text="gru").click()
    expect(page).to_have_url(re.compile("zone=-03:00"))
    expect(page.locator(".usage-table tbody a")).to_have_text(["batch"])
    assert first_hour(page) == "2026-10-05 21:00"
    switch.get_by_role("link", name="UTC", exact=True).click()
    expect(switch).to_have_count(0)  # this reader's clock is UTC's


def test_days_are_utcs_for_every_reader(open_page: OpenPage):
    page = open_page(OCTOBER, zone="Asia/Kolkata")
    wait_drawn(page)
    expect(page.get_by_role("navigation", name="Hours are told in")).to_have_count(0)
    expect(page.locator(".unit")).to_have_text("US dollars · UTC")


@pytest.mark.parametrize(("is_phone", "is_dark"), [(False, True), (True, False)])
def test_axe_finds_nothing_about_zones(open_page: OpenPage, *, is_phone: bool, is_dark: bool):
    page = open_page(ONE_DAY + "&as=heatmap&zone=05:30", is_phone=is_phone, is_dark=is_dark, zone="America/Sao_Paulo")
    wait_drawn(page)
    expect(page.get_by_role("navigation", name="Hours are told in").get_by_role("link")).to_have_count(3)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def place_on(page: Page, share: float, height: float) -> tuple[float, float]:
    """A place of the chart's plot, at `share` of its width and `height` of its height from below."""
    box = page.locator("#usage .nsewdrag").first.bounding_box()
    assert box is not None
    return box["x"] + box["width"] * share, box["y"] + box["height"] * (1 - height)


def test_a_band_a_bar_and_a_tile_lead_down_and_the_browsers_buttons_lead_back_and_there(open_page: OpenPage):
    page = open_page(OCTOBER)
    wait_drawn(page)
    shown = page.locator(".usage-table tbody tr")
    for following in ("stacked bars", "treemap"):
        with drawn_anew(page):
            page.mouse.click(*place_on(page, 0.52, 0.3))  # dfw's, who makes four fifths of it
        expect(page.locator(".chip", has_text="dfw")).to_be_visible()
        expect(page).to_have_url(re.compile("region=dfw"))
        with drawn_anew(page):
            page.go_back()
        expect(shown).to_have_count(3)
        with drawn_anew(page):
            choose(page, "Chart:", following)
    page.mouse.click(*place_on(page, 0.92, 0.75))  # gru's, the larger one of those beside dfw's
    expect(page.locator(".usage-table tbody a")).to_have_text(["batch"])
    page.go_back()
    expect(shown).to_have_count(3)
    page.go_forward()
    expect(page.locator(".usage-table tbody a")).to_have_text(["batch"])
    expect(page.locator(".chip", has_text="gru")).to_be_visible()


STANDING_AT = datetime(2026, 11, 15, tzinfo=UTC)


@contextmanager
def time_standing(page: Page) -> Iterator[None]:
    """The page's clock and timers stand still inside the block, however long the machine takes for it."""
    page.clock.install(time=STANDING_AT)
    page.clock.pause_at(STANDING_AT + timedelta(seconds=20))  # later than it takes to say so
    yield
    page.clock.resume()


def test_a_stretch_is_brushed_undone_and_typed(open_page: OpenPage):
    """October 5 and 6: 144 h of web, 7.75, its volume 0.40, its address 0.13, 4 GB out 0.08; 8 h of batch 1.11 and its stopped root
    0.07; 96 h of api 0.60. 10.14 in all.
    """
    page = open_page(OCTOBER)
    wait_drawn(page)
    page.mouse.move(*place_on(page, 0.25, 0.5))
    page.mouse.down()
    for share in (0.4, 0.5):
        page.mouse.move(*place_on(page, share, 0.5), steps=4)
    with drawn_anew(page):
        page.mouse.up()
    expect(page).to_have_url(re.compile(r"from=2026-10-08T\d\d:00&to=2026-10-1[56]"))  # from Oct 1 to Oct 31, a quarter and a half of it
    expect(page.locator(".usage-table tfoot")).not_to_contain_text("$157.19")
    with time_standing(page):  # two clicks are a double one for half a second
        page.mouse.dblclick(*place_on(page, 0.5, 0.5))
    expect(page).to_have_url(re.compile("from=2026-10-01&to=2026-11-01"))
    expect(page.locator(".usage-table tfoot")).to_contain_text("$157.19")
    page.get_by_role("button", name=re.compile("Oct 1 – 31, 2026")).click()
    page.get_by_label("First day").fill("2026-10-05")
    page.get_by_label("Last day").fill("2026-10-06")
    page.get_by_role("button", name="Show these days").click()
    expect(page).to_have_url(re.compile("from=2026-10-05&to=2026-10-07"))
    expect(page.locator(".usage-table tfoot")).to_contain_text("$10.14")


def test_the_table_is_sorted_searched_and_turned_page_by_page(open_page: OpenPage, site: Site, tmp_path):
    """Thirty machines, each of which ran a minute longer than the one before."""
    crowd = [
        event
        for number in range(30)
        for event in (
            started(f"m-{number:02d}", "2026-05-01T10:00:00Z", org="rival", app="crowd", region="lhr"),
            stopped(f"m-{number:02d}", f"2026-05-01T10:{number + 1:02d}:00Z", org="rival", app="crowd", region="lhr"),
        )
    ]
    (tmp_path / "crowd.ndjson").write_bytes(b"".join(map(line, crowd)))
    site.run("ingest", str(tmp_path / "crowd.ndjson"))
    page = open_page("/orgs/rival/usage?from=2026-05-01&to=2026-05-02&by=machine")
    shown = page.locator(".usage-table tbody tr th")
    expect(shown).to_have_text([f"m-{number:02d}" for number in range(29, 4, -1)])
    page.get_by_role("button", name="Next").click()
    expect(shown).to_have_text([f"m-{number:02d}" for number in range(4, -1, -1)])
    heading = page.get_by_role("columnheader", name="Machine", exact=True)
    heading.get_by_role("button").click()
    expect(shown).to_have_text([f"m-{number:02d}" for number in range(25)])
    expect(heading).to_have_attribute("aria-sort", "ascending")
    heading.get_by_role("button").click()
    expect(shown.first).to_have_text("m-29")
    expect(heading).to_have_attribute("aria-sort", "descending")
    page.get_by_role("columnheader", name="List cost").get_by_role("button").click()
    page.get_by_label("Search the table").fill("M-1")
    expect(shown).to_have_text([f"m-{number:02d}" for number in range(19, 9, -1)])
    expect(page.locator(".usage-table tfoot")).to_contain_text("33.3 %")  # 11 + … + 20 of 1 + … + 30 minutes: 155 of 465


def test_the_picture_is_saved_as_png_and_as_svg(open_page: OpenPage):
    page = open_page(OCTOBER)
    wait_drawn(page)
    for kind in ("PNG", "SVG"):
        page.get_by_role("button", name="Export").click()
        with page.expect_download() as saved:
            page.get_by_role("menuitem", name=f"Picture ({kind})").click()
        assert saved.value.suggested_filename == f"prism-usage.{kind.lower()}"
        content = saved.value.path().read_bytes()
        if kind == "PNG":
            assert content[:8] + content[12:16] == b"\x89PNG\r\n\x1a\nIHDR"
            assert int.from_bytes(content[16:20]) == 2 * page.locator("#usage").evaluate("one => one._fullLayout.width")
        else:
            root = ET.fromstring(content)
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
            assert {"dfw", "gru", "fra"} <= {text.strip() for text in root.itertext()}
