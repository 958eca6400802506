"""The overview's numbers: this month against the last, where it is heading, what changed, and by what it is made up."""

from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from sqlmodel import Session

from flyusage.periods import Period
from flyusage.pricing.changes import Changes
from flyusage.pricing.view import Answer, View


@dataclass(frozen=True)
class Projection:
    """Where the month ends if it goes on as it did: `total`, and `method` says in a sentence how."""

    total: Fraction
    method: str


@dataclass(frozen=True)
class Overview:
    """The last month with events, complete to `as_of`.

    `month` is the whole calendar month, `spent` covers `so_far` (the month cut at as_of); `spent_before` covers
    `before`, last month to the same elapsed time, None when history begins later. `daily` is the month by day and
    region with the previous month behind it. `rests_on` is the money that open intervals have added since the last
    event of a stale organization. Answers carry their views: each tile leads to the explorer with that view.
    """

    month: date
    is_current: bool
    so_far: Period
    before: Period | None
    currency: str
    as_of: datetime
    rolled_through: datetime
    spent: Fraction
    spent_before: Fraction | None
    projection: Projection | None
    daily: Answer
    by_continent: Answer
    by_region: Answer
    by_app: Answer
    by_vm_size: Answer
    changes: Changes | None
    running_now: int
    is_stale: bool
    last_event_at: datetime | None
    rests_on: Fraction
    notices: tuple[str, ...] = ()


def overview(session: Session, org_id: int, *, now: datetime | None = None) -> Overview | None:
    """The overview at `now`; None before the first event."""
    raise NotImplementedError


def month_view(now: datetime) -> View:
    """The view behind the overview's headline: list cost by region of the month that holds `now`."""
    raise NotImplementedError
