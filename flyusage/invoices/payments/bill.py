"""What is handed over of an invoice: customer, items and the amount to be collected. Pure, from the invoice's document.

Each line goes as an item, the tax as items of its own and credits that paid before as a negative one, so that the processor
reckons nothing and its total is the invoice's to the cent.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from flyusage.invoices.document import Document, DocumentLine, DocumentTax
from flyusage.money import Currency, format_minor

MOST_ITEMS = 250  # what an invoice of the processor's holds
LONGEST_TEXT = 500
# Minor units by the processor are those of ISO 4217 but for currencies that it keeps at two places for old times' sake.
_SCALES = {"ISK": 100}


@dataclass(frozen=True)
class Item:
    """A line at the processor: `amount` in its minor units. `key` finds it again in its invoice."""

    key: str
    text: str
    amount: int


@dataclass(frozen=True)
class Bill:
    """An invoice as the processor gets it. `total` is in its minor units, the sum of `items`; both dates are billed."""

    number: str
    currency: str
    total: int
    items: tuple[Item, ...]
    period: tuple[date, date]
    buyer: str
    seller: str

    @property
    def amounts(self) -> dict[str, int]:
        """Amounts by the items' keys."""
        return {item.key: item.amount for item in self.items}


def bill_of(document: Document) -> Bill:
    """The bill of an invoice's document. One of more than 250 items has one for each product instead; the PDF has every line."""
    rest = [_tax(tax, document.currency) for tax in document.taxes if tax.tax_minor]
    if document.prepaid_minor:
        rest.append(Item("prepaid", "Paid by credits", -document.prepaid_minor))
    lines = [_line(line) for line in document.lines]
    if len(lines) + len(rest) > MOST_ITEMS:
        lines = _by_product(document.lines, MOST_ITEMS - len(rest))
    scale = scale_of(document.currency)
    items = tuple(Item(item.key, item.text[:LONGEST_TEXT], item.amount * scale) for item in (*lines, *rest))
    total = document.due_minor * scale
    if sum(item.amount for item in items) != total:
        raise AssertionError(f"{document.number}: items do not add up to what is due")
    return Bill(document.number, document.currency.code.lower(), total, items, document.period, document.buyer.name, document.seller.name)


def scale_of(currency: Currency) -> int:
    """The processor's minor units in one of ours."""
    return _SCALES.get(currency.code, 1)


def _line(line: DocumentLine) -> Item:
    told = " · ".join(filter(None, (line.group, line.subgroup, line.description)))
    return Item(f"line-{line.position}", told, line.amount_minor)


def _tax(tax: DocumentTax, currency: Currency) -> Item:
    return Item(f"tax-{tax.category}-{tax.percent}", f"Tax {tax.percent} % of {format_minor(tax.basis_minor, currency)}", tax.tax_minor)


def _by_product(lines: Iterable[DocumentLine], most: int) -> list[Item]:
    groups: dict[str, list[DocumentLine]] = {}
    for line in lines:
        groups.setdefault(line.group, []).append(line)
    if len(groups) > most:
        groups = {"Usage and fees": [line for group in groups.values() for line in group]}
    return [
        Item(
            f"group-{n}",
            f"{name}: {len(group):,} line{'s' * (len(group) != 1)}, each in the invoice",
            sum(one.amount_minor for one in group),
        )
        for n, (name, group) in enumerate(groups.items(), 1)
    ]
