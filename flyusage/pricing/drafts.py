"""The verbs that change a version of a price book before it is published: checked, written and logged in the caller's transaction.

They are the platform's (`db.platform_transaction`). What is published stays for ever; a later version takes its place.
"""

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.logs import harmless
from flyusage.metering.models import Region
from flyusage.money import CURRENCIES, round_half_away
from flyusage.orgs.acting import Actor
from flyusage.pricing import books
from flyusage.pricing.errors import DraftRefused, PriceBookPublished, PriceInvalid, VersionUnknown
from flyusage.pricing.listed import GLOBAL, ListedPrice
from flyusage.pricing.models import price, price_book_version
from flyusage.pricing.rating import plain
from flyusage.pricing.versions import Version, record, version_by_id, versions

PLACES = 12
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def new_book(session: Session, slug: str, *, currency: str, name: str = "", is_synthetic: bool = False, by: Actor) -> int:
    """A new, empty book; its id. Raises DraftRefused for a name that is taken or odd, and for a currency that is not known."""
    by.is_no_member("Prices are made")
    if not SLUG.fullmatch(slug):
        raise DraftRefused(f"{harmless(slug[:60])!r} is no name for a book; use small letters, digits and hyphens.")
    if books.book_named(session, slug) is not None:
        raise DraftRefused(f"There is a book {slug} already.")
    if currency not in CURRENCIES:
        raise DraftRefused(f"{harmless(currency[:20])!r} is no currency known here; known are {', '.join(sorted(CURRENCIES))}.")
    made = books.create_book(session, slug=slug, name=name or slug, currency=currency, is_synthetic=is_synthetic)
    record(session, by=by, action="price_book.create", subject=slug, detail={"currency": currency})
    return made


def new_draft(
    session: Session, slug: str, effective_from: date, *, source: Version | None = None, currency: str = "", note: str = "", by: Actor
) -> Version:
    """A draft of the book `slug`, with the prices of `source` or none. A book that does not exist is made in `currency`, or that of `source`.

    Raises DraftRefused where the book has a version of that day, or another currency than `source` or `currency`.
    """
    by.is_no_member("Prices are made")
    book = books.book_named(session, slug)
    if book is None and source is None and not currency:
        raise DraftRefused(f"There is no book {harmless(slug[:60])!r}. Name a version to begin it from, or its currency to begin empty.")
    if book is None:
        is_synthetic = source is not None and source.book.is_synthetic
        new_book(session, slug, currency=currency or (source.book.currency if source else ""), is_synthetic=is_synthetic, by=by)
        book = books.book_named(session, slug)
    assert book is not None
    if currency and currency != book.currency:
        raise DraftRefused(f"The book {slug} is in {book.currency} and stays so. Make another book for {harmless(currency[:20])}.")
    if source is not None and source.book.currency != book.currency:
        raise DraftRefused(f"{source.name} is in {source.book.currency}, the book {slug} in {book.currency}; amounts are never converted.")
    if any(one.effective_from == effective_from for one in versions(session, book=slug)):
        raise DraftRefused(f"The book {slug} has a version of {effective_from} already. Choose another day, or change that draft.")
    prices = books.version_prices(session, source.id) if source else []
    version = version_by_id(session, books.draft(session, book.id, effective_from, prices=prices, note=note))
    record(session, by=by, action="price_draft.create", subject=version.name, detail={"source": source.name if source else None})
    return version


def set_price(session: Session, version: Version, listed: ListedPrice, *, by: Actor) -> None:
    """Put a price into a draft, in place of those of the same sku and scope that hold at the same time.

    Raises PriceInvalid, SkuUnknown, DraftRefused for a scope that nothing is in, and PriceBookPublished.
    """
    _hold_draft(session, version, by)
    if listed.scope not in _scopes(session):
        raise DraftRefused(f"{harmless(listed.scope[:40])!r} is no region, egress group or `global`.")
    kept = listed.checked()
    replaced = _remove(session, version, [one for one in books.version_prices(session, version.id) if _same_place(one, kept)])
    books.add_prices(session, version.id, [kept])
    detail = {"sku": kept.sku, "scope": kept.scope, "price": _told(kept), "before": [_told(one) for one in replaced]}
    record(session, by=by, action="price_draft.set", subject=version.name, detail=detail)


def remove_price(session: Session, version: Version, code: str, scope: str, *, by: Actor) -> None:
    """Take a price out of a draft. Raises VersionUnknown where it has none such."""
    _hold_draft(session, version, by)
    gone = [one for one in books.version_prices(session, version.id) if (one.sku, one.scope) == (code, scope)]
    if not gone:
        raise VersionUnknown(f"{version.name} has no price of {harmless(code[:60])} in {harmless(scope[:40])}.")
    _remove(session, version, gone)
    detail = {"sku": code, "scope": scope, "before": [_told(one) for one in gone]}
    record(session, by=by, action="price_draft.remove", subject=version.name, detail=detail)


def scale_prices(session: Session, version: Version, percent: Fraction, *, pattern: str = "*", scope: str | None = None, by: Actor) -> int:
    """Raise (or lower) the amounts of a draft's prices whose sku matches `pattern` (`machine.*`) by `percent`; how many those were.

    Rounded once at 12 decimals, as published prices are. Free quantities, packages, percentages and bounds stay.
    """
    _hold_draft(session, version, by)
    if percent < -100:
        raise PriceInvalid("A price cannot fall by more than 100 percent.")
    chosen = [
        one for one in books.version_prices(session, version.id) if fnmatch.fnmatchcase(one.sku, pattern) and scope in (None, one.scope)
    ]
    if not chosen:
        raise VersionUnknown(f"{version.name} has no price of {harmless(pattern[:60])}{f' in {harmless(scope[:40])}' if scope else ''}.")
    _remove(session, version, chosen)
    books.add_prices(session, version.id, [_scaled(one, 1 + percent / 100) for one in chosen])
    detail = {"pattern": pattern, "scope": scope, "percent": plain(percent), "prices": len(chosen)}
    record(session, by=by, action="price_draft.scale", subject=version.name, detail=detail)
    return len(chosen)


def publish_draft(session: Session, version: Version, *, may_be_past: bool = False, by: Actor) -> None:
    """Publish one draft, for ever. Raises DraftRefused for one without prices, or in force since before today unless `may_be_past`."""
    _hold_draft(session, version, by)
    if not version_by_id(session, version.id).price_count:
        raise DraftRefused(f"{version.name} has no prices. Set some, or discard it.")
    today = clock.now().date()
    if version.effective_from < today and not may_be_past:
        raise DraftRefused(f"{version.name} would change prices of days that are over. Draft it for {today} or later.")
    books.publish(session, version.book.id, version_id=version.id)
    record(session, by=by, action="price_book.publish", subject=version.name, detail={"prices": version.price_count})


def discard_draft(session: Session, version: Version, *, by: Actor) -> None:
    """Delete a draft and its prices; the log keeps what they were."""
    _hold_draft(session, version, by)
    prices = books.version_prices(session, version.id)
    session.execute(sa.delete(price).where(price.c.version_id == version.id))
    session.execute(sa.delete(price_book_version).where(price_book_version.c.id == version.id))
    detail = {"prices": [[one.sku, one.scope, _told(one)] for one in prices]}
    record(session, by=by, action="price_draft.discard", subject=version.name, detail=detail)


def _hold_draft(session: Session, version: Version, by: Actor) -> None:
    """Lock the version for this transaction. Raises PriceBookPublished, and VersionUnknown for one that is gone."""
    by.is_no_member("Prices are made")
    held = sa.select(price_book_version.c.published_at).where(price_book_version.c.id == version.id).with_for_update()
    row = session.execute(held).one_or_none()
    if row is None:
        raise VersionUnknown(f"{version.name} was discarded meanwhile.")
    if row.published_at is not None:
        raise PriceBookPublished(f"{version.name} is published and stays. Draft a later version instead.")


def _remove(session: Session, version: Version, gone: Iterable[ListedPrice]) -> list[ListedPrice]:
    removed = list(gone)
    keys = [{"version": version.id, "sku": one.sku, "scope": one.scope, "since": one.effective_from} for one in removed]
    if keys:
        session.execute(sa.text(_REMOVE), keys)
    return removed


def _same_place(one: ListedPrice, other: ListedPrice) -> bool:
    """The same sku and scope, at days that overlap."""
    first = max(one.effective_from or date.min, other.effective_from or date.min)
    return (one.sku, one.scope) == (other.sku, other.scope) and first < min(one.effective_to or date.max, other.effective_to or date.max)


def _scaled(one: ListedPrice, factor: Fraction) -> ListedPrice:
    def scaled(amount: Decimal | Fraction) -> Decimal:
        return round_half_away(Fraction(amount) * factor, PLACES)

    tiers = tuple(
        replace(tier, unit_amount=Fraction(scaled(tier.unit_amount)), flat_amount=Fraction(scaled(tier.flat_amount))) for tier in one.tiers
    )
    return replace(one, amount=scaled(one.amount), tiers=tiers)


def _scopes(session: Session) -> set[str]:
    return {GLOBAL, *session.scalars(sa.select(Region.code).union(sa.select(Region.egress_group)))}  # type: ignore[call-overload]


def _told(listed: ListedPrice) -> dict[str, object]:
    """A price as the log keeps it."""
    beyond = {} if listed.is_plain else {name: str(value) if value is not None else None for name, value in listed.terms.items()}
    dates = {name: str(value) for name in ("effective_from", "effective_to") if (value := getattr(listed, name)) is not None}
    return {"amount": f"{listed.amount:f}", "per_quantity": listed.per_quantity, "unit": listed.unit, **dates, **beyond}


_REMOVE = """
DELETE FROM price WHERE version_id = :version AND sku_id = (SELECT id FROM sku WHERE code = :sku) AND scope = :scope
  AND effective_from IS NOT DISTINCT FROM CAST(:since AS date)"""
