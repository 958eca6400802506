"""What an open month is heading for: its draft, as if its usage went on as forecast.

Quantities are extended, not amounts, so that tiers, discounts, minimums, credits and tax come out as they would be billed. What is used
is the last seven days' mix; how much of it, so that its cost is what the forecast (`pricing.ahead`) expects: a budget's and the
explorer's figure is the same.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from sqlmodel import Session

from flyusage.invoices.compiling import compile_statement
from flyusage.invoices.drafting import Reading, counted, question_of
from flyusage.invoices.statement import Line
from flyusage.invoices.usage_lines import Metered
from flyusage.money import round_half_away
from flyusage.periods import DAY, HOUR, Period, floor_hour, midnight
from flyusage.pricing.ahead import METHOD, Ahead, ahead
from flyusage.pricing.explorer import explore
from flyusage.pricing.slices import epochs
from flyusage.pricing.view import Measure, View

RATE_DAYS = 7


@dataclass(frozen=True)
class Outlook:
    """What would be due at the month's end, in minor units; `method` says how that was reckoned."""

    due_minor: int
    method: str


def outlook(session: Session, reading: Reading, late: Iterable[Line] = ()) -> Outlook | None:
    """Where the month of `reading` is heading, with `late` usage of billed months; None when it is over, not begun, or nothing is known."""
    whole, as_of, history = reading.setting.terms.period, reading.known.moment.as_of, reading.known.history
    end = floor_hour(as_of)
    if as_of not in whole or history is None:
        return None
    start = max(end - RATE_DAYS * DAY, floor_hour(history.start))
    if end <= start:
        return None
    recent = Period(start, end)
    used = counted(session, question_of(reading.known, recent, epochs(recent, ())))
    setting = replace(reading.setting, as_of=whole.end)
    found = ahead(session, reading.known.org_id, Measure.CONTRACTED_COST, now=as_of, known=reading.known)
    extended = [*reading.metered, *_ahead(reading, recent, used, _times(session, reading, recent, found))]
    statement = compile_statement(setting, extended, fee_prices=reading.fees, adjustments=late)
    method = METHOD if found else f"at the mean of the {(end - start) // HOUR} hours since history begins"
    return Outlook(statement.due_minor, f"The rest of the month is reckoned {method}.")


def _times(session: Session, reading: Reading, recent: Period, found: Ahead | None) -> Fraction:
    """How many times the mean of `recent` the rest of the month costs by the forecast."""
    if found is None:
        return Fraction(1)
    org_id, as_of = reading.known.org_id, reading.known.moment.as_of
    went = explore(session, org_id, View(Measure.CONTRACTED_COST, recent), now=as_of, known=reading.known).total
    rest = Period(as_of, reading.setting.terms.period.end)
    return Fraction(found.rest.expected) / (went * rest.seconds / recent.seconds) if went > 0 else Fraction(1)


def _ahead(reading: Reading, recent: Period, used: list[Metered], times: Fraction) -> Iterator[Metered]:
    """What the rest of the month would use, at the prices then in force."""
    rest = Period(reading.known.moment.as_of, reading.setting.terms.period.end)
    for epoch in reading.setting.epochs:
        share = times * Fraction(Period(midnight(epoch.starts_on), midnight(epoch.ends_on)).clip(rest).seconds, recent.seconds)
        if share:
            yield from (replace(one, epoch=epoch.number, quantity=int(round_half_away(one.quantity * share, 0))) for one in used)
