"""A second biller, plain and slow, written from what billing promises and sharing no code with it: what the product bills is held against it.

From quantities by day (`reference_usage.py` tells them from events) to a bill: prices of the day, one rounding a line, and then in the
order of the contract what lowers and raises it. Fractions throughout; amounts are minor units.
"""

import calendar
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import TypeVar

DAY = timedelta(days=1)
MEMORY = "machine.extra_ram"
Quantities = dict[tuple[str, str, str, date], int]  # base units by sku, region, size and day
K = TypeVar("K", bound=Hashable)


def half_away(amount: Fraction | int) -> int:
    """To a whole number, halves away from zero."""
    whole = int(abs(Fraction(amount)) + Fraction(1, 2))
    return whole if amount >= 0 else -whole


def largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """`total` in proportion to `weights`, ties to the earlier; the parts sum to it."""
    exact = [Fraction(total) * weight / sum(weights) for weight in weights]
    parts = [int(one) for one in exact]
    for place in sorted(range(len(parts)), key=lambda place: parts[place] - exact[place])[: total - sum(parts)]:
        parts[place] += 1
    return parts


def days_of(month: date) -> list[date]:
    """The days of a calendar month."""
    return [month + timedelta(days=n) for n in range(calendar.monthrange(month.year, month.month)[1])]


def months_after(day: date, count: int) -> date:
    """The same day `count` months later, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@dataclass(frozen=True)
class Price:
    """What `per` base units cost, by model; tiers are (up to, for one unit, flat)."""

    amount: Fraction = Fraction(0)
    per: int = 1
    model: str = "per_unit"
    tiers: tuple[tuple[Fraction | None, Fraction, Fraction], ...] = ()
    package: Fraction = Fraction(1)
    free: Fraction = Fraction(0)
    minimum: Fraction | None = None
    maximum: Fraction | None = None

    @property
    def is_linear(self) -> bool:
        """Twice as much costs twice as much."""
        return self.model == "per_unit" and not self.free and self.minimum is None and self.maximum is None

    def cost(self, quantity: int, part: Fraction) -> Fraction:
        """Of `quantity` base units, in force for `part` of the month: so much of free units, tiers and flat amounts it has."""
        units = max(Fraction(0), Fraction(quantity, self.per) - self.free * part)
        if self.model == "per_unit":
            return units * self.amount
        if self.model == "package":
            return -(-units // self.package) * self.amount
        bounds = [None if up_to is None else up_to * part for up_to, _, _ in self.tiers]
        reached = next(n for n, bound in enumerate(bounds) if bound is None or units <= bound)
        if self.model == "volume":
            return units * self.tiers[reached][1] + self.tiers[reached][2] * part
        below = [Fraction(0), *(bound for bound in bounds[:reached] if bound is not None), units]
        return sum(((below[n + 1] - below[n]) * self.tiers[n][1] + self.tiers[n][2] * part for n in range(reached + 1)), start=Fraction(0))


@dataclass(frozen=True)
class Listed:
    """A price of a sku for a scope: a region, a group of regions or everywhere. Negotiated ones hold from `start` up to `end`."""

    sku: str
    scope: str
    price: Price
    start: date
    end: date | None = None
    negotiated: int = 0


@dataclass(frozen=True)
class Fee:
    """`quantity` × `amount` a calendar month, from `first` to `last`, both billed."""

    first: date
    last: date | None
    amount: Fraction
    quantity: Fraction


@dataclass(frozen=True)
class Discount:
    """Off whole months, for so many `periods`: a percentage or an amount, of everything or of one sku."""

    first: date
    periods: int | None
    sku: str | None
    percent: Fraction | None = None
    minor: int = 0


@dataclass(frozen=True)
class Reservation:
    """Paid at its start; its monthly credit is for machines of one kind in one region."""

    region: str
    kind: str
    upfront: int
    credit: int
    start: date
    months: int


@dataclass(frozen=True)
class Limit:
    """What a month costs at least and at most."""

    start: date
    end: date | None
    low: int | None
    high: int | None


@dataclass
class Credit:
    """What is left of a promotional or prepaid credit."""

    left: int
    granted: datetime
    expires: datetime | None = None


@dataclass(frozen=True)
class Trial:
    """Other books that hold in place of the organization's own, from `start` up to `end`."""

    start: date
    end: date | None
    books: dict[date, list[Listed]]


@dataclass
class World:
    """What one organization agreed, and what it pays everywhere. `books` by the day from which they hold."""

    groups: dict[str, str]
    kinds: dict[str, str]
    presets: dict[str, int]
    places: int
    taxes: list[tuple[date, Fraction]]  # percent from a day on
    books: dict[date, list[Listed]] = field(default_factory=dict)
    overrides: list[Listed] = field(default_factory=list)
    fees: list[Fee] = field(default_factory=list)
    charges: list[tuple[date, int]] = field(default_factory=list)
    discounts: list[Discount] = field(default_factory=list)
    reservations: list[Reservation] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    promotional: list[Credit] = field(default_factory=list)
    prepaid: list[Credit] = field(default_factory=list)
    trials: list["Trial"] = field(default_factory=list)

    _found: dict[tuple[str, str, date], Listed | None] = field(default_factory=dict)

    def percent(self, month: date) -> Fraction:
        """Tax on what is supplied in a month, by its last day."""
        return max(one for one in self.taxes if one[0] <= days_of(month)[-1])[1]

    def price(self, sku: str, region: str, day: date) -> Listed | None:
        """In force: negotiated before listed, the narrower scope first, the newest of one scope. Asked for only once all is agreed."""
        key = sku, region, day
        if key not in self._found:
            self._found[key] = self._price(*key)
        return self._found[key]

    def _price(self, sku: str, region: str, day: date) -> Listed | None:
        books = next((one.books for one in self.trials if one.start <= day and (one.end is None or day < one.end)), self.books)
        version = max((day_ for day_ in books if day_ <= day), default=None)
        agreed = [one for one in self.overrides if one.start <= day and (one.end is None or day < one.end)]
        for prices in (agreed, books[version] if version else []):
            for scope in (region, self.groups[region], "global"):
                found = [one for one in prices if one.sku == sku and one.scope == scope]
                if found:
                    return max(found, key=lambda one: one.negotiated)
        return None


# The bill


@dataclass
class Line:
    """`left` is what reductions left of `amount`; `sku` what a discount knows it by, `size` and `region` what a reservation does."""

    kind: str
    amount: int
    sku: str = ""
    region: str = ""
    size: str = ""
    price: Price | None = None
    part: Fraction = Fraction(1)
    percent: Fraction = Fraction(0)
    left: int = 0

    def __post_init__(self) -> None:
        self.left = self.amount


@dataclass
class Bill:
    """A month: its lines and what they come to. `bases` are the net by tax rate, `carried` what is given back instead of less than zero."""

    lines: list[Line]
    bases: dict[Fraction, int]
    carried: dict[Fraction, int]
    prepaid: int

    @property
    def net(self) -> int:
        """Without tax."""
        return sum(self.bases.values())

    @property
    def given(self) -> int:
        """What is carried, without tax."""
        return sum(self.carried.values())

    @property
    def tax(self) -> int:
        """Of each rate once."""
        return taxed(self.bases)

    @property
    def due(self) -> int:
        """What is to be paid."""
        return self.net + self.tax - self.prepaid


def taxed(bases: dict[Fraction, int]) -> int:
    """The tax on each rate's net, rounded once."""
    return sum(half_away(net * percent / 100) for percent, net in bases.items())


def bill(world: World, used: Quantities, month: date, *, late: Sequence[Line] = ()) -> Bill:
    """The month's bill with `late` usage of others, which has its own tax; takes what it needs of the world's credits."""
    days, percent = days_of(month), world.percent(month)
    lines = adjustable(world, used, month)
    lines += [Line("one_off", minor) for day, minor in world.charges if day in days]
    lines += [Line("one_off", one.upfront) for one in world.reservations if one.start in days]
    bases = _by_rate([*(replace(line, percent=percent) for line in lines), *late])
    paying = [Line("", line.left, percent=percent) for line in lines] + [replace(line) for line in late]
    for part in _redeem(world.promotional, sum(bases.values()), month):
        before = _by_rate(paying, left=True)
        _take(paying, part)
        for rate, left in _by_rate(paying, left=True).items():
            bases[rate] += left - before[rate]
            lines.append(Line("promotional", left - before[rate]))
    carried = _carried(bases)
    lines += [*late, *(Line("carried", part) for part in carried.values())]
    bases = {rate: net + carried.get(rate, 0) for rate, net in bases.items()}
    gross = sum(bases.values()) + taxed(bases)
    return Bill([line for line in lines if line.amount], bases, carried, sum(_redeem(world.prepaid, gross, month)))


def _by_rate(lines: Sequence[Line], *, left: bool = False) -> dict[Fraction, int]:
    found: dict[Fraction, int] = {}
    for line in lines:
        found[line.percent] = found.get(line.percent, 0) + (line.left if left else line.amount)
    return found


def _carried(bases: dict[Fraction, int]) -> dict[Fraction, int]:
    """What is missing to a net of zero, of the rate that is furthest below first; all that rates are below, where tax would still be."""
    below = sorted((net, rate) for rate, net in bases.items() if net < 0)
    parts, short = {}, max(0, -sum(bases.values()))
    for net, rate in below:
        parts[rate] = min(short, -net)
        short -= parts[rate]
    if taxed({rate: net + parts.get(rate, 0) for rate, net in bases.items()}) < 0:
        parts = {rate: -net for net, rate in below}
    return {rate: part for rate, part in parts.items() if part}


def adjustable(world: World, used: Quantities, month: date) -> list[Line]:
    """What late usage can change: usage and fees, and what lowers and raises them."""
    days = days_of(month)
    found = {key: quantity for key, quantity in used.items() if key[3] in days and quantity}
    lines = [*_linear(world, found, days), *_rated_once(world, found, days), *_fees(world, days)]
    return lines + _reservations(world, lines, days) + _discounts(world, lines, month) + _bounds(world, lines, days)


def _linear(world: World, used: Quantities, days: list[date]) -> list[Line]:
    """Machines by size and region, extra memory on the same line; the rest by sku and region. Another price, another line."""
    lines = []
    for sku, region, size in sorted(
        {(sku, region, size) if sku == f"machine.{size}" else (sku, region, "") for sku, region, size, _ in used}
    ):
        skus = [sku, MEMORY] if size and any(key[:3] == (MEMORY, region, size) for key in used) else [sku]
        if sku == MEMORY:
            continue

        def rates(day: date, skus: list[str] = skus, region: str = region) -> tuple[tuple[Price, int] | None, ...]:
            found = [world.price(one, region, day) for one in skus]
            return tuple((one.price, one.negotiated) if one and one.price.is_linear else None for one in found)

        for prices, span in _runs(days, rates):
            exact = Fraction(0)
            for one, rate in zip(skus, prices, strict=True):
                quantity = sum(
                    amount for key, amount in used.items() if key[:2] == (one, region) and key[3] in span and size in ("", key[2])
                )
                exact += quantity * rate[0].amount / rate[0].per if rate else 0
            lines.append(Line("usage", half_away(exact * 10**world.places), MEMORY if size and not prices[0] else sku, region, size))
    return lines


def _rated_once(world: World, used: Quantities, days: list[date]) -> list[Line]:
    """Prices that are not linear: over all that they are for, in force while they hold anywhere."""
    books = [prices for books in (world.books, *(one.books for one in world.trials)) for prices in books.values()]
    listed = [one for prices in (*books, world.overrides) for one in prices if not one.price.is_linear]
    lines = []
    for sku, scope, price, negotiated in {(one.sku, one.scope, one.price, one.negotiated): None for one in listed}:

        def holds(region: str, day: date, wanted: tuple = (scope, price, negotiated), sku: str = sku) -> bool:
            found = world.price(sku, region, day)
            return found is not None and (found.scope, found.price, found.negotiated) == wanted

        def is_in_force(day: date, holds: Callable[[str, date], bool] = holds) -> bool:
            return any(holds(region, day) for region in world.groups)

        for in_force, span in _runs(days, is_in_force):
            quantity = sum(amount for key, amount in used.items() if key[0] == sku and key[3] in span and holds(key[1], key[3]))
            is_due = negotiated and (price.minimum or (price.tiers and price.tiers[0][2]))
            if in_force and (quantity or is_due):
                part = Fraction(len(span), len(days))
                lines.append(Line("usage", half_away(price.cost(quantity, part) * 10**world.places), sku, price=price, part=part))
    return lines


def _fees(world: World, days: list[date]) -> list[Line]:
    lines = []
    for fee in world.fees:
        billed = sum(fee.first <= day and (fee.last is None or day <= fee.last) for day in days)
        lines.append(Line("fee", half_away(fee.amount * fee.quantity * billed / len(days) * 10**world.places)))
    return lines


def _reservations(world: World, lines: list[Line], days: list[date]) -> list[Line]:
    found = []
    for one in sorted(world.reservations, key=lambda one: one.start):
        inside = sum(one.start <= day < months_after(one.start, one.months) for day in days)
        covered = [line for line in lines if line.size and line.region == one.region and world.kinds[line.size] == one.kind]
        found.append(Line("reservation", -_take(covered, half_away(Fraction(one.credit) * inside / len(days)))))
    return found


def _discounts(world: World, lines: list[Line], month: date) -> list[Line]:
    found = []
    for one in sorted(world.discounts, key=lambda one: one.first):
        number = (month.year - one.first.year) * 12 + month.month - one.first.month
        if number >= 0 and (one.periods is None or number < one.periods):
            base = [line for line in lines if one.sku in (None, line.sku)]
            left = sum(line.left for line in base)
            found.append(Line("discount", -_take(base, one.minor if one.percent is None else half_away(left * one.percent / 100))))
    return found


def _bounds(world: World, lines: list[Line], days: list[date]) -> list[Line]:
    """Of single prices, by their part of the month; then of everything, minimums by the days they hold."""
    lowered, raised = [], []
    for line in lines:
        if line.price and line.price.minimum is not None:
            raised.append(Line("minimum", max(0, half_away(line.price.minimum * line.part * 10**world.places) - line.left)))
        if line.price and line.price.maximum is not None:
            lowered.append(Line("maximum", -_take([line], line.left - half_away(line.price.maximum * line.part * 10**world.places))))
    for one in world.limits:
        inside = sum(one.start <= day and (one.end is None or day < one.end) for day in days)
        if inside and one.low is not None:
            left = sum(line.left for line in [*lines, *raised])
            raised.append(Line("minimum", max(0, half_away(Fraction(one.low) * inside / len(days)) - left)))
        if inside and one.high is not None:
            seen = [*lines, *raised]
            lowered.append(Line("maximum", -_take(seen, sum(line.left for line in seen) - one.high)))
    return lowered + raised


def _take(lines: list[Line], minor: int) -> int:
    """Lower what is left of `lines` by `minor`, in proportion, at most to zero; what was taken."""
    lines = [line for line in lines if line.left > 0]
    minor = max(0, min(minor, sum(line.left for line in lines)))
    for line, part in zip(lines, largest_remainder(minor, [line.left for line in lines]) if lines else [], strict=True):
        line.left -= part
    return minor


def _redeem(credits_: list[Credit], needed: int, month: date) -> list[int]:
    """What is used of each: of those valid in the month for a moment, what ends first is used first."""
    start = datetime(month.year, month.month, 1, tzinfo=UTC)
    end = start + len(days_of(month)) * DAY
    parts = []
    for one in sorted(credits_, key=lambda one: (one.expires is None, one.expires or one.granted, one.granted)):
        if one.granted < end and (one.expires is None or one.expires > start):
            parts.append(max(0, min(one.left, needed - sum(parts))))
            one.left -= parts[-1]
    return parts


def _runs(days: list[date], key: Callable[[date], K]) -> list[tuple[K, list[date]]]:
    """Days in a row that are alike."""
    found: list[tuple[K, list[date]]] = []
    for day in days:
        if found and found[-1][0] == key(day):
            found[-1][1].append(day)
        else:
            found.append((key(day), [day]))
    return found
