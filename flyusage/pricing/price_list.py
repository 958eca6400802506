"""What things cost: a book's prices on a day, everywhere or in one region, and how one sku's came about."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.logs import harmless
from flyusage.pricing.books import PRICE_MONTH, prices_by_id, prices_of
from flyusage.pricing.errors import SkuUnknown, VersionUnknown
from flyusage.pricing.listed import GLOBAL, ListedPrice
from flyusage.pricing.rating import Model, Price, plain

PER_SECOND, PER_HOUR = ("machine-second", "GB-second"), ("ip-hour", "gpu-hour")


@dataclass(frozen=True)
class PriceEntry:
    """A price in force. `month` is what 30 days of one unit cost, None where a unit is no time. `terms` says what is beyond an amount."""

    sku: str
    title: str
    scope: str
    amount: Decimal
    unit: str
    month: Fraction | None
    model: Model
    terms: str
    note: str


@dataclass(frozen=True)
class PriceSpan:
    """What a sku cost in some regions from a day to another (exclusive; None: still)."""

    starts_on: date
    ends_on: date | None
    regions: tuple[str, ...]
    amount: Decimal
    unit: str
    terms: str


def price_list(session: Session, book_id: int, on: date, *, region: str | None = None) -> list[PriceEntry]:
    """The prices in force on a day, by sku; in a region each sku's own. Raises VersionUnknown for a region there is none of."""
    titles = dict(session.execute(sa.text("SELECT code, title FROM sku")).all())
    held = [one for one in prices_of(session, book_id, on) if _holds(one, on)]
    if region is not None:
        held = _in_region(held, region, _group(session, region))
    return [
        PriceEntry(one.sku, titles[one.sku], one.scope, one.amount, one.unit, month_of(one), one.model, terms_told(one.price), one.note)
        for one in held
    ]


def price_history(session: Session, book_id: int, sku: str, *, region: str | None = None) -> list[PriceSpan]:
    """The published prices of a sku, oldest first, regions with the same together. Raises SkuUnknown and VersionUnknown."""
    if session.scalar(sa.text("SELECT 1 FROM sku WHERE code = :sku"), {"sku": sku}) is None:
        raise SkuUnknown(f"There is no sku {harmless(sku[:60])!r}. `flyusage prices list` names those there are.")
    if region is not None:
        _group(session, region)
    rows = session.execute(sa.text(_HISTORY), {"book": book_id, "sku": sku, "region": region}).all()
    listed = prices_by_id(session, {row.price_id for row in rows})
    return [
        PriceSpan(row.starts_on, row.ends_on, tuple(row.regions), one.amount, one.unit, terms_told(one.price))
        for row in rows
        for one in [listed[row.price_id]]
    ]


def terms_told(price: Price) -> str:
    """What is beyond an amount per unit, in words; empty where that is all."""
    said = []
    if price.tiers:
        said.append(f"{price.model}: {'; '.join(_tiers_told(price))}")
    elif price.model is Model.PACKAGE:
        said.append(f"in packages of {plain(price.package_size or Fraction(0))}")
    elif price.model is Model.PERCENTAGE:
        said.append(f"{plain(price.rate_percent)} % of usage")
    elif price.model is not Model.PER_UNIT:
        said.append("each month" if price.model is Model.FLAT else "once")
    said += [f"{plain(price.free_quantity)} free"] if price.free_quantity else []
    said += [f"at least {plain(price.minimum)}"] if price.minimum is not None else []
    said += [f"at most {plain(price.maximum)}"] if price.maximum is not None else []
    return ", ".join(said)


def month_of(listed: ListedPrice) -> Fraction | None:
    """What one unit costs over 30 days, for prices by the second or the hour."""
    if listed.unit in PER_SECOND:
        return Fraction(listed.amount) * PRICE_MONTH
    return Fraction(listed.amount) * (PRICE_MONTH // 3600) if listed.unit in PER_HOUR else None


def _holds(listed: ListedPrice, on: date) -> bool:
    return (listed.effective_from or on) <= on and (listed.effective_to is None or on < listed.effective_to)


def _in_region(held: Iterable[ListedPrice], region: str, group: str) -> list[ListedPrice]:
    """A region's own price goes before its group's, and that before the global one."""
    order = (GLOBAL, group, region)
    chosen: dict[str, ListedPrice] = {}
    for one in sorted((one for one in held if one.scope in order), key=lambda one: order.index(one.scope)):
        chosen[one.sku] = one
    return [chosen[sku] for sku in sorted(chosen)]


def _group(session: Session, region: str) -> str:
    found = session.scalar(sa.text("SELECT egress_group FROM region WHERE code = :region"), {"region": region})
    if found is None:
        known = ", ".join(session.scalars(sa.text("SELECT code FROM region ORDER BY code")))
        raise VersionUnknown(f"There is no region {harmless(region[:40])!r}. Known: {known}.")
    return found


def _tiers_told(price: Price) -> Iterable[str]:
    for tier in price.tiers:
        where = "beyond" if tier.up_to is None else f"to {plain(tier.up_to)}"
        costs = f"{plain(tier.rate_percent)} %" if price.model is Model.PERCENTAGE else plain(tier.unit_amount)
        costs += "" if tier.package_size is None else f" per package of {plain(tier.package_size)}"
        yield f"{where} {costs}{f' and {plain(tier.flat_amount)} flat' if tier.flat_amount else ''}"


_HISTORY = """
SELECT p.starts_on, NULLIF(p.ends_on, 'infinity') AS ends_on, array_agg(r.code ORDER BY r.code) AS regions,
       min(p.price_id) AS price_id
FROM price_segment p JOIN sku k ON k.id = p.sku_id JOIN region r ON r.id = p.region_id JOIN price listed ON listed.id = p.price_id
WHERE p.book_id = :book AND k.code = :sku AND (CAST(:region AS text) IS NULL OR r.code = :region)
GROUP BY p.starts_on, p.ends_on, p.amount, p.per_quantity, jsonb_build_array(listed.model, listed.tiers, listed.package_size,
         listed.rate_percent, listed.free_quantity, listed.minimum, listed.maximum)
ORDER BY p.starts_on, min(r.code)"""
