"""`flyusage anomalies`: looked for, listed and explained on a terminal."""

import json
from datetime import UTC, datetime

from billing_world import take_in
from conftest import Database
from factories import started

from flyusage import clock

NOW = datetime(2026, 10, 16, tzinfo=UTC)
SIZE = {"vm_size": "performance-8x", "memory_mb": 16384, "app": "web", "region": "dfw"}


def test_what_ran_away_is_listed_with_its_machines(database: Database, flyusage):
    steady = [started(f"m{number}", "2026-09-01T00:00:00Z", **SIZE) for number in range(3)]
    runaway = [started(f"more-{number:02d}", "2026-10-15T12:00:00Z", **SIZE) for number in range(9)]
    with clock.freeze(NOW):
        take_in(*steady, *runaway, at=NOW)
        assert "Nothing was out of the ordinary" in flyusage("anomalies", "--org", "prism").out
        said = flyusage("anomalies", "--org", "prism", "--look")
        assert said.code == 0
        assert "web in dfw" in said.out
        assert "goes on" in said.out
        (one,) = json.loads(flyusage("anomalies", "--org", "prism", "--json").out)
    assert (one["app"], one["region"], one["is_rise"], one["cause"]["count"]) == ("web", "dfw", True, 9)
    # nine machines instead of none beside three, for the ten hours from 12:00 that are looked at
    assert abs(one["difference_minor"] - 3 * one["expected_minor"]) <= 3  # each rounded to a cent
