"""The explorer's questions to the database: what an address asks, answered ready to print.

What is not async blocks; call it off the event loop.

Each entry point opens the organization anew from its slug: a handler may be called by anyone, with anything.
"""

import asyncio
import shlex
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from urllib.parse import urlencode

from sqlmodel import Session, select

from flyusage import clock, db
from flyusage.alerts.overlays import Overlays, overlays
from flyusage.config import settings
from flyusage.invoices.costs import explore
from flyusage.metering import queries as metering
from flyusage.metering.models import Region
from flyusage.orgs.permissions import Permission
from flyusage.periods import Period, add_months, month_period, month_start
from flyusage.pricing import urls
from flyusage.pricing.asking import Known, know, needs_centres
from flyusage.pricing.beside import Beside
from flyusage.pricing.changes import EXPLAINED, what_changed
from flyusage.pricing.explorer import history, price_steps
from flyusage.pricing.outlines import outline_granularity, outlines
from flyusage.pricing.remembered import Remembered
from flyusage.pricing.view import Answer, Chart, Dimension, Granularity, Measure, View
from flyusage.ui import live, present
from flyusage.ui.charts.figure import Figure
from flyusage.ui.charts.palette import assign_slots
from flyusage.ui.charts.rows import Mark
from flyusage.ui.pages.explorer import asides, recalled
from flyusage.ui.pages.explorer import screen as printed
from flyusage.ui.pages.explorer.figure import Place as MapPlace
from flyusage.ui.pages.explorer.figure import chart_title, usage_figure, zone_said
from flyusage.ui.pages.explorer.paths import Place, filter_on, usage_href
from flyusage.ui.pages.explorer.rows import Changed, Choice, Screen, Table, Word
from flyusage.ui.pages.explorer.small_lines import KeptLines, other_lines
from flyusage.ui.permitted import require_for
from flyusage.ui.session import OpenOrganization, open_organization

SORTS = ("name", "value", "change")
MOST_CHANGES = 6
OF_THE_SAME_USAGE = ("show", "as")  # of an address's words


@dataclass(frozen=True)
class Asked:
    """What a page asks: the organization, the address's query and the table's own choices."""

    slug: str
    query: Mapping[str, str]
    sort_key: str = "value"
    is_ascending: bool = False
    find: str = ""
    page: int = 1
    page_length: int = 25

    def key(self, part: str) -> tuple[object, ...]:
        """The same for the same view, however its table is sorted."""
        return (part, self.slug, tuple(self.query.items()))

    @property
    def usage(self) -> tuple[object, ...]:
        """The same for views that differ in measure and chart alone: they show the same usage."""
        return (self.slug, *((name, value) for name, value in self.query.items() if name not in OF_THE_SAME_USAGE))

    @property
    def sorting(self) -> printed.Sorting:
        """The table's own choices."""
        return printed.Sorting(self.sort_key, self.is_ascending, self.find, self.page, self.page_length)


@dataclass(frozen=True)
class Answered:
    """A part of an answer: what to draw, or what to print."""

    figure: Figure | None = None
    shown: tuple[Screen | Table | Changed, ...] = ()
    number: int = 0  # of the exploration that drew the figure


async def answers(asked: Asked) -> AsyncIterator[Answered]:
    """The answer to `asked` part by part, the chart first: it is what a click waits for. Last comes what changed.

    The small lines of rows that the chart does not draw are no part of it: they follow the table. Pages that ask the same
    meanwhile share the parts that ask the database.
    """
    org = await asyncio.to_thread(open_organization, asked.slug, Permission.USAGE_READ)
    if org is None:
        yield Answered(shown=(NOWHERE,))
        return
    explored = await live.shared(org, asked.key("explored"), lambda: _explore(org, asked))
    if explored.figure is not None:
        yield Answered(figure=explored.figure, number=explored.number)
    sound = await live.shared(org, "soundness", lambda: _soundness(org))
    yield Answered(shown=await asyncio.to_thread(lambda: (_screen(explored, sound), _table(explored, asked))))
    if await _outline(org, explored, asked):
        yield Answered(shown=(await asyncio.to_thread(_table, explored, asked),))
    yield Answered(shown=(await live.shared(org, asked.key("changed"), lambda: _changed(org, explored)),))


async def prepared(asked: Asked) -> Answered | None:
    """The figure of a view that somebody is likely to go to, kept for `answers` to begin with; None where there is none to draw."""
    org = await asyncio.to_thread(open_organization, asked.slug, Permission.USAGE_READ)
    if org is None:
        return None
    explored = await live.prepared(org, asked.key("explored"), lambda: _explore(org, asked))
    return Answered(figure=explored.figure, number=explored.number) if explored.figure is not None else None


async def table(asked: Asked) -> Table | None:
    """The view's table alone, sorted and searched as `asked`; None where there is no organization."""
    org = await asyncio.to_thread(open_organization, asked.slug, Permission.USAGE_READ)
    if org is None:
        return None
    explored = await live.shared(org, asked.key("explored"), lambda: _explore(org, asked))
    await _outline(org, explored, asked)
    return await asyncio.to_thread(_table, explored, asked)


async def _outline(org: OpenOrganization, explored: "_Explored", asked: Asked) -> bool:
    """Have the small lines ready of the rows on the page that the chart does not draw; whether there are any."""
    shown = printed.page_of(explored.answer, asked.sorting).shown
    keys = tuple(series.key for series in shown if not series.points and not series.is_other)
    if keys:
        _LINES.keep(explored.lines_key, await live.shared(org, (*explored.lines_key, keys), lambda: _lines(org, explored, keys)))
    return bool(keys)


_LINES = KeptLines()


def _lines(org: OpenOrganization, explored: "_Explored", keys: tuple[str, ...]) -> dict[str, str]:
    answer = explored.answer
    granularity = outline_granularity(answer.granularity, answer.view.period)
    asked = replace(answer.view, granularity=granularity, as_of=answer.as_of)
    with db.transaction(org.id, apps=org.apps) as session:
        return other_lines(answer, outlines(session, org.id, asked, keys, now=explored.now))


@dataclass(frozen=True)
class Soundness:
    """How fresh and how sound the data is. Not asked before the chart is on its way."""

    freshness: metering.Freshness | None
    health: metering.DataHealth


@dataclass(frozen=True)
class _Explored:
    """An answer with what surrounds it: the month's colours, the span of events, the moment."""

    place: Place
    answer: Answer
    notices: tuple[str, ...]
    slots: Mapping[str, int]
    known: Period | None
    now: datetime
    figure: Figure | None
    lines_key: tuple[object, ...]
    permissions: frozenset[Permission]
    beside: Overlays
    remembered: Remembered
    number: int = field(default_factory=count(1).__next__)


def _explore(org: OpenOrganization, asked: Asked) -> _Explored:
    """Everything but what changed, from one transaction; the chart drawn.

    Raises NotPermitted as `require_for`.
    """
    with db.transaction(org.id, apps=org.apps) as session:
        stamp = recalled.stamp_of(session, org)
        kept = recalled.recall(org, asked.usage, stamp)
        now = kept.now if kept else clock.now()
        known = kept.history if kept else history(session, org.id)
        view, notices = urls.view_from_query(asked.query, now=now, history=known)
        require_for(org, view)
        if kept is None:
            facts = know(session, org.id, view.as_of, now, has_centres=needs_centres(view))
            kept = recalled.Recalled(now, known, replace(facts, remembered=Remembered()))
            recalled.keep(org, asked.usage, stamp, kept)
        facts = kept.known
        hands = Beside(org.id, org.apps)
        stepped = hands.ask(session, lambda other: facts.remembered.ask(("marks", view.period), lambda: _marks(other, facts, view)))
        answer = explore(session, org.id, _hourly_for_heat_map(view), now=now, known=facts, beside=hands)
        slots = _slots(session, org, view, now)
        beside = overlays(session, facts, answer, now=now)
        marks = [*stepped.answer(), *asides.marks(beside)] if answer.series else []
        places = _places(session) if view.chart is Chart.MAP else {}
    revision = usage_href("", urls.view_to_query(answer.view))
    lines = asides.guides(beside)
    figure = usage_figure(answer, slots, marks, places, revision=revision, guides=lines) if answer.series else None
    place = Place(asked.slug, answer.view)
    lines_key = ("lines", org.id, org.apps, usage_href("", urls.view_to_query(replace(answer.view, chart=Chart.AREA))))  # of any chart
    return _Explored(
        place, answer, (*notices, *answer.notices), slots, known, now, figure, lines_key, org.permissions, beside, facts.remembered
    )


def _soundness(org: OpenOrganization) -> Soundness:
    with db.transaction(org.id, apps=org.apps) as session:
        return Soundness(metering.freshness(session, org.id), metering.data_health(session, org.id))


def _hourly_for_heat_map(view: View) -> View:
    """A heat map is of hours of the week, so it asks for hours wherever the range lets it."""
    is_short = view.period.seconds <= printed.LONGEST_HOURLY_DAYS * 86_400
    return replace(view, granularity=Granularity.HOUR) if view.chart is Chart.HEATMAP and is_short else view


NOWHERE = Screen(
    problem_title="There is no organization at this address",
    problem_next="Check the name in the address bar, or start from the list of organizations.",
)


def _screen(explored: _Explored, sound: Soundness) -> Screen:
    place, answer = explored.place, explored.answer
    view, title = answer.view, chart_title(answer)
    total = present.amount_text(view.measure, answer.total, answer.currency)
    pinned, zone = replace(view, as_of=answer.as_of), zone_said(view)
    return Screen(
        **printed.words(place, answer, explored.permissions),
        span=Word(present.period_text(view.period), _presets(explored)),
        first_day=f"{view.period.start:%Y-%m-%d}",
        last_day=f"{view.period.end - timedelta(seconds=1):%Y-%m-%d}",
        crumbs=printed.crumbs(place),
        chips=printed.chips(place),
        notices=list(explored.notices),
        tiles=printed.tiles(answer.totals, answer),
        status=_status(explored, sound),
        chart_title=title,
        chart_unit=present.MEASURES[view.measure].unit + (f" · {zone}" if view.chart not in (Chart.TREEMAP, Chart.MAP) else ""),
        chart_hint=HINTS.get(view.chart, OVER_TIME_HINT),
        chart_label=f"{title}, {present.period_text(view.period)}, UTC: {total} in all. The table below holds the same numbers.",
        asides=asides.asides(place.slug, explored.beside, answer.currency),
        zone_minutes=view.zone_minutes,
        zone_href=place.href(zone_minutes=0),
        zone_at=view.period.start.isoformat() if view.has_hours else "",
        page_note="all times UTC" + (f", the chart's hours {zone}" if zone != "UTC" else ""),
        pinned_link=usage_href(place.slug, urls.view_to_query(pinned)),
        command=_command(place.slug, pinned),
        curl=_curl(pinned),
        csv_href=usage_href(place.slug, urls.view_to_query(pinned)).replace("/usage", "/usage.csv", 1),
        **_empty(explored),
    )


def _table(explored: _Explored, asked: Asked) -> Table:
    answer = explored.answer
    measure, by = answer.view.measure, answer.view.group_by
    group = present.DIMENSIONS[by] if by else ("total", "totals")
    return Table(
        table_title=f"By {group[0]}" if by else "In total",
        group_title=group[0][0].upper() + group[0][1:],
        value_title=present.MEASURES[measure].title,
        is_compared=answer.previous_total is not None,
        has_per_hour=measure.is_money and answer.previous_total is None,  # room for the change instead
        **printed.table(explored.place, answer, explored.slots, printed.page_of(answer, asked.sorting), _LINES.of(explored.lines_key)),
    )


OVER_TIME_HINT = "Drag across the chart to zoom in; click a series to follow it down."
HINTS = {
    Chart.TREEMAP: "Click a tile to follow it down.",
    Chart.MAP: "Click a region to follow it down.",
    Chart.HEATMAP: "The mean of each hour of the week.",
}


def _presets(explored: _Explored) -> list[Choice]:
    place = explored.place
    return [
        Choice(one.label, place.href(period=one.period), present.period_text(one.period), one.period == place.view.period)
        for one in urls.presets(now=explored.now, history=explored.known)
    ]


def _status(explored: _Explored, sound: Soundness) -> str:
    fresh = sound.freshness
    return printed.status_text(
        explored.answer,
        refused=sound.health.refused_events,
        is_stale=fresh is not None and fresh.is_stale,
        lag_days=fresh.backlog_days if fresh and not explored.answer.load else 0,  # what loads is said by how far it is
        now=explored.now,
    )


def _changed(org: OpenOrganization, explored: _Explored) -> Changed:
    changes = None
    if explored.answer.series:
        shown = explored.place.view
        told = EXPLAINED.get(shown.measure, Measure.LIST_COST)
        with db.transaction(org.id, apps=org.apps) as session:
            changes = explored.remembered.ask(
                ("changed", told, shown.period),
                lambda: what_changed(session, org.id, shown, limit=MOST_CHANGES, now=explored.now),
            )
    if changes is None:
        return Changed([], _nothing_changed(explored.answer))
    lines = printed.change_rows(explored.place, changes.contributors, changes.rest, changes.currency)
    total = present.difference_text(Measure.LIST_COST, changes.total.difference, changes.currency)
    told = EXPLAINED.get(explored.place.view.measure, Measure.LIST_COST)
    summary = f"{total} {present.MEASURES[told].title.lower()}, compared with {present.period_text(changes.before)}"
    if explored.place.view.measure.is_invoiced:
        summary += ". An invoice's amounts are no price times a quantity, so this cost is not told that way."
    return Changed(lines, summary)


def _nothing_changed(answer: Answer) -> str:
    """Why there is nothing to compare with."""
    if answer.load:
        return f"{answer.load.sentence} What changed follows once the days before are in."
    if answer.history_begins:
        return f"History begins {present.day_text(answer.history_begins, year=True)}; there is nothing before to compare with."
    return "Nothing to compare yet."


def _empty(explored: _Explored) -> dict[str, object]:
    place, known = explored.place, explored.known
    if explored.answer.series:
        return {}
    if known is None:
        return {
            "is_empty": True, "empty_title": "No events yet",
            "empty_next": f"Its usage appears here seconds after the first event that names the organization {place.slug}.",
            "empty_action": "How to send it", "empty_href": f"/orgs/{place.slug}",
        }  # fmt: skip
    return {
        "is_empty": True,
        "empty_title": "Nothing was used here",
        "empty_next": f"There was usage between {present.moment_text(known.start)} and {present.moment_text(known.end)} UTC"
        + ("; the filters may leave nothing over." if place.view.filters else "."),
        "empty_action": "Show the last month with usage",
        "empty_href": usage_href(place.slug, {}),
    }


def _command(slug: str, view: View) -> str:
    """The same view as a command: the address's words are its options."""
    asked = urls.view_to_query(view)
    for drawing in ("as", "zone"):  # a command prints numbers, however the page draws them
        asked.pop(drawing, None)
    options = [f"--{key} {shlex.quote(value)}" for key, value in asked.items()]
    return " ".join(["flyusage usage", f"--org {slug}", *options])


def _curl(view: View) -> str:
    """The same view asked of the API; the token stays in the shell's environment."""
    address = f"{settings().address}/api/v1/usage?{urlencode(urls.view_to_query(view))}"
    return f'curl -H "Authorization: Bearer $FLYUSAGE_TOKEN" {shlex.quote(address)}'


def _slots(session: Session, org: OpenOrganization, view: View, now: datetime) -> Mapping[str, int]:
    """The month's colours: by the ranking of the last full month, kept for as long as the month lasts."""
    if view.group_by in (None, Dimension.MACHINE):
        return {}
    month = month_period(add_months(month_start(now), -1))
    key = (org.id, org.apps, view.group_by, month.start)
    if key not in _SLOTS:
        if len(_SLOTS) > MOST_PALETTES:
            _SLOTS.clear()
        ranked = explore(session, org.id, View(Measure.LIST_COST, month, group_by=view.group_by, granularity=Granularity.MONTH), now=now)
        if not ranked.series:
            return {}
        _SLOTS[key] = assign_slots([series.key for series in ranked.series])
    return _SLOTS[key]


_SLOTS: dict[tuple[int, frozenset[int] | None, Dimension | None, datetime], Mapping[str, int]] = {}
MOST_PALETTES = 2_000


def _places(session: Session) -> dict[str, MapPlace]:
    regions = session.exec(select(Region)).all()
    return {region.code: MapPlace(region.lat, region.lon, f"{region.code} {region.name}") for region in regions}


def _marks(session: Session, known: Known, view: View) -> list[Mark]:
    """Price steps always; deploys where the view is about an app or two."""
    steps = [Mark(step.at, step.label, "price") for step in price_steps(session, known.org_id, view, known)]
    apps = filter_on(view.filters, Dimension.APP)
    if apps is None or apps.is_exclusion or len(apps.values) > 2:
        return steps
    deploys = metering.deployments(session, known.org_id, view.period, apps=apps.values)
    return steps + [Mark(one.time, f"deploy {one.version}", "deploy") for one in deploys]


def is_live(query: Mapping[str, str]) -> bool:
    """Whether what the address shows may still change by itself: it is not pinned to a moment."""
    return "as_of" not in query
