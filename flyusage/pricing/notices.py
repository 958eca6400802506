"""What an answer has to say about itself, in sentences."""

from datetime import datetime

from flyusage.periods import Period, floor_hour
from flyusage.pricing.counting import Counted
from flyusage.pricing.view import Measure

LISTED_SKUS = 5


def notices(counted: Counted, history: Period | None, asked_before: Period | None, compared: Period | None) -> tuple[str, ...]:
    """Unknown names, what has no price, and why or how periods compare. `asked_before` is the period a comparison would need."""
    question, said = counted.question, list(counted.question.scope.unknown)
    if question.measure is Measure.LIST_COST and counted.whole.unpriced:
        codes = sorted(question.reference.skus[one].code for one in counted.whole.unpriced)
        shown = ", ".join(codes[:LISTED_SKUS]) + (f" and {len(codes) - LISTED_SKUS} more" if len(codes) > LISTED_SKUS else "")
        said.append(f"Unpriced, and so not in the cost: {shown}.")
    if question.period.start >= question.moment.as_of:
        said.append(f"Usage is counted to {_moment(question.moment.as_of)}; this range begins later.")
    if asked_before and compared is None and history:
        said.append(f"History begins {_day(history.start)}, so there is nothing before to compare with.")
    if compared and not _alike(compared, question.complete):
        said.append(f"{_length(question.complete)} are compared with {_length(compared)}.")
    return tuple(said)


def is_known(period: Period, history: Period | None) -> bool:
    """Whether the organization's history reaches back to the start of `period`, to the hour."""
    return history is not None and period.start >= floor_hour(history.start)


def _alike(one: Period, other: Period) -> bool:
    return one.seconds == other.seconds


def _length(period: Period) -> str:
    days, rest = divmod(period.seconds, 86_400)
    return f"{days} day{'' if days == 1 else 's'}" + (f" {rest // 3600} h" if rest >= 3600 else "")


def _day(moment: datetime) -> str:
    return f"{moment:%b} {moment.day}, {moment.year}"


def _moment(moment: datetime) -> str:
    return f"{_day(moment)}, {moment:%H:%M} UTC"
