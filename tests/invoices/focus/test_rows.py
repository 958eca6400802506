"""FOCUS rows: what they may and must hold, and that they are the invoice's and the explorer's own amounts."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
import sqlalchemy as sa
from billing_world import BY, NOVEMBER, NOW, OCTOBER, acting, bill_to, bill_world, billed, invoice_row, take_in, volume
from conftest import Database
from usage_world import NOW as WORLD_NOW
from usage_world import World, make_world

from flyusage import clock, db
from flyusage.invoices.costs import explore
from flyusage.invoices.crediting import credit
from flyusage.invoices.errors import NothingBilled
from flyusage.invoices.focus.columns import Row, kind_of
from flyusage.invoices.focus.rows import Account, Unit, Width, rows
from flyusage.invoices.storing import Issued
from flyusage.periods import midnight, month_period
from flyusage.pricing import grants
from flyusage.pricing.terms import CreditKind
from flyusage.pricing.view import Dimension, Granularity, Measure, View

SEPTEMBER = date(2026, 9, 1)
EVERY = ("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "ChargeCategory", "ChargeDescription", "ChargeFrequency",
         "ContractedCost", "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost", "ProviderName", "PublisherName", "ServiceCategory",
         "ServiceName", "ServiceSubcategory", "x_InvoiceState")  # fmt: skip
PRICED = ("ContractedUnitPrice", "ListUnitPrice", "PricingCategory", "PricingQuantity", "PricingUnit", "SkuId", "SkuMeter", "SkuPriceId")
ALLOWED = {
    "ChargeCategory": {"Usage", "Purchase", "Tax", "Credit", "Adjustment"},
    "ChargeClass": {None, "Correction"},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "PricingCategory": {None, "Standard", "Committed"},
    "CommitmentDiscountStatus": {None, "Used", "Unused"},
    "CommitmentDiscountCategory": {None, "Spend"},
    "ServiceCategory": {"Compute", "Storage", "Networking", "Other"},
}
TOGETHER = [
    ("ConsumedQuantity", "ConsumedUnit"), ("PricingQuantity", "PricingUnit"), ("RegionId", "RegionName"), ("ResourceId", "ResourceType"),
    ("SubAccountId", "SubAccountName"), ("CommitmentDiscountId", "CommitmentDiscountName"),
    ("CommitmentDiscountId", "CommitmentDiscountType"), ("CommitmentDiscountQuantity", "CommitmentDiscountUnit"),
]  # fmt: skip


def told(org_id: int, month: date, *, by: Unit = Unit.APP, per: Width = Width.DAY, at: datetime = NOW) -> list[Row]:
    with clock.freeze(at), db.transaction(org_id) as session:
        return list(rows(session, Account(org_id, "prism", "Prism"), month, by=by, per=per))


def hold_the_rules(found: list[Row], month: date) -> None:
    """The essential rules of the specification, as far as one table can show them."""
    period = month_period(midnight(month))
    for row in found:
        assert all(getattr(row, name) is not None for name in EVERY)
        assert all(getattr(row, name) in allowed for name, allowed in ALLOWED.items())
        assert all((getattr(row, one) is None) == (getattr(row, other) is None) for one, other in TOGETHER), row
        assert all(text.isascii() for text in row if isinstance(text, str))
        assert all(isinstance(getattr(row, name), Decimal | None) for name in Row._fields if kind_of(name) in ("cost", "price"))
        assert (row.BillingPeriodStart, row.BillingPeriodEnd) == (period.start, period.end)
        assert row.ChargePeriodStart < row.ChargePeriodEnd
        assert row.ChargeClass == "Correction" or row.ChargePeriodEnd <= period.end
        assert re.fullmatch(r"[A-Z]{3}", row.BillingCurrency)
        assert not row.BillingAccountId.isdigit()
        assert row.SubAccountId is None or not row.SubAccountId.isdigit()
        assert row.Tags is None or isinstance(json.loads(row.Tags), dict)
        if row.ChargeCategory in ("Usage", "Purchase"):
            assert all(getattr(row, name) is not None for name in PRICED), row
            assert row.ListUnitPrice >= 0 and row.ContractedUnitPrice >= 0
            for price, cost in ((row.ListUnitPrice, row.ListCost), (row.ContractedUnitPrice, row.ContractedCost)):
                assert abs(price * row.PricingQuantity - cost) <= Decimal("1e-9") * max(abs(cost), 1)
        if row.ChargeCategory == "Tax":
            assert all(getattr(row, name) is None for name in (*PRICED, "ConsumedQuantity"))
        if row.ChargeCategory == "Purchase":
            assert (row.EffectiveCost, row.ChargeFrequency == "Usage-Based") == (0, False)
        is_consumed = row.ChargeCategory == "Usage" and row.CommitmentDiscountStatus != "Unused"
        assert (row.ConsumedQuantity is not None) == is_consumed


def cents(found: list[Row], cost: str = "BilledCost", *, of: str = "") -> Decimal:
    return sum((getattr(row, cost) for row in found if of in ("", row.ChargeCategory)), Decimal(0)) * 100


def net(found: list[Row]) -> Decimal:
    """Without tax and what was paid before."""
    return cents([row for row in found if row.ChargeCategory != "Tax" and row.ChargeDescription != "Prepaid credits"])


@pytest.fixture(scope="module")
def world(shared_database: Database) -> Iterator[tuple[World, dict[date, Issued]]]:
    made = make_world()
    bill_to(made.org_id)
    issued = bill_world(made)
    with clock.freeze(WORLD_NOW):
        yield made, issued


@pytest.mark.parametrize(
    ("month", "by", "per"),
    [
        (SEPTEMBER, Unit.APP, Width.DAY),
        (SEPTEMBER, Unit.APP, Width.HOUR),
        (OCTOBER, Unit.MACHINE, Width.DAY),
        (NOVEMBER, Unit.MACHINE, Width.DAY),
        (SEPTEMBER, Unit.MACHINE, Width.HOUR),
    ],
)
def test_every_row_is_sound_and_all_of_them_are_the_invoice(world, month: date, by: Unit, per: Width):
    made, issued = world
    found = told(made.org_id, month, by=by, per=per, at=WORLD_NOW)
    hold_the_rules(found, month)
    if month in issued:
        stored = invoice_row(issued[month].id)
        assert (cents(found), net(found)) == (stored["due_minor"], stored["net_minor"])
        assert {(row.InvoiceId, row.x_InvoiceState) for row in found} == {(stored["number"], "open")}
    else:
        assert {(row.InvoiceId, row.x_InvoiceState) for row in found} == {("DRAFT-2026-11", "draft, so far")}
    if by is Unit.MACHINE:
        assert {row.ResourceType for row in found} >= {"Machine", "Volume"}
    if per is Width.HOUR:
        assert {row.ChargePeriodEnd - row.ChargePeriodStart for row in found if row.ConsumedQuantity and row.SkuId == "volume"} == {
            midnight(month).replace(hour=1) - midnight(month)
        }
    used = [row for row in found if row.CommitmentDiscountStatus == "Used"]
    assert used and all(row.BilledCost == 0 and row.RegionId == "fra" and row.PricingCategory == "Committed" for row in used)
    assert (cents(found, of="Purchase") == 9100) == (month == SEPTEMBER)


@pytest.mark.parametrize("month", [SEPTEMBER, NOVEMBER])
def test_the_explorer_says_the_same_by_app_region_sku_and_day(world, month: date):
    made, _ = world
    found = told(made.org_id, month, by=Unit.MACHINE, at=WORLD_NOW)
    within = [row for row in found if row.ChargeCategory != "Tax"]
    keys = {
        Dimension.APP: lambda row: row.SubAccountName or "",
        Dimension.REGION: lambda row: row.RegionId or "",
        Dimension.SKU: lambda row: row.SkuId if row.ServiceCategory != "Other" else "",
    }
    for measure, cost in ((Measure.BILLED_COST, "BilledCost"), (Measure.EFFECTIVE_COST, "EffectiveCost")):
        for dimension, key in keys.items():
            with db.transaction(made.org_id) as session:
                view = View(measure, month_period(midnight(month)), dimension)
                answer = explore(session, made.org_id, view)
            sums: dict[str, Decimal] = defaultdict(Decimal)
            for row in within:
                sums[key(row)] += getattr(row, cost)
            assert {one: value for one, value in sums.items() if value} == {one.key: one.total for one in answer.series if one.total}
    with db.transaction(made.org_id) as session:
        view = View(Measure.LIST_COST, month_period(midnight(month)), None)
        listed = explore(session, made.org_id, view).total
        daily = explore(session, made.org_id, View(Measure.EFFECTIVE_COST, view.period, None, granularity=Granularity.DAY))
    usage = sum(Fraction(row.ListCost) for row in within if row.ServiceCategory != "Other" and row.ChargeCategory == "Usage")
    assert abs(usage - listed) < Fraction(1, 10**8)  # each row is rounded at twelve decimals
    days: dict[datetime, Decimal] = defaultdict(Decimal)
    for row in within:
        days[row.ChargePeriodStart] += row.EffectiveCost
    (series,) = daily.series
    assert [float(days[start]) for start in daily.buckets] == pytest.approx(series.points)


def test_a_machine_is_billed_for_the_days_it_ran_and_those_of_a_day_share_its_cents(world):
    made, _ = world
    found = told(made.org_id, OCTOBER, by=Unit.MACHINE, at=WORLD_NOW)
    ran = {(cell.machine, cell.hour.date()) for cell in made.cells(WORLD_NOW) if cell.sku.startswith("machine.") and cell.quantity}
    for row in found:
        if row.ResourceType == "Machine" and row.SkuMeter == "Machine time":
            assert (row.ResourceId, row.ChargePeriodStart.date()) in ran
    seconds = sum(cell.quantity for cell in made.cells(WORLD_NOW) if cell.sku == "machine.performance-2x" and cell.hour.month == 10)
    hours = sum(row.ConsumedQuantity for row in found if row.SkuId == "machine.performance-2x" and row.ConsumedQuantity is not None)
    assert abs(Fraction(hours) - Fraction(seconds, 3600)) < Fraction(1, 10**8)


def test_credit_notes_prepaid_credits_and_late_usage_by_hand(database: Database):
    org_id = take_in(*volume("v1", 600), *volume("v2", 400, app="api", region="fra"), *volume("r", 100, org="rival"))["prism"]
    bill_to(org_id)
    with acting(NOW.replace(month=10, day=20)) as session:
        grants.grant(session, org_id, CreditKind.PREPAID, 1000, description="Paid ahead", by=BY)
    october = billed(org_id)
    with acting() as session:
        credit(session, org_id, october.id, net_minor=3000, reason="goodwill", by=BY)
    found = told(org_id, OCTOBER)
    hold_the_rules(found, OCTOBER)
    of = {number: [row for row in found if row.InvoiceId == number] for number in ("PRISM-000001", "PRISM-C000001")}
    assert len(of) == 2 and len(found) == sum(map(len, of.values()))
    # 150.00 and 19 % of it are 178.50, of which 10.00 were paid before; the note gives 30.00 and 5.70 back.
    assert (net(of["PRISM-000001"]), cents(of["PRISM-000001"], of="Tax"), cents(of["PRISM-000001"])) == (15000, 2850, 16850)
    assert (net(of["PRISM-C000001"]), cents(of["PRISM-C000001"])) == (-3000, -3570)
    assert {row.ChargeClass for row in of["PRISM-C000001"] if row.ChargeCategory != "Tax"} == {"Correction"}

    december = datetime(2026, 12, 2, 9, tzinfo=UTC)
    take_in(*volume("late", 100, app="api"), *volume("n1", 200, month=11, days=29), at=december)
    draft = told(org_id, NOVEMBER, at=december)
    hold_the_rules(draft, NOVEMBER)
    late = [row for row in draft if row.ChargeClass]
    assert cents(late) == 1500 and {row.ChargePeriodStart.month for row in late} == {10}  # 100 GB of October
    assert net(draft) == 1500 + 2900
    billed(org_id, NOVEMBER, at=december)
    issued = told(org_id, NOVEMBER, at=december)
    of_november = [[row[:24] for row in found if not row.ChargeClass] for found in (draft, issued)]
    assert of_november[0] == of_november[1]  # what was a draft is issued as it was told
    assert cents([row for row in issued if row.ChargeClass]) == 1500

    rival = acting_rival()
    with db.transaction(rival) as session, pytest.raises(NothingBilled, match="Nothing was used or billed in October 2026"):
        rows(session, Account(org_id, "prism", "Prism"), OCTOBER)
    for month, said in ((date(2031, 1, 1), "January 2031 has not begun"), (date(1899, 1, 1), "Nothing was used or billed in January 1899")):
        with clock.freeze(december), db.transaction(org_id) as session, pytest.raises(NothingBilled, match=said):
            rows(session, Account(org_id, "prism", "Prism"), month)


def acting_rival() -> int:
    with acting() as session:
        return session.execute(sa.text("SELECT id FROM organization WHERE slug = 'rival'")).scalar_one()
