"""The overview's questions to the database, answered ready to print and to draw."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db
from flyusage.alerts.anomalies import anomalies
from flyusage.metering import queries
from flyusage.metering.cost_centres import UNASSIGNED
from flyusage.metering.models import Region
from flyusage.orgs.permissions import Permission
from flyusage.periods import DAY, Period, floor_hour
from flyusage.pricing.changes import Changes, what_changed
from flyusage.pricing.explorer import explore
from flyusage.pricing.overview import Overview, overview
from flyusage.pricing.view import Answer, Comparison, Dimension
from flyusage.ui import live
from flyusage.ui.charts.figure import Figure
from flyusage.ui.pages.overview.facts import ODD_DAYS, facts, history
from flyusage.ui.pages.overview.figure import Places, month_figure
from flyusage.ui.pages.overview.first_events import FirstEvents, first_events
from flyusage.ui.pages.overview.rows import Screen
from flyusage.ui.pages.overview.screen import screen
from flyusage.ui.session import OpenOrganization, open_organization


@dataclass(frozen=True)
class Answered:
    """What the page shows and draws; `screen` is None before the first event, which `first` leads to."""

    screen: Screen | None = None
    first: FirstEvents = field(default_factory=FirstEvents)
    month: Figure = field(default_factory=dict)
    regions: Answer | None = None
    places: Places = field(default_factory=dict)


async def ask(slug: str, address: str) -> Answered:
    """The overview of the organization under `slug`; pages that ask for the same meanwhile share one answer.

    `address` is where the reader found the server.
    """
    org = await asyncio.to_thread(open_organization, slug, Permission.USAGE_READ)
    if org is None:
        return Answered()
    answered = await live.shared(org, "overview", lambda: _answer(org))
    return answered if answered.screen else replace(answered, first=first_events(org, address, clock.now()))


def _answer(org: OpenOrganization) -> Answered:
    with db.transaction(org.id, apps=org.apps) as session:
        shown = overview(session, org.id)
        if shown is None:
            return Answered()
        if shown.changes is None and shown.waits_for is None:
            shown = replace(shown, changes=_halves(session, org.id, shown))
        odd = anomalies(session, org.id, Period(shown.as_of - ODD_DAYS * DAY, shown.as_of))
        found = facts(org.slug, shown, queries.data_health(session, org.id), odd)
        older = history(shown.daily.load)
        printed = screen(org.slug, shown, _centres(session, org, shown), found)
        return Answered(
            screen=replace(printed, history_percent=older.percent, history_text=older.text),
            month=month_figure(shown),
            regions=shown.by_region,
            places=_places(session),
        )


def _halves(session: Session, org_id: int, shown: Overview) -> Changes | None:
    """What changed within a month that has none before it: its later half against as many days before."""
    end = floor_hour(shown.so_far.end)
    days = shown.so_far.seconds // DAY.total_seconds() // 2
    if days < 1:
        return None
    later = replace(shown.by_region.view, period=Period(end - days * DAY, end), comparison=Comparison.PREVIOUS)
    return what_changed(session, org_id, later)


def _centres(session: Session, org: OpenOrganization, shown: Overview) -> Answer | None:
    """The month by cost centre; None where no app has one."""
    by_centre = replace(shown.by_region.view, group_by=Dimension.COST_CENTRE)
    answer = explore(session, org.id, by_centre, now=shown.as_of)
    return answer if any(series.key != UNASSIGNED for series in answer.series) else None


def _places(session: Session) -> Mapping[str, tuple[float, float]]:
    rows = session.execute(sa.select(Region.code, Region.lat, Region.lon))
    return {code: (lat, lon) for code, lat, lon in rows}
