"""What changed between two periods: contributors ranked, each split exactly into price, amount and mix.

Contributors are ranked in SQL by the float of their difference; the few that are listed are then counted exactly, and
everything else together is one more contributor, so that the lines add up to the total.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import reduce

from sqlmodel import Session

from flyusage.periods import Period, floor_hour
from flyusage.pricing.asking import Known, ask, know, moment_at
from flyusage.pricing.comparison import earlier
from flyusage.pricing.contributors import Keys, detail, rank, whole
from flyusage.pricing.question import Question
from flyusage.pricing.split import Split, Used, split
from flyusage.pricing.storytelling import Told, tell
from flyusage.pricing.view import Comparison, Contributor, Dimension, Measure, View

EXPLAINED = {Measure.CONTRACTED_COST: Measure.CONTRACTED_COST}  # a price that is negotiated is a price; all else is told as list cost
DEFAULT = (Dimension.APP, Dimension.REGION)


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
    by: tuple[Dimension, ...] = DEFAULT,
    limit: int = 6,
    now: datetime | None = None,
) -> Changes | None:
    """The cost of `view`'s period and filters against the period it is compared with (none chosen: the one before).

    It is the contracted cost in a view of that, and the list cost in every other. None when there is nothing to compare with:
    history begins after the earlier period does, or is not all in yet. A view of one app in one region is explained by VM size
    where `by` is not given. Contributors are not told apart by machine.
    """
    known = know(session, org_id, view.as_of, now)
    asked = replace(view, measure=EXPLAINED.get(view.measure, Measure.LIST_COST), group_by=Dimension.APP)
    compared = earlier(view.period, Comparison.PREVIOUS if view.comparison is Comparison.NONE else view.comparison, known.moment.as_of)
    if compared is None or not known.has_whole(compared.whole):
        return None
    after = ask(session, known, asked)
    cut = compared.compared.end
    moment = known.moment if cut == floor_hour(cut) else moment_at(session, org_id, cut)
    before = ask(session, known, asked, period=compared.compared, moment=moment)
    keys = Keys(_dimensions(view, by), after)
    return _Comparing(session, known, before, after, keys).changes(limit)


def _dimensions(view: View, by: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
    single = {one.dimension for one in view.filters if len(one.values) == 1 and not one.is_exclusion}
    return (Dimension.VM_SIZE,) if by == DEFAULT and single >= set(DEFAULT) else by


@dataclass(frozen=True)
class _Comparing:
    session: Session
    known: Known
    before: Question
    after: Question
    keys: Keys

    def changes(self, limit: int) -> Changes:
        everything = whole(self.session, self.before, self.after)
        listed = rank(self.session, self.before, self.after, self.keys, limit)
        used = detail(self.session, self.before, self.after, self.keys, listed)
        lines = [(key, self._contributor(key, used[key], everything_else=False), used[key]) for key in listed]
        rest = self._contributor((), _left(everything, [one for key in listed for one in used[key]]), everything_else=True)
        lines.sort(key=lambda line: (-abs(line[1].difference), line[1].label))
        has_rest = any((rest.before, rest.after, rest.price, rest.amount, rest.mix))
        told = tell(self.session, Told(self.before, self.after, self.keys), lines)
        return Changes(
            before=self.before.complete,
            after=self.after.complete,
            currency=self.known.book.currency,
            contributors=tuple(told),
            rest=rest if has_rest else None,
            total=_total([*told, rest]),
        )

    def _contributor(self, key: tuple[int, ...], used: list[Used], *, everything_else: bool) -> Contributor:
        parts = reduce(Split.__add__, (split(of_meter, self._earlier_price) for of_meter in _by_meter(self.after, used)), Split())
        seconds = [0, 0]
        for one in used:
            if self.after.reference.skus[one.sku_id].meter == "machine":
                seconds = [seconds[0] + one.quantity_before, seconds[1] + one.quantity_after]
        return Contributor(
            key=() if everything_else else self.keys.names(key),
            label="Everything else" if everything_else else self.keys.label(key),
            before=sum((one.cost_before for one in used), Fraction(0)),
            after=sum((one.cost_after for one in used), Fraction(0)),
            price=parts.price,
            amount=parts.amount,
            mix=parts.mix,
            words="",
            machines_before=Fraction(seconds[0], max(1, self.before.complete.seconds)),
            machines_after=Fraction(seconds[1], max(1, self.after.complete.seconds)),
            since=None,
        )

    def _earlier_price(self, sku_id: int, region_id: int) -> Fraction | None:
        """The price of a base unit in force when the earlier period ended."""
        last = (self.before.complete.end - timedelta(microseconds=1)).date()
        price = self.before.prices.on(sku_id, region_id, last)
        return None if price is None else price.cost(1)


def _by_meter(question: Question, used: Iterable[Used]) -> list[list[Used]]:
    meters: dict[str | None, list[Used]] = {}
    for one in used:
        meters.setdefault(question.reference.skus[one.sku_id].meter, []).append(one)
    return list(meters.values())


def _left(everything: list[Used], listed: list[Used]) -> list[Used]:
    """Everything but what the listed contributors used, per sku and region."""
    left = {(one.sku_id, one.region_id): one for one in everything}
    for one in listed:
        held = left.get((one.sku_id, one.region_id), Used(one.sku_id, one.region_id, 0, 0, Fraction(0), Fraction(0)))
        left[one.sku_id, one.region_id] = replace(
            held,
            quantity_before=held.quantity_before - one.quantity_before,
            quantity_after=held.quantity_after - one.quantity_after,
            cost_before=held.cost_before - one.cost_before,
            cost_after=held.cost_after - one.cost_after,
        )
    return [one for one in left.values() if any((one.quantity_before, one.quantity_after, one.cost_before, one.cost_after))]


def _total(lines: list[Contributor]) -> Contributor:
    def added(of: Callable[[Contributor], Fraction]) -> Fraction:
        return sum((of(one) for one in lines), Fraction(0))

    return Contributor(
        key=(),
        label="Total",
        before=added(lambda one: one.before),
        after=added(lambda one: one.after),
        price=added(lambda one: one.price),
        amount=added(lambda one: one.amount),
        mix=added(lambda one: one.mix),
        words="",
        machines_before=added(lambda one: one.machines_before),
        machines_after=added(lambda one: one.machines_after),
        since=None,
    )
