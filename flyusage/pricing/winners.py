"""Who would pay more and who less under other prices: a past range of all organizations, priced twice. For staff.

Whole days only, from closed hours. Before discounts, reservations, credits and tax, as in `simulate.py`; nothing is written.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.periods import Period, floor_day
from flyusage.pricing.agreed_prices import AgreedPrices
from flyusage.pricing.books import LIST, PriceBook, book_by_id
from flyusage.pricing.buying import spells_of_many, table_of
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.errors import SimulationRefused
from flyusage.pricing.price_table import PriceTable, version_table
from flyusage.pricing.rating import ZERO
from flyusage.pricing.slices import Epoch, by_days, epochs
from flyusage.pricing.tariff import Metered, Priced, price_usage
from flyusage.pricing.terms import PriceOverride, overrides_of
from flyusage.pricing.versions import Version


@dataclass(frozen=True)
class Buyer:
    """An organization and the table of its prices by day."""

    id: int
    slug: str
    name: str
    table: PriceTable
    overrides: tuple[PriceOverride, ...]


@dataclass(frozen=True)
class Outcome:
    """What an organization's range cost, and would cost, exactly. `is_unpriced`: something of it has no price, and is in neither."""

    org_id: int
    org: str
    name: str
    before: Fraction
    after: Fraction
    is_unpriced: bool

    @property
    def difference(self) -> Fraction:
        """What it would pay more."""
        return self.after - self.before


@dataclass(frozen=True)
class Winners:
    """Every organization that used anything, those that would pay the most more first and those that would save the most last."""

    book: PriceBook
    version: Version
    period: Period
    outcomes: tuple[Outcome, ...]

    @property
    def before(self) -> Fraction:
        """Of all."""
        return sum((one.before for one in self.outcomes), ZERO)

    @property
    def after(self) -> Fraction:
        """Of all."""
        return sum((one.after for one in self.outcomes), ZERO)

    @property
    def losing(self) -> tuple[Outcome, ...]:
        """Who would pay more."""
        return tuple(one for one in self.outcomes if one.difference > 0)

    @property
    def winning(self) -> tuple[Outcome, ...]:
        """Who would pay less, the largest saving first."""
        return tuple(one for one in reversed(self.outcomes) if one.difference < 0)


def winners(session: Session, period: Period, version: Version, *, book_id: int | None = None) -> Winners:
    """The organizations that buy from `book_id` (the version's own book unless given), their range as it is and under `version`.

    Needs the platform's role. Raises SimulationRefused for a range that is not whole days or not over, and for another currency.
    """
    _refuse_open(period)
    book = version.book if book_id is None else book_by_id(session, book_id)
    if book.currency != version.book.currency:
        raise SimulationRefused(
            f"{version.name} is in {version.book.currency}, {book.name} in {book.currency}; amounts are never converted."
        )
    alternative = version_table(session, version.id)
    buying = buyers(session, book.id, period)
    held = epochs(period, price_steps(period, [alternative, *(one.table for one in buying)], buying))
    usage = usage_by_org(session, period, held)
    pricing = Pricing(held)
    found = [_outcome(one, usage[one.id], alternative, pricing) for one in buying if one.id in usage]
    return Winners(book, version, period, tuple(sorted(found, key=lambda one: (-one.difference, one.org))))


def buyers(session: Session, book_id: int, period: Period) -> list[Buyer]:
    """Every organization whose book this is, by slug, with its own prices of each day."""
    rows = session.execute(sa.text(_BUYERS), {"book": book_id, "list": LIST}).all()
    ids = [row.id for row in rows]
    spells, overrides = spells_of_many(session, dict.fromkeys(ids, book_id)), overrides_of(session, ids, period)
    tables = {spell: table_of(session, book_id, spell) for spell in {(), *spells.values()}}
    return [Buyer(row.id, row.slug, row.name, tables[spells.get(row.id, ())], overrides.get(row.id, ())) for row in rows]


def price_steps(period: Period, tables: Iterable[PriceTable], buying: Iterable[Buyer]) -> set[date]:
    """Where anybody's price changes, or a billing month ends."""
    steps = set(period.months())
    for table in set(tables):
        steps |= table.steps(period)
    for one in buying:
        steps |= {edge for each in one.overrides for edge in (each.starts_on, each.ends_on) if edge is not None}
    return steps


def usage_by_org(session: Session, period: Period, held: Sequence[Epoch]) -> dict[int, list[Metered]]:
    """What every organization used in `period`, whole days, by sku, region and epoch; a line each."""
    binds = Binds()
    parts = [
        f"SELECT org_id, sku_id, region_id, {one.epoch} AS epoch, {'total' if one.is_whole else '+'.join(one.names)} AS q "
        f"FROM {'usage_month_by_region' if one.is_month else 'usage_day_by_region'} "
        f"WHERE {'month' if one.is_month else 'day'} = ANY ({binds.add(list(one.days), 'date[]')})"
        for one in by_days(period, tuple(held))
    ]
    if not parts:
        return {}
    union = " UNION ALL ".join(parts)
    statement = f"SELECT org_id, sku_id, region_id, epoch, sum(q) FROM ({union}) AS part GROUP BY 1, 2, 3, 4 HAVING sum(q) <> 0"
    found: dict[int, list[Metered]] = defaultdict(list)
    for org_id, sku_id, region_id, epoch, quantity in fetch(session, statement, binds):
        found[org_id].append(Metered((sku_id, region_id), sku_id, region_id, epoch, int(quantity)))
    return found


class Pricing:
    """Prices usage of many buyers; those without negotiated prices share what was looked up."""

    def __init__(self, held: Sequence[Epoch]) -> None:
        self.held = held
        self._shared: dict[PriceTable, AgreedPrices] = {}

    def priced(self, buyer: Buyer, usage: Iterable[Metered], table: PriceTable) -> Priced:
        """A buyer's usage by a table, negotiated prices before it."""
        if buyer.overrides:
            return price_usage(usage, AgreedPrices(table, buyer.overrides), self.held)
        if table not in self._shared:
            self._shared[table] = AgreedPrices(table)
        return price_usage(usage, self._shared[table], self.held)


def _outcome(buyer: Buyer, usage: list[Metered], alternative: PriceTable, pricing: Pricing) -> Outcome:
    before, after = pricing.priced(buyer, usage, buyer.table), pricing.priced(buyer, usage, alternative)
    return Outcome(buyer.id, buyer.slug, buyer.name, before.total, after.total, bool(before.unpriced or after.unpriced))


def _refuse_open(period: Period) -> None:
    if floor_day(period.start) != period.start or floor_day(period.end) != period.end or period.end <= period.start:
        raise SimulationRefused("All organizations are compared over whole days: give two dates.")
    if period.end > floor_day(clock.now()):
        raise SimulationRefused(f"That range is not over yet. End it at {floor_day(clock.now()):%Y-%m-%d} or before.")


_BUYERS = """
SELECT o.id, o.slug, o.name FROM organization o LEFT JOIN subscription s ON s.org_id = o.id
WHERE coalesce(s.price_book_id, (SELECT id FROM price_book WHERE slug = :list)) = :book ORDER BY o.slug"""
