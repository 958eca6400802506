"""What an open month is heading for: its draft, as if the rest of the month went on as the last days did.

Quantities are extended, not amounts, so that tiers, discounts, minimums, credits and tax come out as they would be billed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction

from sqlmodel import Session

from flyusage.invoices.compiling import compile_statement
from flyusage.invoices.drafting import Reading, counted, question_of
from flyusage.invoices.usage_lines import Metered
from flyusage.money import round_half_away
from flyusage.periods import DAY, HOUR, Period, floor_hour, midnight
from flyusage.pricing.slices import epochs

RATE_DAYS = 7


@dataclass(frozen=True)
class Outlook:
    """What would be due at the month's end, in minor units; `method` says how that was reckoned."""

    due_minor: int
    method: str


def outlook(session: Session, reading: Reading) -> Outlook | None:
    """Where the month of `reading` is heading; None when it is over, not begun, or nothing is known to go by."""
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
    extended = [*reading.metered, *_ahead(reading, recent, used)]
    statement = compile_statement(setting, extended, fee_prices=reading.fees)
    return Outlook(statement.due_minor, f"The rest of the month is reckoned at the mean of {_words(end - start)}.")


def _ahead(reading: Reading, recent: Period, used: list[Metered]) -> Iterator[Metered]:
    """What the rest of the month would use, at the prices then in force."""
    rest = Period(reading.known.moment.as_of, reading.setting.terms.period.end)
    for epoch in reading.setting.epochs:
        share = Fraction(Period(midnight(epoch.starts_on), midnight(epoch.ends_on)).clip(rest).seconds, recent.seconds)
        if share:
            yield from (replace(one, epoch=epoch.number, quantity=int(round_half_away(one.quantity * share, 0))) for one in used)


def _words(span: timedelta) -> str:
    return f"the last {RATE_DAYS} days" if span >= RATE_DAYS * DAY else f"the {span // HOUR} hours since history begins"
