"""Statements of a few invented regions, sizes and prices: everything a compile takes, without a database.

Prices of the book `tests`: shared-cpu-1x 1.00 an hour, performance-1x 10.00, extra memory 0.50 per GB and hour, volumes 0.15
per GB for 30 days, egress 0.02 per GB, the same in both regions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from flyusage.invoices.compiling import compile_statement, setting_of
from flyusage.invoices.statement import Line, Statement
from flyusage.invoices.usage_lines import Metered, Setting
from flyusage.money import CURRENCIES
from flyusage.periods import Period, month_period
from flyusage.pricing.books import PriceBook
from flyusage.pricing.price_table import DatedPrice, PriceTable
from flyusage.pricing.reference import Reference, RegionFact, SizeFact, SkuFact
from flyusage.pricing.tax import TaxKey
from flyusage.pricing.tax_facts import DEMO_SELLER
from flyusage.pricing.terms import Credit, CreditKind, Terms

OCTOBER = month_period(datetime(2026, 10, 1, tzinfo=UTC))
AFTER = datetime(2026, 11, 2, tzinfo=UTC)
BEGINNING = date(2020, 1, 1)
FRA, GRU = 1, 2
SHARED, PERFORMANCE, GPU = 1, 2, 3
CPU_SHARED, CPU_PERFORMANCE, CPU_GPU, MEMORY, VOLUME, EGRESS, SUPPORT = 1, 2, 3, 4, 5, 6, 99
GB_MONTH = 1024 * 30 * 86_400
REFERENCE = Reference(
    regions={FRA: RegionFact(FRA, "fra", "Frankfurt", "Europe"), GRU: RegionFact(GRU, "gru", "São Paulo", "South America")},
    sizes={
        0: SizeFact(0, "none", 0, 0),
        SHARED: SizeFact(SHARED, "shared-cpu-1x", 1, 256, "shared"),
        PERFORMANCE: SizeFact(PERFORMANCE, "performance-1x", 1, 2048, "performance"),
        GPU: SizeFact(GPU, "a10", 8, 32768, "performance", 1),
    },
    skus={
        CPU_SHARED: SkuFact(CPU_SHARED, "machine.shared-cpu-1x", "Machine shared-cpu-1x", "machine", SHARED),
        CPU_PERFORMANCE: SkuFact(CPU_PERFORMANCE, "machine.performance-1x", "Machine performance-1x", "machine", PERFORMANCE),
        CPU_GPU: SkuFact(CPU_GPU, "machine.a10", "Machine a10", "machine", GPU),
        MEMORY: SkuFact(MEMORY, "machine.extra_ram", "Extra memory", "extra_memory", None),
        VOLUME: SkuFact(VOLUME, "volume", "Volumes", "volume", None),
        EGRESS: SkuFact(EGRESS, "egress.public", "Egress", "egress", None),
    },
)
PRICES = {
    CPU_SHARED: ("1", 3600, "machine-hour"),
    CPU_PERFORMANCE: ("10", 3600, "machine-hour"),
    MEMORY: ("0.5", 1024 * 3600, "GB-hour"),
    VOLUME: ("0.15", GB_MONTH, "GB-month"),
    EGRESS: ("0.02", 10**9, "GB"),
}
GERMAN = TaxKey("S", Decimal(19))


def table(*, steps: Mapping[int, tuple[date, str]] | None = None) -> PriceTable:
    """The book's prices; `steps` are (day, new amount) by sku id."""
    spans: dict[tuple[int, int], list[DatedPrice]] = {}
    for sku_id, (amount, per, unit) in PRICES.items():
        day, later = (steps or {}).get(sku_id, (None, amount))
        for region_id in REFERENCE.regions:
            spans[sku_id, region_id] = [DatedPrice(Decimal(amount), per, BEGINNING, day, unit, 10 * sku_id, BEGINNING)]
            if day:
                spans[sku_id, region_id].append(DatedPrice(Decimal(later), per, day, None, unit, 10 * sku_id + 1, day))
    return PriceTable(1, spans)


def terms(*, currency: str = "USD", period: Period = OCTOBER, **agreed: Any) -> Terms:
    """Terms of organization 7 in October 2026; taxed at 19 % unless told."""
    book = PriceBook(1, "tests", "Tests", currency, True)
    given = Terms(7, period, book, CURRENCIES[currency], DEMO_SELLER, None, GERMAN)
    return replace(given, **{name: tuple(value) if isinstance(value, list) else value for name, value in agreed.items()})


def setting(agreed: Terms | None = None, prices: PriceTable | None = None) -> Setting:
    """Everything but the quantities."""
    return setting_of(agreed or terms(), prices or table(), REFERENCE, AFTER)


def used(sku_id: int, quantity: int, *, region: int = FRA, size: int = 0, epoch: int = 0) -> Metered:
    """Base units of a sku."""
    return Metered(sku_id, region, size, epoch, quantity)


def hours(count: int, *, size: int = SHARED, region: int = FRA, epoch: int = 0) -> Metered:
    """Machine-hours: a dollar each for shared-cpu-1x."""
    return Metered({SHARED: CPU_SHARED, PERFORMANCE: CPU_PERFORMANCE, GPU: CPU_GPU}[size], region, size, epoch, count * 3600)


def compiled(
    metered: Iterable[Metered] = (), *, adjustments: Iterable[Line] = (), prices: PriceTable | None = None, **agreed: Any
) -> Statement:
    """The statement of `metered` under the terms `agreed`."""
    return compile_statement(setting(terms(**agreed), prices), metered, adjustments=adjustments)


def credit(kind: CreditKind, left_minor: int, *, id: int = 1) -> Credit:
    """A credit without an end."""
    return Credit(id, kind, f"Credit {id}", left_minor, "USD", datetime(2026, 9, 1, tzinfo=UTC), None)


def amounts(statement: Statement) -> dict[str, int]:
    """Line key → minor units."""
    return {line.key: line.amount_minor for line in statement.lines}
