"""How busy the demo company is: it grows, rests at weekends and at night where people live, and has a peak before Christmas."""

from datetime import UTC, datetime
from functools import lru_cache
from random import Random

from flyusage.demo.story import DAY

GROWTH = (0.94, 1.03)  # of the planned size, at the first moment and when the demo is first filled
WEEKEND = 0.45
PEAK_DAYS = {(11, day): 1.7 for day in range(24, 31)} | {(12, day): 1.4 for day in range(8, 23)}
SECONDS_PER_DEGREE = 240  # the sun moves fifteen degrees an hour


def growth(moment: int, begins: int, anchor: int) -> float:
    """The company's size at `moment` as a share of the planned one."""
    first, last = GROWTH
    return first + (last - first) * (moment - begins) / (anchor - begins)


def demand(day: int, chance: Random) -> float:
    """How much of the elastic machines a day calls for: 1 on an average working day. `day`: its midnight in seconds."""
    return _usual_demand(day) * (0.9 + 0.2 * chance.random())


@lru_cache(maxsize=1000)
def _usual_demand(day: int) -> float:
    weekday = (day // DAY + 3) % 7  # 1970 began on a Thursday
    usual = WEEKEND if weekday > 4 else (0.98, 1.05, 1.06, 1.03, 0.92)[weekday]
    date = datetime.fromtimestamp(day, UTC)
    return usual * PEAK_DAYS.get((date.month, date.day), 1.0)


def working_hours(day: int, longitude: float, rank: float, chance: Random) -> tuple[int, int]:
    """From when to when an elastic machine runs on `day`, by the sun at `longitude`; the first (rank 0) longest, the last (1) least."""
    noon = day - int(longitude * SECONDS_PER_DEGREE) + 43_200
    on = noon - int((5.2 - 3.6 * rank) * 3600) + int(chance.random() * 2400)
    return on, noon + int((8.3 - 4.8 * rank) * 3600) + int(chance.random() * 3000)


def night_shift(day: int, longitude: float, chance: Random) -> tuple[int, int]:
    """From when to when a batch runs in the night that begins `day`."""
    on = day - int(longitude * SECONDS_PER_DEGREE) + int(chance.uniform(0.5, 3.5) * 3600)
    return on, on + int(chance.uniform(0.4, 3.2) * 3600)
