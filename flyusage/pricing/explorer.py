"""The question engine: one view in, one answer out, for page, API, command and export alike."""

from datetime import datetime

from sqlmodel import Session

from flyusage.periods import Period
from flyusage.pricing.view import Answer, Dimension, PriceStep, Value, View, auto_granularity, granularities  # noqa: F401 offered here too


def explore(session: Session, org_id: int, view: View, *, now: datetime | None = None, table_points: bool = False) -> Answer:
    """What `view` shows of the organization, complete to `view.as_of` or, when that is None, to `now` (the clock's).

    Every total is exact. Points are for drawing; series folded into "other" have none unless `table_points`.
    """
    raise NotImplementedError


def history(session: Session, org_id: int) -> Period | None:
    """From the organization's first event to its last; None before the first."""
    raise NotImplementedError


def values(session: Session, org_id: int, dimension: Dimension, *, search: str = "", limit: int = 200) -> list[Value]:
    """The values a filter on `dimension` may take, in reading order; `search` matches inside code and label, without case."""
    raise NotImplementedError


def price_steps(session: Session, org_id: int, view: View) -> tuple[PriceStep, ...]:
    """Changes of list price inside the view's period that touch what it shows, for marks on a chart."""
    raise NotImplementedError
