"""The overview's "right now": machines running, freshness, and how sound the data is."""

from dataclasses import dataclass

from sqlmodel import Session

from flyusage.pricing.overview import Overview
from flyusage.ui import present
from flyusage.ui.pages.overview.rows import Fact


@dataclass(frozen=True)
class History:
    """How far older history is added up: CSS width and words, both empty once it all is."""

    share: str = ""
    text: str = ""


def facts_of(session: Session, org_id: int, shown: Overview) -> list[Fact]:
    """The lines of "right now"."""
    last = present.moment_text(shown.last_event_at) if shown.last_event_at else "–"
    return [
        Fact("Machines running now", f"{shown.running_now:,}"),
        Fact("Events to", f"{last} UTC", tone="warn" if shown.is_stale else "ok"),
        Fact("Added up to", f"{present.moment_text(shown.rolled_through)} UTC", "Newer usage is added from what runs."),
    ]


def history_of(session: Session, org_id: int, shown: Overview) -> History:
    """How far older history is loaded."""
    return History()
