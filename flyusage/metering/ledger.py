"""A batch into the ledger: staged by COPY, identified, and written with its apps and resources. Set-based throughout."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db
from flyusage.metering import catalog
from flyusage.metering.usage_event import KIND_OF, EventType, UsageEvent, identity_of

if TYPE_CHECKING:
    import psycopg

# Kept by the connection and emptied by every commit: making tables anew would bloat the catalog with each small batch.
STAGING = (
    """CREATE TEMP TABLE IF NOT EXISTS staged_event (
         n int, org_id int, identity uuid, content_hash uuid, kind smallint, type smallint, epoch bigint, source text, event_id text,
         subject text, app text, region_id smallint, vm_size_id smallint, memory_mib bigint, capacity_mib bigint, bytes bigint,
         start_epoch bigint, end_epoch bigint, version text, voids uuid, voided_source text, voided_id text,
         time timestamptz GENERATED ALWAYS AS (to_timestamp(epoch)) STORED
       ) ON COMMIT DELETE ROWS""",
    """CREATE TEMP TABLE IF NOT EXISTS staged_subject (
         org_id int, kind smallint, name text, app_id int, region_id smallint, resource_id bigint, is_new boolean
       ) ON COMMIT DELETE ROWS""",
)
_COLUMNS = (
    "n, org_id, identity, content_hash, kind, type, epoch, source, event_id, subject, app, region_id, vm_size_id, memory_mib,"
    " capacity_mib, bytes, start_epoch, end_epoch, version, voids, voided_source, voided_id"
)
_KINDS = {int(kind): str(int(resource)) for kind, resource in KIND_OF.items()}
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_NOTHING = "\\N"
_MEBIBYTE = 1 << 20


def stage(session: Session, batch: Iterable[tuple[int, int, UsageEvent]]) -> None:
    """COPY (number, org id, event) into `staged_event`; identities are unique within the batch."""
    connection = db.raw(session)
    for statement in STAGING:
        connection.execute(statement)
    regions = catalog.region_ids(session)
    sizes: dict[str | None, int | str] = {name: size.id for name, size in catalog.vm_sizes(session).items()}
    sizes[None] = _NOTHING
    with connection.cursor().copy(f"COPY staged_event ({_COLUMNS}) FROM STDIN") as copy:
        rows, size = [], 0
        for number, org_id, event in batch:
            row = _row(number, org_id, event, regions, sizes)
            rows.append(row)
            size += len(row)
            if size > _MEBIBYTE:
                copy.write("".join(rows))
                rows, size = [], 0
        copy.write("".join(rows))


def _row(number: int, org_id: int, event: UsageEvent, regions: Mapping[str, int], sizes: Mapping[str | None, int | str]) -> str:
    """A line of COPY's text format."""
    names = f"{event.source}\t{event.id}\t{event.subject}\t{event.app}"
    if "\\" in names or "\n" in names or "\r" in names or names.count("\t") != 3:
        names = "\t".join(name.translate(_ESCAPES) for name in (event.source, event.id, event.subject, event.app))
    head = (
        f"{number}\t{org_id}\t{event.identity.hex()}\t{event.content_hash.hex()}\t{_KINDS.get(event.type, _NOTHING)}\t{event.type}\t"
        f"{event.time}\t{names}\t{regions[event.region]}\t{sizes[event.vm_size]}\t"
    )
    if event.type == EventType.MACHINE_STARTED:
        return f"{head}{event.memory_mib}\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\n"
    voids = None if event.voided_id is None or event.voided_source is None else identity_of(event.voided_source, event.voided_id).hex()
    rest = (event.memory_mib, event.capacity_mib, event.bytes, event.report_start, event.report_end, event.version, voids,
            event.voided_source, event.voided_id)  # fmt: skip
    return head + "\t".join(_NOTHING if value is None else str(value).translate(_ESCAPES) for value in rest) + "\n"


def claim_identities(session: Session, clashing: Sequence[tuple[int, UsageEvent]] = ()) -> tuple[list[int], list[int]]:
    """Take the batch's identities for ever; the numbers of its duplicates and of its conflicts, which leave the batch.

    `clashing` (org id, event) contradict an event of the batch itself and are reported too. Identities are inserted in order, so that writers who share them wait for each other in one direction.
    """
    connection = db.raw(session)
    _report_conflicts(connection, clashing)
    present = connection.execute(
        """WITH fresh AS (
             INSERT INTO event_identity (org_id, identity, content_hash)
             SELECT org_id, identity, content_hash FROM staged_event ORDER BY org_id, identity
             ON CONFLICT DO NOTHING RETURNING org_id, identity)
           SELECT n FROM staged_event WHERE (org_id, identity) NOT IN (SELECT org_id, identity FROM fresh)"""
    ).fetchall()
    if not present:
        return [], []
    numbers = [number for (number,) in present]
    judged = connection.execute(
        """SELECT s.n, s.content_hash = i.content_hash FROM staged_event s JOIN event_identity i USING (org_id, identity)
           WHERE s.n = ANY(%s) ORDER BY s.n""",
        (numbers,),
    ).fetchall()
    conflicts = [number for number, is_same in judged if not is_same]
    if conflicts:
        connection.execute(
            """INSERT INTO event_finding (org_id, resource_id, time, identity, code)
               SELECT s.org_id, r.id, s.time, s.identity, 'event_conflict' FROM staged_event s
               LEFT JOIN resource r ON r.org_id = s.org_id AND r.kind = s.kind AND r.name = s.subject
               WHERE s.n = ANY(%s) ON CONFLICT DO NOTHING""",
            (conflicts,),
        )
    connection.execute("DELETE FROM staged_event WHERE n = ANY(%s)", (numbers,))
    return [number for number, is_same in judged if is_same], conflicts


def _report_conflicts(connection: "psycopg.Connection", clashing: Sequence[tuple[int, UsageEvent]]) -> None:
    for org_id, event in clashing:
        connection.execute(
            """INSERT INTO event_finding (org_id, time, identity, code)
               VALUES (%s, to_timestamp(%s), %s, 'event_conflict') ON CONFLICT DO NOTHING""",
            (org_id, event.time, UUID(bytes=event.identity)),
        )


def name_apps(session: Session) -> None:
    """Create the apps that the batch names for the first time."""
    session.execute(
        sa.text(
            """INSERT INTO app (org_id, name) SELECT org_id, app FROM (SELECT DISTINCT org_id, app FROM staged_event) AS named
               WHERE NOT EXISTS (SELECT FROM app a WHERE a.org_id = named.org_id AND a.name = named.app)
               ORDER BY org_id, app COLLATE "C" ON CONFLICT DO NOTHING"""
        )
    )


def settle_subjects(session: Session) -> int:
    """Fill `staged_subject` with the batch's machines, volumes and addresses, creating new ones; how many are not new."""
    connection = db.raw(session)
    connection.execute(
        """INSERT INTO staged_subject (org_id, kind, name, app_id, region_id, resource_id, is_new)
           SELECT s.org_id, s.kind, s.subject, a.id, s.region_id, r.id, r.id IS NULL
           FROM (SELECT DISTINCT ON (org_id, kind, subject COLLATE "C") org_id, kind, subject, app, region_id FROM staged_event
                 WHERE kind IS NOT NULL ORDER BY org_id, kind, subject COLLATE "C", epoch) AS s
           JOIN app a ON a.org_id = s.org_id AND a.name = s.app
           LEFT JOIN resource r ON r.org_id = s.org_id AND r.kind = s.kind AND r.name = s.subject"""
    )
    connection.execute(
        """WITH made AS (
             INSERT INTO resource (org_id, kind, name, app_id, region_id)
             SELECT org_id, kind, name, app_id, region_id FROM staged_subject WHERE is_new
             RETURNING org_id, kind, name, id)
           UPDATE staged_subject s SET resource_id = made.id FROM made
           WHERE made.org_id = s.org_id AND made.kind = s.kind AND made.name = s.name"""
    )
    return connection.execute("SELECT count(*) FROM staged_subject WHERE NOT is_new").fetchone()[0]  # type: ignore[index]


def write_events(session: Session) -> None:
    """The batch into `usage_event`; deployments into their table."""
    connection = db.raw(session)
    connection.execute(
        """INSERT INTO usage_event (org_id, time, resource_id, type, identity, source, event_id, app_id, region_id, vm_size_id,
             memory_mib, capacity_mib, bytes, report_start, report_end, version, voids, received_at)
           SELECT e.org_id, e.time, s.resource_id, e.type, e.identity, e.source, e.event_id, a.id, e.region_id, e.vm_size_id,
             e.memory_mib, e.capacity_mib, e.bytes, to_timestamp(e.start_epoch), to_timestamp(e.end_epoch), e.version, e.voids, %s
           FROM staged_event e JOIN app a ON a.org_id = e.org_id AND a.name = e.app
           LEFT JOIN staged_subject s ON s.org_id = e.org_id AND s.kind = e.kind AND s.name = e.subject
           ORDER BY s.resource_id, e.epoch""",
        (clock.now(),),
    )
