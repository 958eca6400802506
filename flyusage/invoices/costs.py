"""The explorer's engine with the costs that only invoices know. Every other measure is answered by `pricing.explorer`.

Billed cost is what the invoice says, net of tax: its usage lines, what reductions took from them, and fees, split as the invoice
splits them. Effective cost is the same with what reservations cost up front spread over their terms (`amortizing`). The parts of
both are whole minor units that sum to the same total, however they are grouped; billed cost's is the documents' net.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import cached_property

from sqlmodel import Session

from flyusage.invoices.allocation import Place
from flyusage.invoices.amortizing import Amortized, amortized_in
from flyusage.invoices.billed_months import Composition, Documents, Draft, Issued, documents_of
from flyusage.invoices.breakdowns import NO_APP, NO_REGION, NO_RESOURCE, NO_SIZE, NO_SKU
from flyusage.metering.cost_centres import UNASSIGNED
from flyusage.money import CURRENCIES, Currency, format_minor
from flyusage.periods import DAY, Period, floor_day, midnight, month_start, next_month
from flyusage.pricing import explorer
from flyusage.pricing.asking import Known
from flyusage.pricing.beside import Beside
from flyusage.pricing.comparison import earlier
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.export import csv_lines
from flyusage.pricing.points import buckets
from flyusage.pricing.reference import Reference, reference
from flyusage.pricing.scope import Names, names_of
from flyusage.pricing.view import Answer, Chart, Comparison, Dimension, Filter, Granularity, Measure, Series, View

NOWHERE = {
    Dimension.APP: NO_APP, Dimension.COST_CENTRE: NO_APP, Dimension.REGION: NO_REGION, Dimension.CONTINENT: NO_REGION,
    Dimension.VM_SIZE: NO_SIZE, Dimension.SKU: NO_SKU, Dimension.MACHINE: NO_RESOURCE,
}  # fmt: skip
MOST_NUMBERS = 3


def explore(
    session: Session, org_id: int, view: View, *, now: datetime | None = None, known: Known | None = None, beside: Beside | None = None
) -> Answer:
    """What `view` shows, of any measure; see `pricing.explorer.explore`.

    Of billed and effective cost the answer's view is what invoices can tell: whole days (by machine: whole calendar months), in days or more;
    `notices` say what was widened, which invoices it is and what is a draft, so far. Raises SellerMissing.
    """
    if not view.measure.is_invoiced:
        return explorer.explore(session, org_id, view, now=now, known=known, beside=beside)
    asked, said = told(view)
    base = explorer.explore(session, org_id, replace(asked, measure=Measure.LIST_COST, comparison=Comparison.NONE), now=now)
    return _Answering(session, org_id, asked, base).answer(said)


def export_csv(session: Session, org_id: int, view: View, *, now: datetime | None = None) -> Iterator[str]:
    """`pricing.export.export_csv` of any measure."""
    return csv_lines(explore(session, org_id, view, now=now))


def told(view: View) -> tuple[View, tuple[str, ...]]:
    """The nearest view of billed or effective cost that invoices can tell, with a sentence for each change. Pure."""
    said, period, by_machine = [], view.period, _is_about_machines(view)
    start, end = floor_day(period.start), _ceiling(period.end)
    if by_machine:
        start, end = month_start(start), month_start(end) if end == month_start(end) else next_month(end)
    if (start, end) != (period.start, period.end):
        unit = "machines month by month" if by_machine else "days, not hours"
        said.append(f"Invoices are split down to {unit}, so {_cost(view)} is shown from {_day(start)} to {_day(end - DAY)}.")
    whole = replace(view, period=Period(start, end))
    if view.chart is Chart.HEATMAP:
        whole = replace(whole, chart=Chart.BARS, granularity=None)
        said.append("A heat map is of hours, which invoices do not know, so bars are drawn.")
    elif view.granularity is Granularity.HOUR:
        whole = replace(whole, granularity=None)
        said.append(f"Invoices are split down to days, not hours, so {_cost(view)} is shown by day or longer.")
    if by_machine and whole.granularity not in (None, Granularity.MONTH):
        said.append(f"Invoices are split down to machines month by month, so {_cost(view)} is shown by month.")
    return replace(whole, granularity=Granularity.MONTH) if by_machine else whole, tuple(said)


@dataclass(frozen=True)
class _Billed:
    """A period's billed cost: minor units by series and day, what series are called, and what there is to say."""

    days: Mapping[str, Mapping[date, int]]
    labels: Mapping[str, str]
    said: tuple[str, ...]

    def total(self, key: str) -> int:
        """Minor units of a series."""
        return sum(self.days.get(key, {}).values())


@dataclass(frozen=True)
class _Answering:
    session: Session
    org_id: int
    view: View
    base: Answer

    def answer(self, said: tuple[str, ...]) -> Answer:
        billed = self._billed(self.view.period)
        compared, before = self._before()
        axis = buckets(self.view.period, self.view.drawn_granularity)
        listed = {one.key: one for one in self.base.series if not one.is_other}
        keys = {*listed, *billed.days, *(before.days if before else ())}
        if self.view.group_by is Dimension.MACHINE:  # those that cost most at list prices are told apart, as of every measure
            keys = set(listed)
        labels = {**(before.labels if before else {}), **billed.labels, **{key: one.label for key, one in listed.items()}}
        series = [self._series(frozenset({key}), listed.get(key) or Series(key, labels[key], Fraction(0)), billed, before) for key in keys]
        series.sort(key=lambda one: (-one.total, -(one.previous_total or 0), one.key))
        others = frozenset({*billed.days, *(before.days if before else ())} - keys)
        if others or any(one.is_other for one in self.base.series):
            base = next((one for one in self.base.series if one.is_other), Series("", NO_RESOURCE, Fraction(0), is_other=True))
            series.append(self._series(others, base, billed, before))
        return replace(
            self.base,
            view=self.view,
            granularity=axis.granularity,
            buckets=axis.starts,
            series=tuple(series),
            drawn=tuple(_drawn(series)),
            total=self._major(sum(sum(days.values()) for days in billed.days.values())),
            previous_total=self._major(sum(sum(days.values()) for days in before.days.values())) if before else None,
            previous_period=compared if before else None,
            notices=(*said, *self.base.notices, *billed.said, *self._said_of_comparison(compared, before)),
        )

    def _series(self, keys: frozenset[str], base: Series, billed: _Billed, before: _Billed | None) -> Series:
        """The series of `keys` together, with what `base` knows of its usage."""
        period, granularity = self.view.period, self.view.drawn_granularity
        count = len(buckets(period, granularity).starts)
        points = self._points(keys, billed, period)
        earlier_points = self._points(keys, before, self._earlier()) if before else ()
        return replace(
            base,
            total=self._total(keys, billed),
            points=points,
            previous_total=self._total(keys, before) if before else None,
            previous_points=earlier_points[:count],
        )

    def _total(self, keys: frozenset[str], billed: _Billed) -> Fraction:
        return self._major(sum(sum(billed.days[key].values()) for key in keys & billed.days.keys()))

    def _points(self, keys: frozenset[str], billed: _Billed, period: Period | None) -> tuple[float, ...]:
        assert period is not None
        axis = buckets(period, self.view.drawn_granularity)
        line = [0] * len(axis.starts)
        for key in keys & billed.days.keys():
            for day, amount in billed.days[key].items():
                line[axis.index(max(midnight(day), period.start))] += amount
        return tuple(float(self._major(one)) for one in line)

    def _earlier(self) -> Period | None:
        """The whole period that is compared with: an invoice is not cut at the elapsed time."""
        found = earlier(self.view.period, self.view.comparison, self.view.period.end)
        return found.whole if found else None

    def _before(self) -> tuple[Period | None, _Billed | None]:
        compared = self._earlier()
        if compared is None:
            return None, None
        begins, issued = self.base.history_begins, self._documents(compared)
        is_in = begins is not None and compared.start >= month_start(begins) and (self.base.load is None or self.base.load.covers(compared))
        if not is_in and set(issued) != set(compared.months()):
            return compared, None
        return compared, self._billed(compared)

    def _billed(self, period: Period) -> _Billed:
        days: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
        labels: dict[str, str] = {}
        issued, drafts, parts = self._documents(period), [], []
        spread = self._spread(period)
        for month in self._months(period, issued):
            if month in issued:
                source: Issued | Draft = Issued(self.session, self.org_id, month, issued[month], spread)
            else:
                moment = self.view.as_of or self.base.as_of
                source = Draft(self.session, self.org_id, month, as_of=moment, has_late=not drafts, amortized=spread)
                drafts.append(month)
            parts.append(source.composition())
            for key, label, day, amount in self._split(month, source):
                if midnight(day) in period:
                    days[key][day] += amount
                    labels[key] = label
        kept = {key: dict(found) for key, found in days.items() if any(found.values())}
        return _Billed(kept, labels, (*self._said(issued, drafts, parts), *self._said_of_spread(spread, period)))

    def _spread(self, period: Period) -> Amortized | None:
        """What stands in the place of upfront amounts: their shares, in effective cost."""
        if self.view.measure is not Measure.EFFECTIVE_COST:
            return None
        return amortized_in(self.session, self.org_id, period, until=self.view.as_of)

    def _documents(self, period: Period) -> dict[date, Documents]:
        return documents_of(self.session, self.org_id, list(period.months()), until=self.view.as_of)

    def _months(self, period: Period, issued: Mapping[date, Documents]) -> list[date]:
        """Months with something to bill: issued ones, and those between the first event and the present."""
        begins, as_of = self.base.history_begins, self.base.as_of
        return [
            month
            for month in period.months()
            if month in issued or (begins is not None and next_month(midnight(month)) > begins and midnight(month) < as_of)
        ]

    def _split(self, month: date, source: Issued | Draft) -> Iterator[tuple[str, str, date, int]]:
        """(key, label, day, minor units) of what passes the filters. By machine, a month is a day: its first."""
        naming = _Naming(reference(self.session), self._names, month)
        filters = self.view.filters
        if not _is_about_machines(self.view):
            for place, of_days in source.days().items():
                if all(naming.passes(place, one) for one in filters):
                    key, label = naming.of(place, self.view.group_by)
                    for index, amount in enumerate(of_days):
                        if amount:
                            yield key, label, month + timedelta(days=index), amount
            return
        by_machine = source.machines()
        names = _machine_names(self.session, self.org_id, {id_ for found in by_machine.values() for id_ in found})
        for place, of_machines in by_machine.items():
            if not all(naming.passes(place, one) for one in filters if one.dimension is not Dimension.MACHINE):
                continue
            for id_, amount in of_machines.items():
                name = names.get(id_, "")
                if all((name in one.values) is not one.is_exclusion for one in filters if one.dimension is Dimension.MACHINE):
                    by = self.view.group_by
                    key, label = (name, name or NO_RESOURCE) if by is Dimension.MACHINE else naming.of(place, by)
                    yield key, label, month, amount

    def _said(self, issued: Mapping[date, Documents], drafts: list[date], parts: list[Composition]) -> Iterator[str]:
        numbers = [number for month in sorted(issued) for number in issued[month].numbers]
        if numbers:
            shown = ", ".join(numbers) if len(numbers) <= MOST_NUMBERS else f"{numbers[0]} to {numbers[-1]} ({len(numbers)} documents)"
            yield f"Billed by {shown}, net of tax."
        if drafts:
            is_open = next_month(midnight(drafts[-1])) > self.base.as_of
            shown = f"{drafts[0]:%B %Y}" + (f" to {drafts[-1]:%B %Y}" if len(drafts) > 1 else "")
            yield f"{shown} {'is' if len(drafts) == 1 else 'are'} not issued yet: a draft" + (", so far." if is_open else ".")
        if len(parts) == 1 and not self.view.filters and self.view.measure is Measure.BILLED_COST:
            (one,) = parts
            beside = [(one.charges, "fees and other charges"), (one.reductions, "reductions")]
            more = [f"{words} {format_minor(amount, self._currency)}" for amount, words in beside if amount]
            if more:
                yield f"The month: usage {format_minor(one.usage, self._currency)}, {', '.join(more)}."

    def _said_of_spread(self, spread: Amortized | None, period: Period) -> Iterator[str]:
        if spread and spread.upfronts:
            whole = format_minor(sum(one.amount_minor for one in spread.upfronts), self._currency)
            share = format_minor(sum(spread.share(month) for month in period.months()), self._currency)
            yield f"Paid up front for reservations: {whole}, spread over their terms; {share} of it in the months shown."

    def _said_of_comparison(self, compared: Period | None, before: _Billed | None) -> Iterator[str]:
        if compared is not None and before is None:
            begins = self.base.history_begins
            yield (
                f"History begins {_day(begins)}, so there is nothing before to compare with."
                if begins
                else "There is nothing to compare with."
            )
        elif compared is not None and self.base.as_of < self.view.period.end:
            yield f"What is billed so far is compared with all of {_day(compared.start)} to {_day(compared.end - DAY)}."

    @cached_property
    def _names(self) -> Names:
        return names_of(self.session, self.org_id)

    @property
    def _currency(self) -> Currency:
        return CURRENCIES[self.base.currency]

    def _major(self, amount_minor: int) -> Fraction:
        return Fraction(amount_minor, 10**self._currency.exponent)


@dataclass(frozen=True)
class _Naming:
    """What places of a month are called: as in views, and for people."""

    reference: Reference
    names: Names
    month: date

    def passes(self, place: Place, one: Filter) -> bool:
        """Whether a filter lets the place through; what belongs to no value is in none."""
        return (self.of(place, one.dimension)[0] in one.values) is not one.is_exclusion

    def of(self, place: Place, dimension: Dimension | None) -> tuple[str, str]:
        """(key, label); an empty key where the amount belongs to none."""
        facts = self.reference
        match dimension:
            case None:
                return "", "Everything"
            case Dimension.REGION if place.region_id in facts.regions:
                return facts.regions[place.region_id].code, facts.regions[place.region_id].name
            case Dimension.CONTINENT if place.region_id in facts.regions:
                return _same(facts.regions[place.region_id].continent)
            case Dimension.VM_SIZE if place.sku_id in facts.skus and place.vm_size_id in facts.sizes:
                return facts.sizes[place.vm_size_id].name, facts.sizes[place.vm_size_id].name if place.vm_size_id else "No machine"
            case Dimension.SKU if place.sku_id in facts.skus:
                return facts.skus[place.sku_id].code, facts.skus[place.sku_id].title
            case Dimension.APP if place.app_id in self.names.apps:
                return _same(self.names.apps[place.app_id])
            case Dimension.COST_CENTRE if place.app_id in self.names.apps:
                centre = self._held.get(place.app_id, 0)
                return _same(self.names.centres.names.get(centre, UNASSIGNED))
            case _:
                return "", NOWHERE[dimension]

    @cached_property
    def _held(self) -> dict[int, int]:
        return self.names.centres.on(self.month)


def _drawn(series: list[Series]) -> list[Series]:
    """The top series, and the rest as one."""
    top = [one for one in series if not one.is_other][: explorer.DRAWN_SERIES]
    rest = [one for one in series if one not in top]
    if not rest:
        return top
    is_compared = rest[0].previous_total is not None
    together = Series(
        key="",
        label="Other" if any(one.is_other for one in rest) else f"{len(rest)} others",
        total=sum((one.total for one in rest), Fraction(0)),
        points=tuple(map(sum, zip(*(one.points for one in rest), strict=True))),
        previous_total=sum((one.previous_total or Fraction(0) for one in rest), Fraction(0)) if is_compared else None,
        previous_points=tuple(map(sum, zip(*(one.previous_points for one in rest), strict=True))) if is_compared else (),
        list_cost=sum((one.list_cost for one in rest), Fraction(0)),
        machine_hours=sum((one.machine_hours for one in rest), Fraction(0)),
        is_other=True,
    )
    return [*top, together]


def _is_about_machines(view: View) -> bool:
    return view.group_by is Dimension.MACHINE or any(one.dimension is Dimension.MACHINE for one in view.filters)


def _machine_names(session: Session, org_id: int, ids: set[int]) -> dict[int, str]:
    binds = Binds({"org": org_id})
    return dict(
        fetch(session, f"SELECT id, name FROM resource WHERE org_id = :org AND id = ANY ({binds.add(sorted(ids), 'bigint[]')})", binds)
    )


def _cost(view: View) -> str:
    return view.measure.replace("_", " ")


def _ceiling(moment: datetime) -> datetime:
    return floor_day(moment + DAY - timedelta(microseconds=1))


def _day(moment: datetime) -> str:
    return f"{moment:%b} {moment.day}, {moment.year}"


def _same(name: str) -> tuple[str, str]:
    return name, name
