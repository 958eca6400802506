"""What holds for every statement, whatever was used and agreed."""

import random
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from statements import (
    CPU_PERFORMANCE,
    CPU_SHARED,
    EGRESS,
    FRA,
    GB_MONTH,
    GERMAN,
    GRU,
    MEMORY,
    OCTOBER,
    PERFORMANCE,
    REFERENCE,
    SHARED,
    VOLUME,
    credit,
    setting,
    table,
    terms,
    used,
)

from flyusage.invoices.compiling import compile_statement, setting_of
from flyusage.invoices.ledger import lump
from flyusage.invoices.statement import LineKind, Statement
from flyusage.invoices.usage_lines import Metered, Setting
from flyusage.money import round_half_away, to_minor
from flyusage.periods import Period, midnight
from flyusage.pricing.tax import TaxKey
from flyusage.pricing.terms import CpuKind, CreditKind, Discount, OneOffCharge, PriceOverride, RecurringFee, Reservation, SpendLimit

KEYS = [(CPU_SHARED, SHARED), (CPU_PERFORMANCE, PERFORMANCE), (MEMORY, SHARED), (MEMORY, PERFORMANCE), (VOLUME, 0), (EGRESS, SHARED)]
SIZES = {CPU_SHARED: 10**7, CPU_PERFORMANCE: 10**7, MEMORY: 10**10, VOLUME: 10 * GB_MONTH, EGRESS: 10**12}
DAYS = st.dates(date(2026, 9, 1), date(2026, 11, 15))
MINOR = st.integers(1, 200_000)
TAXES = [GERMAN, TaxKey("S", Decimal("25.5")), TaxKey("AE", Decimal(0), "Reverse charge.")]


@st.composite
def quantities(draw: st.DrawFn) -> list[Metered]:
    """Usage in two epochs, before Oct 17 and from then on."""
    found = []
    for sku_id, size in draw(st.lists(st.sampled_from(KEYS), max_size=8)):
        region = draw(st.sampled_from([FRA, GRU]))
        found.append(used(sku_id, draw(st.integers(0, SIZES[sku_id])), region=region, size=size, epoch=draw(st.integers(0, 1))))
    return found


@st.composite
def discounts(draw: st.DrawFn, id: int) -> Discount:
    sku_id = draw(st.sampled_from([None, CPU_SHARED, VOLUME]))
    if draw(st.booleans()):
        percent = draw(st.decimals(Decimal("0.01"), Decimal(100), places=2))
        return Discount("Percent", date(2026, 10, 1), percent=percent, id=id, sku_id=sku_id)
    return Discount("Amount", date(2026, 10, 1), amount_minor=draw(MINOR), currency="USD", id=id, sku_id=sku_id)


@st.composite
def reservations(draw: st.DrawFn, id: int) -> Reservation:
    kind, region = draw(st.sampled_from(list(CpuKind))), draw(st.sampled_from([FRA, GRU]))
    return Reservation(region, kind, draw(st.sampled_from([0, 3_600])), draw(MINOR), "USD", draw(DAYS), draw(st.integers(1, 12)), id)


@st.composite
def settings(draw: st.DrawFn) -> Setting:
    """Prices that change on Oct 17, and terms of every kind."""
    first, last = sorted((draw(DAYS), draw(DAYS)))
    limits = []
    if draw(st.booleans()):
        low, high = sorted((draw(MINOR), draw(MINOR)))
        limits.append(SpendLimit("USD", date(2026, 1, 1), None, low, high, 1))
    agreed = terms(
        currency=draw(st.sampled_from(["USD", "EUR", "JPY"])),
        tax=draw(st.sampled_from(TAXES)),
        discounts=[draw(discounts(id)) for id in range(draw(st.integers(0, 3)))],
        reservations=[draw(reservations(id)) for id in range(draw(st.integers(0, 3)))],
        fees=[RecurringFee("Fee", first, last, draw(st.decimals(0, 500, places=3)), "USD", Decimal(draw(st.integers(0, 9))), id=1)],
        charges=[OneOffCharge("Charge", draw(MINOR), "USD", date(2026, 10, 9), 1)] if draw(st.booleans()) else [],
        promotional=[credit(CreditKind.PROMOTIONAL, draw(MINOR), id=id) for id in range(draw(st.integers(0, 2)))],
        prepaid=[credit(CreditKind.PREPAID, draw(MINOR), id=10 + id) for id in range(draw(st.integers(0, 2)))],
        limits=limits,
    )
    return setting(agreed, table(steps={CPU_SHARED: (date(2026, 10, 17), "1.37"), VOLUME: (date(2026, 10, 17), "0.05")}))


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    made = draw(settings())
    owed = draw(st.lists(st.tuples(st.integers(-100_000, 100_000), st.sampled_from(TAXES)), max_size=2))
    late = [
        lump(made, LineKind.ADJUSTMENT, f"late/{number}", ("Adjustments", "Late"), amount, tax=tax)
        for number, (amount, tax) in enumerate(owed)
    ]
    return compile_statement(made, draw(quantities()), adjustments=late)


@given(statements())
def test_everything_sums_and_nothing_is_negative(statement: Statement):
    assert statement.net_minor == sum(line.amount_minor for line in statement.lines) >= 0
    bases: Counter = Counter()
    for line in statement.lines:
        bases[line.tax.category, line.tax.percent] += line.amount_minor
    assert {(one.category, one.percent): one.basis_minor for one in statement.taxes} == dict(bases)
    for one in statement.taxes:
        assert one.tax_minor == round_half_away(Fraction(one.basis_minor) * Fraction(one.percent) / 100, 0)
    assert statement.tax_minor == sum(one.tax_minor for one in statement.taxes)
    assert statement.gross_minor == statement.net_minor + statement.tax_minor
    assert statement.due_minor == statement.gross_minor - statement.prepaid_minor
    assert 0 <= statement.prepaid_minor <= max(0, statement.gross_minor)


@given(statements())
def test_every_line_is_its_working_rounded_once(statement: Statement):
    keys = [line.key for line in statement.lines]
    assert len(keys) == len(set(keys))
    for line in statement.lines:
        assert line.exact == sum(step.amount for step in line.working)
        assert line.amount_minor == to_minor(line.exact, statement.currency)
        assert line.exact == sum(part.exact for part in line.components) or line.kind is not LineKind.USAGE
        for step in line.working:
            if step.quantity is not None and step.unit_amount is not None:
                assert step.amount == step.quantity * step.unit_amount / step.per_quantity


@given(statements())
def test_reductions_never_take_more_than_a_line_holds(statement: Statement):
    left = {line.key: line.amount_minor for line in statement.lines if not line.shares}
    for line in statement.lines:
        assert line.amount_minor == sum(share.amount_minor for share in line.shares) or not line.shares
        for share in line.shares:
            assert share.amount_minor < 0
            left[share.key] += share.amount_minor
    assert all(value >= 0 for key, value in left.items() if not key.startswith("late/"))
    for line in statement.lines:
        if line.kind is LineKind.RESERVATION:
            covered = [statement.line(share.key) for share in line.shares]
            assert all(one and one.region_id == line.region_id and one.product == "Machines" for one in covered)
            assert -line.amount_minor <= sum(one.amount_minor for one in covered if one)


@given(statements())
def test_credits_are_used_up_to_what_they_hold(statement: Statement):
    for use in statement.credit_uses:
        assert 0 < use.amount_minor <= 200_000
    promotional = -sum(line.amount_minor for line in statement.lines if line.kind is LineKind.PROMOTIONAL)
    assert promotional == sum(use.amount_minor for use in statement.credit_uses if use.kind == CreditKind.PROMOTIONAL)


@given(settings(), quantities(), st.randoms(use_true_random=False))
def test_the_order_of_what_was_metered_and_agreed_does_not_matter(made: Setting, metered: list[Metered], chance: random.Random):
    shuffled = {name: list(getattr(made.terms, name)) for name in ("discounts", "reservations", "fees", "charges", "limits")}
    for agreed in shuffled.values():
        chance.shuffle(agreed)
    other = replace(made, terms=replace(made.terms, **{name: tuple(agreed) for name, agreed in shuffled.items()}))
    parts = [
        part
        for one in metered
        for part in (replace(one, quantity=one.quantity // 3), replace(one, quantity=one.quantity - one.quantity // 3))
    ]
    chance.shuffle(parts)
    assert compile_statement(other, parts) == compile_statement(made, metered)


@given(
    st.lists(st.tuples(st.sampled_from(KEYS), st.integers(0, 30), st.integers(0, 10**7)), max_size=12),
    st.integers(1, 30),
    st.integers(2, 30),
)
def test_splitting_the_period_at_any_day_gives_the_same_usage(days: list, cut: int, step: int):
    """Usage by day; a negotiated price begins on day `step`. One statement of October, and two that meet at `cut`."""
    first = OCTOBER.start.date()
    override = PriceOverride("volume", "global", Decimal("0.07"), GB_MONTH, "GB-month", first + timedelta(days=step), id=1, sku_id=VOLUME)
    override = replace(override, region_ids=frozenset(REFERENCE.regions))

    def usage_of(start: int, end: int) -> Fraction:
        period = Period(midnight(first + timedelta(days=start)), midnight(first + timedelta(days=end)))
        made = setting_of(
            terms(period=period, overrides=[override]), table(steps={CPU_SHARED: (date(2026, 10, 17), "2")}), REFERENCE, period.end
        )
        metered = [
            used(sku_id, quantity, size=size, epoch=epoch.number)
            for (sku_id, size), day, quantity in days
            if start <= day < end
            for epoch in made.epochs
            if epoch.starts_on <= first + timedelta(days=day) < epoch.ends_on
        ]
        return compile_statement(made, metered).usage_exact

    assert usage_of(0, 31) == usage_of(0, cut) + usage_of(cut, 31)
