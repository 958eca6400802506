"""What was found out once and is asked for again: by the other measures and charts of one view, or by every question."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import TypeVar, cast

MOST_FINDINGS = 24
MOST_POINTS = 200_000  # of drawn lines, 32 bytes each: 13 months of days of 400 series, or a month of hours of 250

T = TypeVar("T")


class Remembered:
    """Findings that hold for as long as it is kept: of one organization's usage at one moment, or of what never changes.

    Whoever holds it sees to that. `most` findings are kept, with 0 none, and no more lines than MOST_POINTS make. Threads may
    share it; two that ask for the same at once may both look for it.
    """

    def __init__(self, most: int = MOST_FINDINGS) -> None:
        self._most = most
        self._found: dict[Hashable, object] = {}
        self._changing = Lock()

    def ask(self, key: Hashable, find: Callable[[], T]) -> T:
        """What `find` gave for `key` the first time."""
        if key in self._found:
            return cast("T", self._found[key])
        found = find()
        if _points(found) <= MOST_POINTS:
            with self._changing:
                kept = sum(map(_points, self._found.values()))
                while self._found and (len(self._found) >= self._most or kept + _points(found) > MOST_POINTS):
                    kept -= _points(self._found.pop(next(iter(self._found))))
                if self._most:
                    self._found[key] = found
        return found


def _points(found: object) -> int:
    """How many points it is, where it is lines by their series."""
    return sum(len(line) for line in found.values() if isinstance(line, list)) if isinstance(found, dict) else 0
