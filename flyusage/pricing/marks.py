"""Moments to mark on a chart: changes of list price that touch what a view shows."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from sqlmodel import Session

from flyusage.money import round_half_away
from flyusage.periods import midnight
from flyusage.pricing.asking import Known, ask, know, needs_centres
from flyusage.pricing.price_table import PriceTable
from flyusage.pricing.totals import pairs_used
from flyusage.pricing.view import PriceStep, View


def price_steps(session: Session, org_id: int, view: View, known: Known | None = None) -> tuple[PriceStep, ...]:
    """Changes of list price inside the view's period that touch what it shows, in order of time.

    `before` and `after` (per base unit's published quantity) are given when a single price changed. `known` as in `explore`.
    """
    known = known or know(session, org_id, view.as_of, None, has_centres=needs_centres(view))
    days = sorted(known.prices.steps(view.period))
    if not days:
        return ()
    used = pairs_used(session, replace(ask(session, known, view), group_by=None))
    return tuple(step for day in days if (step := _step(known.prices, used, day)) is not None)


def _step(prices: PriceTable, used: list[tuple[int, int]], day: date) -> PriceStep | None:
    yesterday = day - timedelta(days=1)
    pairs = [(prices.on(sku, region, yesterday), prices.on(sku, region, day)) for sku, region in used]
    changed = [(old, new) for old, new in pairs if old and new and (old.amount, old.per) != (new.amount, new.per)]
    if not changed:
        return None
    ratios = {Fraction(new.amount) * old.per / (Fraction(old.amount) * new.per) - 1 for old, new in changed if old.amount}
    lowest, highest = (_percent(min(ratios)), _percent(max(ratios))) if ratios else ("", "")
    label = f"prices {lowest}" if lowest == highest else f"prices {lowest} to {highest}"
    single = changed[0] if len(changed) == 1 else None
    return PriceStep(midnight(day), label, single[0].amount if single else None, single[1].amount if single else None)


def _percent(ratio: Fraction) -> str:
    rounded: Decimal = round_half_away(ratio * 100, 1)
    return f"{'+' if rounded > 0 else '−' if rounded < 0 else ''}{abs(rounded).normalize():f} %"
