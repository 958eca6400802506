"""The versions of price books by name, what was done to them, and what differs between two."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.logs import harmless
from flyusage.orgs.acting import Actor
from flyusage.pricing.books import PriceBook, version_prices
from flyusage.pricing.errors import VersionUnknown
from flyusage.pricing.listed import ListedPrice
from flyusage.pricing.models import price_book_event


@dataclass(frozen=True)
class Version:
    """A version of a book, in force from the UTC midnight of `effective_from` once published. Named `book@date`."""

    id: int
    book: PriceBook
    effective_from: date
    published_at: datetime | None
    note: str
    price_count: int

    @property
    def name(self) -> str:
        """As people and commands call it."""
        return f"{self.book.slug}@{self.effective_from}"


@dataclass(frozen=True)
class PriceChange:
    """A price that is not the same in two versions; None where one does not have it.

    `percent` is by how much it rises, exactly; None where that is no one number: new, gone, from nothing, or of another model.
    """

    sku: str
    scope: str
    before: ListedPrice | None
    after: ListedPrice | None

    @property
    def percent(self) -> Fraction | None:
        """By how much an amount per quantity rises."""
        if self.before is None or self.after is None:
            return None
        old, new = self.before.price, self.after.price
        was = old.unit_amount / old.per_quantity
        if not was or replace(new, unit_amount=old.unit_amount, per_quantity=old.per_quantity) != old:
            return None
        return (new.unit_amount / new.per_quantity - was) * 100 / was


@dataclass(frozen=True)
class Comparison:
    """What differs from one version to another, by sku and scope."""

    before: Version
    after: Version
    changed: tuple[PriceChange, ...]
    added: tuple[PriceChange, ...]
    removed: tuple[PriceChange, ...]


@dataclass(frozen=True)
class BookEvent:
    """Who did what to which book, version or experiment, when."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


def versions(session: Session, *, book: str | None = None, only_drafts: bool = False) -> list[Version]:
    """Every version, by book and date; those of `book` or those not published yet."""
    rows = session.execute(sa.text(_VERSIONS), {"book": book, "only_drafts": only_drafts, "id": None})
    return [_version(tuple(row)) for row in rows]


def version_by_id(session: Session, version_id: int) -> Version:
    """Raises VersionUnknown."""
    row = session.execute(sa.text(_VERSIONS), {"book": None, "only_drafts": False, "id": version_id}).one_or_none()
    if row is None:
        raise VersionUnknown(f"There is no version {version_id} of a price book.")
    return _version(tuple(row))


def version_named(session: Session, name: str) -> Version:
    """The version called `book@date`; `book` alone is its published one in force today. Raises VersionUnknown."""
    slug, _, day = name.partition("@")
    found = versions(session, book=slug)
    if day:
        chosen = [one for one in found if one.effective_from.isoformat() == day]
    else:
        today = clock.now().date()
        chosen = [one for one in found if one.published_at is not None and one.effective_from <= today][-1:]
    if not chosen:
        known = ", ".join(one.name for one in found) or "none of that book"
        raise VersionUnknown(f"There is no version {harmless(name[:80])!r}. Known: {known}.")
    return chosen[0]


def compare(session: Session, before: Version, after: Version) -> Comparison:
    """Prices of `after` that are not those of `before`. Notes do not count, dates inside a version do."""
    old, new = version_prices(session, before.id), version_prices(session, after.id)
    pairs = _paired(old, new)
    changes = [PriceChange(one.sku, one.scope, one, other) for one, other in pairs if _content(one) != _content(other)]
    gone, come = [one for one, _ in pairs], [other for _, other in pairs]
    return Comparison(
        before,
        after,
        changed=tuple(changes),
        added=tuple(PriceChange(one.sku, one.scope, None, one) for one in new if one not in come),
        removed=tuple(PriceChange(one.sku, one.scope, one, None) for one in old if one not in gone),
    )


def record(session: Session, *, by: Actor, action: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
    """Add to the log of price books, which is only ever added to. `action` is `subject.verb`."""
    entry = {"at": clock.now(), "actor": by.name, "action": action, "subject": subject, "detail": dict(detail or {})}
    session.execute(sa.insert(price_book_event).values(**entry))


def events(session: Session, *, subject: str | None = None, limit: int = 100) -> list[BookEvent]:
    """What was done to price books, newest first; to one subject only, if named. Needs the platform's role."""
    query = sa.select(price_book_event).order_by(price_book_event.c.id.desc()).limit(limit)
    if subject is not None:
        query = query.where(price_book_event.c.subject == subject)
    return [BookEvent(*row) for row in session.execute(query)]


def _paired(old: list[ListedPrice], new: list[ListedPrice]) -> list[tuple[ListedPrice, ListedPrice]]:
    """Prices of the same sku and scope: the only ones there are, or else those that begin on the same day."""
    places: dict[tuple[str, str], tuple[list[ListedPrice], list[ListedPrice]]] = {}
    for side, prices in enumerate((old, new)):
        for one in prices:
            places.setdefault((one.sku, one.scope), ([], []))[side].append(one)
    found = []
    for before, after in places.values():
        if len(before) == len(after) == 1:
            found.append((before[0], after[0]))
        else:
            found += [(one, other) for one in before for other in after if one.effective_from == other.effective_from]
    return found


def _content(listed: ListedPrice | None) -> tuple[object, ...]:
    return () if listed is None else (listed.price, listed.unit, listed.effective_from, listed.effective_to)


def _version(row: tuple[Any, ...]) -> Version:
    id_, effective_from, published_at, note, count, *book = row
    return Version(id_, PriceBook(*book), effective_from, published_at, note, count)


_VERSIONS = """
SELECT v.id, v.effective_from, v.published_at, v.note, (SELECT count(*) FROM price p WHERE p.version_id = v.id),
       b.id, b.slug, b.name, b.currency, b.is_synthetic
FROM price_book_version v JOIN price_book b ON b.id = v.book_id
WHERE (CAST(:book AS text) IS NULL OR b.slug = :book) AND (NOT :only_drafts OR v.published_at IS NULL)
  AND (CAST(:id AS int) IS NULL OR v.id = :id)
ORDER BY b.slug, v.effective_from"""
