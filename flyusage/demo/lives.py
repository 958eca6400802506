"""From a fleet and a span of its time to the usage events of whole machine lives.

The unit of work is a generation: the machines of one fleet between two releases. All events of a subject come from one
unit, each unit has chance of its own, and its events do not depend on when they are asked for; so any order of units, and
any two moments to stop at, give the same events.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from enum import IntEnum
from itertools import chain
from random import Random
from typing import NamedTuple

from flyusage.demo import rhythm, story
from flyusage.demo.company import AFTER_ALL, LONGITUDES, App, Fleet, Style
from flyusage.demo.story import DAY, Span, Story
from flyusage.metering.usage_event import NO_DETAILS, Details, EventType, UsageEvent, identity_of
from flyusage.periods import midnight

STARTED, STOPPED, DESTROYED = (
    int(EventType.MACHINE_STARTED),
    int(EventType.MACHINE_STOPPED),
    int(EventType.MACHINE_DESTROYED),
)
CREATED, RESIZED, VOLUME_DESTROYED = (
    int(EventType.VOLUME_CREATED),
    int(EventType.VOLUME_RESIZED),
    int(EventType.VOLUME_DESTROYED),
)
ALLOCATED, RELEASED = int(EventType.IPV4_ALLOCATED), int(EventType.IPV4_RELEASED)
REPORTED, DEPLOYED = int(EventType.EGRESS_REPORTED), int(EventType.APP_DEPLOYED)

ROLLING_STEP = 12  # seconds from one machine of a release to the next
MISSING_STOPS = 0.0002  # of all stops that a start follows
OUTAGE_SURVIVORS = 0.12
RUNAWAY_SIZE, RUNAWAY_MIB, RUNAWAY_SHARE = "performance-8x", 16384, 0.06
STRAGGLER_SHARE = 0.02
RESIZE_DAYS = 90

Run = tuple[int, int]


class Part(IntEnum):
    """What a unit holds."""

    MACHINES = 0
    DEPLOYS = 1
    ADDRESS = 2
    SPILL = 3
    RUNAWAY = 4


class Subject(NamedTuple):
    """Whom events are about, where that is, and who reports them."""

    name: str
    app: str
    region: str
    source: str


class Unit(NamedTuple):
    """All lives of one part of a fleet (or app) that begin in `[start, end)`, the same number whenever it is made."""

    start: int
    end: int
    part: Part
    number: int
    nth: int


class Fate(NamedTuple):
    """What the events of the company `org` follow from; `anchor` is when it was first filled."""

    org: str
    tale: Story
    seed: int
    anchor: int


class Life(NamedTuple):
    """A machine's name and the chance that is its own."""

    name: str
    chance: Random


class Writer:
    """Writes a company's events in `(since, until]` into `events`; ids count up along each subject's life."""

    def __init__(self, fate: Fate, *, since: int, until: int) -> None:
        self.events: list[UsageEvent] = []
        self._tale, self._fate = fate.tale, fate
        self._since, self._until = since, until

    def take(self) -> list[UsageEvent]:
        """The events written since the last call."""
        events, self.events = self.events, []
        return events

    def generation(self, fleet: Fleet, unit: Unit) -> None:
        """The machines of `fleet` between two of its releases."""
        names = Random(f"{self._fate.seed}/{fleet.key}/{unit.nth}")
        days, grown = Random(names.getrandbits(64)), self._growth(unit.start)
        count = int(fleet.base * grown + Random(f"{self._fate.seed}/{fleet.key}").random())
        for rank in range(count):
            self._steady(fleet, unit, rank, names.getrandbits(56))
        if not fleet.elastic:
            return
        needs = self._days(fleet, unit, fleet.elastic * grown, days)
        if fleet.group.style == Style.STOPPING:
            self._stopping(fleet, unit, needs, names)
            return
        for run in chain.from_iterable(needs):
            self._life(fleet, Life(_name(days.getrandbits(56)), days), [run])

    def deploys(self, app: App, unit: Unit) -> None:
        """A release of `app`, and the configuration changes that restart its machines until the next one."""
        subject = Subject(app.name, app.name, app.home, f"/deploys/{app.home}")
        for step, moment in enumerate([unit.start, *_between(app.restarts, unit.start + 3600, unit.end - 3600)]):
            version = f"v{unit.nth + 1}.{step}"
            self._put(subject, version, DEPLOYED, moment, (None, None, None, None, None, None, version, None, None))

    def address(self, fleet: Fleet, unit: Unit) -> None:
        """A dedicated IPv4 of the fleet (from 198.18.0.0/15, which is set aside for such uses)."""
        name = f"198.18.{unit.number // 254 % 256}.{unit.number % 254 + 1}"
        subject = Subject(name, fleet.app.name, fleet.region, f"/ipam/{fleet.region}")
        self._put(subject, 0, ALLOCATED, unit.start, NO_DETAILS)
        if unit.end < AFTER_ALL:
            self._put(subject, 1, RELEASED, unit.end, NO_DETAILS)

    def spill(self, fleet: Fleet, unit: Unit) -> None:
        """Machines that take over while a neighbouring region is dark."""
        chance = Random(f"{self._fate.seed}/{fleet.key}/spill")
        for _ in range(int(fleet.base * 0.35 + chance.random())):
            start = unit.start + 300 + int(chance.random() * 1500)
            life = Life(_name(chance.getrandbits(56)), chance)
            self._life(fleet, life, [(start, unit.end - int(chance.random() * 3000))])

    def runaway(self, fleet: Fleet, unit: Unit, machines: int) -> None:
        """An app that starts machines without end, until somebody notices."""
        chance = Random(f"{self._fate.seed}/runaway")
        spent = Fleet(f"{fleet.key}/runaway", fleet.app, fleet.region, fleet.group, RUNAWAY_SIZE, RUNAWAY_MIB, 0, 0, 0)
        for i in range(machines):
            start = unit.start + int((unit.end - unit.start) * 0.62 * (i / machines) ** 0.5)
            life = Life(_name(chance.getrandbits(56)), chance)
            self._life(spent, life, [(start, unit.end + int(chance.random() * 900))])

    def _steady(self, fleet: Fleet, unit: Unit, rank: int, number: int) -> None:
        """A machine that runs from release to release, restarted in turn with the others."""
        chance, name = Random(number), _name(number)
        lag = rank * ROLLING_STEP + int(chance.random() * 9)
        start, end = unit.start + lag, unit.end + lag
        if unit.nth == 0:
            start += int(chance.random() * 7200)
        if fleet.region == story.RETIRED_REGION and unit.end == fleet.ends and chance.random() < STRAGGLER_SHARE:
            end = story.seconds(midnight(self._tale.retired_on)) + int(chance.uniform(0.2, 3) * DAY)  # type: ignore[arg-type]
        runs, begins = [], start
        for moment in _between(fleet.app.restarts, unit.start + 3600, unit.end - 3600):
            if begins < moment + lag < end:
                runs.append((begins, moment + lag))
                begins = moment + lag + 4 + int(chance.random() * 35)
        runs.append((begins, max(end, begins + 1)))
        self._life(fleet, Life(name, chance), runs)
        if rank == 0 and fleet.egress_gb_per_day:
            self._egress(fleet, name, start, end)
        if fleet.group.volume_gb:
            self._volume(fleet, name, start, end)

    def _days(self, fleet: Fleet, unit: Unit, machines: float, chance: Random) -> Iterator[list[Run]]:
        """For each day of the unit the runs of its elastic machines, the longest first."""
        longitude, luck = LONGITUDES[fleet.region], chance.random()
        for day in range(unit.start // DAY * DAY, min(unit.end, self._until + DAY), DAY):
            count = int(machines * rhythm.demand(day, chance) + luck)
            runs = []
            for rank in range(count):
                if fleet.group.style == Style.NIGHTLY:
                    run = rhythm.night_shift(day, longitude, chance)
                else:
                    run = rhythm.working_hours(day, longitude, rank / count, chance)
                if unit.start <= run[0] < unit.end - 60:
                    runs.append(run)
            yield runs

    def _stopping(self, fleet: Fleet, unit: Unit, days: Iterator[list[Run]], names: Random) -> None:
        """Machines that stop when they are not needed and keep their root filesystem, until the next release."""
        lives: list[list[Run]] = []
        for runs in days:
            for rank, (on, off) in enumerate(runs):
                if rank == len(lives):
                    lives.append([])
                lives[rank].append((on, min(off, unit.end)))
        for runs in lives:
            # Far east and west a day's run may begin before the last one ended.
            apart = [run for i, run in enumerate(runs) if not i or run[0] > runs[i - 1][1]]
            number = names.getrandbits(56)
            self._life(fleet, Life(_name(number), Random(number)), apart, ends=unit.end + 1 + number % 300)

    def _life(self, fleet: Fleet, life: Life, runs: Sequence[Run], *, ends: int | None = None) -> None:
        """One machine: a start and a stop per run, the end after the last (at once, unless `ends` is later)."""
        name, chance = life
        outage = self._tale.outage
        if outage and fleet.region == story.OUTAGE_REGION and runs[0][0] < outage.end and outage.start < runs[-1][1]:
            runs = _darkened(runs, outage, chance)
            if not runs:
                return
        may_lose, last = ends is None, len(runs) - 1
        ends = runs[-1][1] if ends is None else ends
        subject = _on_host(fleet, name, name)
        begins = (fleet.size, fleet.memory_mib, None, None, None, None, None, None, None)
        rests = _capacity(fleet.group.rootfs_gb)
        for i, (start, stop) in enumerate(runs):
            if start > self._until:
                return
            self._put(subject, 2 * i, STARTED, start, begins)
            if stop < ends and not (may_lose and i < last and chance.random() < MISSING_STOPS):
                self._put(subject, 2 * i + 1, STOPPED, stop, rests)
        self._put(subject, 2 * len(runs), DESTROYED, ends, NO_DETAILS)

    def _egress(self, fleet: Fleet, name: str, start: int, end: int) -> None:
        """A report per day that ends while the machine runs, for all of the app's machines in the region."""
        chance = Random(f"{name}/egress")
        subject = Subject(name, fleet.app.name, fleet.region, f"/proxies/{fleet.region}")
        for day_end in range((start // DAY + 1) * DAY, min(end, self._until) + 1, DAY):
            day = day_end - DAY
            gb = fleet.egress_gb_per_day * self._growth(day) * (0.4 + 0.6 * rhythm.demand(day, chance))
            report = (None, None, None, int(gb * 1e9), max(start, day), day_end, None, None, None)
            self._put(subject, f"day{day // DAY}", REPORTED, day_end + 60 + int(chance.random() * 800), report)

    def _volume(self, fleet: Fleet, name: str, start: int, end: int) -> None:
        """The machine's volume, grown by a quarter now and then, gone with its machine."""
        chance, subject = Random(f"{name}/volume"), _on_host(fleet, name, f"vol_{name}")
        gb, moment, number = fleet.group.volume_gb, start, 0
        while moment < min(end, self._until + 1):
            self._put(subject, number, RESIZED if number else CREATED, moment, _capacity(gb))
            gb, number = gb * 5 // 4, number + 1
            moment += int(chance.uniform(0.6, 1.6) * RESIZE_DAYS * DAY)
        if end < AFTER_ALL:
            self._put(subject, "end", VOLUME_DESTROYED, end + 2, NO_DETAILS)

    def _growth(self, moment: int) -> float:
        return rhythm.growth(min(moment, self._fate.anchor), self._tale.begins, self._fate.anchor)

    def _put(self, subject: Subject, mark: int | str, type: int, time: int, what: Details) -> None:
        """Write the event, if it is wanted; its id is the subject's name with `mark`."""
        if not self._since < time <= self._until:
            return
        name, app, region, source = subject
        id = f"{name}.{mark}"
        self.events.append(UsageEvent(0, self._fate.org, identity_of(source, id), type, time, source, id, name, app, region, *what))


def _capacity(gb: int) -> Details:
    return (None, None, gb * 1024, None, None, None, None, None, None)


def _on_host(fleet: Fleet, machine: str, name: str) -> Subject:
    """`name` as reported by the host that the machine runs on."""
    return Subject(name, fleet.app.name, fleet.region, f"/hosts/{fleet.region}-{int(machine[:2], 16) % 40:02d}")


def _name(number: int) -> str:
    return f"{number:014x}"


def _between(moments: Sequence[int], start: int, end: int) -> Sequence[int]:
    return moments[bisect_right(moments, start) : bisect_right(moments, end)]


def _darkened(runs: Sequence[Run], outage: Span, chance: Random) -> list[Run]:
    """The runs of a machine in a region that is dark: ended as it begins, taken up again as it ends."""
    if chance.random() < OUTAGE_SURVIVORS:
        return list(runs)
    dark, light = outage.start + int(chance.random() * 240), outage.end + int(chance.random() * 2700)
    kept = []
    for start, stop in runs:
        if start < dark:
            kept.append((start, min(stop, dark)))
        if stop > light:
            kept.append((max(start, light), stop))
    return [(start, stop) for start, stop in kept if start < stop]
