"""The present moment, in one place, so that tests and replays of the past can set it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

_frozen: datetime | None = None


def now() -> datetime:
    """The present as aware UTC; `FLYUSAGE_CLOCK` (ISO 8601) or `freeze` set it still."""
    if _frozen is not None:
        return _frozen
    if fixed := os.environ.get("FLYUSAGE_CLOCK"):
        return datetime.fromisoformat(fixed).astimezone(UTC)
    return datetime.now(UTC)


@contextmanager
def freeze(moment: datetime) -> Iterator[None]:
    """Hold `now()` at `moment` (aware) inside the block; nests."""
    global _frozen
    before, _frozen = _frozen, moment.astimezone(UTC)
    try:
        yield
    finally:
        _frozen = before
