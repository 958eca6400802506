"""Does everything derived still follow from the ledger? Told difference by difference.

Intervals are derived anew from the events by the rules in Python (`intervals.py`), and rollups are counted anew from the
intervals (`recount.py`); production does both in SQL. It is read in pieces, each a snapshot of its own, so that ingest goes on
and no table is held for long.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from flyusage.metering import intervals
from flyusage.metering.snapshot import Snapshot, snapshot
from flyusage.metering.verify_cells import check_month, check_open_hour, check_strays, months
from flyusage.metering.verify_difference import Difference

__all__ = ["Difference", "verify"]

RESOURCES_AT_ONCE = 20_000
DERIVED_CODES = ["contradicting_home", "inferred_stop", "orphan_resize", "orphan_stop"]
LAST = 2**63 - 1

Progress = Callable[[str, int, int], None]


def verify(org_id: int, *, progress: Progress | None = None) -> list[Difference]:
    """Everything that differs from the ledger; days and resources that wait to be rolled are not held against the roll-up.

    `progress` hears what is being read, how many of them are done, and of how many.
    """
    tell = progress or (lambda _what, _done, _total: None)
    return [*_verify_intervals(org_id, tell), *_verify_rollups(org_id, tell)]


def _verify_intervals(org_id: int, tell: Progress) -> Iterator[Difference]:
    with snapshot(org_id) as seen:
        total = seen.value("SELECT count(*) FROM resource WHERE org_id = %(org_id)s")
        yield from _check_voids(seen)
    after, done = 0, 0
    while after < LAST:
        tell("resources", done, total)
        with snapshot(org_id) as seen:
            upto = seen.value(_UPTO, after=after, limit=RESOURCES_AT_ONCE) or LAST
            yield from _check_resources(seen, after, upto)
        after, done = upto, min(done + RESOURCES_AT_ONCE, total)


def _verify_rollups(org_id: int, tell: Progress) -> Iterator[Difference]:
    with snapshot(org_id) as seen:
        found = months(seen)
        yield from check_strays(seen, found)
        yield from check_open_hour(seen)
    for done, month in enumerate(found):
        tell("months", done, len(found))
        with snapshot(org_id) as seen:
            yield from check_month(seen, month)


def _check_voids(seen: Snapshot) -> Iterator[Difference]:
    """The list of withdrawn events against the events that withdraw."""
    for (identity,) in seen.rows(_VOIDS_MISSING):
        yield Difference("voided_event", str(identity), "withdrawn", None)
    for (identity,) in seen.rows(_VOIDS_EXTRA):
        yield Difference("voided_event", str(identity), None, "withdrawn")


def _check_resources(seen: Snapshot, after: int, upto: int) -> Iterator[Difference]:
    """Stored intervals and findings of the resources in `(after, upto]` against those that their events give."""
    expected: dict[int, Counter[tuple[Any, ...]]] = {}
    expected_codes: set[tuple[bytes, str]] = set()
    for resource_id, rows in groupby(seen.rows(_LEDGER, after=after, upto=upto), itemgetter(0)):
        derived = intervals.derive(map(seen.names.event, rows), seen.names.presets)
        expected[resource_id] = Counter(map(seen.names.row, derived.intervals))
        expected_codes.update((finding.identity, finding.code) for finding in derived.findings)
    found: dict[int, Counter[tuple[Any, ...]]] = defaultdict(Counter)
    for resource_id, *row in seen.rows(_INTERVALS, after=after, upto=upto):
        found[resource_id][tuple(row)] += 1
    for resource_id in sorted(expected.keys() | found.keys()):
        should, does = expected.get(resource_id, Counter()), found[resource_id]
        for row in (should - does).elements():
            yield Difference("usage_interval", f"resource {resource_id}", row, None)
        for row in (does - should).elements():
            yield Difference("usage_interval", f"resource {resource_id}", None, row)
    codes = {(identity.bytes, code) for identity, code in seen.rows(_FINDINGS, after=after, upto=upto, codes=DERIVED_CODES)}
    for identity, code in sorted(expected_codes ^ codes):
        is_missing = (identity, code) in expected_codes
        yield Difference("event_finding", identity.hex(), code if is_missing else None, None if is_missing else code)


_UPTO = """
SELECT max(id) FROM (
  SELECT id FROM resource WHERE org_id = %(org_id)s AND id > %(after)s ORDER BY id LIMIT %(limit)s) AS next"""
_VOIDS_MISSING = """
SELECT voids FROM usage_event WHERE org_id = %(org_id)s AND type = 11
EXCEPT SELECT identity FROM voided_event WHERE org_id = %(org_id)s"""
_VOIDS_EXTRA = """
SELECT identity FROM voided_event WHERE org_id = %(org_id)s
EXCEPT SELECT voids FROM usage_event WHERE org_id = %(org_id)s AND type = 11"""
_LEDGER = """
SELECT resource_id, identity, type, date_part('epoch', time)::bigint, source, event_id, app_id, region_id, vm_size_id, memory_mib,
       capacity_mib, bytes, date_part('epoch', report_start)::bigint, date_part('epoch', report_end)::bigint
FROM usage_event AS event
WHERE org_id = %(org_id)s AND resource_id > %(after)s AND resource_id <= %(upto)s AND type < 10
  AND NOT EXISTS (SELECT FROM voided_event v WHERE v.org_id = event.org_id AND v.identity = event.identity)
ORDER BY resource_id"""
_INTERVALS = """
SELECT resource_id, date_part('epoch', started_at)::bigint, date_part('epoch', stopped_at)::bigint, capacity, extra_mib, app_id, region_id,
       sku_id, vm_size_id, is_inferred
FROM usage_interval WHERE org_id = %(org_id)s AND resource_id > %(after)s AND resource_id <= %(upto)s"""
_FINDINGS = """
SELECT identity, code FROM event_finding
WHERE org_id = %(org_id)s AND resource_id > %(after)s AND resource_id <= %(upto)s AND code = ANY(%(codes)s)"""
