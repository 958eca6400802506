"""What an answer has to say about itself, in sentences."""

from datetime import datetime

from flyusage.metering.history import HistoryLoad
from flyusage.periods import Period, midnight
from flyusage.pricing.asking import Known
from flyusage.pricing.counting import Counted

LISTED_SKUS = 5


def notices(counted: Counted, known: Known, asked_before: Period | None, compared: Period | None) -> tuple[str, ...]:
    """Unknown names, what has no price, and why or how periods compare. `asked_before` is the period a comparison would need."""
    question, said = counted.question, list(counted.question.scope.unknown)
    if question.measure.is_money and counted.whole.unpriced:
        codes = sorted(question.reference.skus[one].code for one in counted.whole.unpriced)
        shown = ", ".join(codes[:LISTED_SKUS]) + (f" and {len(codes) - LISTED_SKUS} more" if len(codes) > LISTED_SKUS else "")
        said.append(f"Unpriced, and so not in the cost: {shown}.")
    if question.period.start >= question.moment.as_of:
        said.append(f"Usage is counted to {_moment(question.moment.as_of)}; this range begins later.")
    if known.load and not known.load.covers(question.period):
        said.append(incomplete(known.load, is_compared=asked_before is not None))
    elif asked_before and compared is None and known.history:
        said.append(not_compared(known, asked_before))
    if compared and not _alike(compared, question.complete):
        said.append(f"{_length(question.complete)} are compared with {_length(compared)}.")
    return tuple(said)


def incomplete(load: HistoryLoad, *, is_compared: bool = False) -> str:
    """That a range reaches into days that are not all in yet."""
    rest = ", and nothing is compared with them" if is_compared else ""
    return f"{load.sentence} Days before {_day(midnight(load.whole_from))} are not complete yet{rest}."


def not_compared(known: Known, before: Period) -> str:
    """Why the history does not compare with `before`: it is not in yet, or there is none."""
    if known.load and not known.load.covers(before):
        return f"{known.load.sentence} The comparison waits for {_day(before.start)} to be in."
    begins = known.history.start if known.history else None
    since = f"History begins {_day(begins)}, so there" if begins else "There"
    return f"{since} is nothing before to compare with."


def _alike(one: Period, other: Period) -> bool:
    return one.seconds == other.seconds


def _length(period: Period) -> str:
    days, rest = divmod(period.seconds, 86_400)
    return f"{days} day{'' if days == 1 else 's'}" + (f" {rest // 3600} h" if rest >= 3600 else "")


def _day(moment: datetime) -> str:
    return f"{moment:%b} {moment.day}, {moment.year}"


def _moment(moment: datetime) -> str:
    return f"{_day(moment)}, {moment:%H:%M} UTC"
