"""What is drawn on the chart beside the usage, as lines and marks to draw and as words to read. Pure."""

from collections.abc import Iterator

from flyusage.alerts.anomalies import Found, sentence, view_of
from flyusage.alerts.overlays import BudgetLine, Heading, Overlays
from flyusage.money import CURRENCIES, format_minor
from flyusage.pricing.urls import view_to_query
from flyusage.ui.charts.rows import Guide, Mark
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.explorer.paths import usage_href
from flyusage.ui.pages.explorer.rows import Aside

MOST_ANOMALIES = 3


def guides(found: Overlays) -> list[Guide]:
    """Lines to hold the usage against: each budget's even pace, and what is expected of the days to come with its interval."""
    lines = [Guide("", f"{line.budget.plan.name}, evenly spent", line.points) for line in found.budgets]
    ahead = found.heading
    return lines + ([Guide("", "expected, 8 of 10 cases", ahead.points, low=ahead.low, high=ahead.high)] if ahead else [])


def marks(found: Overlays) -> list[Mark]:
    """Where something unusual began."""
    return [Mark(one.since, f"{one.where} {_signed(one)}", "anomaly") for one in found.anomalies]


def asides(slug: str, found: Overlays, currency: str) -> list[Aside]:
    """The same in words: amounts in full, causes, and where each leads. Of many anomalies the costliest; the rest have a page.

    The machines' names stand on that page: here they were most of the words.
    """
    told = [Aside("budget", visible(line.budget.plan.name), _budget(line), f"/orgs/{slug}/budgets") for line in found.budgets]
    largest = sorted(found.anomalies, key=lambda one: -abs(one.difference_minor))[:MOST_ANOMALIES]
    told += [*_expected(found.heading, currency), *(_anomaly(slug, one) for one in largest)]
    if (more := len(found.anomalies) - len(largest)) > 0:
        told.append(
            Aside(
                "anomaly", f"{more} more out of the ordinary", "Marked on the chart, and told on the page Alerts.", f"/orgs/{slug}/alerts"
            )
        )
    return told


def _budget(line: BudgetLine) -> str:
    amount = format_minor(line.budget.plan.amount_minor, CURRENCIES[line.budget.currency])
    return f"{amount} a month; the dashed line is what it allows if it is spent evenly."


def _expected(heading: Heading | None, currency: str) -> Iterator[Aside]:
    if heading is not None:
        said = [format_minor(round(one), CURRENCIES[currency]) for one in (heading.total.expected, heading.total.low, heading.total.high)]
        yield Aside(
            "forecast", f"{heading.month:%B} as a whole", f"{said[0]} expected at your own prices; {said[1]} to {said[2]} in 8 of 10 cases."
        )


def _anomaly(slug: str, one: Found) -> Aside:
    words = visible(f"{sentence(one)} {one.cause.words(with_names=False)}".strip())
    return Aside("anomaly", visible(one.where), words, usage_href(slug, view_to_query(view_of(one))))


def _signed(one: Found) -> str:
    return ("+" if one.is_rise else "−") + format_minor(abs(one.difference_minor), CURRENCIES[one.currency])
