"""Where a month is heading: one answer for the overview, a budget, the explorer's band and Billing."""

from datetime import UTC, date, datetime, timedelta

import pytest
from billing_world import take_in
from factories import started, stopped, volume_created, volume_destroyed, volume_resized

from flyusage import clock, db
from flyusage.alerts.budgets import outlook as budget_outlook
from flyusage.invoices.drafting import read
from flyusage.invoices.outlook import outlook
from flyusage.metering import history
from flyusage.metering.silence import missing_days
from flyusage.periods import Period
from flyusage.pricing.ahead import ahead
from flyusage.pricing.overview import overview
from flyusage.pricing.view import Dimension, Filter, Measure

NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
MONDAY, SATURDAY = 0, 5


def weekly() -> list[dict]:
    """1,000 GB since Sep 1, 600 on Saturdays and Sundays: at $0.15 for 30 days of a GB, $5 and $3 a day."""
    days = (datetime(2026, 9, 1, tzinfo=UTC) + timedelta(days=one) for one in range(77))
    turns = [(day, {SATURDAY: 600, MONDAY: 1000}[day.weekday()]) for day in days if day.weekday() in (SATURDAY, MONDAY)]
    return [
        volume_created("v", "2026-09-01T00:00:00Z", gb=1000),
        *(volume_resized("v", f"{day:%Y-%m-%dT00:00:00Z}", gb=gb) for day, gb in turns),
    ]


@pytest.fixture
def org_id(database) -> int:
    return take_in(*weekly(), at=NOW)["prism"]


def test_weekdays_are_known_and_everybody_says_the_same(org_id: int) -> None:
    with clock.freeze(NOW), db.transaction(org_id) as session:
        found = ahead(session, org_id, Measure.LIST_COST, now=NOW)
        assert found is not None
        # To a hundredth, since weekdays are believed by degrees. Monday, 9:30: 14.5 of its 24 hours, ten more weekdays, two weekends
        assert found.rest.expected == pytest.approx(5 * 14.5 / 24 + 10 * 5 + 4 * 3, rel=0.01)
        assert [round(one.expected) for one in found.days()] == [5, 5, 5, 5, 5, 3, 3] * 2 + [5]
        seen, budget = overview(session, org_id), budget_outlook(session, org_id, ())
        assert seen is not None
        assert seen.projection is not None
        assert budget is not None
        assert (float(seen.projection.total), float(seen.projection.low or 0), float(seen.projection.high or 0)) == pytest.approx(
            (budget.total.expected, budget.total.low, budget.total.high), abs=1e-9
        )
        assert (
            seen.projection.method
            == "Spent so far, and the rest as the level, the hours, the weekdays and the trend of the last weeks suggest."
        )
        due = outlook(session, read(session, org_id, date(2026, 11, 1)))
        assert due is not None
        assert due.due_minor == pytest.approx(100 * budget.total.expected, abs=1)
        assert (
            due.method == "The rest of the month is reckoned as the level, the hours, the weekdays and the trend of the last weeks suggest."
        )


def test_days_that_are_still_being_loaded_are_not_gone_by(org_id: int) -> None:
    with db.platform_transaction() as session:
        history.note_load(session, org_id, date(2026, 11, 9), 40)
    with clock.freeze(NOW), db.transaction(org_id) as session:
        found = ahead(session, org_id, Measure.LIST_COST, now=NOW)
    assert found is not None
    assert [round(one or 0) for one in found.past] == [5, 5, 5, 5, 5, 3, 3]


def test_a_filter_is_forecast_by_itself_and_nothing_is_forecast_before_a_whole_day(org_id: int) -> None:
    with clock.freeze(NOW), db.transaction(org_id) as session:
        for region, is_known in (("dfw", True), ("nrt", False)):
            found = ahead(session, org_id, Measure.LIST_COST, (Filter(Dimension.REGION, (region,)),), now=NOW)
            assert (found is not None) is is_known
        assert ahead(session, org_id, Measure.LIST_COST, now=datetime(2026, 9, 1, 13, tzinfo=UTC)) is None


def working_hours(lost: tuple[date, ...] = ()) -> list[dict]:
    """A machine that runs from 8:00 to 20:00 since Oct 1. Of the days `lost` nothing came in: a large one that was to stop ran on."""
    days = [datetime(2026, 10, 1, tzinfo=UTC) + timedelta(days=one) for one in range(46)]
    known = [day for day in days if day.date() not in lost]
    found = [one for day in known for one in (started("m", f"{day:%Y-%m-%dT08:00:00Z}"), stopped("m", f"{day:%Y-%m-%dT20:00:00Z}"))]
    if lost:
        before, after = lost[0] - timedelta(days=1), lost[-1] + timedelta(days=1)
        large = {"vm_size": "performance-16x", "memory_mb": 32768}
        found += [started("large", f"{before}T23:59:59Z", **large), stopped("large", f"{after}T00:00:01Z")]
    return found


def test_of_today_as_much_is_left_as_its_hours_are_worth_and_lost_days_are_no_evidence(database) -> None:
    now, lost = datetime(2026, 11, 16, 11, tzinfo=UTC), (date(2026, 11, 12), date(2026, 11, 13))
    org_id = take_in(*working_hours(lost), at=now)["prism"]
    with clock.freeze(now), db.transaction(org_id) as session:
        everything, of_region = (
            ahead(session, org_id, Measure.LIST_COST, filters, now=now) for filters in ((), (Filter(Dimension.REGION, ("dfw",)),))
        )
        silent = missing_days(session, org_id, Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC)))
    assert silent == set(lost)
    assert everything is not None
    assert [place for place, one in enumerate(everything.past) if one is None] == [
        41,
        42,
    ]  # Oct 2 is the first whole day, Nov 12 the 41st on
    # At 11:00 three of its twelve hours are over: 1/4 (of even hours 11/24). Of 28 days 26 are known, which beside three even ones make
    # (26 × 1/4 + 3 × 11/24) / 29 = 0.2716; with four Mondays (4 × 1/4 + 3 × 0.2716) / 7 = 0.2592. Fourteen whole days follow.
    # Two seconds of the large one count, too.
    day = everything.past[0]
    assert day is not None
    assert everything.rest.expected == pytest.approx(day * (1 - 0.2592 + 14), rel=0.0005)
    assert of_region is not None
    assert of_region.past == pytest.approx(everything.past)


def test_an_organization_that_shut_down_is_expected_to_cost_nothing(database) -> None:
    shut = [volume_created("v", "2026-09-01T00:00:00Z", gb=1000), volume_destroyed("v", "2026-11-01T00:00:00Z")]
    org_id = take_in(*shut, at=NOW)["prism"]
    with clock.freeze(NOW), db.transaction(org_id) as session:
        found = ahead(session, org_id, Measure.LIST_COST, now=NOW)
    assert found is not None
    assert found.past[-15:] == (0.0,) * 15  # silence after the last event is no gap
    assert found.rest.expected < 0.1 * 15 * 5  # of the $5 a day that it was
