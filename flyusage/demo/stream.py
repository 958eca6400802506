"""The demo company's whole history as a stream of events, newest lives first.

The order is what makes the last days usable early: a unit (the machines of a fleet between two releases) comes when its last
moment comes, so that every machine's life is whole in one batch and a day is complete as soon as the stream has passed it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from flyusage import periods
from flyusage.demo import story
from flyusage.demo.company import AFTER_ALL, App, Fleet, Style, plan_fleets
from flyusage.demo.lives import RUNAWAY_SHARE, Fate, Part, Unit, Writer
from flyusage.demo.story import DAY, Story
from flyusage.metering.usage_event import UsageEvent

RECENT = timedelta(days=31)


@dataclass(frozen=True)
class Company:
    """An invented company: everything that ever happens to it follows from these fields.

    `anchor` is the moment it was first filled, the end of `months` months of history.
    """

    slug: str
    name: str
    vms: int
    seed: int
    months: int
    anchor: datetime
    has_story: bool = True

    @cached_property
    def tale(self) -> Story:
        """What happens to it."""
        return (story.company_story if self.has_story else story.quiet_story)(self.anchor, self.months)

    @cached_property
    def fleets(self) -> list[Fleet]:
        """Its fleets, in a fixed order."""
        return plan_fleets(self.vms, self.tale, seed=self.seed, anchor=story.seconds(self.anchor))

    @cached_property
    def apps(self) -> list[App]:
        """Its apps, in a fixed order."""
        return list({fleet.app.name: fleet.app for fleet in self.fleets}.values())


class Chapter(NamedTuple):
    """Units whose lives end in one stretch of time. Once it and its forerunners are in, days from `first_day` on are complete."""

    first_day: datetime
    units: list[Unit]


def chapters(company: Company, until: datetime) -> list[Chapter]:
    """The company's history up to `until`, newest first: the last 31 days, then calendar months backwards.

    A company without a story is small, and told in one.
    """
    last = story.seconds(until)
    units = sorted((_last_moment(company, unit), unit) for unit in units_of(company) if unit.start <= last)
    begins = story.moment_of(company.tale.begins)
    bounds = [max(periods.floor_day(until - RECENT), begins) if company.has_story else begins]
    while bounds[-1] > begins:
        bounds.append(max(periods.month_start(bounds[-1] - timedelta(seconds=1)), begins))
    told = []
    for first_day in bounds:
        edge = story.seconds(first_day) if first_day > begins else 0
        chapter = []
        while units and units[-1][0] > edge:
            chapter.append(units.pop()[1])
        told.append(Chapter(first_day, chapter))
    return told


def write(company: Company, units: Iterable[Unit], writer: Writer, batch: int) -> Iterator[tuple[int, list[UsageEvent]]]:
    """(units done so far, events) in lists of about `batch` events; all events of a subject are in one list."""
    number = 0
    for number, unit in enumerate(units, start=1):
        _write_unit(company, unit, writer)
        if len(writer.events) >= batch:
            yield number, writer.take()
    if writer.events:
        yield number, writer.take()


def writer_of(company: Company, until: datetime, since: datetime | None = None) -> Writer:
    """Writes the company's events after `since` (by default all of them) up to `until`."""
    fate = Fate(company.slug, company.tale, company.seed, story.seconds(company.anchor))
    return Writer(fate, since=0 if since is None else story.seconds(since), until=story.seconds(until))


def living_units(company: Company, since: datetime, until: datetime) -> list[Unit]:
    """The units in which something may happen after `since` and up to `until`."""
    first, last = story.seconds(since), story.seconds(until)
    return [unit for unit in units_of(company) if unit.start <= last and _last_moment(company, unit) > first]


def units_of(company: Company) -> Iterator[Unit]:
    """Every unit of work, whenever it begins."""
    tale = company.tale
    for number, fleet in enumerate(company.fleets):
        releases = () if fleet.group.style == Style.STATEFUL else fleet.app.releases
        edges = [fleet.begins, *(moment for moment in releases if fleet.begins < moment < fleet.ends), fleet.ends]
        for index in range(len(edges) - 1):
            yield Unit(edges[index], edges[index + 1], Part.MACHINES, number, index)
        if fleet.has_address:
            yield Unit(fleet.begins, fleet.ends, Part.ADDRESS, number, 0)
        if (
            tale.outage
            and fleet.region in story.OUTAGE_NEIGHBOURS
            and fleet.group.style == Style.REPLACING
            and fleet.begins < tale.outage.start
        ):
            yield Unit(tale.outage.start, tale.outage.end + 3600, Part.SPILL, number, 0)
    for number, app in enumerate(company.apps):
        edges = [app.begins, *app.releases, AFTER_ALL]
        for index in range(len(edges) - 1):
            yield Unit(edges[index], edges[index + 1], Part.DEPLOYS, number, index)
    runaway = next((number for number, fleet in enumerate(company.fleets) if fleet.app.name == story.RUNAWAY_APP), None)
    if tale.runaway and runaway is not None:
        yield Unit(tale.runaway.start, tale.runaway.end, Part.RUNAWAY, runaway, 0)


def _write_unit(company: Company, unit: Unit, writer: Writer) -> None:
    if unit.part == Part.DEPLOYS:
        writer.deploys(company.apps[unit.number], unit)
        return
    fleet = company.fleets[unit.number]
    if unit.part == Part.MACHINES:
        writer.generation(fleet, unit)
    elif unit.part == Part.ADDRESS:
        writer.address(fleet, unit)
    elif unit.part == Part.SPILL:
        writer.spill(fleet, unit)
    else:
        writer.runaway(fleet, unit, int(company.vms * RUNAWAY_SHARE))


def _last_moment(company: Company, unit: Unit) -> int:
    """By when the unit's last event has happened; elastic machines and stragglers outlast their generation."""
    if unit.end == AFTER_ALL:
        return AFTER_ALL
    region = None if unit.part == Part.DEPLOYS else company.fleets[unit.number].region
    if region == story.RETIRED_REGION and unit.end == company.fleets[unit.number].ends:
        return max(unit.end, story.seconds(periods.midnight(company.tale.retired_on))) + 4 * DAY  # type: ignore[arg-type]
    return unit.end + DAY
