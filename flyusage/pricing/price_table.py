"""The prices of a book, in memory: what a unit of a sku cost in a region on a day."""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.periods import Period, midnight
from flyusage.pricing.listed import price_of
from flyusage.pricing.rating import Model, Price

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

    @property
    def price(self) -> Price:
        """How it rates."""
        return self.terms or Price(Model.PER_UNIT, Fraction(self.amount), self.per)

    def cost(self, quantity: Fraction | int) -> Fraction:
        """quantity × amount ÷ per, exactly."""
        return Fraction(quantity) * Fraction(self.amount) / self.per


@dataclass
class PriceTable:
    """Every price of one book, by sku id and region id, spans in order of time."""

    book_id: int
    spans: dict[tuple[int, int], list[DatedPrice]]
    _weights: dict[tuple[date, int, int, int], str] = field(default_factory=dict)
    _edges: list[date] = field(default_factory=list)

    def __post_init__(self) -> None:
        spans = (span for spans in self.spans.values() for span in spans)
        self._edges = sorted({edge for span in spans for edge in (span.since, span.until) if edge is not None})

    def on(self, sku_id: int, region_id: int, day: date) -> DatedPrice | None:
        """The price in force, None when there is none."""
        spans = self.spans.get((sku_id, region_id), [])
        found = bisect_right(spans, day, key=lambda one: one.since) - 1
        if found < 0:
            return None
        span = spans[found]
        return span if span.until is None or day < span.until else None

    def steps(self, period: Period) -> set[date]:
        """The days at whose midnight, strictly inside `period`, any price begins or ends."""
        return {edge for edge in self._edges if period.start < midnight(edge) < period.end}

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
    if key not in _remembered:
        while len(_remembered) >= REMEMBERED_BOOKS:
            _remembered.pop(next(iter(_remembered)))
        _remembered[key] = _load(session, book_id)
    return _remembered[key]


_remembered: dict[tuple[object, ...], PriceTable] = {}


def _load(session: Session, book_id: int) -> PriceTable:
    rows = session.execute(
        sa.text(
            """SELECT p.sku_id, p.region_id, p.amount, p.per_quantity, p.starts_on, NULLIF(p.ends_on, 'infinity') AS ends_on, listed.unit,
                      p.price_id, version.effective_from, listed.amount AS listed_amount, listed.per_quantity AS listed_per,
                      CASE WHEN (listed.model, listed.free_quantity, listed.minimum, listed.maximum)
                                IS DISTINCT FROM ('per_unit', 0::numeric, NULL::numeric, NULL::numeric)
                           THEN jsonb_build_object('model', listed.model, 'tiers', listed.tiers, 'package_size', listed.package_size::text,
                                  'rate_percent', listed.rate_percent::text, 'free_quantity', listed.free_quantity::text,
                                  'minimum', listed.minimum::text, 'maximum', listed.maximum::text) END AS terms
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


_PUBLISHED = "SELECT count(*), max(published_at) FROM price_book_version WHERE book_id = :book AND published_at IS NOT NULL"
