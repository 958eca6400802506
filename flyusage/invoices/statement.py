"""What a period costs an organization, down to the working of every line: the draft on the screen and the invoice at issue alike.

A statement is a value. `drafting.draft` makes one of stored quantities and terms; `compiling.compile_statement` is the pure
part. Its lines are in reading order and sum to `net_minor`; nothing in it is a float.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from flyusage.money import Currency
from flyusage.periods import Period
from flyusage.pricing.rating import RatedCharge, Step, rounded
from flyusage.pricing.tax import TaxKey
from flyusage.pricing.view import View


class LineKind(StrEnum):
    """What a line is, in the order in which lines are reckoned (see README.md, "Order")."""

    USAGE = "usage"
    FEE = "fee"
    ONE_OFF = "one_off"
    ADJUSTMENT = "adjustment"
    RESERVATION = "reservation"
    DISCOUNT = "discount"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    PROMOTIONAL = "promotional"
    CARRIED = "carried"


@dataclass(frozen=True)
class Component:
    """A metered quantity in a line, in base units of its sku. Components' `exact` sum to their line's.

    A line's amount is spread over cells by these: a cell of (sku, region, size) weighs its quantity × exact ÷ quantity.
    `amount` for `per_quantity` base units is the price, None where the model is not linear. `vm_size_id` is None where
    the line holds every size.
    """

    sku_id: int
    region_id: int
    vm_size_id: int | None
    quantity: int
    exact: Fraction
    amount: Decimal | None = None
    per_quantity: int = 1


@dataclass(frozen=True)
class Share:
    """What a reduction takes from one other line (by `Line.key`): negative minor units."""

    key: str
    amount_minor: int


@dataclass(frozen=True)
class Line:
    """A line of the statement. `amount_minor` is `exact` rounded once, halves away from zero.

    `key` names the line for good inside its period (`machine.shared-cpu-1x/fra/2026-10-17`). `product` and `region` group
    lines for a reader. `quantity` is in `unit` ("hours") at six decimals, `unit_price` the price of one, `per` how that is
    said ("per hour"); it is None where quantity × price does not tell the amount, since several prices or tiers make it.
    `period` is the part of the billing period that the line's price holds for. `working` sums to `exact`.
    A reduction (reservation, discount, maximum, promotional credit) says in `shares` what it takes from which line; they
    sum to `amount_minor`. `evidence` is the explorer's view of exactly this usage.
    """

    kind: LineKind
    key: str
    product: str
    description: str
    period: Period
    quantity: Decimal
    unit: str
    unit_price: Decimal | None
    exact: Fraction
    amount_minor: int
    tax: TaxKey
    working: tuple[Step, ...]
    per: str = ""
    region: str = ""
    region_id: int | None = None
    sku_id: int | None = None
    vm_size_id: int | None = None
    price_id: int | None = None
    price_version: date | None = None
    components: tuple[Component, ...] = ()
    shares: tuple[Share, ...] = ()
    evidence: View | None = None

    def explained(self, currency: Currency) -> RatedCharge:
        """The working down to the minor unit: it sums to `amount_minor`, the last step being what rounding added or took."""
        return rounded(RatedCharge(self.exact, self.working), currency)


@dataclass(frozen=True)
class TaxLine:
    """The tax on everything of one category and rate: `tax_minor` is `basis_minor` × `percent`, rounded once, halves away from zero."""

    category: str
    percent: Decimal
    basis_minor: int
    tax_minor: int
    reason: str = ""


@dataclass(frozen=True)
class CreditUse:
    """What the statement takes from one credit grant (minor units, positive): promotional before tax, prepaid after it."""

    grant_id: int
    kind: str
    description: str
    amount_minor: int


@dataclass(frozen=True)
class Carried:
    """A credit that did not fit on this statement, since no invoice is negative: to be given as a credit note. Positive, net."""

    tax: TaxKey
    amount_minor: int


@dataclass(frozen=True)
class Unpriced:
    """Usage without a price: shown, never as $0, and in the way of closing the period. `quantity` is in base units."""

    sku_id: int
    region_id: int
    vm_size_id: int
    sku: str
    region: str
    period: Period
    quantity: int


@dataclass(frozen=True)
class Problem:
    """Something that must be settled, or released by staff, before the period is issued. `code` is stable."""

    code: str
    sentence: str


@dataclass(frozen=True)
class Statement:
    """What `period` costs, complete to `as_of`; amounts in minor units of `currency`.

    net = Σ lines; tax = Σ taxes; gross = net + tax; due = gross − prepaid; none of them is negative. `usage_exact` is the
    unrounded sum of the usage lines: the explorer's list cost, where no override and no model but per unit is agreed.
    `exact` is the unrounded net. `is_open`: the period is not over at `as_of`, so everything is "so far".
    """

    org_id: int
    currency: Currency
    period: Period
    as_of: datetime
    rolled_through: datetime | None
    is_open: bool
    lines: tuple[Line, ...]
    taxes: tuple[TaxLine, ...]
    net_minor: int
    tax_minor: int
    gross_minor: int
    prepaid_minor: int
    due_minor: int
    usage_exact: Fraction
    exact: Fraction
    credit_uses: tuple[CreditUse, ...] = ()
    carried: tuple[Carried, ...] = ()
    unpriced: tuple[Unpriced, ...] = ()
    problems: tuple[Problem, ...] = ()

    def line(self, key: str) -> Line | None:
        """The line called `key`; None when there is none."""
        return next((line for line in self.lines if line.key == key), None)
