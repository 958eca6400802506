"""An issued invoice's lines as CSV: every line with its exact amount, nothing a spreadsheet could run."""

from collections.abc import Iterator
from decimal import Decimal

from flyusage.invoices.queries import InvoiceDetail
from flyusage.money import Currency
from flyusage.pricing.export import csv_line
from flyusage.spreadsheets import guarded

COLUMNS = (
    "invoice", "position", "kind", "product", "region", "description", "from", "until", "quantity", "unit", "unit_price", "amount",
    "currency", "exact_amount", "tax_category", "tax_percent", "price_version", "line",
)  # fmt: skip


def lines_csv(invoice: InvoiceDetail) -> Iterator[str]:
    """A header, a line per invoice line (`until` is exclusive), and the net, which the amounts sum to."""
    document = invoice.document
    code, currency = document.currency.code, document.currency
    yield csv_line(COLUMNS)
    for line in invoice.lines:
        texts = (line.kind, line.product, line.region, line.description)
        yield csv_line(
            [
                document.number,
                str(line.position),
                *map(guarded, texts),
                line.starts_on.isoformat(),
                line.ends_on.isoformat(),
                f"{line.quantity:f}",
                guarded(line.unit),
                "" if line.unit_price is None else f"{line.unit_price:f}",
                _amount(line.amount_minor, currency),
                code,
                line.exact,
                line.tax_category,
                f"{line.tax_percent:f}",
                line.price_version.isoformat() if line.price_version else "",
                guarded(line.key),
            ]
        )
    yield csv_line([document.number, "", "net", *[""] * 8, _amount(document.net_minor, currency), code, *[""] * 5])


def _amount(amount_minor: int, currency: Currency) -> str:
    return f"{Decimal(amount_minor).scaleb(-currency.exponent):f}"
