"""What one answer found out that another view of the same usage needs, too: its other measures, and its other charts."""

from collections.abc import Callable, Hashable
from typing import TypeVar, cast

MOST_FINDINGS = 24

T = TypeVar("T")


class Remembered:
    """Findings about one organization's usage, of one period and filter, at one moment. Whoever holds it sees to it that it is still so.

    `most` findings are kept, with 0 none. Threads may share it; two that ask for the same at once may both look for it.
    """

    def __init__(self, most: int = MOST_FINDINGS) -> None:
        self._most = most
        self._found: dict[Hashable, object] = {}

    def ask(self, key: Hashable, find: Callable[[], T]) -> T:
        """What `find` gave for `key` the first time."""
        if key in self._found:
            return cast("T", self._found[key])
        found = find()
        if self._most:
            while len(self._found) >= self._most:
                self._found.pop(next(iter(self._found)), None)
            self._found[key] = found
        return found
