"""What the rest of a month will cost, from the days before: pure, and the same for a chart, a budget and the back-test.

The method, in words a finance department can repeat. A day's cost is a level times its weekday's factor. Factors are medians over the
last eight weeks of a day against the mean of the seven days around it, drawn towards 1 while there are few weeks.

The level is two forecasts combined. The quick one is the weighted mean of the last seven days, each counting half as much as the one two
days after it, so that a launch or a shutdown is believed within days; a day that stands out by itself counts as its neighbours. To it
comes half of what eight weeks' trend would add, fading by a tenth with every day ahead. The slow one is the mean of four weeks, which a
few busy days do not mislead. For each of the last 28 days it is asked how far off both were about the seven days that came then (days of
a week ago count half), and each is believed the more the less it was off: by the inverse of its mean squared error, squared. Of what has
cost nothing for three days, and for longer than ever in the eight weeks before, nothing more is expected: it was shut down.

Of today as much is left as the hours to come make up of the same weekday: medians over the last four weeks, drawn towards those of all
days, and these towards even hours, which hold alone before two weeks are known. Days without data are left out of all of it.

The interval is not assumed but measured: the same method is asked, on every second day of the past two months, for as many days ahead,
and what came differs from what it said by a factor. The 80 % interval is where the middle nine tenths of these factors lie: stretches of
days that overlap differ less from one another than from the one to come, and the middle eight tenths held 75 of a hundred months. Where
too few days are known for that, it is as wide as days differ from one another, and widens by more than a hundredth a day for a drift
nobody knows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from statistics import median
from typing import NamedTuple

WEEK = 7
HOURS_A_DAY = 24
FACTOR_DAYS = 56
LEVEL_DAYS = 7
HALF_LIFE_DAYS = 2.0
QUICK_WEIGHTS = [0.5 ** (ago / HALF_LIFE_DAYS) for ago in reversed(range(LEVEL_DAYS))]
SLOW_DAYS = 28
TRIED_DAYS = 28  # of which it is asked whether the quick or the slow level told better what came
TRIED_AHEAD = 7
TRIED_HALF_LIFE_DAYS = 7.0
FEWEST_DAYS_GONE = 3
FEWEST_SHAPES = 14  # days: before these, the hours of a launch or of a single job would pass for every day's
PRIOR_SHAPES = 3.0  # days of what is believed without them
PRIOR_WEEKS = 0.25  # for how many weeks of "every day alike" the first weeks must make up
TREND_FADES = 0.9
TREND_TAKEN = 0.5
LARGEST_TREND = 0.03  # of the level, a day
SMALLEST_OF_TREND = 0.25  # a weekday's factor: below it a day says too little of the level
FEWEST_TREND_DAYS = 14
STANDS_OUT = 2.0
MOST_STANDING_OUT = 1 / 8  # of the days: more of them are what is usual there
BACK_DAYS = 60
FEWEST_ORIGINS = 12
FEWEST_DAYS_BEFORE = 7
TENTHS = (0.1, 0.9)
TWENTIETHS = (0.05, 0.95)  # of stretches that overlap: sixty of them are worth a few that do not
NORMAL_TENTH = 1.2816  # standard deviations beyond which a tenth lies
SMALLEST_SPREAD, SMALLEST_FACTOR = 0.02, 0.0005
UNKNOWN_DRIFT = 0.015  # of the level, a day: where too few days are known to have measured it


@dataclass(frozen=True)
class Forecast:
    """What is expected for a stretch of days, and between what it lies in eight of ten cases; in the unit of the days given."""

    expected: float
    low: float
    high: float


class _Day(NamedTuple):
    """What a day cost, and what its weekday makes of the level."""

    cost: float
    factor: float


def forecast(days: Sequence[float | None], ahead: int, *, passed: float = 0.0, is_used: bool = False) -> Forecast | None:
    """The sum of the `ahead` days after `days` (one a day, the last one yesterday's; None: no data). None without any day to go by.

    `passed` is the share of the first of them that is over and not to be counted (0 to 1); `is_used`, whether it has cost something
    already, so that what stood still is not gone.
    """
    daily = expected_days(days, ahead, is_used=is_used)
    if daily is None:
        return None
    expected = sum(daily) - passed * daily[0]
    low, high = _factors(days, ahead)
    return Forecast(expected, expected * low, expected * high)


def each_day(days: Sequence[float | None], ahead: int, *, is_used: bool = False) -> list[Forecast] | None:
    """The same for each of the `ahead` days by itself, the interval measured for a day as far ahead. None without any day to go by."""
    daily = expected_days(days, ahead, is_used=is_used)
    if daily is None:
        return None
    factors: list[list[float]] = [[] for _ in range(ahead)]
    for origin in _origins(max(FEWEST_DAYS_BEFORE, len(days) - BACK_DAYS), len(days)):
        said = expected_days(days[:origin], min(ahead, len(days) - origin)) or []
        for step, (one, came) in enumerate(zip(said, days[origin:], strict=False)):
            if one > 0 and came is not None:
                factors[step].append(came / one)
    return [Forecast(one, one * low, one * high) for one, (low, high) in zip(daily, _day_factors(days, factors), strict=True)]


def expected_days(days: Sequence[float | None], ahead: int, *, is_used: bool = False) -> list[float] | None:
    """What each of the `ahead` days after `days` is expected to be; `is_used`: the first has cost something. None without any day to go by."""
    known = days[-FACTOR_DAYS:]
    if not any(one is not None for one in known):
        return None
    if not is_used and _is_gone(known):
        return [0.0] * ahead
    factors = weekday_factors(known)
    used = _calm([_Day(one, factors[place % WEEK]) for place, one in enumerate(known) if one is not None])
    quick, slow, slope = _quick(used), _slow(used), _slope(known, factors)
    share = _share_of_quick(used)
    found, growth = [], 0.0
    for step in range(ahead):
        growth += slope * TREND_FADES**step
        found.append(max(0.0, share * (quick + growth) + (1 - share) * slow) * factors[(len(known) + step) % WEEK])
    return found


def share_passed(days: Sequence[Sequence[float] | None], hours: float) -> float:
    """Which share of its cost the day after `days` has behind it `hours` after it began; each is 24 hours' cost (None: no data)."""
    shapes = [None if one is None or sum(one) <= 0 else [each / sum(one) for each in one] for one in days]
    shape = [1 / HOURS_A_DAY] * HOURS_A_DAY
    if len(shapes) - shapes.count(None) >= FEWEST_SHAPES:
        for some in (shapes, shapes[::-1][WEEK - 1 :: WEEK]):  # all days, and of these today's weekdays
            shape = _drawn_to(shape, [one for one in some if one is not None])
    whole = int(hours)
    return min(1.0, sum(shape[:whole]) + (hours - whole) * sum(shape[whole : whole + 1]))


def weekday_factors(days: Sequence[float | None]) -> list[float]:
    """By place in the week, the first of `days` being 0; their mean is 1."""
    ratios: list[list[float]] = [[] for _ in range(WEEK)]
    for place in range(3, len(days) - 3):
        around = [one for one in days[place - 3 : place + 4] if one is not None]
        one = days[place]
        if one is not None and len(around) == WEEK and sum(around) > 0:
            ratios[place % WEEK].append(one * WEEK / sum(around))
    factors = [(len(found) * median(found) + PRIOR_WEEKS) / (len(found) + PRIOR_WEEKS) if found else 1.0 for found in ratios]
    whole = sum(factors)
    return [max(0.01, one * WEEK / whole) for one in factors]


def _drawn_to(prior: Sequence[float], shapes: Sequence[Sequence[float]]) -> list[float]:
    """Each hour's median share of a day, made to sum to 1; `prior` counts as some more days."""
    middle = [median(one) for one in zip(*shapes, strict=True)]
    whole, count = sum(middle), len(shapes)
    if whole <= 0:
        return list(prior)
    return [(PRIOR_SHAPES * one + count * own / whole) / (PRIOR_SHAPES + count) for one, own in zip(prior, middle, strict=True)]


def _is_gone(days: Sequence[float | None]) -> bool:
    """Whether it cost nothing of late, for longer than ever before: it is not a night, a weekend or a pause between jobs."""
    known = [one for one in days if one is not None]
    runs = [len(list(some)) for is_nothing, some in groupby(known, lambda one: one == 0) if is_nothing]
    return bool(runs) and known[-1] == 0 and any(known) and runs[-1] >= FEWEST_DAYS_GONE and runs[-1] > max(runs[:-1], default=0)


def _share_of_quick(used: Sequence[_Day]) -> float:
    """How much the quick level is believed beside the slow one, by how far off each was about the days that came after (0 to 1)."""
    of_quick = of_slow = 0.0
    costs = [0.0, *accumulate(one.cost for one in used)]
    worths = [0.0, *accumulate(one.factor for one in used)]
    for place in range(max(1, len(used) - TRIED_DAYS), len(used)):
        first, last = max(0, place - SLOW_DAYS), min(len(used), place + TRIED_AHEAD)
        slow = (costs[place] - costs[first]) / (worths[place] - worths[first])
        cost, worth = (costs[last] - costs[place]) / (last - place), (worths[last] - worths[place]) / (last - place)
        weight = 0.5 ** ((len(used) - place) / TRIED_HALF_LIFE_DAYS)
        of_quick += weight * (_quick(used[max(0, place - LEVEL_DAYS) : place]) * worth - cost) ** 2
        of_slow += weight * (slow * worth - cost) ** 2
    if math.isclose(of_quick, of_slow):  # as of what began yesterday: a launch, or a job of one day
        return 0.0
    largest = max(of_quick, of_slow)
    quick, slow = (of_quick / largest) ** 2, (of_slow / largest) ** 2
    return slow / (quick + slow)


def _quick(used: Sequence[_Day]) -> float:
    """The level of the last days, the latest most."""
    last = used[-LEVEL_DAYS:]
    weights = QUICK_WEIGHTS[-len(last) :]
    cost = worth = 0.0
    for one, weight in zip(last, weights, strict=True):
        cost += one.cost * weight
        worth += one.factor * weight
    return cost / worth


def _slow(used: Sequence[_Day]) -> float:
    """The level of the last weeks."""
    last = used[-SLOW_DAYS:]
    return sum(one.cost for one in last) / sum(one.factor for one in last)


def _calm(used: Sequence[_Day]) -> list[_Day]:
    """The same; a day that stands out by itself counts as those around it. Where many do, or weekdays are not known yet, none does.

    Nor does one among days that cost nothing: it is a job that comes now and then.
    """
    flat, calm = [one.cost / one.factor for one in used], list(used)
    for place in range(1, len(used) - 1):
        beside = median(flat[max(0, place - 2) : place + 3])
        if beside > 0 and not beside / STANDS_OUT <= flat[place] <= beside * STANDS_OUT:
            calm[place] = _Day(beside * used[place].factor, used[place].factor)
    changed = sum(one is not other for one, other in zip(calm, used, strict=True))
    return calm if changed <= MOST_STANDING_OUT * len(used) and len(used) >= FEWEST_TREND_DAYS else list(used)


def _slope(days: Sequence[float | None], factors: Sequence[float]) -> float:
    """What a day adds: the median over pairs of days a week and more apart (Theil and Sen), the part of it that is believed."""
    flat = [(place, one, factors[place % WEEK]) for place, one in enumerate(days) if one is not None]
    known = [(place, one / factor) for place, one, factor in flat if factor >= SMALLEST_OF_TREND]
    if len(known) < FEWEST_TREND_DAYS:
        return 0.0
    slopes = [(b - a) / (y - x) for i, (x, a) in enumerate(known) for y, b in known[i + 1 :] if y - x >= WEEK]
    level = sum(one for _, one in known) / len(known)
    most = LARGEST_TREND * level
    return TREND_TAKEN * min(most, max(-most, median(slopes))) if slopes else 0.0


def _factors(days: Sequence[float | None], ahead: int) -> tuple[float, float]:
    """What the sum of `ahead` days came to against what was expected of them: the factor that a twentieth lay below, and above."""
    found = []
    first = max(FEWEST_DAYS_BEFORE, len(days) - ahead - BACK_DAYS)
    for origin in _origins(first, len(days) - ahead + 1):
        said = expected_days(days[:origin], ahead) or []
        known = [(one, came) for one, came in zip(said, days[origin : origin + ahead], strict=False) if came is not None]
        if 2 * len(known) >= ahead and sum(one for one, _ in known) > 0:  # a gap is no reason to know nothing of its month
            found.append(sum(came for _, came in known) / sum(one for one, _ in known))
    if len(found) < FEWEST_ORIGINS:
        spread = NORMAL_TENTH * max(SMALLEST_SPREAD, _wander(days)) * math.sqrt((ahead + 1) / 2) + UNKNOWN_DRIFT * (ahead + 1) / 2
        return max(0.0, 1 - spread), 1 + spread
    found.sort()
    low, high = (_quantile(found, share) for share in TWENTIETHS)
    return min(low, 1 - SMALLEST_FACTOR), max(high, 1 + SMALLEST_FACTOR)


def _origins(first: int, last: int) -> range:
    """From where it is asked what came, `last` left out: every second day, which tells as much in half the time, where there are many."""
    return range(first, last, 2 if last - first >= 2 * FEWEST_ORIGINS else 1)


def _day_factors(days: Sequence[float | None], factors: list[list[float]]) -> list[tuple[float, float]]:
    """For each day ahead the factor that a tenth lay below and above; never narrower than the day before's: less is known of it."""
    found, spread = [], NORMAL_TENTH * max(SMALLEST_SPREAD, _wander(days))
    low = high = 1.0
    for step, one in enumerate(factors):
        if len(one) >= FEWEST_ORIGINS:
            ordered = sorted(one)
            low, high = min(low, _quantile(ordered, TENTHS[0])), max(high, _quantile(ordered, TENTHS[1]))
        else:
            width = spread + UNKNOWN_DRIFT * (step + 1)
            low, high = min(low, max(0.0, 1 - width)), max(high, 1 + width)
        found.append((low, high))
    return found


def _quantile(ordered: Sequence[float], share: float) -> float:
    """A little further out than the sample's own: what comes is one more draw beside those that came."""
    place = share * (len(ordered) + 1) - 1
    low = min(max(math.floor(place), 0), len(ordered) - 1)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * min(max(place - low, 0.0), 1.0)


def _wander(days: Sequence[float | None]) -> float:
    """How much a day differs from the one before, as a share of it: the middle one of those known."""
    pairs = [(a, b) for a, b in pairwise(days) if a and b is not None]
    return median(abs(b - a) / a for a, b in pairs) if pairs else 0.25
