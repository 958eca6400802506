"""The statement of a period from what was metered and agreed. Pure: the same input gives the same statement, in any order.

Order: usage and fees, free allowances in their prices → reservation credits → discounts → minimum and maximum → promotional
credits → net → tax → gross → prepaid credits.
"""

from collections.abc import Iterable
from datetime import datetime

from flyusage.invoices.bounds import bound_prices, bound_spend
from flyusage.invoices.fee_lines import FeePrices, fee_lines, unpriced_fees
from flyusage.invoices.ledger import Ledger
from flyusage.invoices.reductions import discount, promote, reserve
from flyusage.invoices.statement import CreditUse, Line, LineKind, Problem, Statement, Unpriced
from flyusage.invoices.taxing import carry, pay, tax_lines
from flyusage.invoices.usage_lines import Metered, Setting, usage_lines
from flyusage.invoices.wording import KINDS, PRODUCTS
from flyusage.pricing.agreed_prices import AgreedPrices
from flyusage.pricing.price_table import PriceTable
from flyusage.pricing.rating import summed
from flyusage.pricing.reference import Reference
from flyusage.pricing.slices import epochs
from flyusage.pricing.terms import CreditKind, Terms


def setting_of(terms: Terms, table: PriceTable, reference: Reference, as_of: datetime) -> Setting:
    """What a statement stands on, its period cut where any price changes."""
    prices, period = AgreedPrices(table, terms.overrides), terms.period
    return Setting(terms, prices, reference, epochs(period, prices.steps(period)), as_of)


def compile_statement(
    setting: Setting,
    metered: Iterable[Metered],
    *,
    fee_prices: FeePrices | None = None,
    adjustments: Iterable[Line] = (),
    rolled_through: datetime | None = None,
) -> Statement:
    """What the period costs. `adjustments` are finished lines of their own tax: late usage of periods that are billed already."""
    prices = fee_prices or {}
    used = usage_lines(setting, metered)
    usage = summed([line.exact for line in used.lines])
    lines = [*used.lines, *fee_lines(setting, prices, usage), *adjustments]
    ledger = Ledger(setting, sorted(lines, key=lambda line: _reading_order(setting, line)))
    reserve(ledger)
    discount(ledger)
    bound_prices(ledger, used.bounds)
    bound_spend(ledger)
    uses = promote(ledger)
    carried = carry(ledger)
    taxes = tax_lines(ledger.lines)
    net, tax = ledger.net_minor, sum(one.tax_minor for one in taxes)
    uses += pay(net + tax, setting.terms.prepaid)
    prepaid = _prepaid(uses)
    return Statement(
        org_id=setting.terms.org_id,
        currency=setting.terms.currency,
        period=setting.terms.period,
        as_of=setting.as_of,
        rolled_through=rolled_through,
        is_open=setting.as_of < setting.terms.period.end,
        lines=tuple(sorted(ledger.lines, key=lambda line: _reading_order(setting, line))),
        taxes=taxes,
        net_minor=net,
        tax_minor=tax,
        gross_minor=net + tax,
        prepaid_minor=prepaid,
        due_minor=net + tax - prepaid,
        usage_exact=usage,
        exact=summed([line.exact for line in ledger.lines]),
        credit_uses=tuple(uses),
        carried=tuple(carried),
        unpriced=used.unpriced,
        problems=tuple(_problems(setting, prices, used.unpriced)),
    )


def _reading_order(setting: Setting, line: Line) -> tuple[object, ...]:
    """Product, region by its code, size or sku, time; what reduces comes after what is reduced."""
    is_reduction = KINDS.index(line.kind) > KINDS.index(LineKind.ADJUSTMENT)
    region = setting.reference.regions[line.region_id].code if line.region_id in setting.reference.regions else ""
    product = PRODUCTS.index(line.product) if line.product in PRODUCTS else len(PRODUCTS)
    return is_reduction, product, region, line.vm_size_id or 0, line.sku_id or 0, line.period.start, line.key


def _prepaid(uses: Iterable[CreditUse]) -> int:
    return sum(one.amount_minor for one in uses if one.kind == CreditKind.PREPAID)


def _problems(setting: Setting, prices: FeePrices, unpriced: tuple[Unpriced, ...]) -> Iterable[Problem]:
    if not setting.terms.tax.is_decided:
        yield Problem("tax_undecided", f"{setting.terms.tax.reason} Enter the billing address, then the tax can be reckoned.")
    if unpriced:
        skus = sorted({one.sku for one in unpriced})
        yield Problem("unpriced", f"The price book has no price for {', '.join(skus)}; what was used of it is not in the total.")
    for fee in unpriced_fees(setting, prices):
        yield Problem("fee_unpriced", f"The price book has no price for the fee {fee.description!r} ({fee.sku}).")
    if setting.terms.misfits:
        yield Problem(
            "other_currency",
            f"{setting.terms.misfits} agreements are not in {setting.terms.currency.code} and do not apply. Agree them anew.",
        )
