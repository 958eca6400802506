"""What if: real usage of a past range priced otherwise, before anything is published. Touches no invoice.

The range's quantities are summed first, by the explorer's own queries, and priced twice: as they are (the book by its dates,
negotiated prices before it), and as asked. Both are before discounts, reservations, credits and tax that are agreed already.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction

from sqlmodel import Session

from flyusage.periods import Period, midnight, next_month
from flyusage.pricing.agreed_prices import AgreedPrices
from flyusage.pricing.asking import Known, know
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.errors import SimulationRefused
from flyusage.pricing.price_table import PriceTable, version_table
from flyusage.pricing.question import Question
from flyusage.pricing.rating import ZERO
from flyusage.pricing.reference import Reference
from flyusage.pricing.resizing import Usage, resized, resizings
from flyusage.pricing.scope import Scope
from flyusage.pricing.slices import Epoch, epochs
from flyusage.pricing.tariff import Metered, Priced, price_usage
from flyusage.pricing.terms import PriceOverride, overrides_of
from flyusage.pricing.totals import quantities
from flyusage.pricing.versions import Version
from flyusage.pricing.view import Measure

LineKey = tuple[int, int]


@dataclass(frozen=True)
class Reserved:
    """A reservation that could be taken: `upfront` for `months` of `monthly_credit` on one region's machines of one CPU kind."""

    region: str
    cpu_kind: str
    upfront: Fraction
    monthly_credit: Fraction
    months: int = 12


@dataclass(frozen=True)
class WhatIf:
    """What is asked. `version`: its prices on every day of the range; `moves`: region → region; `resizes`: size → size.

    Resized machines keep their memory in all, where the other size can hold it: what its preset does not include is extra memory.
    """

    version: Version | None = None
    moves: Mapping[str, str] = field(default_factory=dict)
    resizes: Mapping[str, str] = field(default_factory=dict)
    reservations: tuple[Reserved, ...] = ()


@dataclass(frozen=True)
class SimulatedLine:
    """A sku in the region it was used in: what it costs, and would cost, exactly. None: it has no price there."""

    sku_id: int
    sku: str
    title: str
    region_id: int
    region: str
    quantity: int
    before: Fraction | None
    after: Fraction | None

    @property
    def difference(self) -> Fraction:
        """What it would cost more."""
        return (self.after or ZERO) - (self.before or ZERO)


@dataclass(frozen=True)
class Simulation:
    """An organization's answer; the lines and `reserved` add up to the totals. The largest difference comes first.

    `reserved` is what reservations add: their share of what is paid up front, less the credit they give.
    """

    org_id: int
    currency: str
    period: Period
    as_of: datetime
    before: Fraction
    after: Fraction
    lines: tuple[SimulatedLine, ...]
    reserved: Fraction = ZERO
    notices: tuple[str, ...] = ()

    @property
    def difference(self) -> Fraction:
        """What the range would have cost more."""
        return self.after - self.before


def simulate(session: Session, org_id: int, period: Period, what: WhatIf, *, as_of: datetime | None = None) -> Simulation:
    """Re-price `period` (hour-aligned), complete to `as_of` (now unless given). Raises SimulationRefused for what makes no sense."""
    known = know(session, org_id, as_of, None, has_centres=False)
    if what.version is not None and what.version.book.currency != known.book.currency:
        raise SimulationRefused(
            f"{what.version.name} is in {what.version.book.currency}, the organization buys in {known.book.currency}; "
            "amounts are never converted."
        )
    overrides = overrides_of(session, [org_id], period).get(org_id, ())
    alternative = version_table(session, what.version.id) if what.version else known.prices
    tariffs = AgreedPrices(known.prices, overrides), AgreedPrices(alternative, overrides)
    held = epochs(period, _steps(period, known.prices, alternative, overrides))
    usage = _usage(session, known, period, held)
    resizing = resizings(what.resizes, known.reference)
    spans = [Period(midnight(one.starts_on), midnight(one.ends_on)).clip(period) for one in held]
    changed = resized(session, known, usage, resizing, spans) if resizing else usage
    return _Comparing(known, period, held, what).compare(usage, changed, tariffs)


def region_moves(what: WhatIf, reference: Reference) -> dict[int, int]:
    """The moves as ids. Raises SimulationRefused for a region there is none of."""
    ids = {one.code: one.id for one in reference.regions.values()}
    for code in (*what.moves, *what.moves.values(), *(one.region for one in what.reservations)):
        if code not in ids:
            raise SimulationRefused(f"There is no region {code[:40]!r}.")
    return {ids[source]: ids[target] for source, target in what.moves.items()}


@dataclass(frozen=True)
class _Comparing:
    known: Known
    period: Period
    epochs: tuple[Epoch, ...]
    what: WhatIf

    def compare(self, usage: list[Usage], changed: list[Usage], tariffs: tuple[AgreedPrices, AgreedPrices]) -> Simulation:
        moves = region_moves(self.what, self.known.reference)
        before = price_usage(_metered(usage, {}), tariffs[0], self.epochs)
        after = price_usage(_metered(changed, moves), tariffs[1], self.epochs)
        reserved, notices = ZERO, _notices(before, after, self.known.reference)
        if self.what.reservations:
            reserved = self._reserved(changed, moves, tariffs[1])
        return Simulation(
            org_id=self.known.org_id,
            currency=self.known.book.currency,
            period=self.period,
            as_of=self.known.moment.as_of,
            before=before.total,
            after=after.total + reserved,
            lines=self._lines(usage, changed, before, after),
            reserved=reserved,
            notices=notices,
        )

    def _lines(self, usage: list[Usage], changed: list[Usage], before: Priced, after: Priced) -> tuple[SimulatedLine, ...]:
        counted: dict[LineKey, int] = defaultdict(int)
        for one in usage:
            counted[one.line] += one.quantity
        for one in changed:
            counted[one.line] += 0
        lines = [self._line(key, quantity, before, after) for key, quantity in counted.items()]
        return tuple(sorted(lines, key=lambda line: (-abs(line.difference), line.sku, line.region)))

    def _line(self, key: LineKey, quantity: int, before: Priced, after: Priced) -> SimulatedLine:
        sku, region = self.known.reference.skus[key[0]], self.known.reference.regions[key[1]]
        costs = before.costs.get(key, ZERO if not quantity else None), after.costs.get(key)
        return SimulatedLine(sku.id, sku.code, sku.title, region.id, region.code, quantity, *costs)

    def _reserved(self, changed: list[Usage], moves: dict[int, int], prices: AgreedPrices) -> Fraction:
        """Month by month: the share of what is paid up front, less the credit, as far as usage takes it."""
        reference, total = self.known.reference, ZERO
        regions = {one.code: one.id for one in reference.regions.values()}
        machines = {one.id for one in reference.skus.values() if one.meter in ("machine", "extra_memory")}
        for one in self.what.reservations:
            kept = [
                Metered(
                    self.epochs[use.epoch].starts_on.replace(day=1),
                    use.sku_id,
                    moves.get(use.region_id, use.region_id),
                    use.epoch,
                    use.quantity,
                )
                for use in changed
                if use.sku_id in machines
                and moves.get(use.region_id, use.region_id) == regions[one.region]
                and reference.sizes[use.vm_size_id].cpu_kind == one.cpu_kind
            ]
            costs = price_usage(kept, prices, self.epochs).costs
            for month, part in month_parts(self.period):
                total += one.upfront / one.months * part - min(costs.get(month, ZERO), one.monthly_credit * part)
        return total


def month_parts(period: Period) -> Iterable[tuple[date, Fraction]]:
    """Each calendar month of the period by its first day, and what part of it lies inside."""
    moment = period.start
    for month in period.months():
        begins = max(moment, period.start)
        ends = next_month(begins)
        inside = Period(begins, min(ends, period.end)).seconds
        whole = int((ends - begins.replace(day=1, hour=0, minute=0, second=0, microsecond=0)).total_seconds())
        yield month, Fraction(inside, whole)
        moment = ends


def _steps(period: Period, listed: PriceTable, alternative: PriceTable, overrides: Iterable[PriceOverride]) -> set[date]:
    """Where any price changes, or a billing month ends."""
    edges = {edge for one in overrides for edge in (one.starts_on, one.ends_on) if edge is not None}
    return listed.steps(period) | alternative.steps(period) | edges | set(period.months())


def _usage(session: Session, known: Known, period: Period, held: tuple[Epoch, ...]) -> list[Usage]:
    """Everything used in the period, by sku, region, size and epoch."""
    question = Question(
        org_id=known.org_id,
        measure=Measure.LIST_COST,
        group_by=None,
        period=period,
        moment=known.moment,
        scope=Scope(apps=(known.names.granted,) * len(held)),
        epochs=held,
        book=known.book,
        prices=known.prices,
        reference=known.reference,
        names=known.names,
    )
    binds = Binds()
    parts = quantities(question, binds, keys="vm_size_id")
    if not parts:
        return []
    summed = f"SELECT sku_id, region_id, vm_size_id, epoch, sum(q) FROM ({' UNION ALL '.join(parts)}) AS part GROUP BY 1, 2, 3, 4"
    rows = fetch(session, f"{summed} HAVING sum(q) <> 0 ORDER BY 1, 2, 3, 4", binds)
    return [Usage((sku, region), sku, region, size, epoch, int(quantity)) for sku, region, size, epoch, quantity in rows]


def _metered(usage: Iterable[Usage], moves: Mapping[int, int]) -> Iterable[Metered]:
    for one in usage:
        yield Metered(one.line, one.sku_id, moves.get(one.region_id, one.region_id), one.epoch, one.quantity)


def _notices(before: Priced, after: Priced, reference: Reference) -> tuple[str, ...]:
    """What the totals leave out."""
    found = []
    for title, priced in (("as it is", before), ("as asked", after)):
        if priced.unpriced:
            named = sorted(f"{reference.skus[sku].code} in {reference.regions[region].code}" for sku, region in priced.unpriced)
            more = f" and {len(named) - 3} more" if len(named) > 3 else ""
            found.append(f"Without a price {title}, and not in that total: {', '.join(named[:3])}{more}.")
    return tuple(found)
