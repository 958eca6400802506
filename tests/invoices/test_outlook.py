"""Where a month is heading, from quantities chosen by hand. A GB for 30 days is $0.15 in every region."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from billing_world import BY, take_in
from factories import volume_created

from flyusage import clock, db
from flyusage.alerts.budgets import outlook as budget_outlook
from flyusage.invoices.drafting import draft, read
from flyusage.invoices.outlook import outlook
from flyusage.metering.rollups import catch_up
from flyusage.pricing.agreements import give_discount, set_billing_profile
from flyusage.pricing.tax import BillingProfile
from flyusage.pricing.terms import Discount

if TYPE_CHECKING:
    from conftest import Database

NOVEMBER = date(2026, 11, 1)
NOON = datetime(2026, 11, 16, tzinfo=UTC)
SWISS = BillingProfile("Prism AG", ("Bahnhofstrasse 1",), "8001", "Zürich", "CH")


def heading(org_id: int, at: datetime = NOON, month: date = NOVEMBER) -> int | None:
    with clock.freeze(at), db.transaction(org_id) as session:
        found = outlook(session, read(session, org_id, month))
    return found.due_minor if found else None


def test_what_runs_on_is_reckoned_to_the_end_of_the_month(database: "Database") -> None:
    # 1,000 GB all of November (30 days) are 150.00; 15 of 30 days are 75.00 so far
    org_id = take_in(volume_created("v", "2026-11-01T00:00:00Z", gb=1000), at=NOON)["prism"]
    with clock.freeze(NOON), db.transaction(org_id) as session:
        assert draft(session, org_id, NOVEMBER).net_minor == 7500
    assert heading(org_id) == 15000


def test_the_rest_goes_on_as_a_budget_expects_it(database: "Database") -> None:
    org_id = take_in(
        volume_created("old", "2026-11-01T00:00:00Z", gb=1),
        volume_created("v", "2026-11-13T00:00:00Z", gb=1000),
        at=NOON,
    )["prism"]
    with clock.freeze(NOON), db.transaction(org_id) as session:
        budget = budget_outlook(session, org_id, ())
    assert budget is not None
    # 15.075 so far; 5.005 a day from now on would be 90.15, the mean of the last seven days 47.29: the newest days count most
    assert 4729 < 100 * budget.total.expected < 9015
    due = heading(org_id)
    assert due is not None
    assert abs(due - 100 * budget.total.expected) < 1


def test_discounts_and_taxes_count_as_they_would_be_billed(database: "Database") -> None:
    org_id = take_in(volume_created("v", "2026-11-01T00:00:00Z", gb=1000), at=NOON)["prism"]
    with clock.freeze(NOON), db.platform_transaction() as session:
        set_billing_profile(session, org_id, SWISS, by=BY)
        give_discount(session, org_id, Discount("Flat", NOVEMBER, amount_minor=9000, currency="USD"), by=BY)
    assert heading(org_id) == 6000  # 150.00 − 90.00, no VAT outside the EU; of 75.00 so far nothing is owed


def test_a_month_that_is_over_or_not_begun_heads_nowhere(database: "Database") -> None:
    org_id = take_in(volume_created("v", "2026-11-01T00:00:00Z", gb=1000), at=NOON)["prism"]
    assert heading(org_id, month=date(2026, 12, 1)) is None
    over = datetime(2026, 12, 2, tzinfo=UTC)
    with clock.freeze(over):
        catch_up(org_id)
    assert heading(org_id, over) is None


def test_young_history_says_what_it_rests_on(database: "Database") -> None:
    org_id = take_in(volume_created("v", "2026-11-15T19:00:00Z", gb=1000), at=NOON)["prism"]
    with clock.freeze(NOON), db.transaction(org_id) as session:
        found = outlook(session, read(session, org_id, NOVEMBER))
    assert found is not None
    assert found.method == "The rest of the month is reckoned at the mean of the 5 hours since history begins."
