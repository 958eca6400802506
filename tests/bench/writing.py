"""Ingest, roll-up, re-roll and storage."""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from statistics import median
from time import perf_counter

import sqlalchemy as sa
from factories import lines, started, stopped

from flyusage import db
from flyusage.demo import stream
from flyusage.demo.story import moment_of
from flyusage.metering.ingest import Ingest
from flyusage.metering.rollups import catch_up
from flyusage.metering.usage_event import TYPE_NAMES, EventType, UsageEvent
from flyusage.orgs.queries import organization_by_slug
from flyusage.ui.present import pinned_text
from tests.bench import database
from tests.bench.database import NOW, RESULTS, Measured, machine_hours
from tests.bench.report import Row

DAYS = 31
LATE_TURNS = 9


def measure_fresh() -> tuple[list[Row], dict[str, object]]:
    """A month of the large company, as a file would bring it, into an empty database; then its roll-up from nothing."""
    folder = RESULTS / "fresh"
    shutil.rmtree(folder, ignore_errors=True)
    company = stream.Company("bench", "Bench", 10_000, 7, 1, NOW)
    events = [event for units in stream.chapters(company, NOW) for event in _events(company, units)]
    written = [line_of(event) for event in events]
    with database.running(folder):
        began = perf_counter()
        result = Ingest().run(written, name="bench")
        ingested = perf_counter() - began
        assert result.accepted == len(written)
        with db.lookup_transaction() as session:
            org_id = organization_by_slug(session, "bench").id
        began = perf_counter()
        catch_up(org_id)
        rolled = perf_counter() - began
        hours = machine_hours(org_id)
    shutil.rmtree(folder, ignore_errors=True)
    rows = [
        Row(
            "ingest, lines to intervals and dirty days",
            len(written) / ingested,
            50_000,
            "events/s",
            is_floor=True,
            note=f"{len(written):,} events",
        ),
        Row(
            "roll up from nothing",
            hours / rolled / 1e6,
            1,
            "M machine-hours/s",
            is_floor=True,
            note=f"{hours / 1e6:.1f} M in {rolled:.1f} s",
        ),
    ]
    return rows, {"events": len(written), "ingest_seconds": ingested, "machine_hours": hours, "rollup_seconds": rolled}


def measure_large(measured: Measured) -> tuple[list[Row], dict[str, object]]:
    """One late event in the large database and the re-roll it causes; what the database takes on disk."""
    times = [_reroll(measured, turn) for turn in range(LATE_TURNS)]
    with db.platform_transaction() as session:
        size = session.scalar(sa.text("SELECT pg_database_size(current_database())"))
        tables = session.execute(sa.text(_SIZES)).all()
    assert size is not None
    rows = [
        Row("re-roll one late day", median(times), 200, "ms", note=f"slowest {max(times):.0f} ms"),
        Row("storage, everything", size / measured.machine_hours, 25, "bytes/VM-hour", note=f"{size / 1e6:,.0f} MB"),
    ]
    return rows, {"reroll_ms": times, "database_bytes": size, "table_bytes": {row.name: row.bytes for row in tables}}


def _reroll(measured: Measured, turn: int) -> float:
    """A machine of another day each time ran for an hour, and nobody said so until now."""
    day = measured.history.end - timedelta(days=20 + 17 * turn)
    with db.platform_transaction() as session:
        number = session.scalar(sa.text("SELECT count(*) FROM usage_event WHERE source = '/bench'"))
    machine, common = f"bench-late-{number}", {"org": "demo", "source": "/bench", "app": "tracking-api", "region": "iad"}
    start = started(machine, pinned_text(day), vm_size="shared-cpu-1x", memory_mb=256, **common)
    stop = stopped(machine, pinned_text(day + timedelta(hours=1)), **common)
    Ingest().run(lines(start, stop), name="bench late")
    began = perf_counter()
    progress = catch_up(measured.org_id)
    assert progress.rolled_days == 1
    return (perf_counter() - began) * 1000


def _events(company: stream.Company, chapter: stream.Chapter) -> Iterator[UsageEvent]:
    for _, batch in stream.write(company, chapter.units, stream.writer_of(company, NOW), 100_000):
        yield from batch


def line_of(event: UsageEvent) -> bytes:
    """The event as the line that brings it."""
    data: dict[str, object] = {"org": event.org, "app": event.app, "region": event.region}
    if event.type == EventType.MACHINE_STARTED:
        data |= {"vm_size": event.vm_size, "memory_mb": event.memory_mib}
    elif event.type == EventType.MACHINE_STOPPED:
        data |= {"rootfs_gb": (event.capacity_mib or 0) // 1024}
    elif event.type in (EventType.VOLUME_CREATED, EventType.VOLUME_RESIZED):
        data |= {"gb": (event.capacity_mib or 0) // 1024}
    elif event.type == EventType.EGRESS_REPORTED:
        data |= {"bytes": event.bytes, "start": _stamp(event.report_start), "end": _stamp(event.report_end)}
    elif event.type == EventType.APP_DEPLOYED:
        data |= {"version": event.version}
    wire = {
        "specversion": "1.0", "id": event.id, "source": event.source, "type": TYPE_NAMES[EventType(event.type)],
        "time": _stamp(event.time), "subject": event.subject, "data": data,
    }  # fmt: skip
    return json.dumps(wire, separators=(",", ":")).encode() + b"\n"


def _stamp(epoch: int | None) -> str:
    assert epoch is not None
    return moment_of(epoch).strftime("%Y-%m-%dT%H:%M:%SZ")


_SIZES = """
SELECT coalesce(parent.relname, c.relname) AS name, sum(pg_total_relation_size(c.oid))::bigint AS bytes
FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class parent ON parent.oid = i.inhparent
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY 1
HAVING sum(pg_total_relation_size(c.oid)) > 1000000 ORDER BY 2 DESC"""
