"""How far back an organization's history is whole while it loads."""

from datetime import date

import pytest
from factories import ingest, started, stopped
from metering.rolled import org_id, roll, utc

from flyusage import clock, db
from flyusage.metering import history
from flyusage.metering.history import HistoryLoad
from flyusage.metering.rollups import Steps
from flyusage.periods import Period

NOW = utc("2026-11-15 10:40")


@pytest.fixture(autouse=True)
def november():
    with clock.freeze(NOW):
        yield


def load() -> HistoryLoad | None:
    with db.transaction(org_id()) as session:
        return history.history_load(session, org_id())


def note(verb, *rest) -> None:
    with db.platform_transaction() as session:
        verb(session, org_id(), *rest)


def test_a_load_newest_first_says_from_when_on_days_are_complete(cast):
    assert load() is None
    note(history.note_load, date(2026, 10, 25), 43)
    assert load() == HistoryLoad(date(2026, 10, 25), 43, is_arriving=True)
    assert load().sentence == "Older history is still loading: 43 %."
    note(history.note_load, date(2026, 5, 1), 100)
    assert load().percent == 99  # 100 is when it is whole
    note(history.note_whole)
    assert load() is None


def test_a_load_covers_what_begins_on_its_first_complete_day():
    half = HistoryLoad(date(2026, 10, 25), 43, is_arriving=True)
    assert half.covers(Period(utc("2026-10-25 00:00"), NOW))
    assert not half.covers(Period(utc("2026-10-24 23:00"), NOW))


def test_days_that_wait_to_be_added_up_for_the_first_time_are_not_whole(database):
    # From Sep 1 to Nov 15 there are 30 + 31 + 15 = 76 days.
    ingest([started("m", "2026-09-01T00:00:00Z"), stopped("m", "2026-11-15T10:00:00Z")])
    steps = Steps(org_id())
    steps.take(NOW)  # marks all of them
    assert load() == HistoryLoad(date(2026, 11, 16), 0, is_arriving=False)
    assert load().sentence == "Older history is still being added up: 0 %."
    steps.take(NOW)  # rolls the newest one
    assert load() == HistoryLoad(date(2026, 11, 15), 1, is_arriving=False)
    roll(NOW)
    assert load() is None


def test_a_correction_of_a_few_days_is_not_a_load(database):
    ingest([started("m", "2026-09-01T00:00:00Z")])
    roll(NOW)
    ingest([stopped("m", "2026-11-09T10:00:00Z")])  # Nov 9 to 15: seven days to add up again
    assert load() is None
