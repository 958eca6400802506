"""What an answer says of itself while older history is still loading."""

from datetime import date
from fractions import Fraction

import pytest
from factories import ingest, ipv4_allocated, started
from metering.rolled import org_id, roll, utc

from flyusage import clock, db
from flyusage.metering import history
from flyusage.periods import Period, month_period
from flyusage.pricing.changes import what_changed
from flyusage.pricing.explorer import explore
from flyusage.pricing.overview import overview
from flyusage.pricing.view import Comparison, Measure, View

NOW = utc("2026-11-15 10:40")
NOVEMBER = month_period(NOW)
LOADING = "Older history is still loading: 43 %."


@pytest.fixture(autouse=True)
def half_loaded(database):
    """A machine since Aug 1, of which days from Oct 25 on are said to be in."""
    with clock.freeze(NOW):
        ingest([started("m", "2026-08-01T00:00:00Z"), ipv4_allocated("203.0.113.7", "2026-11-15T00:00:00Z")])
        roll(NOW)
        with db.platform_transaction() as session:
            history.note_load(session, org_id(), date(2026, 10, 25), 43)
        yield


def finish_loading() -> None:
    with db.platform_transaction() as session:
        history.note_whole(session, org_id())


def ask(question, *rest):
    with db.transaction(org_id()) as session:
        return question(session, org_id(), *rest)


def shown(period: Period, comparison: Comparison = Comparison.NONE):
    return ask(explore, View(Measure.MACHINE_HOURS, period, comparison=comparison))


def test_a_comparison_waits_until_what_it_compares_with_is_in():
    answer = shown(NOVEMBER, Comparison.PREVIOUS)
    assert (answer.previous_total, answer.previous_period) == (None, None)
    assert answer.notices == (f"{LOADING} The comparison waits for Oct 1, 2026 to be in.",)
    assert ask(what_changed, answer.view) is None
    week = shown(Period(utc("2026-11-08 00:00"), utc("2026-11-15 00:00")), Comparison.PREVIOUS)  # with Nov 1 – 8, which is
    assert (week.previous_total, week.notices) == (Fraction(7 * 24), ())


def test_a_range_that_reaches_into_what_is_not_in_says_so():
    since_september = Period(utc("2026-09-01 00:00"), NOVEMBER.end)
    assert shown(since_september).notices == (f"{LOADING} Days before Oct 25, 2026 are not complete yet.",)
    assert shown(since_september, Comparison.PREVIOUS).notices == (
        f"{LOADING} Days before Oct 25, 2026 are not complete yet, and nothing is compared with them.",
    )
    assert shown(NOVEMBER).notices == ()


def test_once_it_is_in_everything_is_compared():
    finish_loading()
    answer = shown(NOVEMBER, Comparison.PREVIOUS)
    # October to the same elapsed time: 14 days and 10:40.
    assert (answer.previous_total, answer.notices) == (Fraction(14 * 24 + 10) + Fraction(40, 60), ())
    assert ask(what_changed, answer.view) is not None


def test_the_overview_waits_too_but_projects_what_rests_on_days_that_are_in():
    waiting = ask(overview)
    assert (waiting.before, waiting.spent_before, waiting.changes) == (None, None, None)
    assert waiting.waits_for == waiting.daily.load
    assert waiting.projection is not None
    finish_loading()
    whole = ask(overview)
    assert whole.waits_for is None
    assert whole.spent_before is not None
    assert whole.changes is not None


def test_the_projection_waits_for_the_month_itself():
    with db.platform_transaction() as session:
        history.note_load(session, org_id(), date(2026, 11, 10), 7)
    assert ask(overview).projection is None
