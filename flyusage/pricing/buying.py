"""What an organization buys by, day by day: its book, and in place of it that of an experiment while it takes part in one."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.pricing.books import PriceBook, book_by_id, book_of
from flyusage.pricing.price_table import PriceTable, price_table, spliced

BUCKETS = 10_000


@dataclass(frozen=True)
class Spell:
    """An experiment that applies: the prices of `book_id` in `[starts_on, ends_on)`; `ends_on` None: until it is ended."""

    experiment: str
    book_id: int
    starts_on: date
    ends_on: date | None

    def holds_on(self, day: date) -> bool:
        """Whether it applies on a day."""
        return self.starts_on <= day and (self.ends_on is None or day < self.ends_on)


def bucket(experiment: str, org_id: int) -> int:
    """A stable number from 0 to 9,999: where the organization falls in this experiment, the same for ever and everywhere."""
    return int.from_bytes(hashlib.sha256(f"{experiment}:{org_id}".encode()).digest()[:8], "big") % BUCKETS


def takes_part(experiment: str, percent: Decimal | None, org_id: int, is_in: bool | None) -> bool:
    """Whether an organization of the base book takes part: as it is named, or else by its bucket."""
    if is_in is not None:
        return is_in
    return percent is not None and bucket(experiment, org_id) < percent * BUCKETS / 100


def spells_of(session: Session, org_id: int, base_book_id: int) -> tuple[Spell, ...]:
    """The experiments that apply to an organization which buys from `base_book_id`, in order of their beginning."""
    return spells_of_many(session, {org_id: base_book_id}).get(org_id, ())


def spells_of_many(session: Session, base_books: dict[int, int]) -> dict[int, tuple[Spell, ...]]:
    """The same for organizations by id, each with its base book; those that no experiment applies to are absent."""
    experiments = session.execute(sa.text(_EXPERIMENTS), {"books": sorted(set(base_books.values()))}).all()
    if not experiments:
        return {}
    binds = {"ids": [one.id for one in experiments], "orgs": sorted(base_books)}
    named = {(one.experiment_id, one.org_id): one.is_in for one in session.execute(sa.text(_NAMED), binds)}
    found: dict[int, list[Spell]] = {}
    for one in experiments:
        for org_id, base in base_books.items():
            if base == one.base_book_id and takes_part(one.slug, one.percent, org_id, named.get((one.id, org_id))):
                found.setdefault(org_id, []).append(Spell(one.slug, one.book_id, one.starts_on, one.ends_on))
    return {org_id: tuple(spells) for org_id, spells in found.items()}


def book_on(session: Session, org_id: int, day: date) -> PriceBook:
    """The book whose prices hold for an organization on a day. Raises PriceBookMissing."""
    base = book_of(session, org_id)
    spell = next((one for one in spells_of(session, org_id, base.id) if one.holds_on(day)), None)
    return base if spell is None else book_by_id(session, spell.book_id)


def table_of(session: Session, base_book_id: int, spells: Iterable[Spell], published: tuple[object, ...] | None = None) -> PriceTable:
    """The base book's prices, with those of each spell in its days; where two overlap the earlier one goes first."""
    base = price_table(session, base_book_id, published)
    parts = tuple((one.starts_on, one.ends_on, price_table(session, one.book_id)) for one in spells)
    return spliced(base, parts) if parts else base


_EXPERIMENTS = """
SELECT id, slug, base_book_id, book_id, percent, starts_on, ends_on FROM price_experiment
WHERE base_book_id = ANY(:books) AND ends_on IS DISTINCT FROM starts_on ORDER BY starts_on, id"""
_NAMED = "SELECT experiment_id, org_id, is_in FROM price_experiment_member WHERE experiment_id = ANY(:ids) AND org_id = ANY(:orgs)"
