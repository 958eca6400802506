"""When a series changed: the one moment that best divides it into a before and an after. Pure; for words, not for money."""

from collections.abc import Sequence
from dataclasses import dataclass

EXPLAINED = 0.6  # the share of a series' variance that one step must explain to be called the change
SHARE_OF_LEVEL = 0.02


@dataclass(frozen=True)
class Step:
    """The series goes from `before` to `after` (means) at the point `place`."""

    place: int
    before: float
    after: float

    @property
    def size(self) -> float:
        """By how much it rises."""
        return self.after - self.before


def find_step(series: Sequence[float]) -> Step | None:
    """The step, where one explains most of the variance and is neither tiny nor the same as noise; None otherwise."""
    count, total, square = len(series), sum(series), sum(one * one for one in series)
    if count < 2:
        return None
    spread = square - total * total / count
    best, place, left = 0.0, 0, 0.0
    for at in range(1, count):
        left += series[at - 1]
        gain = left * left / at + (total - left) ** 2 / (count - at) - total * total / count
        if gain > best:
            best, place = gain, at
    if spread <= 0 or best < EXPLAINED * spread:
        return None
    before, after = sum(series[:place]) / place, sum(series[place:]) / (count - place)
    if abs(after - before) < max(0.5, SHARE_OF_LEVEL * max(before, after)):
        return None
    return Step(_sharpest(series, place, after - before), before, after)


def _sharpest(series: Sequence[float], place: int, size: float) -> int:
    """The largest single rise (or fall) near the dividing point: the moment people would point at."""
    reach = max(1, len(series) // 40)
    near = range(max(1, place - reach), min(len(series), place + reach + 1))
    return max(near, key=lambda at: ((series[at] - series[at - 1]) * (1 if size > 0 else -1), -abs(at - place)))
