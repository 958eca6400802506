from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
import sqlalchemy as sa
from cast import Cast
from conftest import Database
from usage_world import EXTRA, NOW, STEP, World, make_world

from flyusage import clock, db
from flyusage.invoices.drafting import draft
from flyusage.invoices.statement import Statement
from flyusage.money import to_minor
from flyusage.orgs.acting import system
from flyusage.periods import Period, midnight, month_period
from flyusage.pricing import agreements, grants
from flyusage.pricing.explorer import explore
from flyusage.pricing.tax import BillingProfile
from flyusage.pricing.terms import CpuKind, CreditKind, Discount, PriceOverride, RecurringFee, Reservation
from flyusage.pricing.view import Measure, View

SALES = system("sales")
MONTHS = [date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)]
MOMENTS = [
    NOW,
    datetime(2026, 11, 1, 0, 30, 20, tzinfo=UTC),
    datetime(2026, 10, 20, 13, 5, 7, tzinfo=UTC),
    datetime(2026, 10, 17, tzinfo=UTC),
]


@pytest.fixture(scope="module")
def world(shared_database: Database) -> Iterator[World]:
    with clock.freeze(NOW):
        yield make_world()


def drafted(world: World, month: date, as_of: datetime = NOW) -> Statement:
    with db.transaction(world.org_id) as session, clock.freeze(NOW):
        return draft(session, world.org_id, month, as_of=as_of)


def listed(world: World, period: Period, as_of: datetime, view: View | None = None) -> Fraction:
    with db.transaction(world.org_id) as session, clock.freeze(NOW):
        asked = view or View(Measure.LIST_COST, period, as_of=as_of)
        return explore(session, world.org_id, asked, now=NOW).total


@pytest.mark.parametrize("as_of", MOMENTS)
@pytest.mark.parametrize("month", MONTHS)
def test_a_drafts_usage_is_the_explorers_list_cost_and_that_of_what_happened(world: World, month: date, as_of: datetime):
    period = month_period(midnight(month))
    expected = sum((world.cost(cell) for cell in world.cells(as_of) if cell.hour in period), Fraction(0))
    statement = drafted(world, month, as_of)
    assert statement.usage_exact == expected == listed(world, period, as_of)
    assert (statement.as_of, statement.is_open) == (as_of, as_of < period.end)


def test_lines_are_those_reckoned_from_what_happened(world: World):
    """Machines by size, region and price; the rest by meter, region and price; each rounded once."""
    exact: dict[str, Fraction] = defaultdict(Fraction)
    period = month_period(midnight(date(2026, 10, 1)))
    memory_used = {(cell.size, cell.region) for cell in world.cells(NOW) if cell.sku == EXTRA and cell.hour in period}
    assert memory_used
    for cell in world.cells(NOW):
        if cell.hour in period and world.cost(cell):
            is_machine = cell.sku.startswith("machine.") and cell.sku != "machine.rootfs_stopped"
            name = f"machine.{cell.size}" if is_machine else cell.sku
            has_step = is_machine or cell.sku in ("volume", "machine.rootfs_stopped")  # usage_world's STEPS, by the word before the dot
            later = f"/{STEP}" if has_step and cell.hour.date() >= STEP else ""
            exact[f"{name}/{cell.region}{later}"] += world.cost(cell)
    statement = drafted(world, date(2026, 10, 1))
    assert {line.key: line.amount_minor for line in statement.lines} == {
        key: to_minor(cost, statement.currency) for key, cost in exact.items()
    }
    assert {line.key: line.exact for line in statement.lines} == exact
    assert statement.net_minor == sum(line.amount_minor for line in statement.lines)


@pytest.mark.parametrize("as_of", MOMENTS[:3])
def test_the_evidence_of_each_line_sums_to_it(world: World, as_of: datetime):
    statement = drafted(world, date(2026, 10, 1), as_of)
    assert len(statement.lines) > 10
    for line in statement.lines:
        assert line.evidence is not None
        assert listed(world, line.period, as_of, line.evidence) == line.exact, line.key


def test_what_has_no_price_is_listed_with_what_was_used(world: World):
    statement = drafted(world, date(2026, 10, 1))
    used = sum(cell.quantity for cell in world.cells(NOW) if cell.sku == "machine.a10" and cell.hour.month == 10)
    assert [(one.sku, one.quantity) for one in statement.unpriced] == [("machine.a10", used)]


def test_a_month_before_anything_happened_is_zero(world: World):
    statement = drafted(world, date(2026, 8, 1))
    assert (statement.lines, statement.due_minor, statement.usage_exact) == ((), 0, 0)


def test_an_organization_without_events_has_a_draft(cast: Cast):
    with db.transaction(cast.rival.id) as session, clock.freeze(NOW):
        statement = draft(session, cast.rival.id, NOW.date())
    assert (statement.due_minor, statement.lines, statement.rolled_through) == (0, (), None)
    assert [problem.code for problem in statement.problems] == ["tax_undecided"]


def test_an_outsider_drafts_nothing_of_it(world: World):
    with db.transaction(world.org_id + 1) as session, clock.freeze(NOW):
        statement = draft(session, world.org_id, date(2026, 10, 1))
    assert (statement.lines, statement.due_minor) == ((), 0)


def test_a_draft_asks_a_fixed_number_of_questions(world: World):
    statements = []
    with db.transaction(world.org_id) as session, clock.freeze(NOW):
        sa.event.listen(session.connection(), "before_cursor_execute", lambda *args: statements.append(args[2]))
        draft(session, world.org_id, date(2026, 10, 1))
    assert len(statements) <= 8


@pytest.fixture
def agreed(database: Database) -> World:
    """The same platform, with terms of every kind; a fifth of volumes' price off from Oct 10 on."""
    with clock.freeze(NOW):
        world = make_world()
    org = world.org_id
    with db.platform_transaction() as session, clock.freeze(NOW - timedelta(days=40)):
        fra = session.scalar(sa.text("SELECT id FROM region WHERE code = 'fra'"))
        profile = BillingProfile("Prism GmbH", ("Weg 1",), "10115", "Berlin", "DE")
        agreements.set_billing_profile(session, org, profile, by=SALES)
        override = PriceOverride("volume", "global", Decimal("0.12"), 1024 * 2_592_000, "GB-month", date(2026, 10, 10))
        agreements.agree_price(session, org, override, by=SALES)
        agreements.reserve(session, org, Reservation(fra or 0, CpuKind.PERFORMANCE, 36_000, 5_000, "USD", date(2026, 10, 1), 12), by=SALES)
        agreements.give_discount(session, org, Discount("Launch", date(2026, 10, 1), percent=Decimal(10), periods=1), by=SALES)
        agreements.add_fee(session, org, RecurringFee("Support", date(2026, 10, 8), sku="support.standard"), by=SALES)
        grants.grant(session, org, CreditKind.PROMOTIONAL, 1_000, description="Hello", by=SALES)
        grants.grant(session, org, CreditKind.PREPAID, 2_500, description="Prepaid", by=SALES)
    return world


def test_a_draft_under_terms_of_every_kind(agreed: World):
    statement = drafted(agreed, date(2026, 10, 1))
    lines = {line.key.partition("/")[0]: line for line in statement.lines}
    usage = sum(line.amount_minor for line in statement.lines if line.kind == "usage")
    fra = sum(line.amount_minor for line in statement.lines if line.key.startswith("machine.performance") and "/fra" in line.key)
    fee = lines["fee"].amount_minor
    assert fee == 2_245  # 29.00 × 24/31
    assert fra > 5_000
    assert lines["reservation"].amount_minor in (-5_000, 36_000)
    assert lines["discount"].amount_minor == -to_minor(Fraction(usage + fee - 5_000, 1000), statement.currency)
    assert lines["credit"].amount_minor == -1_000
    assert statement.net_minor == usage + fee + 36_000 - 5_000 + lines["discount"].amount_minor - 1_000
    assert statement.tax_minor == to_minor(Fraction(statement.net_minor, 100) * 19 / 100, statement.currency)
    assert statement.due_minor == statement.net_minor + statement.tax_minor - 2_500
    volume = next(line for line in statement.lines if line.key.endswith("2026-10-10"))
    assert (volume.price_id, volume.unit_price, volume.per) == (None, Decimal("0.12"), "per GB for 30 days")
    december = drafted(agreed, date(2026, 12, 1))
    assert {line.key for line in december.lines} == {"fee/1", "credit/1"}  # 29.00 less 10.00; the discount is over, nothing is used


def test_a_negotiated_price_with_tiers_is_rated_once_over_all_regions(agreed: World):
    """Egress: the first 100 GB free of charge, then 0.01 per GB; an invented price wherever traffic leaves."""
    tiers = [{"up_to": "100", "unit_amount": "0"}, {"up_to": None, "unit_amount": "0.01"}]
    tiered = PriceOverride(
        "egress.public", "global", Decimal("0.01"), 10**9, "GB", date(2026, 10, 1), None, {"model": "graduated", "tiers": tiers}
    )
    with db.platform_transaction() as session, clock.freeze(NOW):
        agreements.agree_price(session, agreed.org_id, tiered, by=SALES)
    statement = drafted(agreed, date(2026, 10, 1))
    count = sum(cell.quantity for cell in agreed.cells(NOW) if cell.sku == "egress.public" and cell.hour.month == 10)
    (line,) = [line for line in statement.lines if line.key.startswith("egress.public/")]
    assert line.exact == max(Fraction(0), Fraction(count, 10**9) - 100) / 100
    assert len({part.region_id for part in line.components}) > 1
    assert sum(part.quantity for part in line.components) == count


def test_pinned_drafts_repeat_to_the_last_decimal(agreed: World):
    pinned = drafted(agreed, date(2026, 11, 1), NOW - timedelta(minutes=3))
    assert replace(pinned, rolled_through=None) == replace(drafted(agreed, date(2026, 11, 1), pinned.as_of), rolled_through=None)
