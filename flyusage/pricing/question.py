"""A view made answerable: its period cut and sliced, its filters as ids, its prices at hand."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flyusage.metering.tail import Tail
from flyusage.periods import Period
from flyusage.pricing.books import PriceBook
from flyusage.pricing.measures import Units, units
from flyusage.pricing.price_table import PriceTable
from flyusage.pricing.reference import Reference
from flyusage.pricing.scope import Names, Scope
from flyusage.pricing.slices import Epoch
from flyusage.pricing.view import Dimension, Measure


@dataclass(frozen=True)
class Moment:
    """How far the organization is counted. Closed hours end at `since`, and the tail goes from there to `as_of`."""

    as_of: datetime
    rolled_through: datetime
    since: datetime
    tail: Tail


@dataclass(frozen=True)
class Question:
    """What one period's usage of an organization is asked, ready for SQL.

    `closed` is the part of the period that cell tables hold; `has_tail`: the tail falls inside the period, too. `complete`
    is the period cut at as_of.
    """

    org_id: int
    measure: Measure
    group_by: Dimension | None
    period: Period
    moment: Moment
    scope: Scope
    epochs: tuple[Epoch, ...]
    book: PriceBook
    prices: PriceTable
    reference: Reference
    names: Names

    @property
    def closed(self) -> Period:
        """Up to the last closed hour. When nothing is closed beyond it, the rest of the period is empty and may be read whole."""
        moment = self.moment
        if moment.since >= self.period.end or (moment.since == moment.rolled_through and moment.since > self.period.start):
            return self.period
        return Period(self.period.start, max(self.period.start, min(self.period.end, moment.since)))

    @property
    def has_tail(self) -> bool:
        """Whether the hour that is not closed yet falls inside the period."""
        return self.period.start <= self.moment.since < self.period.end and self.moment.since < self.moment.as_of

    @property
    def complete(self) -> Period:
        """The period up to as_of."""
        return Period(self.period.start, max(self.period.start, min(self.period.end, self.moment.as_of)))

    @property
    def tail_epoch(self) -> int:
        """The epoch that the tail lies in."""
        day = self.moment.since.date()
        return next((epoch.number for epoch in self.epochs if epoch.starts_on <= day < epoch.ends_on), 0)

    @property
    def units(self) -> Units:
        """How the measure counts."""
        return units(self.measure, self.reference)

    @property
    def counted_in(self) -> tuple[object, ...]:
        """What of the question decides which quantities it counts, and at which prices, among questions of the same filters and apps."""
        return (self.group_by, self.period, self.moment.as_of, self.moment.rolled_through, self.prices)

    def asking(self, **changes: Any) -> "Question":
        """The same question with another measure or grouping."""
        return replace(self, **changes)
