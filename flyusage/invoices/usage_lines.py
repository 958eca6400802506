"""Usage as lines: quantities gathered by what is priced together, rated once, with their working. Pure.

A machine line is (size, region, prices in force): CPU and extra memory are its components, summed unrounded. Any other line
is (sku, region, price). A price that is not linear, with tiers, free quantities or bounds, is rated once over everything that
it is for, so its line holds all of that, whatever the region or size.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fractions import Fraction
from functools import cached_property
from itertools import groupby

from flyusage.invoices.statement import Component, Line, LineKind, Unpriced
from flyusage.invoices.wording import PRODUCT_OF, region_name, shown, telling, times, unit_of
from flyusage.money import to_minor
from flyusage.periods import Period, midnight
from flyusage.pricing.agreed_prices import AgreedPrice, AgreedPrices
from flyusage.pricing.rating import Model, Price, RatedCharge, Step, rate_usage, summed
from flyusage.pricing.reference import Reference, SkuFact
from flyusage.pricing.slices import Epoch
from flyusage.pricing.terms import Terms
from flyusage.pricing.view import Dimension, Filter, Measure, View

MACHINE_METERS = ("machine", "extra_memory")


@dataclass(frozen=True)
class Metered:
    """Base units of a sku that were used in one epoch of the period."""

    sku_id: int
    region_id: int
    vm_size_id: int
    epoch: int
    quantity: int


@dataclass(frozen=True)
class Setting:
    """What compiling a statement stands on. Inside an epoch no price changes.

    `named` remembers what lines are called, for all settings that differ in nothing but terms without prices of their own.
    """

    terms: Terms
    prices: AgreedPrices
    reference: Reference
    epochs: tuple[Epoch, ...]
    as_of: datetime
    named: "dict[tuple[object, ...], _Named]" = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def days(self) -> int:
        """The billing period's length."""
        return self.terms.period.seconds // 86_400


@dataclass(frozen=True)
class Bounds:
    """What the price of a line asks for at least and at most, in the major unit."""

    key: str
    minimum: Fraction | None
    maximum: Fraction | None


@dataclass(frozen=True)
class UsageLines:
    """The lines, the bounds of those whose price has any, and what had no price."""

    lines: tuple[Line, ...]
    bounds: tuple[Bounds, ...]
    unpriced: tuple[Unpriced, ...]


Group = tuple[str, int, int]
Span = tuple[date, date]


def usage_lines(setting: Setting, metered: Iterable[Metered]) -> UsageLines:
    """Lines for everything that was metered, in no particular order of `metered`."""
    return _Gathering(setting, metered).lines()


class _Gathering:
    def __init__(self, setting: Setting, metered: Iterable[Metered]) -> None:
        self.setting = setting
        self.groups: dict[Group, dict[tuple[int, int, int, int], int]] = defaultdict(lambda: defaultdict(int))
        self.unpriced: dict[tuple[int, int, int], dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for one in metered:
            self._take(one)
        self._take_what_is_due_unused()

    def _take(self, one: Metered) -> None:
        if not one.quantity:
            return
        agreed = self._price(one.sku_id, one.region_id, one.epoch)
        if agreed is None:
            self.unpriced[one.sku_id, one.region_id, one.vm_size_id][one.epoch] += one.quantity
            return
        group = self._group(agreed, one.sku_id, one.region_id, one.vm_size_id)
        self.groups[group][one.sku_id, one.region_id, one.vm_size_id, one.epoch] += one.quantity

    def _take_what_is_due_unused(self) -> None:
        """A negotiated minimum, or a first tier's flat amount, is due without usage, wherever the price holds."""
        for override, agreed in self.setting.prices.overrides:
            if not _is_due_unused(agreed.price) or not override.region_ids or override.sku_id not in self.setting.reference.skus:
                continue
            group = self._group(agreed, override.sku_id, min(override.region_ids), 0)
            places = [*sorted({region_id for _, region_id, _, _ in self.groups.get(group, ())}), *sorted(override.region_ids)]
            for number in range(len(self.setting.epochs)):
                held = next((region_id for region_id in places if self._price(override.sku_id, region_id, number) is agreed), None)
                if held is not None:
                    self.groups[group][override.sku_id, held, 0, number] += 0

    def _group(self, agreed: AgreedPrice, sku_id: int, region_id: int, vm_size_id: int) -> Group:
        if not agreed.is_linear:
            return f"price {agreed.source}", sku_id, 0
        if self.setting.reference.skus[sku_id].meter in MACHINE_METERS:
            return "machine", vm_size_id, region_id
        return "sku", sku_id, region_id

    def _price(self, sku_id: int, region_id: int, epoch: int) -> AgreedPrice | None:
        return self.setting.prices.on(sku_id, region_id, self.setting.epochs[epoch].starts_on)

    def lines(self) -> UsageLines:
        made = [self._line(group, parts) for group, cells in self.groups.items() for parts in self._segments(group, cells)]
        unpriced = [self._unpriced(key, epochs) for key, epochs in sorted(self.unpriced.items())]
        return UsageLines(tuple(line for line, _ in made), tuple(bounds for _, bounds in made if bounds), tuple(unpriced))

    def _segments(self, group: Group, cells: dict[tuple[int, int, int, int], int]) -> list["_Segment"]:
        """The cells of a group, cut where any of the prices it uses changes."""
        if len(self.setting.epochs) == 1:
            span = self.setting.epochs[0].starts_on, self.setting.epochs[0].ends_on
            return [_Segment(span, {key[:3]: quantity for key, quantity in sorted(cells.items())}, {key[:3]: 0 for key in cells})]
        numbers, sources = range(len(self.setting.epochs)), self._sources(group, cells)
        found = []
        for _, run in groupby(numbers, key=sources.__getitem__):
            epochs = list(run)
            inside: dict[tuple[int, int, int], int] = defaultdict(int)
            priced: dict[tuple[int, int, int], int] = {}
            for (sku_id, region_id, vm_size_id, epoch), quantity in cells.items():
                if epoch in epochs:
                    inside[sku_id, region_id, vm_size_id] += quantity
                    priced[sku_id, region_id, vm_size_id] = epoch
            if inside:
                span = self.setting.epochs[epochs[0]].starts_on, self.setting.epochs[epochs[-1]].ends_on
                found.append(_Segment(span, dict(sorted(inside.items())), priced))
        return found

    def _sources(self, group: Group, cells: Iterable[tuple[int, int, int, int]]) -> list[object]:
        """By epoch, what differs where a line is cut: the prices it uses; of a price that is rated over many places whether it holds in any.

        So another price in one of these places neither cuts nor shortens what holds in the others.
        """
        numbers = range(len(self.setting.epochs))
        if group[0] in ("machine", "sku"):
            pairs = sorted({(sku_id, region_id) for sku_id, region_id, _, _ in cells})
            return [tuple(price and price.source for price in (self._price(*pair, number) for pair in pairs)) for number in numbers]
        sku_id, places = group[1], self.setting.reference.regions

        def is_held(region_id: int, number: int) -> bool:
            price = self._price(sku_id, region_id, number)
            return price is not None and self._group(price, sku_id, region_id, 0) == group

        return [any(is_held(region_id, number) for region_id in places) for number in numbers]

    def _line(self, group: Group, segment: "_Segment") -> tuple[Line, Bounds | None]:
        agreed = {key: self._price(key[0], key[1], segment.epochs[key]) for key in segment.cells}
        prices = {key: price for key, price in agreed.items() if price is not None}
        if group[0] == "machine":
            return self._machine_line(segment, prices), None
        return self._sku_line(segment, prices)

    def _machine_line(self, segment: "_Segment", prices: dict[tuple[int, int, int], AgreedPrice]) -> Line:
        """CPU first, whose quantity and price the line shows; they tell the amount where there is no extra memory."""
        reference = self.setting.reference
        cells = sorted(segment.cells.items(), key=lambda cell: reference.skus[cell[0][0]].meter != "machine")
        charges = [(reference.skus[key[0]], rate_usage(Fraction(quantity), prices[key].price), prices[key]) for key, quantity in cells]
        components = [
            _component(key, quantity, charge.amount, prices[key]) for (key, quantity), (_, charge, _) in zip(cells, charges, strict=True)
        ]
        size, first = reference.sizes[cells[0][0][2]], charges[0][0]
        what = size.name if first.meter == "machine" else f"Extra memory of {size.name}"
        skus = tuple(fact.code for fact, _, _ in charges)
        made = _Made(
            rated=RatedCharge(summed([charge.amount for _, charge, _ in charges]), _steps(charges)),
            quantity=cells[0][1],
            components=components,
            name=f"machine.{size.name}",
            description=f"{what} with extra memory" if len(cells) > 1 else what,
            filters=(Filter(Dimension.VM_SIZE, (size.name,)), Filter(Dimension.SKU, skus)),
            vm_size_id=size.id,
        )
        return self._line_of(first, segment, charges[0][2], made)

    def _sku_line(self, segment: "_Segment", prices: dict[tuple[int, int, int], AgreedPrice]) -> tuple[Line, Bounds | None]:
        key = next(iter(segment.cells))
        fact, agreed, quantity = self.setting.reference.skus[key[0]], prices[key], sum(segment.cells.values())
        price = agreed.price if agreed.is_linear else for_part(agreed.price, Fraction(segment.days, self.setting.days))
        rated = rate_usage(Fraction(quantity), price)
        made = _Made(
            rated=RatedCharge(rated.amount, _steps([(fact, rated, agreed)])),
            quantity=quantity,
            components=_components(segment, rated.amount, quantity, agreed),
            name=fact.code,
            description=fact.title,
            filters=(Filter(Dimension.SKU, (fact.code,)),),
        )
        line = self._line_of(fact, segment, agreed, made)
        if price.minimum is None and price.maximum is None:
            return line, None
        return line, Bounds(line.key, price.minimum, price.maximum)

    def _line_of(self, fact: SkuFact, segment: "_Segment", agreed: AgreedPrice, made: "_Made") -> Line:
        terms, unit = self.setting.terms, unit_of(agreed.unit)
        named = self._named(made, segment.span, agreed)
        counted = shown(Fraction(made.quantity, agreed.price.per_quantity * unit.times))
        amount = to_minor(made.rated.amount, terms.currency)
        is_told = agreed.is_linear and len(made.components) == 1
        return Line(
            kind=LineKind.USAGE,
            key=named.key,
            product=PRODUCT_OF[fact.meter],
            description=made.description,
            period=named.period,
            quantity=counted,
            unit=unit.name,
            unit_price=telling(counted, times(agreed.amount, unit.times), amount, terms.currency) if is_told else None,
            per=unit.per,
            exact=made.rated.amount,
            amount_minor=amount,
            tax=terms.tax,
            working=made.rated.steps,
            region=named.region,
            region_id=named.region_id,
            sku_id=fact.id,
            vm_size_id=made.vm_size_id,
            price_id=agreed.price_id,
            price_version=agreed.version,
            components=tuple(made.components),
            evidence=named.evidence,
        )

    def _named(self, made: "_Made", span: Span, agreed: AgreedPrice) -> "_Named":
        """What a line is called, remembered for others of the same price: a close names the same places thousands of times."""
        regions = frozenset([one.region_id for one in made.components])
        key = made.name, made.description, regions, span, agreed.source
        known = self.setting.named
        if key not in known:
            known[key] = self._name(made, regions, span, agreed)
        return known[key]

    def _name(self, made: "_Made", regions: frozenset[int], span: Span, agreed: AgreedPrice) -> "_Named":
        facts, period = self.setting.reference.regions, Period(midnight(span[0]), midnight(span[1]))
        codes = tuple(sorted(facts[one].code for one in regions))
        parts = [made.name, codes[0] if len(codes) == 1 else f"{len(codes)}-regions"]
        if not agreed.is_linear:
            parts.append("-".join(str(one) for one in agreed.source if one))
        if span[0] != self.setting.terms.period.start.date():
            parts.append(span[0].isoformat())
        chosen = (Filter(Dimension.REGION, codes), *made.filters)
        return _Named(
            "/".join(parts),
            period,
            region_name(self.setting.reference, regions),
            next(iter(regions)) if len(regions) == 1 else None,
            View(Measure.LIST_COST, period, group_by=Dimension.APP, filters=chosen, as_of=self.setting.as_of),
        )

    def _unpriced(self, key: tuple[int, int, int], epochs: dict[int, int]) -> Unpriced:
        reference, (sku_id, region_id, vm_size_id) = self.setting.reference, key
        first, last = self.setting.epochs[min(epochs)], self.setting.epochs[max(epochs)]
        return Unpriced(
            sku_id=sku_id,
            region_id=region_id,
            vm_size_id=vm_size_id,
            sku=reference.skus[sku_id].code,
            region=reference.regions[region_id].code,
            period=Period(midnight(first.starts_on), midnight(last.ends_on)),
            quantity=sum(epochs.values()),
        )


@dataclass(frozen=True)
class _Segment:
    """Cells (sku, region, size) in a span of days without a change of any of their prices; `epochs`: one in which each holds its price."""

    span: Span
    cells: dict[tuple[int, int, int], int]
    epochs: dict[tuple[int, int, int], int]

    @property
    def days(self) -> int:
        return (self.span[1] - self.span[0]).days


@dataclass(frozen=True)
class _Named:
    """What lines of one price in one place and span of days have in common."""

    key: str
    period: Period
    region: str
    region_id: int | None
    evidence: View


@dataclass(frozen=True)
class _Made:
    """What tells one line from another, once it is rated."""

    rated: RatedCharge
    quantity: int
    components: Sequence[Component]
    name: str
    description: str
    filters: tuple[Filter, ...]
    vm_size_id: int | None = None


def for_part(price: Price, part: Fraction) -> Price:
    """A price in force for part of a billing period has that part of its free quantity, tiers, flat amounts and bounds."""
    if part == 1:
        return price
    tiers = tuple(
        replace(tier, up_to=None if tier.up_to is None else tier.up_to * part, flat_amount=tier.flat_amount * part) for tier in price.tiers
    )
    bounds = {name: None if value is None else value * part for name, value in (("minimum", price.minimum), ("maximum", price.maximum))}
    return replace(price, free_quantity=price.free_quantity * part, tiers=tiers, **bounds)


def _is_due_unused(price: Price) -> bool:
    return price.minimum is not None or (price.model in (Model.GRADUATED, Model.VOLUME) and price.tiers[0].flat_amount > 0)


def _steps(charges: Iterable[tuple[SkuFact, RatedCharge, AgreedPrice]]) -> tuple[Step, ...]:
    """All steps, with what they count before them."""
    return tuple(
        Step(f"{fact.title}, {agreed.unit}: {step.text}", step.amount, step.quantity, step.unit_amount, step.per_quantity)
        for fact, charge, agreed in charges
        for step in charge.steps
    )


def _component(key: tuple[int, int, int], quantity: int, exact: Fraction, agreed: AgreedPrice) -> Component:
    amount = agreed.amount if agreed.is_linear else None
    return Component(*key, quantity, exact, amount, agreed.price.per_quantity)


def _components(segment: _Segment, exact: Fraction, quantity: int, agreed: AgreedPrice) -> list[Component]:
    """By region and size, by their quantities; a linear line's as one per region."""
    if not agreed.is_linear:
        return [_component(key, part, exact * part / quantity if quantity else exact, agreed) for key, part in segment.cells.items()]
    (sku_id, region_id), *_ = {key[:2] for key in segment.cells}
    return [Component(sku_id, region_id, None, quantity, exact, agreed.amount, agreed.price.per_quantity)]
