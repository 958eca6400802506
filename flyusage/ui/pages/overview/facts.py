"""The overview's "right now": machines running, freshness, and how sound the data is."""

from collections.abc import Sequence
from dataclasses import dataclass

from flyusage.alerts.anomalies import Found
from flyusage.metering.history import HistoryLoad
from flyusage.metering.queries import DataHealth
from flyusage.money import CURRENCIES, format_minor
from flyusage.periods import midnight
from flyusage.pricing.overview import Overview
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.overview.rows import Fact

ODD_DAYS = 7


@dataclass(frozen=True)
class History:
    """How far older history is loaded: percent and words, both empty once it all is."""

    percent: str = ""
    text: str = ""


def facts(slug: str, shown: Overview, health: DataHealth, odd: Sequence[Found] = ()) -> list[Fact]:
    """The lines of "right now": what runs, how fresh it is, and what was wrong with events."""
    last = f"{present.moment_text(shown.last_event_at)} UTC" if shown.last_event_at else "–"
    return [
        Fact("Machines running now", f"{shown.running_now:,}", href=f"/orgs/{slug}/machines?state=running" if shown.running_now else ""),
        Fact("Last event", last, tone="warn" if shown.is_stale else "ok"),
        Fact("Added up through", f"{present.moment_text(shown.rolled_through)} UTC", "What ran since is added from open runs."),
        *([_out_of_the_ordinary(slug, odd)] if odd else []),
        Fact("Refused events, last 30 days", f"{health.refused_events:,}", tone=_tone(health.refused_events)),
        _fact("Inferred stops", health.inferred_stops, "A start came while the machine still ran: the older run ends there."),
        *[
            _fact(label, count, detail)
            for label, count, detail in (
                ("Stops without a start", health.orphan_stops, "Kept in the ledger; they bill nothing."),
                ("Conflicting events", health.conflicts, "The same id came again with another content; the first stands."),
                ("Contradicting homes", health.contradictions, "An event named another app or region than the first; it is not billed."),
                ("Events in retired regions", health.retired_region, "Accepted and billed; check the source."),
                ("Days past what can be counted", health.overflowing_days, "Quantities beyond 2^63; check the source."),
                ("Other findings", health.others, "The ledger lists them."),
            )
            if count
        ],
    ]


def _fact(label: str, count: int, detail: str) -> Fact:
    return Fact(label, f"{count:,}", detail if count else "", _tone(count))


def _out_of_the_ordinary(slug: str, odd: Sequence[Found]) -> Fact:
    most = max(odd, key=lambda one: abs(one.difference_minor))
    amount = format_minor(abs(most.difference_minor), CURRENCIES[most.currency])
    detail = f"Most: {visible(most.where)}, {'+' if most.is_rise else '−'}{amount}"
    return Fact(f"Out of the ordinary, last {ODD_DAYS} days", f"{len(odd):,}", detail, "warn", f"/orgs/{slug}/alerts")


def _tone(count: int) -> str:
    return "warn" if count else "ok"


def history(load: HistoryLoad | None) -> History:
    """How far older history is loaded, while it is not all."""
    if load is None:
        return History()
    return History(str(load.percent), f"{load.sentence} Everything since {present.day_text(midnight(load.whole_from))} is complete.")
