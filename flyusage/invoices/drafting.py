"""The live draft: what a month costs an organization so far, from what is stored, complete to the second it is asked at.

Quantities are summed in SQL, from the cells of closed hours and the hour that is not closed yet, by the explorer's own
queries, so that a draft's usage and the explorer's list cost cannot differ; they are priced after.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from flyusage.invoices.compiling import compile_statement, setting_of
from flyusage.invoices.fee_lines import FeePrice, FeePrices
from flyusage.invoices.statement import Line, Statement
from flyusage.invoices.usage_lines import Metered, Setting
from flyusage.periods import Period, midnight, month_period
from flyusage.pricing.asking import Known, know
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.listed import TERMS, price_of
from flyusage.pricing.price_table import PriceTable
from flyusage.pricing.question import Question
from flyusage.pricing.scope import Scope
from flyusage.pricing.slices import Epoch
from flyusage.pricing.terms import Terms, terms_of
from flyusage.pricing.totals import quantities
from flyusage.pricing.view import Measure


@dataclass(frozen=True)
class Reading:
    """What is stored of an organization's month, complete to the moment of `known`: all that its draft is compiled from."""

    known: Known
    setting: Setting
    metered: Sequence[Metered]
    fees: FeePrices

    def statement(self, adjustments: Iterable[Line] = ()) -> Statement:
        """The draft."""
        through = self.known.moment.rolled_through if self.known.history else None
        return compile_statement(self.setting, self.metered, fee_prices=self.fees, adjustments=adjustments, rolled_through=through)


def draft(session: Session, org_id: int, month: date, *, as_of: datetime | None = None, adjustments: Iterable[Line] = ()) -> Statement:
    """The calendar month that holds `month`, complete to `as_of` (now unless given), as it would be billed.

    Fees, minimums and reservations count as for the whole month; usage is what there is. Raises PriceBookMissing and SellerMissing.
    """
    return read(session, org_id, month, as_of=as_of).statement(adjustments)


def read(session: Session, org_id: int, month: date, *, as_of: datetime | None = None) -> Reading:
    """What `draft` compiles. Raises PriceBookMissing and SellerMissing."""
    period = month_period(midnight(month))
    known = know(session, org_id, as_of, None, has_centres=False)
    terms = terms_of(session, org_id, period)
    setting = setting_of(terms, known.prices, known.reference, known.moment.as_of)
    return Reading(known, setting, metered(session, known, setting), fee_prices(session, terms, known.prices))


def metered(session: Session, known: Known, setting: Setting) -> list[Metered]:
    """What the organization used in the setting's period, by sku, region, size and epoch, complete to `known`'s moment."""
    return counted(session, question_of(known, setting.terms.period, setting.epochs))


def counted(session: Session, question: Question) -> list[Metered]:
    """The question's quantities, by sku, region, size and epoch."""
    binds = Binds()
    parts = quantities(question, binds, keys="vm_size_id")
    if not parts:
        return []
    summed = f"SELECT sku_id, region_id, vm_size_id, epoch, sum(q) FROM ({' UNION ALL '.join(parts)}) AS part GROUP BY 1, 2, 3, 4"
    rows = fetch(session, f"{summed} HAVING sum(q) <> 0", binds)
    return [Metered(sku_id, region_id, size_id, epoch, int(quantity)) for sku_id, region_id, size_id, epoch, quantity in rows]


def fee_prices(session: Session, terms: Terms, prices: PriceTable) -> FeePrices:
    """The prices, in the period, of the skus whose fees name no amount of their own; `prices` say whose book holds when."""
    skus = sorted({fee.sku_id for fee in terms.fees if fee.unit_amount is None and fee.sku_id is not None})
    found: dict[int, list[FeePrice]] = {}
    if not skus:
        return found
    binds = Binds()
    held = prices.books_in(terms.period.start.date(), terms.period.end.date())
    columns = [binds.add([one[place] for one in held], kind) for place, kind in enumerate(("int[]", "date[]", "date[]"))]
    statement = _FEE_PRICES.format(skus=binds.add(skus, "smallint[]"), held=", ".join(columns))
    for sku_id, since, until, price_id, version, amount, per, *rated in fetch(session, statement, binds):
        price = price_of(amount, per, dict(zip(TERMS, rated, strict=True)))
        found.setdefault(sku_id, []).append(FeePrice(price, since, until, price_id, version))
    return found


def question_of(known: Known, period: Period, epochs: tuple[Epoch, ...]) -> Question:
    """All the usage of a period, cut where a price of the organization changes."""
    return Question(
        org_id=known.org_id,
        measure=Measure.LIST_COST,
        group_by=None,
        period=period,
        moment=known.moment,
        scope=Scope(apps=(None,) * len(epochs)),
        epochs=epochs,
        book=known.book,
        prices=known.prices,
        reference=known.reference,
        names=known.names,
    )


# Prices of what is not metered are global: those of any one region are those of all.
_FEE_PRICES = f"""
SELECT p.sku_id, greatest(p.starts_on, held.since), least(p.ends_on, held.until), p.price_id, version.effective_from,
       listed.amount, listed.per_quantity, {", ".join(f"listed.{name}" for name in TERMS)}
FROM unnest({{held}}) AS held (book_id, since, until)
JOIN price_segment p ON p.book_id = held.book_id AND p.starts_on < held.until AND p.ends_on > held.since
JOIN price listed ON listed.id = p.price_id JOIN price_book_version version ON version.id = listed.version_id
WHERE p.sku_id = ANY ({{skus}})
  AND p.region_id = (SELECT min(s.region_id) FROM price_segment s WHERE s.book_id = p.book_id AND s.sku_id = p.sku_id)
ORDER BY p.sku_id, 2"""
