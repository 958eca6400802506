"""How long an invoice's PDF and XML take, warm: typical ones, each unlike the others, and one of 3,000 lines."""

import statistics
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from random import Random
from time import perf_counter

from flyusage.invoices import einvoice, pdf
from flyusage.invoices.document import Document
from flyusage.money import EUR, to_minor
from tests import documents
from tests.bench.report import Numbers, Row, spread

TYPICAL, LINES, MANY_LINES = 200, 20, 3000


def measure() -> tuple[list[Row], dict[str, object]]:
    """Figures and their spread."""
    invoices = list(_invoices(TYPICAL, LINES))
    cold = _seconds(invoices[0])
    long = [_seconds(invoice) for invoice in _invoices(3, MANY_LINES)]
    typical = [_seconds(invoice) * 1000 for invoice in invoices[1:]]
    written = [_xml_seconds(invoice) * 1000 for invoice in invoices]
    rows = [
        Row(f"PDF with its XML, {LINES} lines, median", statistics.median(typical), 50, "ms"),
        Row(f"PDF with its XML, {MANY_LINES:,} lines, median", statistics.median(long), 2, "s"),
        Row(f"XML alone, {LINES} lines, median", statistics.median(written), 10, "ms"),
    ]
    details: dict[str, Numbers] = {
        "typical_ms": spread(typical), "long_s": spread(long), "xml_ms": spread(written), "first": {"seconds": round(cold, 3)},
        "bytes": {"typical": len(pdf.render(invoices[1])), "xml": len(einvoice.xml(invoices[1]))},
    }  # fmt: skip
    return rows, dict(details)


def _invoices(count: int, lines: int) -> Iterator[Document]:
    """Invoices as an organization in five regions gets them, by a fixed die: mostly machines, some storage, some network."""
    dice = Random(f"documents/{lines}")
    for number in range(count):
        printed = []
        for position in range(1, lines + 1):
            share = position / lines
            group, unit = ("Machines", "hours") if share <= 0.7 else ("Storage", "GB-months") if share <= 0.85 else ("Network", "GB")
            region = position * 5 // (lines + 1) if group == "Machines" else position
            quantity, price = Decimal(dice.randrange(10**7)) / 100, Decimal(dice.randrange(1, 10**4)) / 10**4
            printed.append(
                documents.line(
                    position, to_minor(Fraction(quantity) * Fraction(price), EUR), quantity=quantity, unit=unit, unit_price=price,
                    description=f"performance-{dice.randrange(1, 17)}x, {dice.randrange(1, 64)} GB" if group == "Machines" else group,
                    group=group, subgroup=f"Region {region} (r{region})",
                )
            )  # fmt: skip
        buyer = replace(documents.BUYER, name=f"Customer {dice.randrange(10**6)} GmbH", lines=(f"Street {number}",))
        yield documents.document(*printed, number=f"CUSTOMER-{number:06d}", buyer=buyer)


def _seconds(invoice: Document) -> float:
    start = perf_counter()
    pdf.render(invoice)
    return perf_counter() - start


def _xml_seconds(invoice: Document) -> float:
    start = perf_counter()
    einvoice.xml(invoice)
    return perf_counter() - start
