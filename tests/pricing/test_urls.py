"""The address: whatever a view holds comes back from it, and nonsense becomes the nearest view with a sentence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyusage.periods import HOUR, Period
from flyusage.pricing.urls import default_view, nearest_valid, parse_zone, preset_named, presets, view_from_query, view_to_query, zone_text
from flyusage.pricing.view import Chart, Comparison, Dimension, Filter, Granularity, Measure, View

NOW = datetime(2026, 11, 15, 12, 30, 5, tzinfo=UTC)
HISTORY = Period(datetime(2025, 10, 3, 8, 15, tzinfo=UTC), datetime(2026, 10, 31, 23, 45, tzinfo=UTC))
OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))

hostile_names = st.text(min_size=1, max_size=30) | st.sampled_from(
    ["!", "\\", ",", "a,b", "!a", "\\,", "a\\", "<b>%{y}</b>", "=1+1", "\u202eabc", "🦆"]
)
hours = st.integers(0, 25 * 365 * 24).map(lambda hour: datetime(2001, 1, 1, tzinfo=UTC) + hour * HOUR)


@st.composite
def views(draw: st.DrawFn) -> View:
    """Any valid view: unique dimensions, included values before excluded ones."""
    start = draw(hours)
    dimensions = draw(st.lists(st.sampled_from(list(Dimension)), unique=True, max_size=4))
    filters = []
    for dimension in dimensions:
        kinds = draw(st.sampled_from([(False,), (True,), (False, True)]))
        filters += [Filter(dimension, tuple(draw(st.lists(hostile_names, min_size=1, max_size=4, unique=True))), kind) for kind in kinds]
    view = View(
        measure=draw(st.sampled_from(list(Measure))),
        period=Period(start, start + draw(st.integers(1, 24 * 400)) * HOUR),
        group_by=draw(st.none() | st.sampled_from(list(Dimension))),
        filters=tuple(filters),
        granularity=draw(st.none() | st.sampled_from(list(Granularity))),
        comparison=draw(st.sampled_from(list(Comparison))),
        chart=draw(st.sampled_from(list(Chart))),
        as_of=draw(st.none() | st.integers(0, 10**8).map(lambda ago: NOW.replace(microsecond=0) - timedelta(seconds=ago))),
        zone_minutes=draw(st.sampled_from([0, 0, 330, -180, 345, -720, 840])),
    )
    return nearest_valid(view)[0]


@given(views())
def test_a_view_comes_back_from_its_address(view: View) -> None:
    later = NOW + timedelta(days=365)
    address = urlencode(view_to_query(view))
    assert view_from_query(parse_qs(address), now=later, history=HISTORY) == (view, ())


known_words = st.sampled_from(["show", "by", "as", "range", "from", "to", "per", "vs", "as_of", "zone", "region", "app", "zz"])


@given(st.dictionaries(known_words | st.text(max_size=5), st.text(max_size=40)))
def test_nonsense_always_gives_a_valid_view(params: dict[str, str]) -> None:
    view, _ = view_from_query(params, now=NOW, history=HISTORY)
    assert view.period.start < view.period.end
    assert view_from_query(view_to_query(view), now=NOW, history=HISTORY) == (view, ())


def test_the_address_reads_like_the_documented_one() -> None:
    view = View(
        Measure.LIST_COST, OCTOBER, Dimension.REGION, (Filter(Dimension.REGION, ("fra", "gru")), Filter(Dimension.APP, ("app_22",), True)),
        Granularity.HOUR, Comparison.PREVIOUS, Chart.BARS,
    )  # fmt: skip
    assert urlencode(view_to_query(view), safe=",!") == (
        "show=list_cost&by=region&as=bars&from=2026-10-01&to=2026-11-01&per=hour&vs=previous&region=fra,gru&app=!app_22"
    )


def test_nothing_asked_opens_on_the_last_month_with_events() -> None:
    view, notices = view_from_query({}, now=NOW, history=HISTORY)
    assert (view, notices) == (View(Measure.LIST_COST, OCTOBER), ())
    assert default_view(now=NOW, history=None).period.start == datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("params", "notice"),
    [
        ({"show": "lits_cost"}, "There is no measure called “lits_cost”; list cost is shown."),
        ({"by": "zzzzz"}, "There is no grouping called “zzzzz”; the usual one is shown."),
        ({"from": "yesterday"}, "“yesterday” is not a date; write 2026-10-01 or 2026-10-01T14:00."),
        ({"from": "2026-11-01", "to": "2026-10-01"}, "The range ended before it began; its two ends were swapped."),
        ({"from": "2026-10-01", "to": "2026-10-01"}, "The range was empty; one day is shown."),
        ({"from": "2026-10-01T00:10", "to": "2026-11-01"}, "Ranges begin and end on full hours (UTC); this one was widened to them."),
        ({"as_of": "2099-01-01T00:00:00Z"}, "“2099-01-01T00:00:00Z” is not a moment up to now, so the numbers are those of now."),
        ({"range": "tuesday"}, "There is no range called “tuesday”; the last month with events is shown."),
        (
            {"from": "2026-01-01", "to": "2026-10-01", "per": "hour"},
            "Hours are shown for ranges up to 62 days; this one is longer, so it is shown in wider steps.",
        ),
        ({"as": "map", "by": "app"}, "A map shows places, so it is grouped by region."),
        ({"x" * 50: "1"}, f"“{'x' * 39}…” is not part of a view and was left out."),
    ],
)
def test_each_correction_is_said(params: dict[str, str], notice: str) -> None:
    _, notices = view_from_query(params, now=NOW, history=HISTORY)
    assert notices == (notice,)


def test_moments_with_a_zone_are_read_as_utc() -> None:
    view, notices = view_from_query({"from": "2026-10-01T02:00+02:00", "to": "2026-11-01T05:30+05:30"}, now=NOW, history=HISTORY)
    assert (view.period, notices) == (OCTOBER, ())


def test_ranges_by_name() -> None:
    by_key = {preset.key: preset.period for preset in presets(now=NOW, history=HISTORY)}
    assert by_key["24h"] == Period(datetime(2026, 11, 14, 13, tzinfo=UTC), datetime(2026, 11, 15, 13, tzinfo=UTC))
    assert by_key["7d"] == Period(datetime(2026, 11, 9, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
    assert by_key["last-month"] == OCTOBER
    assert by_key["13-months"] == Period(datetime(2025, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    assert by_key["all"].start == datetime(2025, 10, 1, tzinfo=UTC)
    for key, period in by_key.items():
        assert view_from_query({"range": key}, now=NOW, history=HISTORY)[0].period.end == period.end
    assert view_from_query({"range": "2026-10"}, now=NOW, history=HISTORY)[0].period == OCTOBER


def test_all_of_a_history_of_less_than_a_year_is_there_by_name() -> None:
    whole = preset_named("all", now=NOW, history=Period(NOW - timedelta(days=40), NOW))
    assert whole == preset_named("13-months", now=NOW, history=None)
    assert preset_named("al", now=NOW, history=None) is None


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("05:30", 330),
        ("+05:30", 330),
        (" 05:30", 330),
        ("-03:00", -180),
        ("5", 300),
        ("-0930", -570),
        ("UTC+5:45", 345),
        ("utc", 0),
        ("0", 0),
    ],
)
def test_a_zone_is_an_offset_from_utc(text: str, minutes: int) -> None:
    assert parse_zone(text) == minutes
    assert parse_zone(zone_text(minutes)) == minutes


@pytest.mark.parametrize("text", ["Europe/Berlin", "15:00", "-12:15", "05:07", "5:3", "--5", "٥"])
def test_what_no_clock_shows_is_no_zone(text: str) -> None:
    assert parse_zone(text) is None
    view, notices = view_from_query({"zone": text}, now=NOW, history=HISTORY)
    assert view.zone_minutes == 0
    assert notices == (f"“{text}” is no offset from UTC, such as 05:30 or -03:00, so hours are UTC's.",)


def test_hours_are_named_by_charts_over_hours_only() -> None:
    hourly = View(Measure.LIST_COST, OCTOBER, granularity=Granularity.HOUR)
    assert hourly.has_hours
    assert not replace(hourly, chart=Chart.TREEMAP).has_hours
    assert not replace(hourly, granularity=None).has_hours  # a month is shown by day
    assert replace(hourly, period=Period(OCTOBER.start, OCTOBER.start + 24 * HOUR), granularity=None).has_hours
