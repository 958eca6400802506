"""Verification finds whatever does not follow from the ledger, and is silent otherwise."""

import pytest
import sqlalchemy as sa
from conftest import Begun
from factories import deployed, egress_reported, ingest, ipv4_allocated, started, stopped, voided, volume_created
from metering import rolled
from metering.rolled import roll, utc

from flyusage import clock, db
from flyusage.metering.verify import verify

NOW = utc("2026-11-15 10:40")


@pytest.fixture(autouse=True)
def november():
    with clock.freeze(NOW):
        yield


def prisms_story() -> int:
    """Prism with something of everything, rolled up."""
    wrong = started("wrong", "2026-10-30T00:00:00Z")
    ingest(
        [
            started("m", "2026-10-30T10:00:00Z", memory_mb=4096),
            stopped("m", "2026-11-02T10:30:00Z", rootfs_gb=1),
            started("open", "2026-11-01T00:00:10Z", app="api"),
            started("open", "2026-11-03T00:00:10Z", app="api"),
            stopped("never ran", "2026-11-01T00:00:00Z"),
            volume_created("v", "2026-10-31T23:59:59Z"),
            ipv4_allocated("10.0.0.1", "2026-11-15T10:20:00Z"),
            egress_reported("m", "2026-10-31T23:30:00Z", "2026-11-01T01:45:00Z", count=1_000_001),
            deployed("web", "2026-11-01T00:00:00Z"),
            wrong,
            voided(wrong, "2026-11-01T00:00:00Z"),
        ]
    )
    roll(NOW)
    return rolled.org_id()


@pytest.fixture
def org(begun: Begun) -> int:
    return begun(prisms_story)


def test_a_sound_roll_up_has_no_difference(org):
    stages = []
    assert verify(org, progress=lambda stage, done, total: stages.append(stage)) == []
    assert {"resources", "months"} <= set(stages)


@pytest.mark.parametrize(
    ("damage", "table"),
    [
        ("UPDATE usage_day SET h05 = h05 + 1 WHERE day = '2026-11-01' AND total = (SELECT max(total) FROM usage_day)", "usage_day"),
        ("DELETE FROM usage_day WHERE day = '2026-11-02'", "usage_day"),
        ("UPDATE usage_day SET day = '2026-12-24' WHERE day = '2026-11-04'", "usage_day"),
        ("UPDATE usage_day_by_region SET total = total - 1 WHERE day = '2026-11-01'", "usage_day_by_region"),
        ("UPDATE usage_month SET d01 = d01 + 1 WHERE month = '2026-11-01' AND total > 0", "usage_month"),
        ("UPDATE usage_month SET total = total + 1 WHERE month = '2026-11-01'", "usage_month"),
        ("UPDATE usage_month_by_region SET d03 = 0, d04 = d03 + d04 WHERE month = '2026-11-01'", "usage_month_by_region"),
        ("UPDATE resource_month SET quantity = quantity + 1 WHERE month = '2026-10-01'", "resource_month"),
        ("INSERT INTO resource_month SELECT org_id, '2031-01-01', resource_id, app_id, region_id, vm_size_id, sku_id, 1 FROM resource_month LIMIT 1",
         "resource_month"),
        ("UPDATE open_cell SET capacity = capacity + 1", "open_cell"),
        ("UPDATE usage_interval SET stopped_at = stopped_at + interval '1 second' WHERE stopped_at = '2026-11-02 10:30+00'", "usage_interval"),
        ("DELETE FROM usage_interval WHERE stopped_at IS NULL AND started_at = '2026-11-03 00:00:10+00'", "usage_interval"),
        ("DELETE FROM event_finding WHERE code = 'orphan_stop'", "event_finding"),
        ("DELETE FROM usage_event WHERE time = '2026-11-03 00:00:10+00'", "usage_interval"),
        ("DELETE FROM usage_event WHERE resource_id = (SELECT id FROM resource WHERE name = 'v')", "usage_interval"),
    ],
)  # fmt: skip
def test_a_planted_difference_is_found(org, damage, table):
    with db.platform_transaction() as session:
        assert session.execute(sa.text(damage)).rowcount > 0
    found = verify(org)
    assert table in {difference.table for difference in found}
    assert all(str(difference).startswith(difference.table) for difference in found)


def test_what_waits_to_be_rolled_is_no_difference(org):
    ingest([started("late", "2026-11-01T12:00:00Z"), stopped("late", "2026-11-01T13:00:00Z")])
    assert verify(org) == []
    roll(NOW)
    assert verify(org) == []


def test_another_organizations_rows_are_none_of_its_business(org):
    ingest([started("m", "2026-10-30T10:00:00Z", org="rival")])
    roll(NOW, "rival")
    with db.platform_transaction() as session:
        session.execute(sa.text("UPDATE usage_day SET h05 = 7 WHERE org_id = :rival"), {"rival": rolled.org_id("rival")})
    assert verify(org) == []
    assert verify(rolled.org_id("rival")) != []


def test_an_organization_without_events_has_nothing_to_verify(database, cast):
    assert verify(cast.prism.id) == []
