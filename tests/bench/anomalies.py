"""Anomalies held against faults that are put into a real month's hours: how many are found, and how much of what is told is one.

The history is the measured company's own, noise, weekdays, launches and all, from which its story's own events are cut out. Faults of
three kinds (an app in a region runs away, a whole region goes dark, an app costs more everywhere) of random size and length come in one by
one; everything told that touches none of them counts as false, what the company's own events set off included.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import mean
from time import process_time

from sqlmodel import Session

from flyusage import clock, db
from flyusage.alerts import anomalies
from flyusage.alerts.detecting import ALL, PAST_DAYS, Anomaly, Grid, Key, Line, step
from flyusage.demo import story
from flyusage.periods import DAY, Period, floor_day
from flyusage.pricing.asking import ask, know
from flyusage.pricing.question import Question
from flyusage.pricing.view import Dimension, Measure, View
from tests.bench.database import NOW, Measured
from tests.bench.report import Row

DAYS = 28  # that are looked at
FAULTS, SEED = 60, 3
LOWEST_RECALL, LOWEST_PRECISION = 90, 80
MOST_SECONDS_A_LOOK = 5.0
TELLS_APART_SLOTS = 3


@dataclass(frozen=True)
class Fault:
    """From slot `since` until before `until`, everything at `key` costs `factor` as much, and `extra` an hour on top; of one sku, by its `part`."""

    kind: str
    key: Key
    since: int
    until: int
    factor: float
    extra: float
    part: int | None = None

    def touches(self, one: Anomaly) -> bool:
        """Whether an anomaly is about it: the same place, a part of it or what holds it, at about its time and in its direction."""
        is_near = one.since < self.until + TELLS_APART_SLOTS and one.until > self.since - TELLS_APART_SLOTS
        is_place = all(ALL in (mine, other) or mine == other for mine, other in zip(self.key, one.key, strict=True))
        return is_near and is_place and one.is_rise is (self.factor > 1 or self.extra > 0)


def measure(measured: Measured) -> tuple[list[Row], dict[str, object]]:
    """Recall, precision, how many are told a day, and what a look at one more hour costs."""
    with clock.freeze(NOW), db.transaction(measured.org_id) as session:
        known = know(session, measured.org_id, None, None, has_centres=False)
        today = floor_day(NOW)
        period = Period(today - (PAST_DAYS + DAYS) * DAY, today)
        question = ask(session, known, View(Measure.CONTRACTED_COST, Period(today - DAY, today), Dimension.APP))
        whole = anomalies.grid_of(session, question, "running", period)
        merged = _in_one_place(session, question, period, whole)
        began = process_time()
        one_day = anomalies.grid_of(session, question, "running", Period(today - (PAST_DAYS + 1) * DAY, today))
        one_day.standing_out(PAST_DAYS * 24 + 23)
        one_look = process_time() - began
    own = _own_events(question, period)
    caught, wrong, told = 0, 0, 0
    by_kind: dict[str, list[int]] = {}
    quiet = [one for one in _told(whole) if not any(event.touches(one) for event in own)]
    for fault in _faults(whole, own):
        found = _told(_with(whole, fault), around=fault)
        is_caught = any(fault.touches(one) for one in found)
        caught += is_caught
        told += len(found)
        wrong += sum(not fault.touches(one) and not any(event.touches(one) for event in own) and one not in quiet for one in found)
        by_kind.setdefault(fault.kind, []).append(is_caught)
    precision = 100 * caught / max(1, caught + wrong)
    rows = [
        Row("anomalies: injected faults that are found", 100 * caught / FAULTS, LOWEST_RECALL, "%", is_floor=True),
        Row("anomalies: of what they set off, told about them and not about others", precision, LOWEST_PRECISION, "%", is_floor=True),
        Row(f"anomalies: told beside any fault in {DAYS} days, a day", len(quiet) / DAYS, 1, "a day"),
        Row("anomalies: a look at one more hour, processor", one_look, MOST_SECONDS_A_LOOK, "s"),
    ]
    more, found = _measure_hidden(merged, own)
    by_kind_told = {kind: [sum(one), len(one)] for kind, one in by_kind.items()}
    return rows + more, {**found, "recall_by_kind": by_kind_told, "quiet": len(quiet), "own": len(own)}


def _measure_hidden(grid: Grid, own: list[Fault]) -> tuple[list[Row], dict[str, object]]:
    """Of faults of a single sku in a company of one app in one region: how many are found, and how many would be without a look at skus."""
    faults = list(_hidden(grid, own))
    quiet = [one for one in _told(grid) if not any(event.since - 24 < one.until and one.since < event.until + 24 for event in own)]
    by_sku, else_found = (
        100 * mean(any(fault.touches(one) for one in _told(looked, around=fault)) for fault, looked in some)
        for some in (
            [(fault, _with(grid, fault)) for fault in faults],
            [(fault, replace(_with(grid, fault), parts={})) for fault in faults],
        )
    )
    name = "anomalies: faults of one sku, a tenth to a fifth of a company in one place"
    rows = [
        Row(f"{name}, that are found", by_sku, LOWEST_RECALL, "%", is_floor=True),
        Row(f"{name}: told beside any in {DAYS} days, a day", len(quiet) / DAYS, 1, "a day"),
    ]
    return rows, {"one_sku_found_without_skus": else_found}


def _told(grid: Grid, around: Fault | None = None) -> list[Anomaly]:
    """What a worker tells of the days looked at (or of those around a fault), the largest five of a day."""
    first, last = PAST_DAYS * 24 + 1, (PAST_DAYS + DAYS) * 24
    if around is not None:
        first, last = max(first, around.since - 6), min(last, around.until + 30)
    running: list[Anomaly] = []
    before = grid.standing_out(first - 1)
    for slot in range(first, last):
        now = grid.standing_out(slot)
        running, before = step(running, before, now, slot), now
    worth = [one for one in running if abs(one.difference) >= anomalies.worth_telling(grid)]
    by_day: dict[int, list[Anomaly]] = {}
    for one in sorted(worth, key=lambda one: -abs(one.difference)):
        by_day.setdefault(one.since // 24, []).append(one)
    return [one for day in by_day.values() for one in day[: anomalies.MOST_A_DAY]]


def _faults(grid: Grid, own: list[Fault]) -> Iterator[Fault]:
    """Faults of at least twice what is worth telling, away from the company's own events."""
    chance, made = random.Random(SEED), 0
    hourly = {key: sum(line.totals[-DAYS:]) / DAYS / 24 for key, line in grid.lines.items()}
    worth = 2 * anomalies.worth_telling(grid)
    regions = [key for key, cost in hourly.items() if key[0] == ALL and cost > 2 * grid.of_interest]
    apps = [key for key, cost in hourly.items() if key[1] == ALL and cost > 2 * grid.of_interest]
    cells = [key for key in hourly if ALL not in key and hourly[key] > 0]
    while made < FAULTS:
        kind = ("runaway", "outage", "everywhere")[made % 3]
        since = chance.randrange((PAST_DAYS + 2) * 24, (PAST_DAYS + DAYS - 2) * 24)
        hours = chance.randint(3, 30)
        if kind == "runaway":
            key = chance.choice(cells)
            extra = max(worth / hours, 4 * grid.of_interest) * chance.uniform(1, 5)
            fault = Fault(kind, key, since, since + hours, 1.0, extra)
        else:
            key = chance.choice(regions if kind == "outage" else apps)
            factor = chance.uniform(0, 0.3) if kind == "outage" else chance.uniform(1.7, 4)
            hours = max(hours, round(worth / (abs(factor - 1) * hourly[key])) + 1)
            fault = Fault(kind, key, since, since + min(hours, 40), factor, 0.0)
        if not any(event.since - 24 < fault.until and fault.since < event.until + 24 for event in own):
            made += 1
            yield fault


def _with(grid: Grid, fault: Fault) -> Grid:
    """The grid with a fault in it; cells, regions and apps agree."""
    touched = {key for key in grid.lines if ALL not in key and all(own in (ALL, one) for own, one in zip(fault.key, key, strict=True))}
    lines = dict(grid.lines)
    copied: set[Key] = set()
    for cell in touched:
        for slot in range(fault.since, fault.until):
            day, hour = divmod(slot, 24)
            was = grid.lines[cell].slots[hour][day]
            change = was * (fault.factor - 1) + fault.extra / len(touched)
            for key in (cell, (ALL, cell[1]), (cell[0], ALL)):
                if key not in copied:
                    lines[key] = Line(list(lines[key].totals), [list(one) for one in lines[key].slots])
                    copied.add(key)
                lines[key].slots[hour][day] += change
                lines[key].totals[day] += change
    parts = dict(grid.parts)
    if fault.part is not None:
        own = [Line(list(one.totals), [list(each) for each in one.slots]) for one in parts[fault.key]]
        for slot in range(fault.since, fault.until):
            day, hour = divmod(slot, 24)
            own[fault.part].slots[hour][day] += fault.extra
            own[fault.part].totals[day] += fault.extra
        parts[fault.key] = own
    return Grid(lines, grid.of_interest, grid.slots_a_day, parts=parts)


def _in_one_place(session: Session, question: Question, period: Period, grid: Grid) -> Grid:
    """The company as if all of it were one app in one region, looked at by sku."""
    by_sku: dict[int, Line] = {}
    whole = _nothing()
    for *_, sku, filled in anomalies.summed(session, question, "running", period, of=[key for key in grid.lines if ALL not in key]):
        for line in (whole, by_sku.setdefault(sku, _nothing())):
            line.totals = [a + b for a, b in zip(line.totals, filled[0], strict=True)]
            line.slots = [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(line.slots, filled[1:], strict=True)]
    lines = {key: Line(list(whole.totals), [list(one) for one in whole.slots]) for key in ((1, 1), (ALL, 1), (1, ALL))}
    return Grid(lines, grid.of_interest, parts={(1, 1): list(by_sku.values())})


def _nothing() -> Line:
    return Line([0.0] * (PAST_DAYS + DAYS), [[0.0] * (PAST_DAYS + DAYS) for _ in range(24)])


def _hidden(grid: Grid, own: list[Fault]) -> Iterator[Fault]:
    """Faults of single skus in the one place of `grid`: a tenth to a fifth of what it costs, which does not stand out there."""
    chance, made = random.Random(SEED), 0
    hourly = sum(grid.lines[1, 1].totals[-DAYS:]) / DAYS / 24
    while made < FAULTS:
        since, hours = chance.randrange((PAST_DAYS + 2) * 24, (PAST_DAYS + DAYS - 2) * 24), chance.randint(3, 30)
        part = chance.randrange(len(grid.parts[1, 1]))
        fault = Fault("one sku", (1, 1), since, since + hours, 1.0, hourly * chance.uniform(0.1, 0.2), part)
        if not any(event.since - 24 < fault.until and fault.since < event.until + 24 for event in own):
            made += 1
            yield fault


def _own_events(question: Question, period: Period) -> list[Fault]:
    """The company's own runaway, outage with its neighbours, and migration, as places and times."""
    told = story.company_story(NOW, 13)
    regions = {one.code: key for key, one in question.reference.regions.items()}
    apps = {name: key for key, name in question.names.apps.items()}

    def slots(span: story.Span) -> tuple[int, int]:
        first = int(period.start.timestamp())
        return (span.start - first) // 3600, (span.end - first) // 3600 + 3

    found = []
    if told.outage is not None:
        found.append(Fault("own", (ALL, regions[story.OUTAGE_REGION]), *slots(told.outage), 0.0, 0.0))
        found += [Fault("own", (ALL, regions[one]), *slots(told.outage), 2.0, 0.0) for one in story.OUTAGE_NEIGHBOURS]
    if told.runaway is not None and story.RUNAWAY_APP in apps:  # a small company may not have it
        found.append(Fault("own", (apps[story.RUNAWAY_APP], ALL), *slots(told.runaway), 2.0, 0.0))
    return found
