"""The prices of a book, in memory: what a unit of a sku cost in a region on a day."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import pairwise

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.periods import Period, midnight
from flyusage.pricing.listed import price_of
from flyusage.pricing.rating import Model, Price
from flyusage.pricing.remembered import Remembered

REMEMBERED_BOOKS = 32


@dataclass(frozen=True)
class DatedPrice:
    """`amount` (the book's currency) for `per` base units, in `[since, until)`; `until` None: still.

    `price_id` is the published row that says so, `version` the day its version of the book took effect. `terms` is how it rates
    where that is not amount × quantity, which is then only its list price.
    """

    amount: Decimal
    per: int
    since: date
    until: date | None
    unit: str
    price_id: int | None = None
    version: date | None = None
    terms: Price | None = None

    @cached_property
    def price(self) -> Price:
        """How it rates."""
        return self.terms or Price(Model.PER_UNIT, Fraction(self.amount), self.per)

    def cost(self, quantity: Fraction | int) -> Fraction:
        """quantity × amount ÷ per, exactly."""
        return Fraction(quantity) * Fraction(self.amount) / self.per


@dataclass(eq=False)
class PriceTable:
    """Every price that holds for someone, by sku id and region id, spans in order of time.

    They are `book_id`'s, but those of another book in its days of `others` (a first day, a day after the last or None, the book),
    and but those of `agreed`, which an organization negotiated. `listed` is the table without these, None where that is this one.
    """

    book_id: int
    spans: dict[tuple[int, int], list[DatedPrice]]
    others: tuple[tuple[date, date | None, int], ...] = ()
    agreed: dict[tuple[int, int], list[DatedPrice]] = field(default_factory=dict)
    listed: "PriceTable | None" = None
    _weights: dict[tuple[date, int, int, int], str] = field(default_factory=dict)
    _edges: list[date] = field(default_factory=list)

    def __post_init__(self) -> None:
        spans = (span for spans in self.spans.values() for span in spans)
        edges = {edge for span in spans for edge in (span.since, span.until)}
        edges |= {edge for since, until, _ in self.others for edge in (since, until)}
        self._edges = sorted(edge for edge in edges if edge is not None)

    def on(self, sku_id: int, region_id: int, day: date) -> DatedPrice | None:
        """The price in force, None when there is none."""
        spans = self.spans.get((sku_id, region_id), [])
        found = bisect_right(spans, day, key=lambda one: one.since) - 1
        if found < 0:
            return None
        span = spans[found]
        return span if span.until is None or day < span.until else None

    def agreed_on(self, day: date) -> list[tuple[int, int, DatedPrice]]:
        """(sku id, region id, price): the negotiated prices in force."""
        return [
            (*pair, span)
            for pair, spans in self.agreed.items()
            for span in spans
            if span.since <= day and (span.until is None or day < span.until)
        ]

    def book_on(self, day: date) -> int:
        """The book whose prices hold on a day."""
        held = (book for since, until, book in self.others if since <= day and (until is None or day < until))
        return next(held, self.book_id)

    def books_in(self, first: date, end: date) -> list[tuple[int, date, date]]:
        """(book, since, until): whose prices hold when, in the days from `first` to before `end`."""
        edges = sorted({first, end, *(edge for since, until, _ in self.others for edge in (since, until) if edge and first < edge < end)})
        return [(self.book_on(since), since, until) for since, until in pairwise(edges)]

    def steps(self, period: Period) -> set[date]:
        """The days at whose midnight, strictly inside `period`, any price begins or ends."""
        own = {edge for edge in self._edges if period.start < midnight(edge) < period.end}
        return own | self.listed.steps(period) if self.listed else own  # what is counted by these is told at list prices, too

    def weights(self, day: date, skus: int, regions: int, sign: int = 1) -> str:
        """sign × amount ÷ per at [sku_id × regions + region_id], as a Postgres array; 0 where unpriced. For drawing only."""
        key = (day, skus, regions, sign)
        if key not in self._weights:
            made = [0.0] * (skus * regions)
            for sku_id, region_id in self.spans:
                if sku_id < skus and region_id < regions and (price := self.on(sku_id, region_id, day)):
                    made[sku_id * regions + region_id] = sign * float(price.amount) / price.per
            self._weights[key] = "{" + ",".join(map(repr, made)) + "}"
        return self._weights[key]


def price_table(session: Session, book_id: int, published: tuple[object, ...] | None = None) -> PriceTable:
    """The published prices of a book's metered skus. Remembered, since what is published never changes.

    `published` is the number of its published versions and when the last one was, for a caller that has it at hand.
    """
    if published is None:
        published = tuple(session.execute(sa.text(_PUBLISHED), {"book": book_id}).one())
    database = session.connection().engine.url.render_as_string(hide_password=False)
    key = (database, book_id, *published)
    return _remembered.ask(key, lambda: _load(session, book_id))


_remembered = Remembered(REMEMBERED_BOOKS)


@lru_cache(maxsize=REMEMBERED_BOOKS)
def spliced(base: PriceTable, parts: tuple[tuple[date, date | None, PriceTable], ...]) -> PriceTable:
    """The prices of `base`, with those of another table in its days; where parts overlap the earlier one in `parts` goes first."""
    spans: dict[tuple[int, int], list[DatedPrice]] = {}
    for since, until, table in _pieces(base, parts):
        for key, held in table.spans.items():
            spans.setdefault(key, []).extend(cut for one in held if (cut := _cut(one, since, until)) is not None)
    return PriceTable(base.book_id, spans, tuple((since, until, table.book_id) for since, until, table in parts))


def _pieces(base: PriceTable, parts: tuple[tuple[date, date | None, PriceTable], ...]) -> Iterator[tuple[date, date | None, PriceTable]]:
    """Which table holds from when to when, in order and without gaps."""
    edges = sorted({date.min, *(edge for since, until, _ in parts for edge in (since, until) if edge is not None)})
    for since, until in zip(edges, [*edges[1:], None], strict=True):
        held = (table for first, end, table in parts if first <= since and (end is None or since < end))
        yield since, until, next(held, base)


def _cut(one: DatedPrice, since: date, until: date | None) -> DatedPrice | None:
    """The part of a span inside `[since, until)`."""
    first = max(one.since, since)
    end = until if one.until is None else one.until if until is None else min(one.until, until)
    return None if end is not None and end <= first else replace(one, since=first, until=end)


def _load(session: Session, book_id: int) -> PriceTable:
    rows = session.execute(
        sa.text(
            f"""SELECT p.sku_id, p.region_id, p.amount, p.per_quantity, p.starts_on, NULLIF(p.ends_on, 'infinity') AS ends_on, listed.unit,
                      p.price_id, version.effective_from, {_RATING}
               FROM price_segment p JOIN sku k ON k.id = p.sku_id AND k.meter IS NOT NULL JOIN price listed ON listed.id = p.price_id
               JOIN price_book_version version ON version.id = listed.version_id
               WHERE p.book_id = :book ORDER BY p.sku_id, p.region_id, p.starts_on"""
        ),
        {"book": book_id},
    )
    spans: dict[tuple[int, int], list[DatedPrice]] = {}
    for sku_id, region_id, *dated, amount, per, terms in rows:
        rating = None if terms is None else price_of(amount, per, terms)
        spans.setdefault((sku_id, region_id), []).append(DatedPrice(*dated, terms=rating))
    return PriceTable(book_id, spans)


def version_table(session: Session, version_id: int) -> PriceTable:
    """The prices of one version, published or not, as if it held on every day: before it begins, those of its first day."""
    rows = session.execute(sa.text(_VERSION), {"version": version_id})
    spans: dict[tuple[int, int], list[DatedPrice]] = {}
    for sku_id, region_id, amount, per, since, *rest, listed_amount, listed_per, terms in rows:
        rating = None if terms is None else price_of(listed_amount, listed_per, terms)
        spans.setdefault((sku_id, region_id), []).append(DatedPrice(amount, per, since or date.min, *rest, terms=rating))
    return PriceTable(0, spans)


_PUBLISHED = "SELECT count(*), max(published_at) FROM price_book_version WHERE book_id = :book AND published_at IS NOT NULL"

# How a price rates, where that is not amount × quantity.
_RATING = """
listed.amount AS listed_amount, listed.per_quantity AS listed_per,
CASE WHEN (listed.model, listed.free_quantity, listed.minimum, listed.maximum) IS DISTINCT FROM ('per_unit', 0::numeric, NULL::numeric, NULL::numeric)
  THEN jsonb_build_object('model', listed.model, 'tiers', listed.tiers, 'package_size', listed.package_size::text,
                          'rate_percent', listed.rate_percent::text, 'free_quantity', listed.free_quantity::text,
                          'minimum', listed.minimum::text, 'maximum', listed.maximum::text) END AS terms"""
# On each day a region's own price goes before its group's, and that before the global one.
_VERSION = f"""
WITH offered AS (
  SELECT p.id, p.sku_id, r.id AS region_id, v.effective_from AS begins,
         CASE WHEN p.effective_from > v.effective_from THEN p.effective_from ELSE '-infinity' END AS since,
         coalesce(p.effective_to, 'infinity') AS until,
         CASE p.scope WHEN r.code THEN 2 WHEN r.egress_group THEN 1 ELSE 0 END AS nearness
  FROM price_book_version v JOIN price p ON p.version_id = v.id JOIN sku k ON k.id = p.sku_id AND k.meter IS NOT NULL
  JOIN region r ON p.scope IN (r.code, r.egress_group, 'global')
  WHERE v.id = :version AND (p.effective_to IS NULL OR p.effective_to > v.effective_from)
), piece AS (
  SELECT sku_id, region_id, day AS since, lead(day) OVER (PARTITION BY sku_id, region_id ORDER BY day) AS until FROM (
    SELECT sku_id, region_id, since AS day FROM offered UNION SELECT sku_id, region_id, until FROM offered) edge
), placed AS (
  SELECT DISTINCT ON (piece.sku_id, piece.region_id, piece.since) offered.id, piece.region_id, begins, piece.since, piece.until
  FROM piece JOIN offered ON offered.sku_id = piece.sku_id AND offered.region_id = piece.region_id
    AND offered.since <= piece.since AND piece.until <= offered.until
  ORDER BY piece.sku_id, piece.region_id, piece.since, nearness DESC, offered.id DESC
)
SELECT listed.sku_id, placed.region_id, listed.amount, listed.per_quantity * coalesce(listed.package_size, 1)::bigint,
       NULLIF(placed.since, '-infinity'), NULLIF(placed.until, 'infinity'), listed.unit, listed.id, placed.begins, {_RATING}
FROM placed JOIN price listed ON listed.id = placed.id
ORDER BY listed.sku_id, placed.region_id, placed.since"""
