"""Where a step in the chart leads."""

from datetime import UTC, datetime

import pytest
from factories import ingest, started

from flyusage import clock
from flyusage.ui.pages.explorer.steps import Brush, lead

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
