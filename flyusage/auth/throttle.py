"""How often something may be tried, counted for all server processes together: in Postgres, or in Redis where one is named.

Sign-in is slowed by account and by network address. Somebody who keeps guessing at an account must not lock its owner out:
a browser that has signed in to the account before carries a mark (`sessions.known_mark`) and is counted by itself.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.auth.errors import TooManyAttempts
from flyusage.config import settings
from flyusage.internet import subscriber

if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True)
class Limit:
    """At most `times` tries within `seconds` of the first one."""

    times: int
    seconds: int


@dataclass(frozen=True)
class Counted:
    """Tries so far in the present window, which ends in `reset_s` seconds."""

    limit: Limit
    tried: int
    reset_s: int

    @property
    def left(self) -> int:
        """How many more are let through."""
        return max(0, self.limit.times - self.tried)


PER_ACCOUNT = Limit(10, 15 * 60)
PER_DEVICE = Limit(10, 15 * 60)  # one that is known to the account
PER_ADDRESS = Limit(60, 15 * 60)
MAILS_PER_ACCOUNT = Limit(4, 60 * 60)
MAILS_PER_ADDRESS = Limit(30, 60 * 60)
DOWNLOADS = Limit(120, 10 * 60)  # of one person's, in one organization
LONGEST_KEY = 300

_COUNT = """
INSERT INTO rate_counter (key, count, ends_at) VALUES (:key, 1, :ends_at)
ON CONFLICT (key) DO UPDATE SET
  count = CASE WHEN rate_counter.ends_at <= :now THEN 1 ELSE rate_counter.count + 1 END,
  ends_at = CASE WHEN rate_counter.ends_at <= :now THEN excluded.ends_at ELSE rate_counter.ends_at END
RETURNING count, ends_at
"""


def count(session: Session, what: str, whose: str, limit: Limit) -> None:
    """Count one more try of `what` by `whose`. Raises TooManyAttempts past the limit; the count stays, if the caller commits.

    In a transaction of its own, so that tries at the same time are counted one after the other and none is forgotten.
    """
    refuse_beyond(counted(session, what, whose, limit))


def count_from(session: Session, what: str, address: str, limit: Limit) -> None:
    """As `count`, by where a try comes from: who has many addresses of IPv6 does not have as many tries."""
    count(session, f"{what}-from", subscriber(address), limit)


def counted(session: Session, what: str, whose: str, limit: Limit) -> "Counted":
    """Count one more try, and say how many are left; refuses nothing."""
    key = f"{what}:{whose}"[:LONGEST_KEY]
    if settings().redis_url is not None and (shared := _shared().count(key, limit.seconds)) is not None:
        return Counted(limit, shared[0], max(1, round(shared[1])))
    now = clock.now()
    binds = {"key": key, "now": now, "ends_at": now + timedelta(seconds=limit.seconds)}
    tried, ends_at = session.execute(sa.text(_COUNT), binds).one()
    return Counted(limit, tried, max(1, round((ends_at - now).total_seconds())))


def first(session: Session, what: str, whose: str, seconds: int) -> bool:
    """Whether this is the first `what` of `whose` in so many seconds. In Postgres always: it is forgotten if the transaction rolls back."""
    now = clock.now()
    binds = {"key": f"{what}:{whose}"[:LONGEST_KEY], "now": now, "ends_at": now + timedelta(seconds=seconds)}
    return session.execute(sa.text(_COUNT), binds).one().count == 1


def refuse_beyond(one: "Counted") -> None:
    """Raise TooManyAttempts past the limit."""
    if one.tried > one.limit.times:
        raise TooManyAttempts(f"That was tried too often. Wait {_in_words(one.reset_s)}, then try again.", one.reset_s)


def forget(session: Session, what: str, whose: str) -> None:
    """Begin anew, after a success."""
    key = f"{what}:{whose}"[:LONGEST_KEY]
    session.execute(sa.text("DELETE FROM rate_counter WHERE key = :key"), {"key": key})
    if settings().redis_url is not None:
        _shared().forget(key)


def sweep(session: Session) -> int:
    """Drop counters whose window is over; how many."""
    return session.connection().execute(sa.text("DELETE FROM rate_counter WHERE ends_at <= :now"), {"now": clock.now()}).rowcount


def _shared() -> "ModuleType":
    from flyusage.auth import shared_counts  # only where Redis is named: its client takes a tenth of a second to load

    return shared_counts


def _in_words(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 90 else f"{round(seconds / 60)} minutes"
