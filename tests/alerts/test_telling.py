"""The mail of a reached threshold, as somebody reads it."""

import re
from datetime import UTC, date, datetime

from flyusage.alerts import telling
from flyusage.alerts.telling import Alert


def test_it_begins_with_the_figure_and_how_far_that_is():
    """$1,203.40 of $1,000.00 is 120.34 %: 120 in whole percents. Names are text, whatever is in them."""
    at = datetime(2026, 11, 5, tzinfo=UTC)
    reached = Alert(1, "Web <b>", date(2026, 11, 1), telling.EXPECTED, 100, at, 120340, 100000, "USD", None, None)
    shown = telling.letter(reached, "Prism & Co.", "https://usage.example.com/orgs/prism/budgets").html
    parts = (
        "Prism &amp; Co.</bdi>", "Web &lt;b&gt;</bdi>", "$1,203.40</h1>", "120 % of $1,000.00 expected by the end of the month",
        "At the present pace Prism &amp; Co. will have spent", 'href="https://usage.example.com/orgs/prism/budgets"', "Open the budgets",
    )  # fmt: skip
    assert re.search(".*".join(map(re.escape, parts)), shown.split("<body", 1)[1].split("</div>", 1)[1], re.DOTALL)
    assert "<b>" not in shown
    assert "href" not in telling.letter(reached, "Prism", None).html
