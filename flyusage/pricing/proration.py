"""Parts of periods: fees by the day, gauges by the second, and what is missing to a minimum. Pure."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from flyusage.money import Currency
from flyusage.periods import Period
from flyusage.pricing.errors import PeriodInvalid
from flyusage.pricing.rating import RatedCharge, Step, charge, plain, rounded

MICROSECOND = timedelta(microseconds=1)


def days_between(first: date, last: date) -> int:
    """Calendar days from `first` to `last`, both counted. Raises PeriodInvalid for a last before the first."""
    if last < first:
        raise PeriodInvalid(f"The last day, {last}, comes before the first, {first}.")
    return (last - first).days + 1


def prorate(amount: Fraction, days: Fraction | int, of_days: Fraction | int) -> Fraction:
    """`amount` for `days` of a period of `of_days`, exactly. Raises PeriodInvalid for a period without days."""
    if of_days <= 0 or days < 0:
        raise PeriodInvalid(f"{plain(Fraction(days))} of {plain(Fraction(of_days))} days is no part of a period.")
    return amount * Fraction(days) / Fraction(of_days)


def prorated(amount: Fraction, days: Fraction | int, of_days: Fraction | int, *, text: str = "") -> RatedCharge:
    """The same with its working."""
    share = prorate(Fraction(1), days, of_days)
    said = f"{text or plain(amount)} for {plain(Fraction(days))} of {plain(Fraction(of_days))} days"
    return charge([Step(said, amount * share, share, amount)])


def true_up(minimum: Fraction, days: Fraction | int, of_days: Fraction | int, billed: Fraction) -> RatedCharge:
    """What is missing from `billed` to the prorated `minimum`; zero once that is reached."""
    due = prorated(minimum, days, of_days, text=f"Minimum of {plain(minimum)}")
    return due.then(Step(f"Less {plain(billed)} billed", -min(billed, due.amount)))


def commitment_shortfall(
    commitment: Fraction,
    fee: Fraction,
    days: Fraction | int,
    of_days: Fraction | int,
    *,
    currency: Currency,
    usage: Iterable[Fraction] = (),
) -> RatedCharge:
    """What is missing from the period's fee and usage to the commitment, both prorated; zero once it is reached.

    Compares what is owed: commitment and fee are rounded to the minor unit, as on the invoice, before they are subtracted.
    """
    due = rounded(prorated(commitment, days, of_days, text=f"Commitment of {plain(commitment)}"), currency)
    billed = rounded(prorated(fee, days, of_days), currency).amount
    steps = [Step(f"Less the fee of {plain(fee)} for the same days", -billed)] if billed else []
    steps += [Step(f"Less {plain(used)} billed for usage", -used) for used in usage]
    short = due.then(*steps)
    return short if short.amount >= 0 else short.then(Step("The commitment is reached", -short.amount))


def mean_level(period: Period, carried: Fraction, changes: Iterable[tuple[datetime, Fraction]]) -> RatedCharge:
    """The mean of a gauge over `period`, weighted by time: it begins at `carried` and each change adds to it.

    Changes may come in any order; those before the period have begun with it, those after its end do not count. The charge is
    a quantity, its steps say how long each level held.
    """
    length = _seconds(period.start, period.end)
    if not length:
        raise PeriodInvalid("A period that ends where it starts has no mean.")
    level, since, steps = carried, period.start, []
    for moment, change in sorted(changes, key=lambda one: one[0]):
        at = min(max(moment, period.start), period.end)
        steps += _held(level, since, at, length)
        level, since = level + change, at
    steps += _held(level, since, period.end, length)
    return charge(steps)


def moment_of(day: date | datetime) -> datetime:
    """A date's UTC midnight; a moment as it is, a naive one taken as UTC."""
    if not isinstance(day, datetime):
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    return day if day.tzinfo else day.replace(tzinfo=UTC)


def _held(level: Fraction, since: datetime, until: datetime, length: Fraction) -> list[Step]:
    seconds = _seconds(since, until)
    if not seconds:
        return []
    text = f"{plain(level)} for {_duration(seconds)} of {_duration(length)}"
    return [Step(text, level * seconds / length, seconds / length, level)]


def _seconds(start: datetime, end: datetime) -> Fraction:
    return Fraction((end - start) // MICROSECOND, 1_000_000)


def _duration(seconds: Fraction) -> str:
    days = seconds / 86_400
    return f"{plain(days)} days" if days.denominator == 1 and days != 1 else f"{plain(seconds)} seconds"
