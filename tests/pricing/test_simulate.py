"""What if: every answer against a sum in plain Python over what happened, and that nothing is written."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
import sqlalchemy as sa
import usage_world as w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session
from usage_world import World

from flyusage import db
from flyusage.orgs.acting import system
from flyusage.periods import HOUR, Period, midnight
from flyusage.pricing import agreements, drafts
from flyusage.pricing.errors import SimulationRefused
from flyusage.pricing.listed import ListedPrice
from flyusage.pricing.rating import Model, Tier, rate
from flyusage.pricing.simulate import Reserved, Simulation, WhatIf, month_parts, simulate
from flyusage.pricing.terms import PriceOverride
from flyusage.pricing.versions import Version, version_named

OCTOBER = Period(midnight(date(2026, 10, 1)), midnight(date(2026, 11, 1)))
ALL = Period(midnight(date(2026, 9, 20)), midnight(date(2026, 11, 15)))
BY = system("test")
NEW_YEAR = date(2027, 1, 1)
Cells = dict[tuple[str, str], int]


@pytest.fixture
def platform(world: World) -> Iterator[Session]:
    """Nothing of a test is kept."""
    with db.platform_transaction() as session, session.begin_nested() as made:
        yield session
        made.rollback()


@pytest.fixture
def draft(platform: Session) -> Version:
    """As the stepped book's latest version, and yet to be changed."""
    return drafts.new_draft(platform, "stepped", NEW_YEAR, source=version_named(platform, f"stepped@{w.STEP}"), by=BY)


def used(world: World, period: Period) -> Iterator[w.Cell]:
    return (cell for cell in world.cells(w.NOW) if cell.hour in period)


def before(world: World, period: Period) -> Fraction:
    return sum((world.cost(cell) for cell in used(world, period)), Fraction(0))


def by_line(found: Simulation) -> dict[tuple[str, str], tuple[Fraction | None, Fraction | None]]:
    return {(line.sku, line.region): (line.before, line.after) for line in found.lines}


def assert_adds_up(found: Simulation) -> None:
    assert sum((line.before or 0 for line in found.lines), Fraction(0)) == found.before
    assert sum((line.after or 0 for line in found.lines), Fraction(0)) + found.reserved == found.after
    assert sum((line.difference for line in found.lines), Fraction(0)) + found.reserved == found.difference


def test_nothing_asked_changes_nothing(world: World, platform: Session) -> None:
    found = simulate(platform, world.org_id, ALL, WhatIf())
    assert (found.before, found.after, found.difference) == (before(world, ALL), before(world, ALL), 0)
    assert found.notices[0].startswith("Without a price as it is, and not in that total: machine.a10 in ")
    assert_adds_up(found)


def test_an_older_version_prices_every_day_of_the_range(world: World, platform: Session) -> None:
    """Machines were 5 % cheaper and volumes twice as dear before Oct 17; the version of then knows nothing of the step."""
    found = simulate(platform, world.org_id, ALL, WhatIf(version_named(platform, "stepped@2024-11-01")))
    expected: defaultdict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for cell in used(world, ALL):
        expected[cell.sku, cell.region] += cell.quantity * world.prices.get((cell.sku, cell.region, False), Fraction(0))
    assert found.after == sum(expected.values())
    assert {key: after or 0 for key, (_, after) in by_line(found).items() if key[0] != "machine.a10"} == {
        key: amount for key, amount in expected.items() if key[0] != "machine.a10"
    }
    assert_adds_up(found)


def test_a_draft_is_priced_before_it_is_published(world: World, platform: Session, draft: Version) -> None:
    drafts.scale_prices(platform, draft, Fraction(10), pattern="machine.performance-2x", by=BY)
    found = simulate(platform, world.org_id, OCTOBER, WhatIf(draft))
    quantity = sum(cell.quantity for cell in used(world, OCTOBER) if (cell.sku, cell.region) == ("machine.performance-2x", "gru"))
    assert quantity
    listed = Fraction(str(round(Decimal(str(float(world.prices["machine.performance-2x", "gru", True]))), 12)))
    was, would_be = by_line(found)["machine.performance-2x", "gru"]
    priced = [one for one in drafts.books.version_prices(platform, draft.id) if (one.sku, one.scope) == ("machine.performance-2x", "gru")]
    assert would_be == quantity * Fraction(priced[0].amount)
    assert abs(Fraction(priced[0].amount) - listed * Fraction("1.1")) < Fraction(1, 10**11)
    assert was is not None and was < would_be
    assert platform.scalar(sa.text("SELECT published_at FROM price_book_version WHERE id = :id"), {"id": draft.id}) is None


def test_moving_a_region_prices_its_usage_where_it_would_be(world: World, platform: Session) -> None:
    found = simulate(platform, world.org_id, ALL, WhatIf(moves={"dfw": "fra", "gru": "fra"}))
    expected = sum(
        (
            cell.quantity
            * world.prices.get(
                (cell.sku, {"dfw": "fra", "gru": "fra"}.get(cell.region, cell.region), cell.hour.date() >= w.STEP), Fraction(0)
            )
            for cell in used(world, ALL)
        ),
        Fraction(0),
    )
    assert found.after == expected
    assert ("volume", "dfw") not in by_line(found) or by_line(found)["volume", "dfw"][0] == by_line(found)["volume", "dfw"][1]  # global
    assert_adds_up(found)


def extra_memory(world: World, period: Period, sizes: dict[str, tuple[str, int]]) -> dict[tuple[str, datetime], int]:
    """MiB-seconds beyond the presets by region and day, machines of `sizes` having others of that preset memory instead."""
    found: defaultdict[tuple[str, datetime], int] = defaultdict(int)
    runs = [span for span in world.spans if span.sku.startswith("machine.") and span.sku not in w.METER]
    for run in runs:
        extra = next(
            (span.capacity for span in world.spans if span.sku == w.EXTRA and (span.machine, span.start) == (run.machine, run.start)), 0
        )
        preset = {**w.PRESETS, "a10": (32768, 8)}[run.size][0]
        now = max(0, preset + extra - sizes[run.size][1]) if run.size in sizes else extra
        moment, end = max(run.start, period.start), min(run.stop or w.NOW, period.end)
        while moment < end:
            day = moment.replace(hour=0, minute=0, second=0)
            until = min(end, day + timedelta(days=1))
            found[run.region, day] += int((until - moment).total_seconds()) * now
            moment = until
    return found


@pytest.mark.parametrize(
    ("source", "target", "memory"),
    [
        ("performance-8x", "performance-2x", 4096),  # 12,288 MiB that the preset no longer includes
        ("shared-cpu-1x", "performance-2x", 4096),  # more than any extra memory there was
        ("shared-cpu-1x", "shared-cpu-2x", 512),  # 256 of 512 or 2,048 are included from now on
    ],
)
def test_another_size_keeps_the_memory_machines_have(world: World, platform: Session, source: str, target: str, memory: int) -> None:
    period = Period(ALL.start, datetime(2026, 11, 13, 5, tzinfo=UTC))
    found = simulate(platform, world.org_id, period, WhatIf(resizes={source: target}))
    price = {
        (one.sku, one.scope): Fraction(one.amount) / one.per_quantity
        for one in drafts.books.version_prices(platform, version_named(platform, "stepped@2024-11-01").id)
    }
    expected = Fraction(0)
    for cell in used(world, period):
        dearer = Fraction("1.05") if cell.hour.date() >= w.STEP else Fraction(1)
        if cell.sku == f"machine.{source}":
            expected += cell.quantity * price[f"machine.{target}", cell.region] * dearer
        elif cell.sku != w.EXTRA:
            expected += world.cost(cell)
    for (region, day), quantity in extra_memory(world, period, {source: (target, memory)}).items():
        expected += quantity * world.prices[w.EXTRA, region, day.date() >= w.STEP]
    assert found.after == expected
    assert found.before == before(world, period)
    assert_adds_up(found)


def test_a_reservation_takes_its_credit_month_by_month(world: World, platform: Session) -> None:
    """$144 a year for $20 of performance machines and their memory in gru each month: 12 a month less what was used, 20 at most."""
    found = simulate(platform, world.org_id, ALL, WhatIf(reservations=(Reserved("gru", "performance", Fraction(144), Fraction(20)),)))
    months: defaultdict[int, Fraction] = defaultdict(Fraction)
    for cell in used(world, ALL):
        if cell.region == "gru" and cell.size.startswith("performance") and cell.sku.startswith("machine.") and cell.sku != w.ROOTFS:
            months[cell.hour.month] += world.cost(cell)
    parts = {9: Fraction(11, 30), 10: Fraction(1), 11: Fraction(14, 30)}
    assert [part for _, part in month_parts(ALL)] == list(parts.values())
    expected = sum((12 * part - min(months[month], 20 * part) for month, part in parts.items()), Fraction(0))
    assert found.reserved == expected
    assert found.difference == expected
    assert_adds_up(found)


def test_tiers_are_rated_once_for_a_billing_month_and_spread_by_quantity(world: World, platform: Session, draft: Version) -> None:
    tiers = (Tier(Fraction(100), Fraction("0.05"), Fraction(3)), Tier(None, Fraction("0.01")))
    tiered = ListedPrice(w.EGRESS, "global", Decimal(0), 10**9, "GB", model=Model.GRADUATED, tiers=tiers)
    for scope in ("na_eu", "ap_oc_sa", "af_in"):
        drafts.remove_price(platform, draft, w.EGRESS, scope, by=BY)
    drafts.set_price(platform, draft, tiered, by=BY)
    found = simulate(platform, world.org_id, ALL, WhatIf(draft))
    months: defaultdict[int, int] = defaultdict(int)
    for cell in used(world, ALL):
        if cell.sku == w.EGRESS:
            months[cell.hour.month] += cell.quantity
    expected = sum((rate(Fraction(quantity), tiered.price).amount for quantity in months.values()), Fraction(0))
    assert sum((after or 0 for (sku, _), (_, after) in by_line(found).items() if sku == w.EGRESS), Fraction(0)) == expected
    assert_adds_up(found)


def test_what_is_negotiated_goes_before_either_book(world: World, platform: Session, draft: Version) -> None:
    override = PriceOverride("volume", "global", Decimal("0.01"), 1024 * 2_592_000, "GB-month", date(2026, 10, 5))
    agreements.agree_price(platform, world.org_id, override, by=BY)
    drafts.scale_prices(platform, draft, Fraction(100), pattern="volume", by=BY)
    found = simulate(platform, world.org_id, OCTOBER, WhatIf(draft))
    was = would_be = Fraction(0)
    for cell in used(world, OCTOBER):
        if cell.sku == w.VOLUME:
            agreed = cell.quantity * Fraction("0.01") / override.per_quantity
            is_agreed = cell.hour.date() >= override.starts_on
            was += agreed if is_agreed else world.cost(cell)
            # the draft's volume is half the list's, doubled
            would_be += agreed if is_agreed else cell.quantity * world.prices[w.VOLUME, cell.region, True] * 2
    lines = [line for line in found.lines if line.sku == w.VOLUME]
    assert sum((line.before or 0 for line in lines), Fraction(0)) == was
    assert sum((line.after or 0 for line in lines), Fraction(0)) == would_be


def test_a_sku_without_a_price_is_named_and_not_counted_as_nothing(world: World, platform: Session, draft: Version) -> None:
    drafts.remove_price(platform, draft, w.VOLUME, "global", by=BY)
    found = simulate(platform, world.org_id, OCTOBER, WhatIf(draft))
    assert {line.after for line in found.lines if line.sku == w.VOLUME} == {None}
    assert "Without a price as asked" in found.notices[1]


def test_nonsense_is_refused(world: World, platform: Session) -> None:
    euro = drafts.new_book(platform, "euro", currency="EUR", by=BY)
    assert euro
    version = drafts.new_draft(platform, "euro", NEW_YEAR, by=BY)
    for what, words in (
        (WhatIf(version), r"euro@2027-01-01 is in EUR, the organization buys in USD"),
        (WhatIf(moves={"mars": "fra"}), "no region 'mars'"),
        (WhatIf(resizes={"shared-cpu-1x": "huge"}), "no VM size 'huge'"),
        (WhatIf(reservations=(Reserved("mars", "shared", Fraction(1), Fraction(1)),)), "no region 'mars'"),
    ):
        with pytest.raises(SimulationRefused, match=words):
            simulate(platform, world.org_id, OCTOBER, what)


def test_it_reads_only_and_only_its_own_organization(world: World) -> None:
    with db.transaction(world.org_id) as session:
        session.execute(sa.text("SET TRANSACTION READ ONLY"))
        found = simulate(session, world.org_id, OCTOBER, WhatIf(moves={"gru": "dfw"}, resizes={"shared-cpu-1x": "shared-cpu-2x"}))
    assert found.before == before(world, OCTOBER)
    with db.transaction(world.org_id + 1) as session:
        assert simulate(session, world.org_id, OCTOBER, WhatIf()).before == 0


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(first=st.integers(0, 56 * 24), hours=st.integers(0, 56 * 24), ago=st.integers(0, 3 * 86_400))
def test_any_range_at_any_moment_is_what_happened(world: World, platform: Session, first: int, hours: int, ago: int) -> None:
    start = midnight(w.START.date()) + first * HOUR
    period, as_of = Period(start, start + hours * HOUR), w.NOW - timedelta(seconds=ago)
    found = simulate(platform, world.org_id, period, WhatIf(), as_of=as_of)
    expected = sum((world.cost(cell) for cell in world.cells(found.as_of) if cell.hour in period), Fraction(0))
    assert (found.before, found.after) == (expected, expected)


def test_lines_begin_with_the_largest_difference(world: World, platform: Session) -> None:
    found = simulate(platform, world.org_id, OCTOBER, WhatIf(moves={"gru": "dfw"}))
    differences = [abs(line.difference) for line in found.lines]
    assert differences == sorted(differences, reverse=True)
    assert found.lines[0].region == "gru"
    assert replace(found.lines[0], after=None).difference == -(found.lines[0].before or 0)
