"""Monthly totals are exact at every moment: before a fold, after it, and while invoices change."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from random import Random

import pytest
from billing_world import BY, NOW, OCTOBER, acting, bill_to, billed, take_in, value, volume
from conftest import Begun

from flyusage import clock, db
from flyusage.invoices.crediting import credit
from flyusage.invoices.settlement import Receipt, mark_uncollectible, record_payment, void
from flyusage.invoices.totals import MonthTotal, fold, month_totals, platform_month_totals, recount

SEPTEMBER = date(2026, 9, 1)


def two_organizations() -> dict[str, int]:
    """Prism and Rival with 1,000 GB ($150.00, 19 % tax: $178.50) in September and October."""
    known = take_in(
        *(event for org in ("prism", "rival") for month in (9, 10) for event in volume(f"v{month}", 1000, org=org, month=month))
    )
    for org_id in known.values():
        bill_to(org_id)
    return known


@pytest.fixture
def two(begun: Begun) -> dict[str, int]:
    return begun(two_organizations)


def platform() -> list[MonthTotal]:
    with db.platform_transaction() as session:
        assert recount(session) == []
        return platform_month_totals(session)


def test_totals_follow_every_change_and_a_fold_changes_none(two):
    september, october = billed(two["prism"], SEPTEMBER), billed(two["prism"])
    other = billed(two["rival"])
    expected = [
        MonthTotal(SEPTEMBER, "USD", 1, 0, 15000, 2850, 17850, 0, 17850, 0),
        MonthTotal(OCTOBER, "USD", 2, 0, 30000, 5700, 35700, 0, 35700, 0),
    ]
    assert platform() == expected
    with db.platform_transaction() as session:
        assert fold(session) > 0
    assert value("SELECT count(*) FROM invoice_total_change") == 0
    assert platform() == expected
    with acting() as session:
        record_payment(session, two["prism"], september.id, Receipt(7850, NOW.date(), "x"), by=BY)
        credit(session, two["prism"], october.id, reason="x", net_minor=10000, by=BY)
        mark_uncollectible(session, two["rival"], other.id, reason="x", by=BY)
    changed = [
        MonthTotal(SEPTEMBER, "USD", 1, 0, 15000, 2850, 17850, 0, 10000, 0),
        MonthTotal(OCTOBER, "USD", 2, 1, 20000, 3800, 23800, 11900, 5950, 17850),
    ]
    assert platform() == changed
    with acting() as session:
        fold(session)
    assert platform() == changed
    with db.transaction(two["prism"]) as session:
        assert month_totals(session, two["prism"]) == [
            MonthTotal(SEPTEMBER, "USD", 1, 0, 15000, 2850, 17850, 0, 10000, 0),
            MonthTotal(OCTOBER, "USD", 1, 1, 5000, 950, 5950, 11900, 5950, 0),
        ]
        assert month_totals(session, two["prism"], since=OCTOBER)[0].month == OCTOBER
        assert month_totals(session, two["rival"]) == []  # another organization's


def test_a_void_invoice_counts_nowhere(two):
    one = billed(two["prism"])
    with acting() as session:
        fold(session)
        void(session, two["prism"], one.id, reason="x", by=BY)
    assert platform() == []


def test_folds_at_once_lose_nothing(two):
    months = [SEPTEMBER, OCTOBER]
    invoices = [(org_id, billed(org_id, month)) for org_id in two.values() for month in months]
    start = threading.Barrier(4)

    def pay(n: int) -> None:
        chance = Random(n)
        start.wait()
        for _ in range(15):
            org_id, one = chance.choice(invoices)
            with db.platform_transaction() as session:
                record_payment(session, org_id, one.id, Receipt(100, NOW.date(), "x"), by=BY)
                fold(session)

    with clock.freeze(NOW), ThreadPoolExecutor(4) as threads:
        list(threads.map(pay, range(4)))
    assert sum(total.open_minor for total in platform()) == 4 * 17850 - 4 * 15 * 100
