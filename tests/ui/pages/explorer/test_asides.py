"""What stands below the chart in words: the costliest of what was not usual, and where the rest is."""

from dataclasses import replace
from datetime import UTC, datetime

from flyusage.alerts.anomalies import Found
from flyusage.alerts.causes import Cause
from flyusage.alerts.overlays import Overlays
from flyusage.ui.pages.explorer.asides import asides, marks

SINCE, UNTIL = datetime(2026, 10, 3, 6, tzinfo=UTC), datetime(2026, 10, 3, 9, tzinfo=UTC)


def found(number: int, difference_minor: int) -> Found:
    return Found(
        number, f"app-{number}", "fra", False, difference_minor > 0, SINCE, UNTIL, True, difference_minor, 100, "USD", Cause.of({}), True
    )


def test_the_costliest_are_told_and_the_rest_are_on_their_page():
    several = Overlays((), None, tuple(found(number, amount) for number, amount in enumerate((100, -900, 300, 200, 800))))
    told = asides("prism", several, "USD")
    assert [one.label for one in told] == ["app-1 in fra", "app-4 in fra", "app-2 in fra", "2 more out of the ordinary"]
    assert told[-1].href == "/orgs/prism/alerts"
    assert len(marks(several)) == 5


def test_machines_are_counted_and_not_named():
    cause = Cause.of({"count": 2, "machines": ["m-1", "m-2"], "sku": "machine.shared-cpu-1x"})
    told = asides("prism", Overlays((), None, (replace(found(0, 100), cause=cause),)), "USD")
    assert "2 machines" in told[0].text
    assert "m-1" not in told[0].text


def test_few_are_told_whole():
    told = asides("prism", Overlays((), None, (found(0, 100),)), "USD")
    assert [one.label for one in told] == ["app-0 in fra"]
