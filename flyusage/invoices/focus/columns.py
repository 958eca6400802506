"""The columns of FOCUS 1.2's Cost and Usage dataset that are told here, and what each holds.

Source: the FinOps Open Cost and Usage Specification 1.2, https://focus.finops.org/focus-specification/v1-2/, read 2026-11-25.
Columns for what a platform of machines does not have (availability zones, capacity reservations) are absent, as the specification
asks; prices are in the billing currency. Columns of our own begin with x_.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

VERSION = "1.2"
PLACES = 12  # of costs and quantities; unit prices have PRICE_PLACES
PRICE_PLACES = 18


class Kind(StrEnum):
    """What a column holds. `TAGS` is a JSON object in one text."""

    TEXT = "text"
    COST = "cost"
    PRICE = "price"
    MOMENT = "moment"
    TAGS = "tags"


class Row(NamedTuple):
    """A charge, in the order in which columns are written. Every text is ASCII; None is null."""

    BilledCost: Decimal
    BillingAccountId: str
    BillingAccountName: str
    BillingCurrency: str
    BillingPeriodEnd: datetime
    BillingPeriodStart: datetime
    ChargeCategory: str
    ChargeClass: str | None
    ChargeDescription: str
    ChargeFrequency: str
    ChargePeriodEnd: datetime
    ChargePeriodStart: datetime
    CommitmentDiscountCategory: str | None
    CommitmentDiscountId: str | None
    CommitmentDiscountName: str | None
    CommitmentDiscountQuantity: Decimal | None
    CommitmentDiscountStatus: str | None
    CommitmentDiscountType: str | None
    CommitmentDiscountUnit: str | None
    ConsumedQuantity: Decimal | None
    ConsumedUnit: str | None
    ContractedCost: Decimal
    ContractedUnitPrice: Decimal | None
    EffectiveCost: Decimal
    InvoiceId: str
    InvoiceIssuerName: str
    ListCost: Decimal
    ListUnitPrice: Decimal | None
    PricingCategory: str | None
    PricingCurrency: str
    PricingCurrencyContractedUnitPrice: Decimal | None
    PricingCurrencyEffectiveCost: Decimal
    PricingCurrencyListUnitPrice: Decimal | None
    PricingQuantity: Decimal | None
    PricingUnit: str | None
    ProviderName: str
    PublisherName: str
    RegionId: str | None
    RegionName: str | None
    ResourceId: str | None
    ResourceName: str | None
    ResourceType: str | None
    ServiceCategory: str
    ServiceName: str
    ServiceSubcategory: str
    SkuId: str | None
    SkuMeter: str | None
    SkuPriceDetails: str | None
    SkuPriceId: str | None
    SubAccountId: str | None
    SubAccountName: str | None
    Tags: str | None
    x_InvoiceState: str  # noqa: N815 the specification begins columns of one's own so


COSTS = (
    "BilledCost", "ContractedCost", "EffectiveCost", "ListCost", "CommitmentDiscountQuantity", "ConsumedQuantity", "PricingQuantity",
    "PricingCurrencyEffectiveCost",
)  # fmt: skip
PRICES = ("ContractedUnitPrice", "ListUnitPrice", "PricingCurrencyContractedUnitPrice", "PricingCurrencyListUnitPrice")
MOMENTS = ("BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart")
TAGS = ("SkuPriceDetails", "Tags")


def kind_of(column: str) -> Kind:
    """What a column holds."""
    for kind, names in ((Kind.COST, COSTS), (Kind.PRICE, PRICES), (Kind.MOMENT, MOMENTS), (Kind.TAGS, TAGS)):
        if column in names:
            return kind
    return Kind.TEXT
