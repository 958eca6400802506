"""Where a step in the chart leads."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest
from factories import ingest, started, stopped
from metering.rolled import roll

from flyusage import clock
from flyusage.ui.charts.text import uid_of
from flyusage.ui.pages.explorer.steps import Brush, Follow, lead

DAY = {"by": "region", "from": "2026-10-01", "to": "2026-10-02"}  # by hour


@pytest.fixture(autouse=True)
def prism(database):
    with clock.freeze(datetime(2026, 11, 15, tzinfo=UTC)):
        ingest([started("m", "2026-10-01T00:00:00Z")])
        yield


@pytest.mark.parametrize(
    ("query", "brush", "period"),
    [
        (DAY, Brush("2026-10-01 04:10:00.5", "2026-10-01 06:20:00"), "from=2026-10-01T04:00&to=2026-10-01T07:00"),
        # In India 09:40 is 04:10 UTC: the hour that it lies in begins at 04:00 UTC, 09:30 there.
        (DAY | {"zone": "05:30"}, Brush("2026-10-01 09:40", "2026-10-01 11:50"), "from=2026-10-01T04:00&to=2026-10-01T07:00"),
        (DAY | {"zone": "-03:00"}, Brush("2026-10-01 03:10", "2026-10-01 01:10"), "from=2026-10-01T04:00&to=2026-10-01T07:00"),
        # Days are UTC's whatever the zone.
        (DAY | {"zone": "05:30", "per": "day", "to": "2026-11-01"}, Brush("2026-10-05", "2026-10-07"), "from=2026-10-05&to=2026-10-07"),
    ],
)
def test_a_brush_leads_to_the_hours_it_covers_in_the_charts_zone(query: dict[str, str], brush: Brush, period: str):
    href = lead("prism", query, brush)
    assert period in href
    assert ("zone=" in href) == ("zone" in query)


def test_a_brush_that_makes_no_sense_leads_nowhere():
    assert lead("prism", DAY | {"zone": "14:00"}, Brush("1970-01-01 00:00", "x")) == ""
    assert lead("nobody", DAY, Brush("2026-10-01", "2026-10-02")) == ""


def test_other_opens_into_what_was_folded_and_that_again(monkeypatch: pytest.MonkeyPatch):
    """Five apps, of which two are drawn by themselves: a runs longest, e shortest."""
    monkeypatch.setattr("flyusage.pricing.explorer.DRAWN_SERIES", 2)
    ingest([event for n, app in enumerate("abcde", 1) for event in (
        started(f"m-{app}", f"2026-10-02T0{n}:00:00Z", app=app), stopped(f"m-{app}", "2026-10-02T09:00:00Z", app=app))])  # fmt: skip
    roll(datetime(2026, 11, 15, tzinfo=UTC))
    query = {"by": "app", "from": "2026-10-02", "to": "2026-10-03", "show": "machine_hours"}

    def opened(query: dict[str, str]) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(lead("prism", query, Follow(uid_of("")))).query))

    first = opened(query | {"app": "!web"})
    assert first["app"] == "!web,!a,!b"
    assert opened(first)["app"] == "!web,!a,!b,!c,!d"
    assert opened(opened(first)) == {}  # e alone: nothing is folded
    assert opened(query | {"app": "a,b,d,e"})["app"] == "d,e"


def test_what_belongs_to_no_value_leads_nowhere_and_everything_leads_to_continents():
    assert lead("prism", DAY, Follow(uid_of(""))) == ""
    assert "by=continent" in lead("prism", DAY | {"by": "nothing"}, Follow(uid_of("")))
    assert "region=gru" in lead("prism", DAY, Follow(uid_of("gru")))
