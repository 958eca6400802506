from datetime import UTC, datetime, timedelta, timezone

import pytest

from flyusage import clock, config


def test_now_is_aware_utc_and_moves():
    before, now, after = datetime.now(UTC), clock.now(), datetime.now(UTC)
    assert now.tzinfo is UTC
    assert before <= now <= after


def test_frozen_time_stands_still_and_nests():
    october, november = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    with clock.freeze(october):
        assert clock.now() == october
        with clock.freeze(november):
            assert clock.now() == november
        assert clock.now() == october
    assert clock.now() not in (october, november)  # whatever the date is


def test_a_frozen_moment_of_any_zone_is_read_in_utc():
    with clock.freeze(datetime(2026, 10, 1, 2, tzinfo=timezone(timedelta(hours=2)))):
        assert clock.now().isoformat() == "2026-10-01T00:00:00+00:00"


def test_a_naive_moment_is_refused():
    with pytest.raises(ValueError, match="naive"), clock.freeze(datetime(2026, 10, 1)):
        pass


@pytest.mark.parametrize("written", ["2026-11-15T00:00:00Z", "2026-11-15T01:00:00+01:00", "2026-11-15"])
def test_a_process_of_the_past_reads_its_time_from_the_environment(monkeypatch: pytest.MonkeyPatch, written: str):
    monkeypatch.setenv("FLYUSAGE_CLOCK", written)
    config.settings.cache_clear()
    try:
        assert clock.now() == datetime(2026, 11, 15, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        config.settings.cache_clear()
