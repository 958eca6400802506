"""What changed between two periods: contributors ranked, each split exactly into price, amount and mix."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from flyusage.periods import Period
from flyusage.pricing.view import Contributor, Dimension, View


@dataclass(frozen=True)
class Changes:
    """`contributors`, largest difference first, then `rest` (everything else, None when nothing is left) and `total`.

    contributors + rest = total, exactly, in each of before, after, price, amount and mix.
    """

    before: Period
    after: Period
    currency: str
    contributors: tuple[Contributor, ...]
    rest: Contributor | None
    total: Contributor
    notices: tuple[str, ...] = ()


def what_changed(
    session: Session,
    org_id: int,
    view: View,
    *,
    by: tuple[Dimension, ...] = (Dimension.APP, Dimension.REGION),
    limit: int = 6,
    now: datetime | None = None,
) -> Changes | None:
    """The list cost of `view`'s period and filters against the period it is compared with (none chosen: the one before).

    None when there is nothing to compare with: history begins after the earlier period does.
    """
    raise NotImplementedError
