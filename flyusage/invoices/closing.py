"""Closing a month: every organization's invoice, however often it is begun, killed, or run on two machines at once.

Organizations are taken in shares. A share is one transaction: it claims, by a lock that dies with it, those that nobody else
works on, and issues what can be issued. So each month's invoice is written whole or not at all, and a repetition goes on with
those that have none. A share that fails is taken apart, so that one organization's failure stays its own.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from flyusage import clock, db
from flyusage.errors import FlyusageError
from flyusage.invoices.finals import behind
from flyusage.invoices.issuing import Outcome, Result, issue_many, judge, refuse_early
from flyusage.metering.locks import lock_organizations, try_lock_organizations
from flyusage.metering.rollups import catch_up
from flyusage.orgs.acting import Actor
from flyusage.processes import pool, processors

SHARE = 64  # organizations to a transaction: enough to share its statements, few enough to hold nobody's ingest for long
MANY, MOST_PROCESSES = 2000, 4


@dataclass(frozen=True)
class Failure:
    """An organization that could not be billed, and why."""

    org_id: int
    slug: str
    sentence: str


@dataclass(frozen=True)
class Total:
    """What is issued in a currency, or would be: documents, net and gross in minor units."""

    documents: int
    net_minor: int
    gross_minor: int


@dataclass
class Closed:
    """What a run came to. `outcomes` are of every organization looked at; `failures` those that raised."""

    month: date
    outcomes: list[Outcome] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def count(self, *results: Result) -> int:
        """How many organizations came to one of `results`."""
        return sum(one.result in results for one in self.outcomes)

    @property
    def billed(self) -> list[Outcome]:
        """What is issued, or would be, now or before."""
        return [one for one in self.outcomes if one.result in (Result.ISSUED, Result.PRESENT) and one.currency]

    @property
    def totals(self) -> dict[str, Total]:
        """Of what is billed, by currency code."""
        found: dict[str, Total] = {}
        for one in self.billed:
            assert one.currency is not None
            sums = found.get(one.currency.code, Total(0, 0, 0))
            found[one.currency.code] = Total(sums.documents + 1, sums.net_minor + one.net_minor, sums.gross_minor + one.gross_minor)
        return dict(sorted(found.items()))

    @property
    def is_complete(self) -> bool:
        """Whether nothing failed and nothing waits for a decision or a roll-up. What is held was decided."""
        return not self.failures and not self.count(Result.WAITING, Result.BEHIND)


Progress = Callable[[int, int], None]


def close(
    month: date, org_ids: Sequence[int], *, by: Actor, progress: Progress | None = None, share: int = SHARE, processes: int | None = None
) -> Closed:
    """Issue the month's invoices of `org_ids`; documents and mail follow from the outbox. `progress` hears done and all.

    Many organizations are shared among `processes`, by default as many as there are processors (four at most), since what takes
    the time is reckoning. Repeating it issues what is missing. Raises PeriodOpen. Opens transactions of its own; to be called
    outside of any.
    """
    refuse_early(month)
    closed, taken_elsewhere, done = Closed(month), [], 0
    shares = [org_ids[start : start + share] for start in range(0, len(org_ids), share)]
    _tell(progress, 0, len(org_ids))
    for part, taken in _closed_shares(shares, month, by, processes or _enough(len(org_ids))):
        closed.outcomes += part.outcomes
        closed.failures += part.failures
        taken_elsewhere += taken
        done += len(part.outcomes) + len(part.failures) + len(taken)
        _tell(progress, done, len(org_ids))
    for org_id in taken_elsewhere:  # somebody worked on them: wait, then see whether something is left to do
        _take_one(org_id, month, closed, by=by)
    place = {org_id: n for n, org_id in enumerate(org_ids)}
    closed.outcomes.sort(key=lambda one: place[one.org_id])
    return closed


def _enough(organizations: int) -> int:
    """How many processes are worth their start."""
    if organizations < MANY:
        return 1
    return processors(MOST_PROCESSES)


def _closed_shares(shares: Sequence[Sequence[int]], month: date, by: Actor, processes: int) -> Iterator[tuple[Closed, list[int]]]:
    """What each share came to, as they end, and whom somebody else holds."""
    if min(processes, len(shares)) <= 1:
        for chosen in shares:
            yield _close_share(chosen, month, by, None)
        return
    beside = pool(min(processes, len(shares)))
    try:
        for ended in as_completed([beside.submit(_close_share, list(chosen), month, by, clock.frozen_at()) for chosen in shares]):
            yield ended.result()
    finally:  # also when stopped in the middle: shares under way end, no other begins
        beside.shutdown(cancel_futures=True)


def _close_share(org_ids: Sequence[int], month: date, by: Actor, at: datetime | None) -> tuple[Closed, list[int]]:
    """One share, with the clock held `at` a moment where it is in the process that began."""
    with clock.freeze(at) if at is not None else nullcontext():
        closed = Closed(month)
        failed = _roll_up(org_ids, month, closed)
        taken = _take([org_id for org_id in org_ids if org_id not in failed], month, closed, by=by)
    return closed, taken


def rehearse(month: date, org_ids: Sequence[int], *, progress: Progress | None = None, share: int = SHARE) -> Closed:
    """What `close` would do, without doing it: `issued` means would be. A month that is not over counts as far as it is known."""
    closed = Closed(month)
    for done, chosen in _shares(org_ids, share, progress):
        try:
            closed.outcomes += _judge(chosen, month)
        except Exception as error:
            if _is_everybodys(error):
                raise
            for org_id in chosen:
                with _failing_alone(closed, org_id):
                    closed.outcomes += _judge([org_id], month)
        _tell(progress, done, len(org_ids))
    return closed


def _shares(org_ids: Sequence[int], share: int, progress: Progress | None) -> Iterator[tuple[int, Sequence[int]]]:
    _tell(progress, 0, len(org_ids))
    for start in range(0, len(org_ids), share):
        chosen = org_ids[start : start + share]
        yield start + len(chosen), chosen


def _roll_up(org_ids: Sequence[int], month: date, closed: Closed) -> set[int]:
    """Bring up what is behind, since nobody needs a worker to close a month; those that could not be."""
    with db.platform_transaction() as session:
        late = behind(session, org_ids, month)
    failed = set(late)
    for org_id in late:
        with _failing_alone(closed, org_id):
            catch_up(org_id)
            failed.remove(org_id)
    return failed


def _take(org_ids: Sequence[int], month: date, closed: Closed, *, by: Actor) -> list[int]:
    """Issue a share; those that somebody else holds are returned."""
    try:
        with db.platform_transaction() as session:
            held = try_lock_organizations(session, org_ids)
            mine = [org_id for org_id in org_ids if org_id in held]
            outcomes = issue_many(session, mine, month, by=by) if mine else []
    except Exception as error:
        if _is_everybodys(error):
            raise
        for org_id in org_ids:
            _take_one(org_id, month, closed, by=by)
        return []
    closed.outcomes += outcomes
    return [org_id for org_id in org_ids if org_id not in held]


def _take_one(org_id: int, month: date, closed: Closed, *, by: Actor) -> None:
    with _failing_alone(closed, org_id):
        with db.platform_transaction() as session:
            lock_organizations(session, [org_id])
            outcomes = issue_many(session, [org_id], month, by=by)
        closed.outcomes += outcomes
        return
    with db.platform_transaction() as session:
        binds = {"org": org_id, "month": month, "error": closed.failures[-1].sentence, "now": clock.now()}
        session.execute(sa.text(_FAILED), binds)


def _judge(org_ids: Sequence[int], month: date) -> list[Outcome]:
    with db.platform_transaction() as session:
        return judge(session, org_ids, month).in_order(org_ids)


@contextmanager
def _failing_alone(closed: Closed, org_id: int) -> Iterator[None]:
    """Whatever an organization's work fails with is reported as its own, and ends there."""
    try:
        yield
    except Exception as error:
        if _is_everybodys(error):
            raise
        closed.failures.append(Failure(org_id, _slug(org_id), _said(error)))


def _is_everybodys(error: Exception) -> bool:
    """The database itself is away, or full: nobody's invoice can be written."""
    if isinstance(error, db.DatabaseUnreachable | db.DatabaseFull):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _said(error: Exception) -> str:
    if isinstance(error, FlyusageError):
        return error.sentence
    cause = error.orig if isinstance(error, DBAPIError) and isinstance(error.orig, psycopg.Error) else error
    return f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else 'no message'}"


def _slug(org_id: int) -> str:
    with db.platform_transaction() as session:
        return session.execute(sa.text("SELECT slug FROM organization WHERE id = :id"), {"id": org_id}).scalar_one()


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


_FAILED = """
INSERT INTO billing_close (org_id, month, state, error, at) VALUES (:org, :month, 'failed', :error, :now)
ON CONFLICT (org_id, month) DO UPDATE SET state = 'failed', error = excluded.error, at = excluded.at
WHERE billing_close.state <> 'issued'"""
