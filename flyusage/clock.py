"""The present moment, in one place, so that tests and replays of the past can set it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from flyusage.config import settings

_frozen: datetime | None = None


def now() -> datetime:
    """The present as aware UTC; `FLYUSAGE_CLOCK` (ISO 8601) or `freeze` set it still."""
    return _frozen or settings().clock or datetime.now(UTC)


@contextmanager
def freeze(moment: datetime) -> Iterator[None]:
    """Hold `now()` at `moment` (aware) inside the block; nests. Raises ValueError for a naive moment."""
    global _frozen
    if moment.tzinfo is None:
        raise ValueError("a naive moment stands for a different one in each zone")
    before, _frozen = _frozen, moment.astimezone(UTC)
    try:
        yield
    finally:
        _frozen = before


def frozen_at() -> datetime | None:
    """The moment that `freeze` holds, for a process that works for this one; None while time passes."""
    return _frozen
