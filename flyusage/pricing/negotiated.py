"""The price list as one organization contracted it: its negotiated prices in the place of its book's. Pure but for the reading."""

from collections.abc import Iterable
from dataclasses import replace

from sqlmodel import Session

from flyusage.periods import Period
from flyusage.pricing.listed import listed_amount
from flyusage.pricing.price_table import DatedPrice, PriceTable
from flyusage.pricing.terms import PriceOverride, overrides_of


def contracted_table(session: Session, org_id: int, base: PriceTable, period: Period) -> PriceTable:
    """The prices that the organization contracted for `period`; `base` itself where it negotiated none."""
    overrides = overrides_of(session, [org_id], period).get(org_id, ())
    return contracted(base, overrides) if overrides else base


def contracted(base: PriceTable, overrides: Iterable[PriceOverride]) -> PriceTable:
    """`base` with the negotiated prices in their regions and days; a region's goes before a wider one, as in what is billed.

    As of every price, what is multiplied is an amount per unit: of tiers the first that costs anything, of a package its share.
    """
    spans = dict(base.spans)
    agreed: dict[tuple[int, int], list[DatedPrice]] = {}
    for one in sorted(overrides, key=lambda one: (-len(one.region_ids), one.id)):  # the narrowest last, and of two the newer
        dated = _dated(one)
        for region_id in one.region_ids:
            key = (one.sku_id, region_id)
            spans[key] = _laid_over(spans.get(key, []), dated)
            agreed[key] = _laid_over(agreed.get(key, []), dated)
    return PriceTable(base.book_id, spans, base.others, agreed=agreed, listed=base)


def _dated(one: PriceOverride) -> DatedPrice:
    amount, per = listed_amount(one.amount, one.per_quantity, one.model)
    return DatedPrice(amount, per, one.starts_on, one.ends_on, one.unit)


def _laid_over(spans: list[DatedPrice], new: DatedPrice) -> list[DatedPrice]:
    """The spans, with `new` in the place of what they said about its days."""
    kept = []
    for one in spans:
        if one.since < new.since:
            kept.append(replace(one, until=new.since if one.until is None else min(one.until, new.since)))
        if new.until is not None and (one.until is None or one.until > new.until):
            kept.append(replace(one, since=max(one.since, new.until)))
    return sorted([*kept, new], key=lambda one: one.since)
