"""What a period is compared with. Pure.

"Previous" is the same length just before, "last year" the same length from the same moment a year earlier. Whole calendar months
are held against whole months, however long: as many before them, or the same ones a year earlier. An open period is cut at the
elapsed time, in both, capped at the earlier one's end.
"""

from dataclasses import dataclass
from datetime import datetime

from flyusage.periods import Period, add_months, month_start
from flyusage.pricing.view import Comparison

MONTHS_A_YEAR = 12


@dataclass(frozen=True)
class Earlier:
    """`whole` is what the period is drawn over, `compared` the part of it that has had its counterpart."""

    whole: Period
    compared: Period


def earlier(period: Period, comparison: Comparison, as_of: datetime) -> Earlier | None:
    """The earlier period; None for no comparison."""
    if comparison is Comparison.NONE:
        return None
    months = _whole_months(period)
    if comparison is Comparison.LAST_YEAR:
        start = add_months(period.start, -MONTHS_A_YEAR)  # Feb 29 is held against Feb 28, which an end of its own would cut to nothing
        whole = Period(start, add_months(period.end, -MONTHS_A_YEAR) if months else start + (period.end - period.start))
    elif months:
        whole = Period(add_months(period.start, -months), period.start)
    else:
        whole = Period(period.start - (period.end - period.start), period.start)
    if as_of >= period.end:
        return Earlier(whole, whole)
    elapsed = max(as_of, period.start) - period.start
    return Earlier(whole, Period(whole.start, min(whole.end, whole.start + elapsed)))


def _whole_months(period: Period) -> int:
    """How many calendar months the period is made of exactly, 0 if it is not."""
    if period.start != month_start(period.start) or period.end != month_start(period.end):
        return 0
    return (period.end.year - period.start.year) * MONTHS_A_YEAR + period.end.month - period.start.month
