"""The explorer's questions to the database: what an address asks, answered ready to print.

What is not async blocks; call it off the event loop.

Each entry point opens the organization anew from its slug: a handler may be called by anyone, with anything.
"""

import asyncio
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

from sqlmodel import Session, select

from flyusage import clock, db
from flyusage.metering import queries as metering
from flyusage.metering.models import Region
from flyusage.periods import DAY, HOUR, Period, add_months, floor_hour, midnight, month_period, month_start
from flyusage.pricing import urls
from flyusage.pricing.changes import Changes, what_changed
from flyusage.pricing.explorer import explore, history, price_steps, values
from flyusage.pricing.view import Answer, Chart, Dimension, Granularity, Measure, View
from flyusage.ui import live, present
from flyusage.ui.charts.figure import Figure
from flyusage.ui.charts.palette import assign_slots
from flyusage.ui.charts.rows import Mark
from flyusage.ui.charts.text import is_own_uid, key_of, visible
from flyusage.ui.pages.explorer import screen as printed
from flyusage.ui.pages.explorer.figure import Place as MapPlace
from flyusage.ui.pages.explorer.figure import chart_title, usage_figure
from flyusage.ui.pages.explorer.paths import Place, filter_on, usage_href
from flyusage.ui.pages.explorer.rows import Choice, Listed, Screen, Word
from flyusage.ui.session import OpenOrganization, open_organization

SORTS = ("name", "value", "change")
LISTED_VALUES = 50
FIRST_YEAR, LAST_YEAR = 1970, 9000
MOST_CHANGES = 6


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

    def key(self) -> tuple[object, ...]:
        """The same for the same question."""
        return (self.slug, tuple(self.query.items()), self.sort_key, self.is_ascending, self.find, self.page, self.page_length)


@dataclass(frozen=True)
class Answered:
    """What the page shows. `figure` is None where there is nothing to draw."""

    screen: Screen
    figure: Figure | None = None


@dataclass(frozen=True)
class Follow:
    """Down into the series with this key."""

    series: str


@dataclass(frozen=True)
class Brush:
    """To a brushed stretch, as the chart writes moments."""

    start: str
    end: str


@dataclass(frozen=True)
class Days:
    """To whole days, the last included, as a date field writes them."""

    first: str
    last: str


@dataclass(frozen=True)
class Toggle:
    """A value into or out of the filter on a dimension."""

    dimension: str
    value: str
    excludes: bool


@dataclass(frozen=True)
class Exclude:
    """Turn the filter on a dimension into all but its values, or back."""

    dimension: str
    excludes: bool


Step: TypeAlias = Follow | Brush | Days | Toggle | Exclude


async def ask_shared(asked: Asked) -> Answered:
    """The answer to `asked`; pages that ask the same meanwhile share one."""
    org = await asyncio.to_thread(open_organization, asked.slug)
    if org is None:
        return Answered(NOWHERE)
    return await live.shared(org.id, asked.key(), lambda: _ask(org, asked))


def _ask(org: OpenOrganization, asked: Asked) -> Answered:
    """Menus, numbers, table and figure from one transaction."""
    with db.transaction(org.id) as session:
        now = clock.now()
        known = history(session, org.id)
        view, notices = urls.view_from_query(asked.query, now=now, history=known)
        answer = explore(session, org.id, _hourly_for_heat_map(view), now=now)
        changes = what_changed(session, org.id, view, limit=MOST_CHANGES, now=now) if answer.series else None
        facts = _Facts(known, now, metering.freshness(session, org.id), metering.data_health(session, org.id), changes)
        slots = _slots(session, org.id, view, now)
        marks = _marks(session, org.id, view) if answer.series else []
        places = _places(session) if view.chart is Chart.MAP else {}
    place = Place(asked.slug, answer.view)
    screen = _screen(asked, place, answer, facts, slots)
    screen = replace(screen, notices=[*notices, *answer.notices])
    if screen.is_empty:
        return Answered(screen)
    return Answered(screen, usage_figure(answer, slots, marks, places, revision=usage_href("", urls.view_to_query(answer.view))))


def _hourly_for_heat_map(view: View) -> View:
    """A heat map is of hours of the week, so it asks for hours wherever the range lets it."""
    is_short = view.period.seconds <= printed.LONGEST_HOURLY_DAYS * 86_400
    return replace(view, granularity=Granularity.HOUR) if view.chart is Chart.HEATMAP and is_short else view


NOWHERE = Screen(
    problem_title="There is no organization at this address",
    problem_next="Check the name in the address bar, or start from the list of organizations.",
)


@dataclass(frozen=True)
class _Facts:
    """What surrounds an answer: the span of events, the moment, how fresh and how sound the data is, what changed."""

    known: Period | None
    now: datetime
    freshness: metering.Freshness | None
    health: metering.DataHealth
    changes: Changes | None


def _screen(asked: Asked, place: Place, answer: Answer, facts: _Facts, slots: Mapping[str, int]) -> Screen:
    view = answer.view
    named = present.MEASURES[view.measure]
    group = present.DIMENSIONS[view.group_by] if view.group_by else ("total", "totals")
    title = chart_title(answer)
    sorting = printed.Sorting(asked.sort_key, asked.is_ascending, asked.find, asked.page, asked.page_length)
    total = present.amount_text(view.measure, answer.total, answer.currency)
    return Screen(
        **printed.words(place, answer),
        span=Word(present.period_text(view.period), _presets(place, facts)),
        first_day=f"{view.period.start:%Y-%m-%d}",
        last_day=f"{view.period.end - timedelta(seconds=1):%Y-%m-%d}",
        crumbs=printed.crumbs(place),
        chips=printed.chips(place),
        tiles=printed.tiles(answer.totals, answer),
        status=_status(answer, facts),
        chart_title=title,
        chart_unit=named.unit,
        chart_hint=HINTS.get(view.chart, OVER_TIME_HINT),
        chart_label=f"{title}, {present.period_text(view.period)}, UTC: {total} in all. The table below holds the same numbers.",
        table_title=f"By {group[0]}" if view.group_by else "In total",
        group_title=group[0][0].upper() + group[0][1:],
        value_title=named.title,
        is_compared=answer.previous_total is not None,
        has_per_hour=view.measure is Measure.LIST_COST and answer.previous_total is None,  # room for the change instead
        pinned_link=usage_href(asked.slug, urls.view_to_query(replace(view, as_of=answer.as_of))),
        command=_command(asked.slug, replace(view, as_of=answer.as_of)),
        csv_href=usage_href(asked.slug, urls.view_to_query(replace(view, as_of=answer.as_of))).replace("/usage", "/usage.csv", 1),
        **printed.table(place, answer, slots, sorting),
        **_changed(place, answer, facts.changes),
        **_empty(place, answer, facts),
    )


OVER_TIME_HINT = "Drag across the chart to zoom in; click a series to follow it down."
HINTS = {
    Chart.TREEMAP: "Click a tile to follow it down.",
    Chart.MAP: "Click a region to follow it down.",
    Chart.HEATMAP: "The mean of each hour of the week, UTC.",
}


def _presets(place: Place, facts: _Facts) -> list[Choice]:
    return [
        Choice(one.label, place.href(period=one.period), present.period_text(one.period), one.period == place.view.period)
        for one in urls.presets(now=facts.now, history=facts.known)
    ]


def _status(answer: Answer, facts: _Facts) -> str:
    fresh = facts.freshness
    return printed.status_text(
        answer,
        refused=facts.health.refused_events,
        is_stale=fresh is not None and fresh.is_stale,
        lag_days=fresh.backlog_days if fresh else 0,
        now=facts.now,
    )


def _changed(place: Place, answer: Answer, changes: Changes | None) -> dict[str, object]:
    if changes is None:
        begins = answer.history_begins
        since = (
            f"History begins {present.day_text(begins, year=True)}; there is nothing before to compare with."
            if begins
            else "Nothing to compare yet."
        )
        return {"changed": [], "changed_summary": since}
    lines = printed.change_rows(place, changes.contributors, changes.rest, changes.currency)
    total = present.difference_text(Measure.LIST_COST, changes.total.difference, changes.currency)
    summary = f"{total} list cost, compared with {present.period_text(changes.before)}"
    return {"changed": lines, "changed_summary": summary}


def _empty(place: Place, answer: Answer, facts: _Facts) -> dict[str, object]:
    if answer.series:
        return {}
    if facts.known is None:
        return {
            "is_empty": True, "empty_title": "No events yet",
            "empty_next": f"Send some: flyusage ingest events.ndjson fills {place.slug} as soon as its events name it.",
        }  # fmt: skip
    return {
        "is_empty": True,
        "empty_title": "Nothing was used here",
        "empty_next": f"There was usage between {present.moment_text(facts.known.start)} and {present.moment_text(facts.known.end)} UTC"
        + ("; the filters may leave nothing over." if place.view.filters else "."),
        "empty_action": "Show the last month with usage",
        "empty_href": usage_href(place.slug, {}),
    }


def _command(slug: str, view: View) -> str:
    """The same view as a command: the address's words are its options."""
    asked = urls.view_to_query(view)
    asked.pop("as", None)  # a command prints numbers, however the page draws them
    options = [f"--{key} {shlex.quote(value)}" for key, value in asked.items()]
    return " ".join(["flyusage usage", f"--org {slug}", *options])


def _slots(session: Session, org_id: int, view: View, now: datetime) -> Mapping[str, int]:
    """The month's colours: by the ranking of the last full month, kept for as long as the month lasts."""
    if view.group_by in (None, Dimension.MACHINE):
        return {}
    month = month_period(add_months(month_start(now), -1))
    key = (org_id, view.group_by, month.start)
    if key not in _SLOTS:
        if len(_SLOTS) > MOST_PALETTES:
            _SLOTS.clear()
        ranked = explore(session, org_id, View(Measure.LIST_COST, month, group_by=view.group_by, granularity=Granularity.MONTH), now=now)
        if not ranked.series:
            return {}
        _SLOTS[key] = assign_slots([series.key for series in ranked.series])
    return _SLOTS[key]


_SLOTS: dict[tuple[int, Dimension | None, datetime], Mapping[str, int]] = {}
MOST_PALETTES = 2_000


def _places(session: Session) -> dict[str, MapPlace]:
    regions = session.exec(select(Region)).all()
    return {region.code: MapPlace(region.lat, region.lon, f"{region.code} {region.name}") for region in regions}


def _marks(session: Session, org_id: int, view: View) -> list[Mark]:
    """Price steps always; deploys where the view is about an app or two."""
    steps = [Mark(step.at, step.label, "price") for step in price_steps(session, org_id, view)]
    apps = filter_on(view.filters, Dimension.APP)
    if apps is None or apps.is_exclusion or len(apps.values) > 2:
        return steps
    deploys = metering.deployments(session, org_id, view.period, apps=apps.values)
    return steps + [Mark(one.time, f"deploy {one.version}", "deploy") for one in deploys]


def lead(slug: str, query: Mapping[str, str], step: Step) -> str:
    """The address a step leads to from the view that `query` asks for; empty where it leads nowhere."""
    org = open_organization(slug)
    if org is None:
        return ""
    with db.transaction(org.id) as session:
        view, _ = urls.view_from_query(query, now=clock.now(), history=history(session, org.id))
    place = Place(slug, view)
    if isinstance(step, Follow):
        return "" if not step.series or is_own_uid(step.series) else place.down(key_of(step.series))
    if isinstance(step, Brush):
        return _between(place, _moment(step.start), _moment(step.end))
    if isinstance(step, Days):
        last = _day(step.last)
        return _between(place, _day(step.first), last + DAY if last else None)
    dimension = _dimension(step.dimension)
    if dimension is None:
        return ""
    if isinstance(step, Toggle):
        return place.toggled(dimension, step.value, excludes=step.excludes)
    present_filter = filter_on(view.filters, dimension)
    return place.filtered(dimension, present_filter.values, excludes=step.excludes) if present_filter else ""


def _between(place: Place, start: datetime | None, end: datetime | None) -> str:
    """The view over whole hours from `start` to `end`, whichever way round they came."""
    if start is None or end is None:
        return ""
    start, end = min(start, end), max(start, end)
    return place.href(period=Period(floor_hour(start), max(floor_hour(end + HOUR - timedelta(seconds=1)), floor_hour(start) + HOUR)))


def _moment(text: str) -> datetime | None:
    """A moment as Plotly writes it (`2026-10-01 04:12:33.1`), UTC."""
    try:
        return _known(datetime.fromisoformat(text.strip()[:19].rstrip(".")).replace(tzinfo=UTC))
    except ValueError:
        return None


def _day(text: str) -> datetime | None:
    try:
        return _known(midnight(date.fromisoformat(text)))
    except ValueError:
        return None


def _known(moment: datetime) -> datetime | None:
    """`moment` if there is room to count on from it: no usage is older than computers or younger than the calendar."""
    return moment if FIRST_YEAR <= moment.year <= LAST_YEAR else None


def _dimension(text: str) -> Dimension | None:
    return next((one for one in Dimension if one.value == text), None)


def first_filter(query: Mapping[str, str]) -> str:
    """The dimension the chooser opens at: the app, since that is what people look for."""
    return next((one.value for one in Dimension if one.value in query), Dimension.APP.value)


def filter_values(slug: str, query: Mapping[str, str], dimension_text: str, search: str) -> Listed:
    """The chooser at one dimension: its values matching `search`, those chosen first."""
    dimension = _dimension(dimension_text) or Dimension.APP
    org = open_organization(slug)
    if org is None:
        return Listed(dimension.value, [], False, [], "", "")
    with db.transaction(org.id) as session:
        view, _ = urls.view_from_query(query, now=clock.now(), history=history(session, org.id))
        found = values(session, org.id, dimension, search=search, limit=LISTED_VALUES + 1)
    chosen = filter_on(view.filters, dimension)
    picked = chosen.values if chosen else ()
    listed = [Choice(visible(one.label), one.key, one.hint, one.key in picked) for one in found[:LISTED_VALUES]]
    if not search:
        listed = [Choice(visible(key), key, "", True) for key in picked if key not in {one.key for one in found}] + listed
    word = present.DIMENSIONS[dimension]
    return Listed(
        filter_dimension=dimension.value,
        filter_dimensions=[Choice(present.DIMENSIONS[one][0], one.value, is_current=one is dimension) for one in Dimension],
        filter_excludes=bool(chosen and chosen.is_exclusion),
        filter_values=sorted(listed, key=lambda one: not one.is_current),
        filter_placeholder=f"Search {word[1]}",
        filter_note=printed.filter_note(view.filters, dimension, len(listed), len(found) > LISTED_VALUES),
    )


def is_live(query: Mapping[str, str]) -> bool:
    """Whether what the address shows may still change by itself: it is not pinned to a moment."""
    return "as_of" not in query
