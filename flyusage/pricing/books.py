"""Price books: which price is in force when and where. Published versions never change.

A book is drafted version by version (`draft`, and `drafts.py`) and published (`publish`). A version holds from its date until the
next one's; a price inside it may hold for a part of that only. Publishing expands prices to `price_segment`: one row per sku,
region and span of days with one price, merged when the price stays. A segment's amount is the list price: of tiers the first that
costs anything, of a package its share. Source of the list prices: see facts/README.md.
"""

import csv
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from importlib import resources

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.metering.models import Region, sku, vm_size
from flyusage.money import round_half_away
from flyusage.pricing.errors import PriceBookMissing, SkuUnknown
from flyusage.pricing.listed import ListedPrice, listed_from
from flyusage.pricing.models import price, price_book, price_book_version, subscription

LIST = "list"
DAY_SECONDS = 86400
PRICE_MONTH = 30 * DAY_SECONDS
EXTRA_MEMORY_USD_PER_GB_MONTH = Fraction(5)
EXTRA_MEMORY = "machine.extra_ram"
PLACES = 12
# Base units in one published unit; whatever is not metered (a support plan, a certificate) is counted in pieces.
PER_QUANTITY = {
    "machine-second": 1,
    "GB-second": 1024,
    "GB-month(30d)": 1024 * PRICE_MONTH,
    "GB-month": 1024 * PRICE_MONTH,
    "ip-month": PRICE_MONTH,
    "ip-hour": 3600,
    "gpu-hour": 3600,
    "GB": 10**9,
}


@dataclass(frozen=True)
class PriceBook:
    """What an organization buys from; one currency. `is_synthetic` marks invented prices."""

    id: int
    slug: str
    name: str
    currency: str
    is_synthetic: bool


def load_list_prices(session: Session) -> None:
    """Bring the price book `list` (USD) to the packaged facts: five published versions of 2024. Repeating it changes nothing."""
    session.execute(sa.text("LOCK TABLE price_book IN SHARE ROW EXCLUSIVE MODE"))
    book = session.scalar(sa.select(price_book.c.id).where(price_book.c.slug == LIST))
    if book is None:
        book = create_book(session, slug=LIST, name="List prices", currency="USD")
    present = set(session.scalars(sa.select(price_book_version.c.effective_from).where(price_book_version.c.book_id == book)))
    missing = [phase for phase in _phases() if phase[0] not in present]
    for effective_from, fraction in missing:
        note = f"{fraction * 100} % of the regional differences"
        draft(session, book, effective_from, prices=phase_prices(session, fraction), note=note)
    if missing:
        publish(session, book)


def create_book(session: Session, *, slug: str, name: str, currency: str, is_synthetic: bool = False) -> int:
    """A new, empty book; its id."""
    made = sa.insert(price_book).values(slug=slug, name=name, currency=currency, is_synthetic=is_synthetic)
    return session.execute(made.returning(price_book.c.id)).scalar_one()


def draft(session: Session, book_id: int, effective_from: date, *, prices: Iterable[ListedPrice], note: str = "") -> int:
    """A new unpublished version of a book, in force from the UTC midnight of `effective_from` once published; its id.

    Raises PriceInvalid, and SkuUnknown for a price of something that is not sold.
    """
    made = sa.insert(price_book_version).values(book_id=book_id, effective_from=effective_from, note=note)
    version = session.execute(made.returning(price_book_version.c.id)).scalar_one()
    add_prices(session, version, prices)
    return version


def add_prices(session: Session, version_id: int, prices: Iterable[ListedPrice]) -> None:
    """Prices for a version that is not published. Raises PriceInvalid and SkuUnknown."""
    skus: dict[str, int] = dict(session.execute(sa.select(sku.c.code, sku.c.id)).all())
    rows = []
    for listed in prices:
        if listed.sku not in skus:
            raise SkuUnknown(f"There is no sku {listed.sku[:60]!r}. `flyusage prices list` names those there are.")
        row = {**vars(listed.checked()), **listed.terms}
        row["amount"] = listed.checked().amount
        rows.append({"version_id": version_id, "sku_id": skus[row.pop("sku")], **row})
    if rows:
        session.execute(sa.insert(price), rows)


def publish(session: Session, book_id: int, *, version_id: int | None = None) -> None:
    """Publish the book's drafted versions, or the one, for ever, and expand its prices per region and span of days."""
    session.execute(sa.text("SELECT FROM price_book WHERE id = :book FOR UPDATE"), {"book": book_id})
    drafted = sa.and_(price_book_version.c.book_id == book_id, price_book_version.c.published_at.is_(None))
    chosen = drafted if version_id is None else sa.and_(drafted, price_book_version.c.id == version_id)
    session.execute(sa.update(price_book_version).where(chosen).values(published_at=clock.now()))
    session.execute(sa.text("DELETE FROM price_segment WHERE book_id = :book"), {"book": book_id})
    session.execute(sa.text(_EXPAND), {"book": book_id})


def subscribe(session: Session, org_id: int, book_id: int) -> None:
    """Let the organization buy from `book_id`; its whole history is priced by that book from now on."""
    session.execute(
        sa.text(
            "INSERT INTO subscription (org_id, price_book_id) VALUES (:org, :book) "
            "ON CONFLICT (org_id) DO UPDATE SET price_book_id = excluded.price_book_id"
        ),
        {"org": org_id, "book": book_id},
    )


def book_of(session: Session, org_id: int) -> PriceBook:
    """The book the organization buys from; `list` unless it subscribes to another. Raises PriceBookMissing.

    Experiments may put other prices in its place for a time: `buying.py` knows the prices of each day.
    """
    chosen = sa.select(subscription.c.price_book_id).where(subscription.c.org_id == org_id).scalar_subquery()
    fallback = sa.and_(chosen.is_(None), price_book.c.slug == LIST)
    row = session.execute(sa.select(price_book).where(sa.or_(price_book.c.id == chosen, fallback))).mappings().first()
    if row is None:
        raise PriceBookMissing("No price book is loaded. Run `flyusage db upgrade`, which loads the list prices.")
    return PriceBook(**row)


def book_named(session: Session, slug: str) -> PriceBook | None:
    """A book by its slug."""
    row = session.execute(sa.select(price_book).where(price_book.c.slug == slug)).mappings().first()
    return PriceBook(**row) if row else None


def book_by_id(session: Session, book_id: int) -> PriceBook:
    """A book by its id. Raises PriceBookMissing."""
    row = session.execute(sa.select(price_book).where(price_book.c.id == book_id)).mappings().first()
    if row is None:
        raise PriceBookMissing(f"There is no price book {book_id}.")
    return PriceBook(**row)


def all_books(session: Session) -> list[PriceBook]:
    """Every book, by slug."""
    rows = session.execute(sa.select(price_book).order_by(price_book.c.slug)).mappings()
    return [PriceBook(**row) for row in rows]


def prices_of(session: Session, book_id: int, on: date) -> list[ListedPrice]:
    """Every price of the published version in force on `on`, by sku and scope; to show it, or to draft the next from it."""
    version = session.scalar(sa.text(_VERSION_ON), {"book": book_id, "on": on})
    return [] if version is None else version_prices(session, version)


def version_prices(session: Session, version_id: int) -> list[ListedPrice]:
    """Every price of a version, published or not, by sku and scope."""
    rows = session.execute(sa.text(_PRICES.format(where="p.version_id = :version")), {"version": version_id}).mappings()
    return [listed_from(row) for row in rows]


def prices_by_id(session: Session, ids: Collection[int]) -> dict[int, ListedPrice]:
    """Prices by the ids that segments and invoice lines name them with."""
    columns = _PRICES.replace("SELECT ", "SELECT p.id, ", 1).format(where="p.id = ANY(:ids)")
    found = session.execute(sa.text(columns), {"ids": sorted(ids)}).mappings()
    return {row["id"]: listed_from({name: value for name, value in row.items() if name != "id"}) for row in found}


def phase_prices(session: Session, fraction: Fraction | int) -> list[ListedPrice]:
    """The published list with `fraction` of every region's markup applied: 1 gives the list itself.

    A regional price is base × (1 + fraction × (markup − 1)) per 30 days, rounded once at 12 decimals.
    """
    markup = {code: Fraction(value) for code, value in session.execute(sa.select(Region.code, Region.price_markup))}  # type: ignore[call-overload]
    base = {f"machine.{name}": Fraction(usd) for name, usd in session.execute(sa.select(vm_size.c.name, vm_size.c.base_usd_per_30d)) if usd}
    base[EXTRA_MEMORY] = EXTRA_MEMORY_USD_PER_GB_MONTH
    listed = []
    for row in _facts("prices.csv"):
        amount, since = Decimal(row["usd"]), _day(row["effective_from"])
        if row["scope"] in markup:
            exact = base[row["sku"]] * (1 + fraction * (markup[row["scope"]] - 1)) / PRICE_MONTH
            amount, since = round_half_away(exact, PLACES), None
        listed.append(
            ListedPrice(
                row["sku"],
                row["scope"],
                amount,
                PER_QUANTITY.get(row["unit"], 1),
                row["unit"],
                since,
                _day(row["effective_to"]),
                row["note"],
                free_quantity=Decimal(row["free_allowance"].partition(" ")[0] or 0),
            )
        )
    return listed


def _phases() -> list[tuple[date, Fraction]]:
    rows = _facts("pricebook_phases.csv")
    return [(date.fromisoformat(row["effective_from"]), Fraction(row["fraction_of_regional_markup_applied"])) for row in rows]


def _facts(name: str) -> list[dict[str, str]]:
    text = resources.files("flyusage.pricing").joinpath("facts", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


_VERSION_ON = """
SELECT id FROM price_book_version WHERE book_id = :book AND published_at IS NOT NULL AND effective_from <= :on
ORDER BY effective_from DESC LIMIT 1"""
_PRICES = """
SELECT k.code AS sku, p.scope, p.amount, p.per_quantity, p.unit, p.effective_from, p.effective_to, p.note,
       p.model, p.tiers, p.package_size, p.rate_percent, p.free_quantity, p.minimum, p.maximum
FROM price p JOIN sku k ON k.id = p.sku_id WHERE {where} ORDER BY k.code, p.scope, p.effective_from NULLS FIRST"""

# On each day a region's own price goes before its group's, and that before the global one. Neighbouring spans of one price are merged:
# of prices that are amounts alone wherever they say the same, of others, which are rated over all their places together, only where it
# is the same price. What a scope goes on saying from one version to the next is one price, known by its first id.
_EXPAND = """
WITH version AS (
  SELECT id, effective_from AS starts_on, lead(effective_from, 1, 'infinity') OVER (ORDER BY effective_from) AS ends_on
  FROM price_book_version WHERE book_id = :book AND published_at IS NOT NULL
), said AS (
  SELECT p.id, p.sku_id, p.scope, p.amount, p.per_quantity * coalesce(p.package_size, 1)::bigint AS per_quantity,
         jsonb_build_array(p.model, p.tiers, p.package_size, p.rate_percent, p.free_quantity, p.minimum, p.maximum) AS terms,
         p.model = 'per_unit' AND p.free_quantity = 0 AND p.minimum IS NULL AND p.maximum IS NULL AS is_plain,
         greatest(v.starts_on, p.effective_from) AS starts_on, least(v.ends_on, p.effective_to) AS ends_on
  FROM version v JOIN price p ON p.version_id = v.id
), begun AS (
  SELECT *, (amount, per_quantity, terms, starts_on) IS DISTINCT FROM
            (lag(amount) OVER span, lag(per_quantity) OVER span, lag(terms) OVER span, lag(ends_on) OVER span) AS is_step
  FROM said WHERE starts_on < ends_on WINDOW span AS (PARTITION BY sku_id, scope ORDER BY starts_on)
), known AS (
  SELECT *, min(id) OVER (PARTITION BY sku_id, scope, step) AS price_id FROM (
    SELECT *, count(*) FILTER (WHERE is_step) OVER (PARTITION BY sku_id, scope ORDER BY starts_on) AS step FROM begun) counted
), offered AS (
  SELECT known.sku_id, r.id AS region_id, known.starts_on, known.ends_on, amount, per_quantity, terms, is_plain, price_id,
         CASE known.scope WHEN r.code THEN 2 WHEN r.egress_group THEN 1 ELSE 0 END AS nearness
  FROM known JOIN region r ON known.scope IN (r.code, r.egress_group, 'global')
), piece AS (
  SELECT sku_id, region_id, day AS starts_on, lead(day) OVER (PARTITION BY sku_id, region_id ORDER BY day) AS ends_on FROM (
    SELECT sku_id, region_id, starts_on AS day FROM offered UNION SELECT sku_id, region_id, ends_on FROM offered) edge
), held AS (
  SELECT DISTINCT ON (piece.sku_id, piece.region_id, piece.starts_on)
         piece.sku_id, piece.region_id, piece.starts_on, piece.ends_on, amount, per_quantity, terms, price_id,
         CASE WHEN is_plain THEN 0 ELSE price_id END AS identity
  FROM piece JOIN offered ON offered.sku_id = piece.sku_id AND offered.region_id = piece.region_id
    AND offered.starts_on <= piece.starts_on AND piece.ends_on <= offered.ends_on
  ORDER BY piece.sku_id, piece.region_id, piece.starts_on, nearness DESC, price_id DESC
), stepped AS (
  SELECT *, (amount, per_quantity, terms, identity, starts_on) IS DISTINCT FROM
            (lag(amount) OVER span, lag(per_quantity) OVER span, lag(terms) OVER span, lag(identity) OVER span, lag(ends_on) OVER span) AS is_step
  FROM held WINDOW span AS (PARTITION BY sku_id, region_id ORDER BY starts_on)
), numbered AS (
  SELECT *, count(*) FILTER (WHERE is_step) OVER (PARTITION BY sku_id, region_id ORDER BY starts_on) AS step FROM stepped
)
INSERT INTO price_segment (book_id, sku_id, region_id, starts_on, ends_on, amount, per_quantity, price_id)
SELECT :book, sku_id, region_id, min(starts_on), max(ends_on), min(amount), min(per_quantity), min(price_id)
FROM numbered GROUP BY sku_id, region_id, step
"""
