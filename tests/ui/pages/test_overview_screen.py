"""The overview's words and numbers, from a made-up month whose sums are done by hand."""

import html
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction

import page_samples as samples
import pytest

from flyusage.metering.history import HistoryLoad
from flyusage.pricing.view import Dimension
from flyusage.ui.pages.explorer.paths import Place
from flyusage.ui.pages.overview.facts import History, history
from flyusage.ui.pages.overview.figure import map_figure, month_figure, region_spend
from flyusage.ui.pages.overview.screen import ranking, screen


def said(overview) -> str:
    return "".join(phrase.text for phrase in screen("prism", overview, None, []).sentence)


def test_the_answer_stands_in_a_sentence() -> None:
    shown = screen("prism", samples.overview(), None, [])
    assert (shown.lead, shown.spent) == ("You have spent", "$1,709,242.10")
    # 1,709,242.10 − 1,656,541.70 = 52,700.40, of which app_22's 28,458.22 are 54 %
    assert said(samples.overview()) == (
        "in 22 days; $52,700.40 more than September up to the same moment; app_22 in gru explains 54 % of it, since Oct 17, 14:00."
    )
    assert shown.title == "October so far"


def test_the_sentence_leads_to_what_explains_the_difference() -> None:
    name = next(phrase for phrase in screen("prism", samples.overview(), None, []).sentence if phrase.is_name)
    assert name.href.startswith("/orgs/prism/usage?")
    assert "app=app_22" in name.href
    assert "region=gru" in name.href


def test_less_spend_is_said_as_less() -> None:
    changes = samples.changes()
    fewer = replace(samples.overview(), spent=Fraction("1600000"), changes=changes)
    assert "$56,541.70 less than September" in said(fewer)
    assert "app_0 in fra explains 19 % of it" in said(fewer)  # −10,789.40 of −56,541.70


def test_a_month_like_the_last_is_about_the_same() -> None:
    level = replace(samples.overview(), spent=Fraction("1656600"))
    assert said(level) == "in 22 days; about the same as September up to the same moment (+$58.30)."


def test_one_that_outweighs_the_whole_difference_is_not_more_than_all_of_it() -> None:
    changes = samples.changes()
    small = replace(samples.overview(), spent=Fraction("1666541.70"), changes=changes)
    assert "app_22 in gru alone changed by +$28,458.22" in said(small)


def test_while_the_month_before_still_loads_it_says_so_instead_of_comparing() -> None:
    load = HistoryLoad(date(2026, 9, 22), 43, is_arriving=True)
    daily = replace(samples.overview().daily, load=load)
    notices = (
        "Older history is still loading: 43 %. The comparison waits for Sep 1, 2026 to be in.",
        "Unpriced, and so not in the cost: x.",
    )
    shown = replace(samples.overview(), daily=daily, before=None, spent_before=None, changes=None, notices=notices)
    assert said(shown) == "in 22 days. September is still loading (43 %): the comparison waits for it."
    printed = screen("prism", shown, None, [])
    assert (printed.changed, printed.changed_note) == ([], "September is still loading (43 %): the comparison waits for it.")
    assert printed.notices == ["Unpriced, and so not in the cost: x."]  # the rest has a bar of its own
    assert history(load) == History("43", "Older history is still loading: 43 %. Everything since Sep 22 is complete.")
    assert history(None) == History()


def test_without_an_earlier_month_it_says_when_history_begins() -> None:
    alone = replace(samples.overview(), before=None, spent_before=None, changes=None)
    shown = screen("prism", alone, None, [])
    assert said(alone) == "in 22 days. History begins Mar 1, 2026, so September cannot be compared."
    assert shown.changed == []
    assert shown.changed_note == "History begins Mar 1, 2026, so September cannot be compared."


def test_a_month_that_is_over_says_that_it_is_the_last_with_events() -> None:
    over = replace(samples.overview(), is_current=False, so_far=samples.OCTOBER, projection=None)
    shown = screen("prism", over, None, [])
    assert shown.title == "October 2026"
    assert shown.note.startswith("the last month with events")
    assert shown.lead == "You spent"
    assert said(over).startswith("in 31 days; $52,700.40 more than September;")
    assert shown.projected == ""


def test_the_projection_states_its_method() -> None:
    shown = screen("prism", samples.overview(), None, [])
    assert shown.projected == "Heading for $2,551,000 by the end of October."
    assert shown.method == "It adds the mean of the last 7 full days for each day to come."


def test_what_changed_ends_with_everything_else_and_the_total() -> None:
    shown = screen("prism", samples.overview(), None, [])
    assert [(row.label, row.where, row.difference, row.tone) for row in shown.changed] == [
        ("app_22", "in gru", "+$28,458.22", "up"),
        ("app_103", "in sin", "+$22,480.72", "up"),
        ("app_0", "in fra", "−$10,789.40", "down"),
    ]
    assert (shown.everything_else.label, shown.everything_else.difference) == ("Everything else", "+$12,550.86")
    # 28,458.22 + 22,480.72 − 10,789.40 + 12,550.86
    assert (shown.changed_total.label, shown.changed_total.difference) == ("Total", "+$52,700.40")


def test_a_difference_below_a_cent_is_part_of_everything_else() -> None:
    changes = samples.changes()
    tiny = samples.contributor(("app_9", "gru"), "10", "10.001", "")
    more = replace(samples.overview(), changes=replace(changes, contributors=(*changes.contributors, tiny)))
    shown = screen("prism", more, None, [])
    assert [row.label for row in shown.changed] == ["app_22", "app_103", "app_0"]
    assert shown.everything_else.after == "$1,546,313.16"  # 1,546,303.16 + 10.001


def test_small_amounts_keep_their_cents() -> None:
    by_app = samples.answer(Dimension.APP, (samples.series("web", "58.54"), samples.series("api", "7.482")))
    assert [row.value for row in ranking("prism", by_app).rows] == ["$58.54", "$7.48"]


def test_ranked_lines_lead_one_step_down() -> None:
    shown = ranking("prism", samples.overview().by_region)
    assert len(shown.rows) == 6
    assert shown.more == "all 11"
    first = shown.rows[0]
    assert (first.label, first.detail, first.value, first.width) == ("gru", "Sao Paulo, Brazil", "$313,558", "100.0%")
    assert "region=gru" in first.href
    assert first.href == Place("prism", samples.overview().by_region.view).down("gru")


def test_a_hostile_name_is_shown_literally_and_leads_to_itself() -> None:
    overview = samples.overview()
    odd = samples.hostile(overview.by_app.series[0])
    row = ranking("prism", replace(overview.by_app, series=(odd,))).rows[0]
    assert row.label.startswith("=<b>x</b>%{y}‹RLO›gnp")
    assert row.href.isascii()
    assert "<" not in row.href


def test_an_unpriced_value_is_never_nothing() -> None:
    overview = samples.overview()
    unpriced = replace(overview.by_app.series[0], total=Fraction(0), is_unpriced=True)
    assert ranking("prism", replace(overview.by_app, series=(unpriced,))).rows[0].value == "unpriced"


def test_the_month_is_drawn_to_the_present_and_no_further() -> None:
    figure = month_figure(samples.overview())
    assert html.unescape(figure["layout"]["annotations"][0]["text"]) == "projected $2,551,000"
    assert [trace["name"] for trace in figure["data"]] == ["September", "projected", "October"]


@pytest.mark.parametrize("moment", [datetime(2026, 10, 1, 0, 30, tzinfo=UTC), datetime(2026, 10, 31, 23, 59, tzinfo=UTC)])
def test_the_month_is_drawn_at_its_very_ends(moment: datetime) -> None:
    overview = replace(samples.overview(), as_of=moment)
    assert month_figure(overview)["data"]


def test_regions_without_a_place_stay_off_the_map() -> None:
    by_region = samples.overview().by_region
    places = {"gru": (-23.5, -46.6), "fra": (50.0, 8.6)}
    assert [region.key for region in region_spend(by_region, places)] == ["gru", "fra"]
    assert map_figure(by_region, places)["data"]
    assert map_figure(by_region, places, zoomed_to=["gru", "fra"])["data"]
