"""A machine page's questions to the database, answered ready to print and to draw. Blocks; call it off the event loop."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from difflib import get_close_matches

from sqlmodel import Session

from flyusage import clock, db
from flyusage.metering import machines as metering
from flyusage.metering.machines import Machine
from flyusage.orgs.permissions import Permission
from flyusage.periods import HOUR, Period, floor_hour, midnight, month_period
from flyusage.pricing import explorer, machines, urls
from flyusage.ui.charts.axes import zone_name
from flyusage.ui.charts.figure import Figure
from flyusage.ui.charts.text import shorten, visible
from flyusage.ui.charts.timeline import timeline_height
from flyusage.ui.components.crumbs import Step
from flyusage.ui.pages.explorer.paths import machine_href
from flyusage.ui.pages.machine.figure import hours_figure, life_figure, life_zone_minutes, spans_of
from flyusage.ui.pages.machine.rows import Missing, Screen
from flyusage.ui.pages.machine.screen import Told, in_reading_order, screen
from flyusage.ui.session import OpenOrganization, open_organization

NEAREST = 5
LONGEST_SHOWN = 60


@dataclass(frozen=True)
class Asked:
    """The machine, month and zone in the address; `month` None: the last one it was there in."""

    slug: str
    machine: str
    month: date | None = None
    zone_minutes: int = 0


@dataclass(frozen=True)
class Answered:
    """What the page shows; `screen` is None where there is no such machine."""

    screen: Screen | None = None
    missing: Missing = field(default_factory=Missing)
    life: Figure = field(default_factory=dict)
    hours: Figure = field(default_factory=dict)
    life_height: int = 100
    all_href: str = "/"


def ask(asked: Asked) -> Answered:
    """The machine in the address, or that there is none and what is called nearly so."""
    org = open_organization(asked.slug, Permission.MACHINES_READ)
    if org is None:
        return Answered()
    with db.transaction(org.id, apps=org.apps) as session:
        return _answer(session, org, asked)


def _answer(session: Session, org: OpenOrganization, asked: Asked) -> Answered:
    now, all_href = clock.now(), f"/orgs/{org.slug}/machines"
    found = metering.machine(session, org.id, asked.machine) if asked.machine else None
    if found is None or found.started_at is None:
        return Answered(missing=_missing(session, org, asked.machine), all_href=all_href)
    life = _life_of(found, now)
    whole = machines.why(session, org.id, found.name, life, now=now)
    month = _month(asked.month, life)
    period = month_period(midnight(month))
    why = machines.why(session, org.id, found.name, period, now=now)
    hours = machines.hours_of(session, org.id, found.name, period, now=now)
    if whole is None or why is None:
        return Answered(missing=_missing(session, org, asked.machine), all_href=all_href)
    view = replace(urls.default_view(now=now, history=explorer.history(session, org.id)), zone_minutes=asked.zone_minutes)
    spans = spans_of(in_reading_order(whole.lines))
    height = timeline_height(spans)
    return Answered(
        screen=replace(
            screen(Told(org.slug, found, whole.total, view, now), month, why, hours),
            life_zone=zone_name(life_zone_minutes(life, asked.zone_minutes)),
        ),
        life=life_figure(spans, life, now=now, height_px=height, zone_minutes=asked.zone_minutes),
        hours=hours_figure(hours, period, zone_minutes=asked.zone_minutes),
        life_height=height,
        all_href=all_href,
    )


def _life_of(found: Machine, now: datetime) -> Period:
    """From the first start's hour to the last stop's, or to the present."""
    assert found.started_at is not None
    end = now if found.running_since or found.stopped_at is None else found.stopped_at
    start = floor_hour(found.started_at)
    return Period(start, max(floor_hour(end) + HOUR, start + HOUR))


def _month(asked: date | None, life: Period) -> date:
    """The month asked for if the machine was there in it, otherwise the last it was there in."""
    months = list(life.months())
    return asked if asked is not None and asked in months else months[-1]


def _missing(session: Session, org: OpenOrganization, name: str) -> Missing:
    names = metering.names_like(session, org.id, name)
    near = get_close_matches(name, names, n=NEAREST, cutoff=0.3) or names[:NEAREST]
    shown = visible(shorten(name, LONGEST_SHOWN))
    return Missing(
        title="There is no such machine",
        explanation=f"No event of {visible(org.name)} is about a machine called \u201c{shown}\u201d. "
        + ("These have names like it:" if near else "Ids are those of the events' subjects."),
        nearest=[Step(visible(each), machine_href(org.slug, each)) for each in near],
    )
