"""Silent days: missing where the weekday is heard of otherwise, and usual where little changes."""

from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from billing_world import take_in
from factories import deployed, started, stopped, volume_created, volume_resized
from hypothesis import given
from hypothesis import strategies as st

from flyusage import clock, db
from flyusage.metering.silence import missing, missing_days
from flyusage.periods import Period


def written(days: str) -> list[bool]:
    return [one == "x" for one in days]


@pytest.mark.parametrize(
    ("heard", "found"),
    [
        ("xxxxxxxxx  xxxxxxxxxx", "         !!          "),
        ("xxxxx  xxxxx  xxxxx  x", " " * 22),  # weekends are quiet
        ("xxxxx  xx xx  xxxxx  x", "         !            "),
        ("x      x      x      x", " " * 22),  # heard of once a week
        ("  xxxxxxxxxxxxxxxxx  ", " " * 21),  # not begun, and no more
        ("", ""),
        ("       ", "       "),
    ],
)
def test_a_silent_day_is_missing_where_its_weekday_is_heard_of_otherwise(heard: str, found: str) -> None:
    assert missing(written(heard)) == [one == "!" for one in found]


@given(st.lists(st.booleans(), max_size=60))
def test_only_silent_days_between_two_others_are_missing(heard: list[bool]) -> None:
    found = missing(heard)
    assert len(found) == len(heard)
    assert all(any(heard[:place]) and any(heard[place:]) and not heard[place] for place, one in enumerate(found) if one)


def test_whatever_begins_ends_or_is_deployed_is_heard_and_another_organization_is_not(database) -> None:
    now = datetime(2026, 10, 27, tzinfo=UTC)
    told = [
        volume_created("v", "2026-10-01T00:00:00Z", gb=10),
        *(volume_resized("v", f"2026-10-{day:02}T12:00:00Z", gb=day) for day in range(2, 26) if day not in (14, 15, 16, 17, 18, 19)),
        started("m", "2026-10-15T06:00:00Z"),  # runs on
        deployed("web", "2026-10-16T06:00:00Z"),
        started("n", "2026-10-17T00:00:00Z"),
        stopped("n", "2026-10-17T01:00:00Z"),
        started("r", "2026-10-14T06:00:00Z", org="rival"),
    ]
    org_id = take_in(*told, at=now)["prism"]
    whole = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 27, tzinfo=UTC))
    with clock.freeze(now), db.transaction(org_id) as session:
        found = missing_days(session, org_id, whole)
        (web,) = session.scalars(sa.text("SELECT id FROM app WHERE org_id = :org"), {"org": org_id})
    with clock.freeze(now), db.transaction(org_id, apps=frozenset({web})) as session:
        assert missing_days(session, org_id, whole) == found
    assert sorted(found) == [date(2026, 10, 14), date(2026, 10, 18), date(2026, 10, 19)]
