"""What is said of single machines: their life, which run, and which are called nearly so."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from conftest import Begun
from factories import ingest, started, stopped, volume_created

from flyusage import clock, db
from flyusage.metering import machines
from flyusage.orgs.models import Organization

NOW = datetime(2026, 11, 15, tzinfo=UTC)


def prisms_story() -> int:
    """Prism's id; m1 ran twice and runs, m2 stopped, m3's stop never came, vol-1 is no machine; Rival has one of its own."""
    events = [
        started("m1", "2026-10-01T00:00:00Z"),
        stopped("m1", "2026-10-02T00:00:00Z"),
        started("m1", "2026-10-03T00:00:00Z", vm_size="performance-2x", memory_mb=8192),
        started("m2", "2026-10-01T00:00:00Z", app="api", region="gru"),
        stopped("m2", "2026-10-05T00:00:00Z", app="api", region="gru", rootfs_gb=8),
        started("m3", "2026-10-01T00:00:00Z"),
        started("m3", "2026-10-04T00:00:00Z"),
        volume_created("vol-1", "2026-10-01T00:00:00Z"),
    ]
    with clock.freeze(NOW):
        assert not ingest([*events, started("rival-1", "2026-10-01T00:00:00Z", org="rival")]).refused
        with db.platform_transaction() as session:
            return session.scalars(sa.select(Organization.id).where(Organization.slug == "prism")).one()


@pytest.fixture
def prism(begun: Begun) -> Iterator[int]:
    org_id = begun(prisms_story)
    with clock.freeze(NOW):
        yield org_id


def test_a_machine_is_told_by_its_runs(prism: int) -> None:
    with db.transaction(prism) as session:
        told = machines.machine(session, prism, "m1")
    assert told is not None
    assert (told.app, told.region, told.continent) == ("web", "dfw", "North America")
    assert (told.runs, told.inferred) == (2, 0)
    assert (told.vm_size, told.memory_mib) == ("performance-2x", 8192)  # those of the last run
    assert told.started_at == datetime(2026, 10, 1, tzinfo=UTC)
    assert told.running_since == datetime(2026, 10, 3, tzinfo=UTC)


def test_a_stopped_machine_says_since_when_though_its_root_filesystem_still_bills(prism: int) -> None:
    with db.transaction(prism) as session:
        told = machines.machine(session, prism, "m2")
    assert told is not None
    assert (told.running_since, told.stopped_at) == (None, datetime(2026, 10, 5, tzinfo=UTC))


def test_a_stop_that_never_came_is_counted(prism: int) -> None:
    with db.transaction(prism) as session:
        told = machines.machine(session, prism, "m3")
    assert told is not None
    assert (told.runs, told.inferred) == (2, 1)


@pytest.mark.parametrize("name", ["m9", "vol-1", "rival-1", "", "M1", "m%"])
def test_what_is_not_a_machine_of_the_organization_is_none(prism: int, name: str) -> None:
    with db.transaction(prism) as session:
        assert machines.machine(session, prism, name) is None


def test_running_are_those_with_an_open_run(prism: int) -> None:
    with db.transaction(prism) as session:
        assert machines.running_of(session, prism, ["m1", "m2", "m3", "rival-1", "nobody"]) == {"m1", "m3"}


def test_the_nearest_names_begin_alike_and_stay_inside_the_organization(prism: int) -> None:
    with db.transaction(prism) as session:
        assert machines.names_like(session, prism, "m1x") == ["m1"]
        assert machines.names_like(session, prism, "mist") == ["m1", "m2", "m3"]
        assert machines.names_like(session, prism, "rival-2") == ["m1", "m2", "m3"]
        assert machines.names_like(session, prism, "%") == ["m1", "m2", "m3"]
