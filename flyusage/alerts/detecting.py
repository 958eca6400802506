"""What is out of the ordinary in what apps cost, hour by hour: pure, and the same for the worker and for the benchmark.

The method, in words. An hour of an app in a region is held against the same hour of the 28 days before, each without its weekday's factor:
what is ordinary is their median, and how far it may lie off is their median distance from it (MAD, as standard deviations), but a
twentieth at least. An hour stands out when it lies five such distances away, both from these 28 days and from the last three, so that a
launch becomes ordinary after two days and what a fault left in the history misleads nobody. Two such hours in a row begin an anomaly; it
lasts until three hours in a row lie within three distances.

An app in a region that costs much is looked at by sku, too, since a leak of volumes is lost in what its machines cost. What its skus lie off
by is added up, and must show in all of it: when one machine size takes another's place, the difference in price is told once, or nothing.

Regions as a whole and apps as a whole are looked at in the same way, and whatever explains most tells: a region in which no single app
makes up three fifths of the difference, then an app of which no region does, then the app in its region. Nothing that lies inside of
what tells is told again. Where a day is all that is known (traffic is reported once a day), days take the place of hours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flyusage.pricing.forecast import WEEK, weekday_factors

PAST_DAYS = 28
RECENT_DAYS = 3
BEGINS, GOES_ON = 5.0, 3.0  # distances
SMALLEST_DISTANCE = 0.05  # of what is ordinary
MAD_DEVIATIONS = 1.4826
CALM_SLOTS = 3
MOST_OF_IT = 0.6
HIDES = BEGINS * SMALLEST_DISTANCE  # of what an app in a region costs: no smaller difference of one of its skus can stand out in it
ALL = 0

Key = tuple[int, int]  # app, region; ALL: every one


@dataclass
class Line:
    """What something cost by day, and by slot of the day: `slots[slot][day]`. `totals` are the days'."""

    totals: list[float]
    slots: list[list[float]]


@dataclass
class Grid:
    """The lines of every app in every region, and of apps and regions as a whole. `of_interest`: differences below it (a slot) are not looked at.

    `parts` are the lines by sku of those apps in regions that cost so much that a single sku's difference may be lost in them.
    """

    lines: dict[Key, Line]
    of_interest: float
    slots_a_day: int = 24
    parts: Mapping[Key, Sequence[Line]] = field(default_factory=dict)
    _factors: dict[tuple[tuple[int, ...], int], list[float]] = field(default_factory=dict)

    def deviation(self, key: Key, slot: int) -> "Deviation | None":
        """How far slot `slot` (counted from the first day's first) lies off; None where that is of no interest."""
        line = self.lines.get(key)
        if line is None or slot < PAST_DAYS * self.slots_a_day:
            return None
        off = self._off(line, key, slot)
        if off is not None and abs(off.strength) >= BEGINS:
            return off
        return self._of_parts(key, line, slot) or off

    def _off(self, line: Line, key: tuple[int, ...], slot: int) -> "Deviation | None":
        day, hour = divmod(slot, self.slots_a_day)
        values = line.slots[hour]
        came, past = values[day], values[day - PAST_DAYS : day]
        if abs(came - _median(past)) < self.of_interest:
            return None
        factors = self._weekdays(key, line, day)
        flat = [one / factors[place % WEEK] for place, one in enumerate(past)]
        today = factors[PAST_DAYS % WEEK]
        level = _median(flat)
        expected, recent = level * today, _median(flat[-RECENT_DAYS:]) * today
        distance = max(MAD_DEVIATIONS * _median([abs(one - level) for one in flat]) * today, SMALLEST_DISTANCE * expected, 1e-12)
        strength, since_lately = (came - expected) / distance, (came - recent) / distance
        if strength * since_lately <= 0:
            return None
        strength = min(strength, since_lately, key=abs)
        return Deviation(came - expected, expected, strength) if abs(came - expected) >= self.of_interest else None

    def _of_parts(self, key: Key, line: Line, slot: int) -> "Deviation | None":
        """What single skus lie off by, where others of the place do not make up for it: a size in another's place is no fault."""
        found = [self._off(part, (*key, number), slot) for number, part in enumerate(self.parts.get(key, ()))]
        off = [one for one in found if one is not None and abs(one.strength) >= GOES_ON]
        difference = sum(one.difference for one in off)
        if abs(difference) < self.of_interest:
            return None
        day, hour = divmod(slot, self.slots_a_day)
        values, factors = line.slots[hour], self._weekdays(key, line, day)
        usual = [one / factors[place % WEEK] for place, one in enumerate(values[day - PAST_DAYS : day])]
        of_all = values[day] - _median(usual) * factors[PAST_DAYS % WEEK]
        if of_all * difference < MOST_OF_IT * difference**2:
            return None
        return Deviation(difference, sum(one.expected for one in off), max(off, key=lambda one: one.difference * difference).strength)

    def standing_out(self, slot: int) -> "dict[Key, Deviation]":
        """Whatever lies three distances off or more in `slot`."""
        found = {key: off for key in self.lines if (off := self.deviation(key, slot)) is not None}
        return {key: off for key, off in found.items() if abs(off.strength) >= GOES_ON}

    def _weekdays(self, key: tuple[int, ...], line: Line, day: int) -> list[float]:
        if (key, day) not in self._factors:
            self._factors[key, day] = weekday_factors(line.totals[day - PAST_DAYS : day])
        return self._factors[key, day]


@dataclass(frozen=True)
class Deviation:
    """What a slot cost more than `expected` (negative: less), and how many distances that is."""

    difference: float
    expected: float
    strength: float


@dataclass(frozen=True)
class Anomaly:
    """Something out of the ordinary from slot `since` until before `until`; `difference` is what it came to. `calm`: slots in a row that were not."""

    key: Key
    is_rise: bool
    since: int
    until: int
    difference: float
    expected: float
    calm: int = 0

    @property
    def is_over(self) -> bool:
        """Whether it has been calm for long enough."""
        return self.calm >= CALM_SLOTS

    def covers(self, other: Key) -> bool:
        """Whether `other` lies inside of what it is about."""
        return all(own in (ALL, inner) for own, inner in zip(self.key, other, strict=True))


Off = Mapping[Key, Deviation]


def step(running: Sequence[Anomaly], before: Off, now: Off, slot: int, *, slots_to_begin: int = 2) -> list[Anomaly]:
    """The anomalies after `slot`: those running gone on or calmed, those over as they are, and those that began.

    `before` stood out in the slot before.
    """
    found = [one if one.is_over else _gone_on(one, now.get(one.key), slot) for one in running]
    active = [one for one in found if not one.is_over]
    begun = {
        key: off for key, off in now.items() if abs(off.strength) >= BEGINS and (slots_to_begin == 1 or _is_same(before.get(key), off))
    }
    for key in _by_what_explains(begun, now):
        off = begun[key]
        is_rise = off.difference > 0
        if any(one.is_rise is is_rise and (one.covers(key) or one.key == key) for one in active):
            continue
        first = before.get(key) if slots_to_begin > 1 else None
        made = Anomaly(
            key, is_rise, slot - (1 if first else 0), slot + 1, off.difference + (first.difference if first else 0.0),
            off.expected + (first.expected if first else 0.0),
        )  # fmt: skip
        active.append(made)
        found.append(made)
    return found


def _gone_on(one: Anomaly, off: Deviation | None, slot: int) -> Anomaly:
    if off is None or (off.difference > 0) is not one.is_rise:
        return replace(one, calm=one.calm + 1)
    return replace(one, until=slot + 1, difference=one.difference + off.difference, expected=one.expected + off.expected, calm=0)


def _is_same(before: Deviation | None, off: Deviation) -> bool:
    return before is not None and abs(before.strength) >= BEGINS and before.difference * off.difference > 0


def _by_what_explains(begun: Off, now: Off) -> Iterable[Key]:
    """Regions of which no app, then apps of which no region makes up most, then single ones; each by what it comes to."""
    ranked = sorted(begun, key=lambda key: (-abs(begun[key].difference), key))
    told: list[tuple[Key, bool]] = []
    for place in (1, 0):  # regions, then apps
        for key in ranked:
            if key[1 - place] != ALL or key[place] == ALL:
                continue
            off = begun[key]
            inner = [
                one.difference
                for cell, one in now.items()
                if cell[place] == key[place] and ALL not in cell and one.difference * off.difference > 0
            ]
            apart = [
                one.difference for cell, one in now.items()
                if cell[place] == key[place] and ALL not in cell and one.difference * off.difference > 0 and not _is_told(told, cell, off)
            ]  # fmt: skip
            is_single = max(map(abs, inner), default=0.0) >= MOST_OF_IT * abs(off.difference)
            is_elsewhere = bool(told) and place == 0 and abs(sum(apart)) < MOST_OF_IT * abs(sum(inner))
            if not is_single and not is_elsewhere:
                told.append((key, off.difference > 0))
                yield key
    for key in ranked:
        if ALL not in key and not _is_told(told, key, begun[key]):
            yield key


def _is_told(told: Sequence[tuple[Key, bool]], cell: Key, off: Deviation) -> bool:
    return any(is_rise is (off.difference > 0) and (key[0] in (ALL, cell[0]) and key[1] in (ALL, cell[1])) for key, is_rise in told)


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
