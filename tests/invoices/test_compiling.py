from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from statements import (
    AFTER,
    CPU_SHARED,
    EGRESS,
    FRA,
    GB_MONTH,
    GERMAN,
    GPU,
    GRU,
    MEMORY,
    OCTOBER,
    PERFORMANCE,
    REFERENCE,
    SHARED,
    SUPPORT,
    VOLUME,
    amounts,
    compiled,
    credit,
    hours,
    setting,
    table,
    terms,
    used,
)

from flyusage.invoices.compiling import compile_statement
from flyusage.invoices.fee_lines import FeePrice
from flyusage.invoices.ledger import lump
from flyusage.invoices.statement import Carried, LineKind, TaxLine
from flyusage.invoices.usage_lines import Setting, for_part
from flyusage.money import USD
from flyusage.periods import Period, midnight
from flyusage.pricing.agreed_prices import AgreedPrice
from flyusage.pricing.price_table import DatedPrice, PriceTable
from flyusage.pricing.rating import Model, Price, Tier
from flyusage.pricing.tax import TaxKey
from flyusage.pricing.terms import CpuKind, CreditKind, Discount, OneOffCharge, PriceOverride, RecurringFee, Reservation, SpendLimit
from flyusage.pricing.urls import view_to_query

OCTOBER_1, NOVEMBER_1 = date(2026, 10, 1), date(2026, 11, 1)


def reservation(monthly: int, *, starts_on: date = date(2026, 1, 1), months: int = 12, **changes) -> Reservation:
    return replace(Reservation(FRA, CpuKind.SHARED, 3_600, monthly, "USD", starts_on, months, id=1), **changes)


def off(*, id: int = 1, **changes) -> Discount:
    return replace(Discount(f"Discount {id}", OCTOBER_1, id=id), **changes)


# -- usage ----------------------------------------------------------------------------------------------------------------


def test_cpu_and_extra_memory_of_a_machine_line_are_summed_before_the_one_rounding():
    """5 × shared-cpu-1x with 512 MB in sjc for 15 days: 6,480,000 s × 0.000000894691 = 5.79759768 and
    6,480,000 s × 256 MiB ÷ 1024 × 0.000002299976 = 3.72596112, together 9.5235588: $9.52, not 5.80 + 3.73."""
    seconds = 5 * 15 * 86_400
    prices = PriceTable(
        1,
        {
            (CPU_SHARED, FRA): [DatedPrice(Decimal("0.000000894691"), 1, OCTOBER_1, None, "machine-second", 5, OCTOBER_1)],
            (MEMORY, FRA): [DatedPrice(Decimal("0.000002299976"), 1024, OCTOBER_1, None, "GB-second", 6, OCTOBER_1)],
        },
    )
    statement = compiled([used(CPU_SHARED, seconds, size=SHARED), used(MEMORY, seconds * 256, size=SHARED)], prices=prices)
    line = statement.lines[0]
    assert (line.exact, line.amount_minor, len(statement.lines)) == (Fraction("9.5235588"), 952, 1)
    assert (line.key, line.description, line.region) == ("machine.shared-cpu-1x/fra", "shared-cpu-1x with extra memory", "fra · Frankfurt")
    assert (line.quantity, line.unit, line.unit_price) == (1800, "hours", None)  # 5 × 15 × 24
    assert [component.exact for component in line.components] == [Fraction("5.79759768"), Fraction("3.72596112")]
    assert [step.text for step in line.working] == [
        "Machine shared-cpu-1x, machine-second: 6,480,000 × 0.000000894691",
        "Extra memory, GB-second: 1,620,000 × 0.000002299976",
    ]
    assert (line.price_id, line.price_version) == (5, OCTOBER_1)


def test_machines_are_told_apart_by_size_and_region_and_the_rest_by_sku_and_region():
    statement = compiled([
        hours(2), hours(3, region=GRU), hours(5, size=PERFORMANCE), used(MEMORY, 1024 * 3600, size=PERFORMANCE),
        used(EGRESS, 10**9, size=SHARED), used(EGRESS, 2 * 10**9, size=PERFORMANCE), used(VOLUME, GB_MONTH),
    ])  # fmt: skip
    assert amounts(statement) == {
        "machine.shared-cpu-1x/fra": 200,
        "machine.performance-1x/fra": 5_050,
        "machine.shared-cpu-1x/gru": 300,
        "volume/fra": 15,
        "egress.public/fra": 6,  # 3 GB, whatever the machine
    }
    assert next(iter(amounts(statement))) == "machine.shared-cpu-1x/fra"  # machines, then storage, then network; by region inside
    assert [line.product for line in statement.lines] == ["Machines"] * 3 + ["Storage", "Network"]
    egress = statement.line("egress.public/fra")
    assert egress is not None
    assert (egress.quantity, egress.unit, egress.unit_price, egress.per) == (3, "GB", Decimal("0.02"), "per GB")


def test_a_price_change_inside_the_period_splits_the_line():
    """16 days before Oct 17 at 1.00, 15 from then on at 1.50: 10 h and 4 h are 10.00 and 6.00."""
    prices = table(steps={CPU_SHARED: (date(2026, 10, 17), "1.5")})
    statement = compiled(
        [hours(10, epoch=0), hours(4, epoch=1), used(VOLUME, GB_MONTH, epoch=0), used(VOLUME, GB_MONTH, epoch=1)], prices=prices
    )
    assert amounts(statement) == {"machine.shared-cpu-1x/fra": 1_000, "machine.shared-cpu-1x/fra/2026-10-17": 600, "volume/fra": 30}
    first, second, volume = statement.lines
    assert (first.period.end, second.period.start) == (midnight(date(2026, 10, 17)), midnight(date(2026, 10, 17)))
    assert (first.price_version, second.price_version) == (date(2020, 1, 1), date(2026, 10, 17))
    assert volume.period == OCTOBER  # its price did not change


def test_a_change_of_the_memory_price_splits_the_machines_that_use_it_and_no_others():
    prices = table(steps={MEMORY: (date(2026, 10, 17), "1")})
    metered = [one for epoch in (0, 1) for one in (hours(1, epoch=epoch), hours(1, size=PERFORMANCE, epoch=epoch))]
    metered += [used(MEMORY, 1024 * 3600, size=PERFORMANCE, epoch=epoch) for epoch in (0, 1)]
    statement = compiled(metered, prices=prices)
    assert amounts(statement) == {
        "machine.shared-cpu-1x/fra": 200,
        "machine.performance-1x/fra": 1_050,
        "machine.performance-1x/fra/2026-10-17": 1_100,
    }


def test_a_negotiated_price_goes_before_the_books_and_a_regions_before_a_wider_one():
    wide = PriceOverride(
        "volume", "global", Decimal("0.10"), GB_MONTH, "GB-month", date(2026, 10, 17), id=1, sku_id=VOLUME, region_ids=frozenset({FRA, GRU})
    )
    narrow = replace(wide, scope="gru", amount=Decimal("0.05"), id=2, region_ids=frozenset({GRU}))
    metered = [used(VOLUME, 10 * GB_MONTH, region=region, epoch=epoch) for region in (FRA, GRU) for epoch in (0, 1)]
    statement = compiled(metered, overrides=[wide, narrow])
    assert amounts(statement) == {"volume/fra": 150, "volume/fra/2026-10-17": 100, "volume/gru": 150, "volume/gru/2026-10-17": 50}
    assert [line.price_id for line in statement.lines] == [50, None, 50, None]


def test_what_has_no_price_is_listed_and_never_free():
    statement = compiled([hours(3, size=GPU), hours(1)])
    assert amounts(statement) == {"machine.shared-cpu-1x/fra": 100}
    (missing,) = statement.unpriced
    assert (missing.sku, missing.region, missing.quantity, missing.period) == ("machine.a10", "fra", 10_800, OCTOBER)
    assert [problem.code for problem in statement.problems] == ["unpriced"]
    assert "no price for machine.a10" in statement.problems[0].sentence


def test_the_evidence_is_the_explorers_view_of_the_line():
    machine = compiled([hours(1), used(MEMORY, 1024, size=SHARED)]).lines[0]
    assert machine.evidence is not None
    assert view_to_query(machine.evidence) == {
        "show": "list_cost", "by": "app", "from": "2026-10-01", "to": "2026-11-01", "region": "fra", "vm_size": "shared-cpu-1x",
        "sku": "machine.shared-cpu-1x,machine.extra_ram", "as_of": "2026-11-02T00:00:00Z",
    }  # fmt: skip


def test_a_unit_price_that_would_not_tell_the_amount_is_left_out():
    """A third of an hour is shown as 0.333333; times $30,000 that would be $9,999.99, and $10,000.00 are due."""
    prices = PriceTable(1, {(CPU_SHARED, FRA): [DatedPrice(Decimal(30_000), 3600, OCTOBER_1, None, "machine-hour", 5, OCTOBER_1)]})
    line = compiled([used(CPU_SHARED, 1200, size=SHARED)], prices=prices).lines[0]
    assert (line.quantity, line.amount_minor, line.unit_price) == (Decimal("0.333333"), 1_000_000, None)
    assert compiled([hours(1)]).lines[0].unit_price == 1


# -- prices that are not linear ---------------------------------------------------------------------------------------------

ALL = frozenset({FRA, GRU})


def negotiated(price: Price, sku_id: int = EGRESS, *, starts_on: date = OCTOBER_1) -> Setting:
    """A setting with a price of another model for everywhere."""
    code, unit = REFERENCE.skus[sku_id].code, "GB"
    override = PriceOverride(code, "global", Decimal(0), price.per_quantity, unit, starts_on, id=3, sku_id=sku_id, region_ids=ALL)
    made = setting(terms(overrides=[override]))
    made.prices.overrides = ((override, AgreedPrice(price, unit, Decimal(0), override_id=3)),)
    return made


GRADUATED = Price(Model.GRADUATED, per_quantity=10**9, tiers=(Tier(Fraction(100), Fraction("0.02")), Tier(None, Fraction("0.01"))))


def test_tiers_count_over_all_regions_and_are_rated_once():
    """150 GB in fra and gru: 100 × 0.02 + 50 × 0.01 = 2.50, of which a third is gru's."""
    statement = compile_statement(negotiated(GRADUATED), [used(EGRESS, 100 * 10**9), used(EGRESS, 50 * 10**9, region=GRU)])
    (line,) = statement.lines
    assert (line.amount_minor, line.region, line.region_id, line.quantity, line.unit_price) == (250, "2 regions", None, 150, None)
    assert [step.amount for step in line.working] == [2, Fraction(1, 2)]
    assert {part.region_id: part.exact for part in line.components} == {FRA: Fraction(5, 3), GRU: Fraction(5, 6)}


def test_a_price_for_part_of_the_period_has_that_part_of_its_bounds():
    """In force for 15 of 31 days: the first tier ends at 100 × 15/31 = 48.387 GB, so 60 GB cost 0.967742 + 0.116129 = 1.083871."""
    made = negotiated(GRADUATED, starts_on=date(2026, 10, 17))
    statement = compile_statement(made, [used(EGRESS, 60 * 10**9, epoch=1)])
    assert statement.usage_exact == Fraction(1500, 31) * Fraction("0.02") + (60 - Fraction(1500, 31)) * Fraction("0.01")
    assert statement.net_minor == 108
    price = Price(Model.PER_UNIT, Fraction(1), free_quantity=Fraction(10), minimum=Fraction(2), maximum=Fraction(8))
    assert for_part(price, Fraction(1, 2)) == replace(price, free_quantity=Fraction(5), minimum=Fraction(1), maximum=Fraction(4))


def test_a_free_allowance_goes_first():
    price = Price(Model.PER_UNIT, Fraction("0.02"), 10**9, free_quantity=Fraction(100))
    statement = compile_statement(negotiated(price), [used(EGRESS, 150 * 10**9)])
    assert statement.net_minor == 100  # (150 − 100) × 0.02
    assert [step.text for step in statement.lines[0].working] == ["Egress, GB: 100 of 150 free", "Egress, GB: 50 × 0.02"]


def test_the_bounds_of_a_price_come_after_discounts():
    """100 GB × 0.02 = 2.00, less half = 1.00, up to the minimum of 1.50; above the maximum of 0.80 it would be cut."""
    low = Price(Model.PER_UNIT, Fraction("0.02"), 10**9, minimum=Fraction("1.5"))
    high = replace(low, minimum=None, maximum=Fraction("0.8"))
    half = [off(percent=Decimal(50))]
    results = []
    for price in (low, high):
        made = negotiated(price)
        made = replace(made, terms=replace(made.terms, discounts=tuple(half)))
        results.append([line.amount_minor for line in compile_statement(made, [used(EGRESS, 100 * 10**9)]).lines])
    assert results == [[200, -100, 50], [200, -100, -20]]


def test_a_negotiated_minimum_is_due_without_usage():
    statement = compile_statement(negotiated(Price(Model.PER_UNIT, Fraction("0.02"), 10**9, minimum=Fraction(5))), [])
    assert [(line.kind, line.amount_minor) for line in statement.lines] == [(LineKind.USAGE, 0), (LineKind.MINIMUM, 500)]


def test_a_negotiated_minimum_is_due_without_usage_beside_a_price_of_the_first_of_its_regions():
    """The wide price asks for 5.00; fra, the first region, has another one, and nothing was used anywhere."""
    price, other = Price(Model.PER_UNIT, Fraction("0.02"), 10**9, minimum=Fraction(5)), Price(Model.PER_UNIT, Fraction("0.03"), 10**9)
    made = negotiated(price)
    ((wide, agreed),) = made.prices.overrides
    narrow = replace(wide, scope="fra", id=4, region_ids=frozenset({FRA}))
    made.prices.overrides = ((wide, agreed), (narrow, AgreedPrice(other, "GB", Decimal("0.03"), override_id=4)))
    assert compile_statement(made, []).net_minor == 500
    # 100 GB in gru, 2.00: one line of gru alone, raised to 5.00
    statement = compile_statement(made, [used(EGRESS, 100 * 10**9, region=GRU)])
    assert [(line.region_id, line.amount_minor) for line in statement.lines] == [(GRU, 200), (GRU, 300)]


def test_another_price_in_one_place_neither_cuts_nor_shortens_what_holds_elsewhere():
    """100 GB a month are free. From Oct 17 on fra pays 0.03 instead. 90 GB in gru all month, 20 in fra before: (110 − 100) × 0.02."""
    price, other = (
        Price(Model.PER_UNIT, Fraction("0.02"), 10**9, free_quantity=Fraction(100)),
        Price(Model.PER_UNIT, Fraction("0.03"), 10**9),
    )
    made = negotiated(price)
    ((wide, agreed),) = made.prices.overrides
    narrow = replace(wide, scope="fra", id=4, starts_on=date(2026, 10, 17), region_ids=frozenset({FRA}))
    made = setting(terms(overrides=[wide, narrow]))
    made.prices.overrides = ((wide, agreed), (narrow, AgreedPrice(other, "GB", Decimal("0.03"), override_id=4)))
    gru = [used(EGRESS, 45 * 10**9, region=GRU, epoch=epoch) for epoch in (0, 1)]
    statement = compile_statement(made, [*gru, used(EGRESS, 20 * 10**9), used(EGRESS, 10 * 10**9, epoch=1)])
    assert sorted((line.period.start.day, line.amount_minor) for line in statement.lines) == [(1, 20), (17, 30)]
    # whatever is used in fra alone, until then: no less is free
    assert compile_statement(made, [used(EGRESS, 100 * 10**9)]).net_minor == 0


# -- fees and charges ------------------------------------------------------------------------------------------------------


def test_fees_are_prorated_by_days_both_ends_counted():
    """29.00 from Oct 8 on: 24 of 31 days = 22.4516…; seats 3 × 10.00 up to Oct 10: 10 of 31 = 9.677…"""
    support = RecurringFee("Support", date(2026, 10, 8), None, Decimal(29), "USD", id=1)
    seats = RecurringFee("Seats", date(2026, 1, 1), date(2026, 10, 10), Decimal(10), "USD", Decimal(3), id=2)
    whole = RecurringFee("Plan", date(2026, 1, 1), None, Decimal(99), "USD", id=3)
    statement = compiled(fees=[support, seats, whole])
    assert amounts(statement) == {"fee/2": 968, "fee/3": 9_900, "fee/1/2026-10-08": 2_245}
    assert [step.text for step in statement.lines[2].working] == ["1 × 29", "Charged for 24 of 31 days"]
    assert [line.unit_price for line in statement.lines] == [None, 99, None]


def test_a_fee_of_the_price_book_follows_its_price_and_says_so_when_there_is_none():
    fee = RecurringFee("Support", date(2026, 1, 1), sku="support.standard", id=1, sku_id=SUPPORT)
    steps = [
        FeePrice(Price(Model.PER_UNIT, Fraction(31)), OCTOBER_1, date(2026, 10, 11), 7, date(2020, 1, 1)),
        FeePrice(Price(Model.PER_UNIT, Fraction(62)), date(2026, 10, 11), NOVEMBER_1, 8, date(2026, 10, 11)),
    ]
    made = setting(terms(fees=[fee]))
    statement = compile_statement(made, [], fee_prices={SUPPORT: steps})
    assert amounts(statement) == {"fee/1": 1_000, "fee/1/2026-10-11": 4_200}  # 10/31 of 31, 21/31 of 62
    assert statement.problems == ()
    assert [problem.code for problem in compile_statement(made, [], fee_prices={SUPPORT: steps[:1]}).problems] == ["fee_unpriced"]


def test_a_percentage_is_of_the_periods_usage():
    fee = RecurringFee("Support, 10 % of usage", date(2026, 1, 1), sku="support.enterprise", id=1, sku_id=SUPPORT)
    price = FeePrice(Price(Model.PERCENTAGE, rate_percent=Fraction(10)), OCTOBER_1, NOVEMBER_1, 7, OCTOBER_1)
    statement = compile_statement(setting(terms(fees=[fee])), [hours(50)], fee_prices={SUPPORT: [price]})
    assert amounts(statement) == {"machine.shared-cpu-1x/fra": 5_000, "fee/1": 500}


def test_one_off_charges_and_upfront_amounts_are_due_in_their_period_whole():
    charge = OneOffCharge("Migration", 12_345, "USD", date(2026, 10, 31), id=4)
    statement = compiled(charges=[charge], reservations=[reservation(500, starts_on=date(2026, 10, 15))])
    assert amounts(statement) == {"charge/4": 12_345, "reservation/1/upfront": 3_600}
    upfront = statement.lines[1]
    assert upfront.period == Period(midnight(date(2026, 10, 15)), midnight(date(2027, 10, 15)))
    assert upfront.description == "Reservation of shared machines: $5.00 a month for 12 months"


# -- reductions, in their order ----------------------------------------------------------------------------------------------


def test_a_reservation_covers_machines_of_its_region_and_cpu_kind_and_nothing_else():
    """Usage it is for: 3.00 CPU and 0.50 memory in fra. The rest, 1.00 of the credit, is gone."""
    statement = compiled(
        [hours(3), used(MEMORY, 1024 * 3600, size=SHARED), hours(4, region=GRU), hours(5, size=PERFORMANCE), used(VOLUME, 20 * GB_MONTH)],
        reservations=[reservation(450)],
    )
    line = statement.line("reservation/1")
    assert line is not None
    assert line.amount_minor == -350
    assert [(share.key, share.amount_minor) for share in line.shares] == [("machine.shared-cpu-1x/fra", -350)]
    assert [(step.text, step.amount) for step in line.working] == [
        ("Monthly credit of $4.50", Fraction("-4.5")),
        ("More than the usage it is for; what is left does not roll over", 1),
    ]
    assert statement.net_minor == 400 + 5_000 + 300


def test_a_reservation_that_starts_inside_the_period_gives_its_days_share():
    """5.00 × 17/31 = 2.7419…: 2.74. It ends as it began: in its last month 14 days of 31 remain, 2.26 (2.2580…)."""
    statement = compiled([hours(100)], reservations=[reservation(500, starts_on=date(2026, 10, 15), upfront_minor=0)])
    assert amounts(statement)["reservation/1"] == -274
    assert statement.lines[-1].working[0].text == "Monthly credit of $5.00 for 17 of 31 days"
    statement = compiled([hours(100)], reservations=[reservation(500, starts_on=date(2025, 10, 15))])
    assert amounts(statement)["reservation/1"] == -226


def test_gpu_machines_are_not_covered_by_a_reservation_of_cpus():
    prices = table()
    prices.spans[3, FRA] = [DatedPrice(Decimal(2), 3600, OCTOBER_1, None, "machine-hour", 9, OCTOBER_1)]
    statement = compiled([hours(3, size=GPU)], reservations=[reservation(500, cpu_kind=CpuKind.PERFORMANCE)], prices=prices)
    assert amounts(statement) == {"machine.a10/fra": 600}


def test_discounts_follow_reservations_and_each_other_and_leave_one_off_charges_alone():
    """100.00 and 20.00 of usage; the reservation takes 10.00 off the first. 10 % of 110.00 = 11.00, then 5.00 off volumes' 18.00."""
    statement = compiled(
        [hours(100), used(VOLUME, 20_00 * GB_MONTH // 15)],
        reservations=[reservation(1_000)],
        discounts=[off(id=1, percent=Decimal(10)), off(id=2, amount_minor=500, currency="USD", sku="volume", sku_id=VOLUME)],
        charges=[OneOffCharge("Setup", 777, "USD", OCTOBER_1, id=1)],
    )
    volume = amounts(statement)["volume/fra"]
    assert volume == 2_000
    assert {key: value for key, value in amounts(statement).items() if key.startswith(("res", "dis"))} == {
        "reservation/1": -1_000, "discount/1": -1_100, "discount/2": -500,
    }  # fmt: skip
    first = statement.line("discount/1")
    assert first is not None
    assert {share.key: share.amount_minor for share in first.shares} == {"machine.shared-cpu-1x/fra": -900, "volume/fra": -200}
    assert first.working[0].text == "10 % of $110.00"
    assert statement.net_minor == 10_000 + 2_000 + 777 - 1_000 - 1_100 - 500


def test_a_discount_is_rounded_once_and_its_shares_sum_to_it():
    """10 % of 0.05 + 0.05 + 0.05 = 0.015, half away from zero 0.02."""
    metered = [used(CPU_SHARED, 180, size=SHARED), used(CPU_SHARED, 180, size=SHARED, region=GRU), used(VOLUME, GB_MONTH // 3)]
    statement = compiled(metered, discounts=[off(percent=Decimal(10))])
    line = statement.line("discount/1")
    assert line is not None
    assert (line.exact, line.amount_minor) == (Fraction("-0.015"), -2)
    assert sum(share.amount_minor for share in line.shares) == -2


def test_an_amount_off_takes_no_more_than_there_is():
    statement = compiled([hours(3)], discounts=[off(amount_minor=500, currency="USD")])
    assert (amounts(statement)["discount/1"], statement.net_minor) == (-300, 0)


def test_minimum_and_maximum_look_at_usage_and_fees_after_discounts():
    """Usage 40.00, less 10 % = 36.00, one-off charges beside it."""
    given = {"discounts": [off(percent=Decimal(10))], "charges": [OneOffCharge("Setup", 700, "USD", OCTOBER_1, id=1)]}
    low = compiled([hours(40)], limits=[SpendLimit("USD", date(2026, 1, 1), None, 5_000, id=1)], **given)
    assert (amounts(low)["minimum"], low.net_minor) == (1_400, 5_700)
    high = compiled([hours(40)], limits=[SpendLimit("USD", date(2026, 1, 1), None, None, 3_000, id=1)], **given)
    assert (amounts(high)["maximum"], high.net_minor) == (-600, 3_700)
    assert high.lines[-1].working[0].text == "$36.00 is above the maximum of $30.00"
    reached = compiled([hours(60)], limits=[SpendLimit("USD", date(2026, 1, 1), None, 5_000, 9_000, id=1)], **given)
    assert {"minimum", "maximum"}.isdisjoint(amounts(reached))


def test_a_minimum_counts_by_the_days_it_holds():
    """31.00 from Oct 8 on: 24 of 31 days = 24.00; two that follow each other add up."""
    late = SpendLimit("USD", date(2026, 10, 8), None, 3_100, id=1)
    assert amounts(compiled([hours(1)], limits=[late])) == {"machine.shared-cpu-1x/fra": 100, "minimum": 2_300}
    earlier = SpendLimit("USD", date(2026, 1, 1), date(2026, 10, 8), 6_200, id=2)
    assert amounts(compiled(limits=[late, earlier])) == {"minimum": 3_800}  # 24 × 1 + 7 × 2


def test_promotional_credits_lower_the_net_and_prepaid_ones_pay_the_gross():
    """100.00 − 10.00 = 90.00 net; 19 % is 17.10; of 107.10, 50.00 are paid already."""
    promotional, prepaid = credit(CreditKind.PROMOTIONAL, 1_000, id=1), credit(CreditKind.PREPAID, 5_000, id=2)
    statement = compiled([hours(100)], promotional=[promotional], prepaid=[prepaid])
    assert (statement.net_minor, statement.tax_minor, statement.gross_minor) == (9_000, 1_710, 10_710)
    assert (statement.prepaid_minor, statement.due_minor) == (5_000, 5_710)
    assert [(use.grant_id, use.kind, use.amount_minor) for use in statement.credit_uses] == [
        (1, "promotional", 1_000),
        (2, "prepaid", 5_000),
    ]


def test_credits_carry_over_what_the_period_does_not_need():
    grants = [
        credit(CreditKind.PROMOTIONAL, 60, id=1),
        credit(CreditKind.PROMOTIONAL, 900, id=2),
        credit(CreditKind.PROMOTIONAL, 900, id=3),
    ]
    statement = compiled([hours(1)], promotional=grants, prepaid=[credit(CreditKind.PREPAID, 5_000, id=4)])
    assert [(use.grant_id, use.amount_minor) for use in statement.credit_uses] == [(1, 60), (2, 40)]
    assert (statement.net_minor, statement.due_minor) == (0, 0)


# -- net, tax, due -----------------------------------------------------------------------------------------------------------

REDUCED = TaxKey("S", Decimal(7))


def late(amount_minor: int, tax: TaxKey = GERMAN, *, key: str = "late/1"):
    return lump(setting(), LineKind.ADJUSTMENT, key, ("Adjustments", "Late usage of September"), amount_minor, tax=tax)


def test_tax_is_reckoned_on_the_sum_of_each_rate():
    """Three lines of 0.50: 19 % of 1.50 is 0.285 → 0.29 (0.095 each would be 0.10 × 3 = 0.30). EN 16931's 1.93 × 19 % is 0.37."""
    thirds = [used(CPU_SHARED, 1800, size=SHARED), used(CPU_SHARED, 1800, size=SHARED, region=GRU), used(VOLUME, 10 * GB_MONTH // 3)]
    statement = compiled(thirds, adjustments=[late(193, REDUCED)])
    assert statement.taxes == (TaxLine("S", Decimal(7), 193, 14), TaxLine("S", Decimal(19), 150, 29))
    assert (statement.net_minor, statement.tax_minor, statement.gross_minor) == (343, 43, 386)
    assert compiled([used(CPU_SHARED, 193 * 36, size=SHARED)]).tax_minor == 37


def test_an_undecided_tax_is_no_tax_yet_and_a_problem():
    statement = compiled([hours(1)], tax=TaxKey("", Decimal(0), "The customer's country is not known."))
    assert (statement.taxes, statement.gross_minor) == ((), 100)
    assert [problem.sentence for problem in statement.problems] == [
        "The customer's country is not known. Enter the billing address, then the tax can be reckoned."
    ]


def test_reverse_charge_is_a_tax_line_of_its_own_with_its_reason():
    reverse = TaxKey("AE", Decimal(0), "Reverse charge.")
    assert compiled([hours(1)], tax=reverse).taxes == (TaxLine("AE", Decimal(0), 100, 0, "Reverse charge."),)


def test_a_negative_remainder_is_carried_and_never_billed():
    """Usage 20.00, late corrections −50.00: the invoice is zero, 30.00 are given as a credit note."""
    statement = compiled([hours(20)], adjustments=[late(-5_000)])
    assert (statement.net_minor, statement.tax_minor, statement.due_minor) == (0, 0, 0)
    assert statement.carried == (Carried(GERMAN, 3_000),)
    assert amounts(statement)["carried/S-19"] == 3_000
    other = compiled([hours(20)], adjustments=[late(-5_000, REDUCED)])
    assert other.carried == (Carried(REDUCED, 3_000),)
    assert other.taxes == (TaxLine("S", Decimal(7), -2_000, -140), TaxLine("S", Decimal(19), 2_000, 380))


def test_what_a_rate_is_below_zero_is_carried_whole_where_the_tax_would_be_below_zero():
    """20.00 at 19 % and −8.00 at 7 %: 3.80 − 0.56 of tax are billed. 20.00 at 7 % and −10.00 at 19 %: 1.40 − 1.90 are not."""
    both = compiled([hours(20)], adjustments=[late(-800, REDUCED)])
    assert (both.carried, both.net_minor, both.tax_minor) == ((), 1_200, 324)
    other = compiled([], adjustments=[late(2_000, REDUCED), late(-1_000, key="late/2")])
    assert other.carried == (Carried(GERMAN, 1_000),)
    assert (other.net_minor, other.tax_minor, other.gross_minor) == (2_000, 140, 2_140)


def test_promotional_credit_is_split_over_lines_taxed_differently():
    """10.00 off 30.00 at 19 % and 10.00 at 7 %: 7.50 and 2.50."""
    statement = compiled([hours(30)], adjustments=[late(1_000, REDUCED)], promotional=[credit(CreditKind.PROMOTIONAL, 1_000)])
    assert {key: value for key, value in amounts(statement).items() if key.startswith("credit")} == {
        "credit/1/S-7": -250,
        "credit/1/S-19": -750,
    }
    assert statement.taxes == (TaxLine("S", Decimal(7), 750, 53), TaxLine("S", Decimal(19), 2_250, 428))


@pytest.mark.parametrize(("currency", "owed"), [("USD", 100), ("EUR", 100), ("JPY", 1)])
def test_amounts_are_whole_minor_units_of_their_currency(currency: str, owed: int):
    statement = compiled([used(CPU_SHARED, 3600 + 17, size=SHARED)], currency=currency)  # 1.004722…
    assert (statement.currency.code, statement.net_minor) == (currency, owed)
    line = statement.lines[0]
    explained = line.explained(statement.currency)
    assert explained.amount * 10**statement.currency.exponent == line.amount_minor == owed
    assert sum(step.amount for step in explained.steps) == explained.amount


def test_a_period_without_anything_is_a_statement_of_zero():
    statement = compiled()
    assert (statement.lines, statement.taxes, statement.due_minor, statement.is_open) == ((), (), 0, False)
    assert (statement.as_of, statement.currency) == (AFTER, USD)
    open_month = replace(setting(), as_of=datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC))
    assert compile_statement(open_month, []).is_open
