"""The invented history, without a database: the same for ever, whole lives, and the story it promises."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flyusage import periods
from flyusage.demo import story
from flyusage.demo.stream import Company, chapters, living_units, write, writer_of
from flyusage.metering import catalog
from flyusage.metering.usage_event import EventType, UsageEvent, content_of

NOW = datetime(2026, 11, 23, 15, 30, 12, tzinfo=UTC)
DAY = 86_400
STARTS, ENDS = EventType.MACHINE_STARTED, (EventType.MACHINE_STOPPED, EventType.MACHINE_DESTROYED)


def company(vms: int = 300, *, seed: int = 7, months: int = 8) -> Company:
    return Company("demo", "Demo", vms, seed, months, NOW)


LARGE = company(1_500, months=4)


def batches(told: Company, until: datetime = NOW) -> list[list[UsageEvent]]:
    writer = writer_of(told, until)
    return [events for chapter in chapters(told, until) for _, events in write(told, chapter.units, writer, 5_000)]


def runs_of(events: list[UsageEvent]) -> list[tuple[UsageEvent, int]]:
    """(start, end in seconds) of every run; open ones end now."""
    begun: dict[str, UsageEvent] = {}
    runs = []
    for event in sorted(events, key=lambda event: (event.time, event.type)):
        if event.type in (STARTS, *ENDS):
            if event.subject in begun:
                runs.append((begun.pop(event.subject), event.time))
            if event.type == STARTS:
                begun[event.subject] = event
    return runs + [(start, story.seconds(NOW)) for start in begun.values()]


def running(runs: list[tuple[UsageEvent, int]], moment: int) -> list[UsageEvent]:
    return [start for start, end in runs if start.time <= moment < end]


@pytest.fixture(scope="module")
def events() -> list[UsageEvent]:
    return [event for batch in batches(company()) for event in batch]


@pytest.fixture(scope="module")
def large_runs() -> list[tuple[UsageEvent, int]]:
    """Of a company large enough for every app and region, over four months."""
    return runs_of([event for batch in batches(LARGE) for event in batch])


@pytest.fixture(scope="module")
def runs(events: list[UsageEvent]) -> list[tuple[UsageEvent, int]]:
    return runs_of(events)


def test_the_same_seed_gives_the_same_bytes_in_any_process() -> None:
    script = "from test_stream import *; print(digest(company(60, months=3)))"
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert digests == {digest(company(60, months=3)) + "\n"}
    assert digest(company(60, seed=8, months=3)) != digest(company(60, months=3))


def digest(told: Company) -> str:
    made = hashlib.sha256()
    for batch in batches(told):
        for event in batch:
            made.update(repr(content_of(event)).encode())
    return made.hexdigest()


def test_all_events_of_a_subject_are_in_one_batch() -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for batch in batches(company()):
        seen.update({("app" if event.type == EventType.APP_DEPLOYED else "subject", event.subject) for event in batch})
    assert [name for (kind, name), times in seen.items() if kind == "subject" and times > 1] == []


def test_once_a_chapter_is_in_its_days_are_complete() -> None:
    told = company()
    writer = writer_of(told, NOW)
    complete_since = NOW
    for chapter in chapters(told, NOW):
        events = [event for _, batch in write(told, chapter.units, writer, 5_000) for event in batch]
        assert all(event.time < story.seconds(complete_since) for event in events if complete_since != NOW)
        complete_since = chapter.first_day
    assert complete_since == story.moment_of(told.tale.begins)


def test_the_first_chapter_is_the_last_31_days() -> None:
    assert chapters(company(), NOW)[0].first_day == datetime(2026, 10, 23, tzinfo=UTC)


def test_stopping_anywhere_and_living_on_gives_the_same_events() -> None:
    told, earlier = company(60, months=4), NOW - timedelta(days=3, hours=5)
    whole = {event.identity: content_of(event) for batch in batches(told) for event in batch}
    first = [event for batch in batches(told, earlier) for event in batch]
    units, writer = living_units(told, earlier, NOW), writer_of(told, NOW, earlier)
    second = [event for _, batch in write(told, units, writer, 5_000) for event in batch]
    assert {event.identity: content_of(event) for event in first + second} == whole
    assert len(first) + len(second) == len(whole)


def test_events_are_unique_and_none_lies_ahead(events: list[UsageEvent]) -> None:
    assert len({event.identity for event in events}) == len(events)
    assert max(event.time for event in events) <= story.seconds(NOW)
    assert min(event.time for event in events) >= company().tale.begins


def test_as_many_machines_run_as_were_asked_for(large_runs: list[tuple[UsageEvent, int]]) -> None:
    seconds = sum(end - start.time for start, end in large_runs)
    assert 0.93 * 1_500 < seconds / (story.seconds(NOW) - LARGE.tale.begins) < 1.07 * 1_500


def test_usage_is_in_every_active_region(large_runs: list[tuple[UsageEvent, int]]) -> None:
    active = {row["code"] for row in catalog.facts("regions.csv") if row["status"] == "active"}
    assert {start.region for start in running(large_runs, story.seconds(NOW) - DAY // 2)} == active
    assert len(active) == 18


def test_the_retired_region_is_empty_but_for_stragglers(runs: list[tuple[UsageEvent, int]]) -> None:
    retired = story.seconds(periods.midnight(company().tale.retired_on))  # type: ignore[arg-type]
    there = [(start, end) for start, end in runs if start.region == story.RETIRED_REGION]
    assert running(there, retired - 60 * DAY) != []
    assert max(end for _, end in there) <= retired + 3 * DAY
    assert len(running(there, retired)) < 0.5 * len(running(there, retired - 60 * DAY))


def test_the_outage_darkens_its_region_and_fills_its_neighbours(runs: list[tuple[UsageEvent, int]]) -> None:
    outage = company().tale.outage
    assert outage is not None
    before, during = (Counter(start.region for start in running(runs, moment)) for moment in (outage.start - 60, outage.start + 7200))
    assert during[story.OUTAGE_REGION] < 0.3 * before[story.OUTAGE_REGION]
    assert sum(during[region] for region in story.OUTAGE_NEIGHBOURS) > sum(before[region] for region in story.OUTAGE_NEIGHBOURS)


def test_weekends_and_nights_are_quieter(large_runs: list[tuple[UsageEvent, int]]) -> None:
    tuesday, sunday = (story.seconds(datetime(2026, 10, day, 15, tzinfo=UTC)) for day in (6, 11))
    night = story.seconds(datetime(2026, 10, 6, 3, tzinfo=UTC))
    at_work, at_rest, asleep = (len(running(large_runs, moment)) for moment in (tuesday, sunday, night))
    assert at_work > 1.03 * at_rest
    assert at_work > 1.03 * asleep


def test_the_runaway_app_and_the_migration_are_there(large_runs: list[tuple[UsageEvent, int]]) -> None:
    runaway, migration = LARGE.tale.runaway, LARGE.tale.migration
    assert runaway is not None
    assert migration is not None

    def count(moment: int, **wanted: str) -> int:
        return sum(all(getattr(start, field) == value for field, value in wanted.items()) for start in running(large_runs, moment))

    ran_away = {"app": story.RUNAWAY_APP, "vm_size": "performance-8x"}
    assert count(runaway.end - 60, **ran_away) > 10 + 2 * count(runaway.start - 60, **ran_away)
    assert count(runaway.end + 3600, **ran_away) < 10 + count(runaway.start - 60, **ran_away)
    for app in story.MIGRATING_APPS:
        before, after = migration.start - 60, migration.end + 3600
        assert count(before, app=app, vm_size=story.MIGRATES_FROM) > count(after, app=app, vm_size=story.MIGRATES_FROM) == 0
        assert count(after, app=app, vm_size=story.MIGRATES_TO) > count(before, app=app, vm_size=story.MIGRATES_TO)


def test_a_short_history_leaves_out_what_came_before_it() -> None:
    tale = company(12, months=1).tale
    assert tale.outage is not None
    assert tale.migration is None
    assert tale.retired_on is None
