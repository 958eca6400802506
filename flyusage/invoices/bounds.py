"""Minimum and maximum: of single prices, then of all usage and fees of the period. Pure."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

from flyusage.invoices.ledger import Ledger, lump, reduction
from flyusage.invoices.statement import Line, LineKind
from flyusage.invoices.usage_lines import Bounds
from flyusage.invoices.wording import LIMITS
from flyusage.periods import Period, midnight
from flyusage.pricing.rating import Step


def bound_prices(ledger: Ledger, bounds: Iterable[Bounds]) -> None:
    """Cut and raise the lines whose price says so."""
    for one in sorted(bounds, key=lambda one: one.key):
        line = next(line for line in ledger.lines if line.key == one.key)
        minimum = None if one.minimum is None else ledger.minor(one.minimum)
        maximum = None if one.maximum is None else ledger.minor(one.maximum)
        _bound(ledger, [line], (minimum, maximum), f"/{line.key}", of=line)


def bound_spend(ledger: Ledger) -> None:
    """Cut and raise usage and fees together. A minimum counts by the days it holds, a maximum for the whole period."""
    limits, period = ledger.setting.terms.limits, ledger.setting.terms.period
    due = Fraction(0)
    for one in limits:
        end = period.end if one.ends_on is None else midnight(one.ends_on)
        days = Period(midnight(one.starts_on), max(end, midnight(one.starts_on))).clip(period).seconds // 86_400
        due += ledger.major(one.minimum_minor or 0) * days / ledger.setting.days
    maxima = [one.maximum_minor for one in limits if one.maximum_minor is not None]
    _bound(ledger, ledger.spent, (ledger.minor(due), min(maxima, default=None)), "")


def _bound(ledger: Ledger, lines: Sequence[Line], bounds: tuple[int | None, int | None], key: str, *, of: Line | None = None) -> None:
    (minimum, maximum), left = bounds, ledger.left_of(lines)
    named, period = f": {of.description}" if of else "", of.period if of else ledger.setting.terms.period
    more = {"period": period, "region": of.region if of else "", "region_id": of.region_id if of else None}
    if maximum is not None and left > maximum:
        said = f"{ledger.said(ledger.major(left))} is above the maximum of {ledger.said(ledger.major(maximum))}"
        working = (Step(said, ledger.major(maximum - left)),)
        title = (LIMITS, f"Above the maximum{named}")
        ledger.add(reduction(ledger, LineKind.MAXIMUM, f"maximum{key}", title, lines, left - maximum, working=working, **more))
    elif minimum is not None and left < minimum:
        said = f"{ledger.said(ledger.major(left))} is below the minimum of {ledger.said(ledger.major(minimum))}"
        working = (Step(said, ledger.major(minimum - left)),)
        title = (LIMITS, f"Up to the minimum{named}")
        ledger.add(lump(ledger.setting, LineKind.MINIMUM, f"minimum{key}", title, minimum - left, working=working, **more))
