"""How an organization's month is rated: its terms and prices as one setting, and quantities from cells of any kind."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from flyusage.invoices.allocation import Usage, day_span
from flyusage.invoices.compiling import setting_of
from flyusage.invoices.drafting import fee_prices
from flyusage.invoices.fee_lines import FeePrices
from flyusage.invoices.usage_lines import Metered, Setting
from flyusage.periods import Period, midnight
from flyusage.pricing.buying import Spell, spells_of_many, table_of
from flyusage.pricing.price_table import PriceTable
from flyusage.pricing.reference import reference
from flyusage.pricing.slices import Epoch
from flyusage.pricing.terms import Terms


@dataclass(frozen=True)
class Rating:
    """Everything a statement needs but the quantities."""

    setting: Setting
    fee_prices: FeePrices


def rated_as(session: Session, terms: Terms, as_of: datetime) -> Rating:
    """The period of `terms`, by the prices in force in it."""
    return rated_many(session, [terms], as_of)[terms.org_id]


def rated_many(session: Session, agreed: Iterable[Terms], as_of: datetime) -> dict[int, Rating]:
    """The same for several organizations by id; what they have in common is read once."""
    wanted, facts, found = list(agreed), reference(session), {}
    spells = spells_of_many(session, {terms.org_id: terms.book.id for terms in wanted})
    tables: dict[tuple[int, tuple[Spell, ...]], PriceTable] = {}
    shared: dict[PriceTable, Setting] = {}
    for terms in wanted:
        key = terms.book.id, spells.get(terms.org_id, ())
        if key not in tables:
            tables[key] = table_of(session, *key)
        table, known = tables[key], shared.get(tables[key])
        if known is not None and not terms.overrides and known.terms.period == terms.period:
            setting = replace(known, terms=terms)
        else:
            setting = setting_of(terms, table, facts, as_of)
        if not terms.overrides:
            shared[table] = setting
        found[terms.org_id] = Rating(setting, fee_prices(session, terms, table))
    return found


def metered_of(usage: Usage, held: Sequence[Epoch]) -> list[Metered]:
    """The month's cells summed over apps, by sku, region, size and epoch."""
    spans = [day_span(usage.month, Period(midnight(epoch.starts_on), midnight(epoch.ends_on))) for epoch in held]
    sums: dict[tuple[int, int, int, int], int] = defaultdict(int)
    for (sku_id, region_id), cells in usage.cells.items():
        for cell in cells:
            for epoch, (first, last) in zip(held, spans, strict=True):
                if quantity := sum(cell.days[first:last]):
                    sums[sku_id, region_id, cell.place.vm_size_id, epoch.number] += quantity
    return [Metered(*key, quantity) for key, quantity in sorted(sums.items()) if quantity]
