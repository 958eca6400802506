"""The reference tables against the facts, counted by hand."""

from datetime import date

from metering import stored

from flyusage import db
from flyusage.metering import catalog


def test_regions_active_and_retired(shared_database):
    # 35 regions, 18 active, 17 retired on 2025-10-16 (facts/regions.csv)
    assert stored.rows("SELECT status, count(*), min(retired_on), max(retired_on) FROM region GROUP BY status ORDER BY status") == [
        ("active", 18, None, None),
        ("retired", 17, date(2025, 10, 16), date(2025, 10, 16)),
    ]
    assert stored.rows("SELECT count(DISTINCT continent) FROM region WHERE status = 'active'") == [(6,)]


def test_every_size_has_a_machine_sku_and_none_is_for_the_rest(shared_database):
    with db.platform_transaction() as session:
        sizes = catalog.vm_sizes(session)
        skus = catalog.sku_ids(session)
    assert sizes["none"].id == 0
    assert (sizes["performance-1x"].vcpus, sizes["performance-1x"].memory_mib) == (1, 2048)
    assert len(sizes) == 19  # 14 CPU sizes, 4 with GPUs, none
    assert {f"machine.{name}" for name in sizes if name != "none"} <= set(skus)


def test_metered_skus_say_their_unit(shared_database):
    found = stored.rows("SELECT meter, base_unit, count(*) FROM sku WHERE meter IS NOT NULL GROUP BY 1, 2 ORDER BY 1")
    assert found == [
        ("egress", "byte", 1),
        ("extra_memory", "MiB-second", 1),
        ("ipv4", "IP-second", 1),
        ("machine", "machine-second", 18),
        ("rootfs", "MiB-second", 1),
        ("volume", "MiB-second", 1),
    ]


def test_loading_again_changes_nothing(database):
    before = stored.rows("SELECT id, code FROM sku ORDER BY id")
    for _ in range(2):
        with db.platform_transaction() as session:
            catalog.load_reference(session)
    assert stored.rows("SELECT id, code FROM sku ORDER BY id") == before
