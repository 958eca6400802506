"""Which price an organization pays: what it negotiated goes before its book, a region's price before a wider one. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property

from flyusage.periods import Period, midnight
from flyusage.pricing.listed import is_plain, price_of
from flyusage.pricing.price_table import DatedPrice, PriceTable
from flyusage.pricing.rating import Price
from flyusage.pricing.terms import PriceOverride


@dataclass(frozen=True)
class AgreedPrice:
    """A price as it rates, and where it is from: `price_id` and `version` of the book, or `override_id` of what was negotiated.

    `unit` is that of the published `amount`.
    """

    price: Price
    unit: str
    amount: Decimal
    price_id: int | None = None
    version: date | None = None
    override_id: int | None = None

    @cached_property
    def is_linear(self) -> bool:
        """Amount × quantity and nothing else, so that a quantity's parts cost what the whole does."""
        return is_plain(self.price)

    @property
    def source(self) -> tuple[int | None, int | None]:
        """What tells it from every other."""
        return self.price_id, self.override_id


class AgreedPrices:
    """The prices of one organization, from its book and its overrides."""

    def __init__(self, table: PriceTable, overrides: Iterable[PriceOverride] = ()) -> None:
        self.table = table
        narrowest_last = sorted(overrides, key=lambda one: (-len(one.region_ids), one.id))
        self.overrides = tuple((one, _negotiated(one)) for one in narrowest_last)
        self._found: dict[tuple[int, int, date], AgreedPrice | None] = {}

    def on(self, sku_id: int, region_id: int, day: date) -> AgreedPrice | None:
        """The price in force; None when there is none."""
        key = (sku_id, region_id, day)
        if key not in self._found:
            self._found[key] = self._find(*key)
        return self._found[key]

    def _find(self, sku_id: int, region_id: int, day: date) -> AgreedPrice | None:
        for override, agreed in reversed(self.overrides):
            if override.sku_id == sku_id and region_id in override.region_ids and _holds(override, day):
                return agreed
        dated = self.table.on(sku_id, region_id, day)
        return None if dated is None else _listed(dated)

    def steps(self, period: Period) -> set[date]:
        """The days at whose midnight, strictly inside `period`, any price begins or ends."""
        edges = {edge for one, _ in self.overrides for edge in (one.starts_on, one.ends_on) if edge is not None}
        return self.table.steps(period) | {edge for edge in edges if period.start < midnight(edge) < period.end}


def _holds(override: PriceOverride, day: date) -> bool:
    return override.starts_on <= day and (override.ends_on is None or day < override.ends_on)


def _listed(dated: DatedPrice) -> AgreedPrice:
    return AgreedPrice(dated.price, dated.unit, dated.amount, dated.price_id, dated.version)


def _negotiated(override: PriceOverride) -> AgreedPrice:
    price = price_of(override.amount, override.per_quantity, override.model)
    return AgreedPrice(price, override.unit, override.amount, override_id=override.id)
