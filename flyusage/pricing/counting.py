"""Every series of one period with its exact value in the measure."""

from dataclasses import dataclass, replace
from fractions import Fraction

from sqlmodel import Session

from flyusage.pricing.machine_cells import costliest
from flyusage.pricing.measures import value
from flyusage.pricing.peaks import peaks
from flyusage.pricing.question import Question
from flyusage.pricing.remembered import Remembered
from flyusage.pricing.totals import Sum, added, totals, used
from flyusage.pricing.view import Dimension, Measure

OTHER = -1
LISTED_MACHINES = 100


@dataclass(frozen=True)
class Counted:
    """Series id → what it used, and its value; OTHER holds what is not listed. `whole` and `total` are those of everything.

    `sums` and `whole` cost what the question's prices say; `at_list` and `whole_at_list` what the price list does.
    """

    question: Question
    sums: dict[int, Sum]
    values: dict[int, Fraction]
    whole: Sum
    total: Fraction
    at_list: dict[int, Sum]
    whole_at_list: Sum

    def value_of(self, series: int) -> Fraction:
        """The series' value, 0 when it used nothing."""
        return self.values.get(series, Fraction(0))


def count(session: Session, question: Question, *, machines: frozenset[int] | None = None, remembered: Remembered | None = None) -> Counted:
    """The question's series. By machine, `machines` are listed (resource ids; None: the 100 that count most), and the rest is OTHER."""
    remembered = remembered or Remembered(0)
    if question.group_by is Dimension.MACHINE:
        sums, whole = _by_machine(session, question, machines)
    else:
        sums = remembered.ask(("used", *question.counted_in), lambda: used(session, question)).sums(question)
        whole = added(sums.values())
    if question.measure is Measure.RUNNING_PEAK:
        everything = peaks(session, replace(question, group_by=None), None).get(0)
        values = {series: peak.machines for series, peak in peaks(session, question, None).items()}
        return Counted(question, sums, values, whole, everything.machines if everything else Fraction(0), sums, whole)
    valued = {series: _value(question, one) for series, one in sums.items()}
    at_list, whole_at_list = _at_list(session, question, (sums, whole), remembered)
    return Counted(question, sums, valued, whole, _value(question, whole), at_list, whole_at_list)


def _at_list(
    session: Session, question: Question, counted: tuple[dict[int, Sum], Sum], remembered: Remembered
) -> tuple[dict[int, Sum], Sum]:
    """The same usage at list prices; what has no price is what has none at the question's."""
    sums, whole = counted
    if question.prices.listed is None:
        return sums, whole
    at_list = replace(question, measure=Measure.LIST_COST, prices=question.prices.listed)
    listed = count(session, at_list, machines=frozenset(sums) - {OTHER}, remembered=remembered)
    known = {series: replace(listed.sums.get(series, Sum()), unpriced=one.unpriced) for series, one in sums.items()}
    return known, replace(listed.whole, unpriced=whole.unpriced)


def other_than(counted: Counted, listed: frozenset[int]) -> Sum:
    """What every series but `listed` used, at list prices."""
    return added(one for series, one in counted.at_list.items() if series not in listed)


def _value(question: Question, one: Sum) -> Fraction:
    if question.measure.is_money:
        return one.cost
    return value(one.measured, question.units.per, question.measure, question.complete.seconds)


def _by_machine(session: Session, question: Question, machines: frozenset[int] | None) -> tuple[dict[int, Sum], Sum]:
    listed = costliest(session, question, LISTED_MACHINES) if machines is None else machines
    whole = totals(session, replace(question, group_by=None)).get(0, Sum())
    sums = totals(session, replace(question, scope=replace(question.scope, machines=listed, not_machines=frozenset())))
    rest = _less(whole, added(sums.values()))
    return (sums | {OTHER: rest} if rest != Sum(unpriced=rest.unpriced) else sums), whole


def _less(whole: Sum, part: Sum) -> Sum:
    return Sum(whole.cost - part.cost, whole.machine_seconds - part.machine_seconds, whole.measured - part.measured, whole.unpriced)
