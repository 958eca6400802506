"""A batch into the ledger: staged by COPY, identified, and written with its apps and resources. Set-based throughout."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from psycopg import errors
from sqlmodel import Session

from flyusage import clock, db
from flyusage.metering import catalog
from flyusage.metering.statements import run
from flyusage.metering.usage_event import KIND_OF, EventType, UsageEvent, content_hash_of, identity_of

if TYPE_CHECKING:
    import psycopg

# Kept by the connection and emptied by every commit: making tables anew would bloat the catalog with each small batch.
# Subjects and apps are numbered within the batch, so that their names travel and are compared once.
STAGING = (
    """CREATE TEMP TABLE IF NOT EXISTS staged_event (
         n int, org_id int, identity uuid, content_hash uuid, subject int, type smallint, epoch bigint, source text, event_id text,
         app int, region_id smallint, vm_size_id smallint, memory_mib bigint, capacity_mib bigint, bytes bigint,
         start_epoch bigint, end_epoch bigint, version text, voids uuid, voided_source text, voided_id text,
         time timestamptz GENERATED ALWAYS AS (to_timestamp(epoch)) STORED
       ) ON COMMIT DELETE ROWS""",
    """CREATE TEMP TABLE IF NOT EXISTS staged_name (number int, org_id int, kind smallint, name text) ON COMMIT DELETE ROWS""",
    """CREATE TEMP TABLE IF NOT EXISTS staged_app_name (number int, org_id int, name text) ON COMMIT DELETE ROWS""",
    """CREATE TEMP TABLE IF NOT EXISTS staged_app (number int, org_id int, id int) ON COMMIT DELETE ROWS""",
    """CREATE TEMP TABLE IF NOT EXISTS staged_subject (
         number int, org_id int, kind smallint, name text, resource_id bigint, is_new boolean,
         is_whole boolean DEFAULT false
       ) ON COMMIT DELETE ROWS""",
)
_COLUMNS = (
    "n, org_id, identity, content_hash, subject, type, epoch, source, event_id, app, region_id, vm_size_id, memory_mib,"
    " capacity_mib, bytes, start_epoch, end_epoch, version, voids, voided_source, voided_id"
)
_KINDS = {int(kind): int(resource) for kind, resource in KIND_OF.items()}
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_NOTHING = "\\N"
_CHUNK_ROWS = 2_000
PROBES = 64
_STARTED, _DEPLOYED = int(EventType.MACHINE_STARTED), int(EventType.APP_DEPLOYED)


def stage(session: Session, org_ids: Mapping[str, int], batch: Sequence[UsageEvent]) -> None:
    """COPY the events, numbered from 0, and the names they use into the staging tables."""
    connection = db.raw(session)
    for statement in STAGING:
        run(session, statement)
    regions = catalog.region_ids(session)
    sizes: dict[str | None, int | str] = {name: size.id for name, size in catalog.vm_sizes(session).items()}
    sizes[None] = _NOTHING
    subjects: dict[tuple[int, int, str], int] = {}
    apps: dict[tuple[int, str], int] = {}
    with connection.cursor().copy(f"COPY staged_event ({_COLUMNS}) FROM STDIN") as copy:
        for start in range(0, len(batch), _CHUNK_ROWS):
            rows = []
            for number, event in enumerate(batch[start : start + _CHUNK_ROWS], start):
                org_id = org_ids[event.org]
                kind = _KINDS.get(event.type)
                subject = _NOTHING if kind is None else subjects.setdefault((org_id, kind, event.subject), len(subjects))
                app = apps.setdefault((org_id, event.app), len(apps))
                names = f"{event.source}\t{event.id}"
                if "\\" in names or "\n" in names or "\r" in names or names.count("\t") != 1:
                    names = f"{event.source.translate(_ESCAPES)}\t{event.id.translate(_ESCAPES)}"
                content = _NOTHING if event.type < _DEPLOYED else _hex(content_hash_of(event))
                rows.append(
                    f"{number}\t{org_id}\t{event.identity.hex()}\t{content}\t{subject}\t{event.type}\t{event.time}\t"
                    f"{names}\t{app}\t{regions[event.region]}\t{sizes[event.vm_size]}\t{_details(event)}\n"
                )
            copy.write("".join(rows))
    _stage_names(connection, subjects, apps)


def _hex(made: bytes | None) -> str:
    return _NOTHING if made is None else made.hex()


def _details(event: UsageEvent) -> str:
    """What the event's type adds, in COPY's text format."""
    if event.type == _STARTED:
        return f"{event.memory_mib}\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N"
    if event.version is None and event.voided_id is None and event.bytes is None:
        capacity = _NOTHING if event.capacity_mib is None else event.capacity_mib
        return f"\\N\t{capacity}\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N"
    voids = None if event.voided_id is None or event.voided_source is None else identity_of(event.voided_source, event.voided_id).hex()
    details = (
        None,
        None,
        event.bytes,
        event.report_start,
        event.report_end,
        event.version,
        voids,
        event.voided_source,
        event.voided_id,
    )
    return "\t".join(_NOTHING if value is None else str(value).translate(_ESCAPES) for value in details)


def _stage_names(
    connection: "psycopg.Connection", subjects: Mapping[tuple[int, int, str], int], apps: Mapping[tuple[int, str], int]
) -> None:
    with connection.cursor().copy("COPY staged_name (number, org_id, kind, name) FROM STDIN") as copy:
        rows = [f"{number}\t{org_id}\t{kind}\t{name.translate(_ESCAPES)}\n" for (org_id, kind, name), number in subjects.items()]
        copy.write("".join(rows))
    with connection.cursor().copy("COPY staged_app_name (number, org_id, name) FROM STDIN") as copy:
        copy.write("".join(f"{number}\t{org_id}\t{name.translate(_ESCAPES)}\n" for (org_id, name), number in apps.items()))


def claim_identities(session: Session, count: int, contradicting: int = 0) -> tuple[list[int], list[int]]:
    """Take the identities of the first `count` staged events for ever; the numbers of duplicates and conflicts, which leave the batch.

    The `contradicting` events staged after them contradict one of them, whose identity they share: duplicates or conflicts, too.

    Identities are inserted in order, so that writers who share them wait for each other in one direction. Which ones were
    there before is asked only where some were: they were not written by this transaction. Raises RuntimeError inside a
    savepoint, where that cannot be told.
    """
    rest = range(count, count + contradicting)
    if not _looks_resent(session, count) and _claim_new(session, count):
        taken = count
    else:
        taken = run(session, f"{_CLAIM} ON CONFLICT DO NOTHING", (count,)).rowcount
    if taken == count:
        if rest:
            _leave(session, list(rest))
        return [], list(rest)
    judged = dict(run(session, _PRESENT).fetchall())
    if sum(number < count for number in judged) != count - taken:
        raise RuntimeError("events are ingested in a transaction of their own, once, and outside of savepoints")
    _leave(session, [*(number for number in judged if number < count), *rest])
    conflicts = [number for number, is_same in judged.items() if not is_same] + [number for number in rest if number not in judged]
    return [number for number, is_same in judged.items() if is_same], sorted(conflicts)


_CLAIM = """
INSERT INTO event_identity (org_id, identity, content_hash, day)
SELECT org_id, identity, content_hash, time::date FROM staged_event WHERE n < %s ORDER BY org_id, identity"""
# Whether what came again is the same: by what the ledger keeps of it, or by its hash where the ledger does not keep all.
# OFFSET 0 has each looked up by index, whatever the planner believes about tables without statistics.
_PRESENT = """
WITH present AS MATERIALIZED (
  SELECT s.*, i.content_hash AS kept_hash FROM staged_event s JOIN event_identity i USING (org_id, identity)
  WHERE i.xmin <> pg_current_xact_id()::xid
)
SELECT s.n, coalesce(s.content_hash = s.kept_hash, false) OR (s.content_hash IS NULL AND kept.is_same IS NOT NULL)
FROM present s
LEFT JOIN staged_name named ON named.number = s.subject
LEFT JOIN staged_app_name app_named ON app_named.number = s.app
LEFT JOIN LATERAL (SELECT id FROM resource r WHERE r.org_id = named.org_id AND r.kind = named.kind
                                                AND r.name = named.name COLLATE "C" OFFSET 0) AS subject ON true
LEFT JOIN LATERAL (SELECT id FROM app a WHERE a.org_id = app_named.org_id AND a.name = app_named.name OFFSET 0) AS app ON true
LEFT JOIN LATERAL (
  SELECT true AS is_same FROM usage_event u
  WHERE u.org_id = s.org_id AND u.resource_id = subject.id AND u.type = s.type AND u.time = s.time AND u.identity = s.identity
    AND (u.app_id, u.region_id) = (app.id, s.region_id)
    AND (u.vm_size_id, u.memory_mib, u.capacity_mib, u.bytes, u.report_start, u.report_end)
        IS NOT DISTINCT FROM (s.vm_size_id, s.memory_mib, s.capacity_mib, s.bytes, to_timestamp(s.start_epoch), to_timestamp(s.end_epoch))
  LIMIT 1 OFFSET 0) AS kept ON true
ORDER BY s.n"""


def _looks_resent(session: Session, count: int) -> bool:
    """Whether any of some 64 events spread over the batch is known: a file that is sent again, rather than news."""
    query = """SELECT EXISTS (SELECT FROM staged_event s JOIN event_identity i USING (org_id, identity) WHERE s.n %% %s = 0)"""
    [(is_known,)] = run(session, query, (max(1, count // PROBES),))
    return is_known


def _claim_new(session: Session, count: int) -> bool:
    """Take all of the batch's identities, or none where one is taken: without ON CONFLICT, which looks up and logs each row once more."""
    try:
        with db.raw(session).transaction():
            run(session, _CLAIM, (count,))
    except errors.UniqueViolation:
        return False
    return True


def _leave(session: Session, numbers: list[int]) -> None:
    """Take events, and the names that only they use, out of the batch."""
    run(session, "DELETE FROM staged_event WHERE n = ANY(%s)", (numbers,))
    run(session, "DELETE FROM staged_name WHERE number NOT IN (SELECT subject FROM staged_event WHERE subject IS NOT NULL)")
    run(session, "DELETE FROM staged_app_name WHERE number NOT IN (SELECT app FROM staged_event)")


def report_conflicts(session: Session, events: Sequence[tuple[int, UsageEvent]]) -> None:
    """Note about each of `events` (org id, event) that another content came under its identity."""
    if not events:
        return
    binds = (
        [org_id for org_id, _ in events],
        [event.identity.hex() for _, event in events],
        [event.time for _, event in events],
        [_KINDS.get(event.type) for _, event in events],
        [event.subject for _, event in events],
    )
    run(
        session,
        """INSERT INTO event_finding (org_id, resource_id, time, identity, code)
           SELECT f.org_id, r.id, to_timestamp(f.epoch), f.identity, 'event_conflict'
           FROM unnest(%s::int[], %s::uuid[], %s::bigint[], %s::smallint[], %s::text[])
             WITH ORDINALITY AS f (org_id, identity, epoch, kind, subject, number)
           LEFT JOIN resource r ON r.org_id = f.org_id AND r.kind = f.kind AND r.name = f.subject COLLATE "C"
           ORDER BY f.number ON CONFLICT DO NOTHING""",
        binds,
    )


def name_apps(session: Session) -> None:
    """Create the apps that the batch names for the first time."""
    run(
        session,
        """INSERT INTO app (org_id, name) SELECT org_id, name FROM staged_app_name AS named
           WHERE NOT EXISTS (SELECT FROM app a WHERE a.org_id = named.org_id AND a.name = named.name)
           ORDER BY org_id, name COLLATE "C" ON CONFLICT DO NOTHING""",
    )
    run(
        session,
        """INSERT INTO staged_app (number, org_id, id)
           SELECT s.number, s.org_id, a.id FROM staged_app_name s JOIN app a ON a.org_id = s.org_id AND a.name = s.name""",
    )


def name_subjects(session: Session) -> tuple[int, int]:
    """Give the batch's machines, volumes and addresses their ids in `staged_subject`; how many are new, how many were known before.

    New ones become resources once derivation has found their home.
    """
    run(
        session,
        """INSERT INTO staged_subject (number, org_id, kind, name, resource_id, is_new)
           SELECT s.number, s.org_id, s.kind, s.name, coalesce(r.id, nextval('resource_id_seq')), r.id IS NULL
           FROM staged_name s
           LEFT JOIN LATERAL (SELECT id FROM resource known WHERE known.org_id = s.org_id AND known.kind = s.kind
                                AND known.name = s.name COLLATE "C" OFFSET 0) AS r ON true""",
    )
    [(new, known)] = run(
        session, "SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM staged_subject"
    ).fetchall()
    return new, known


def write_events(session: Session) -> None:
    """The batch into `usage_event`, one subject's events beside each other."""
    run(
        session,
        """INSERT INTO usage_event (org_id, time, resource_id, type, identity, source, event_id, app_id, region_id, vm_size_id,
             memory_mib, capacity_mib, bytes, report_start, report_end, version, voids, received_at)
           SELECT e.org_id, e.time, s.resource_id, e.type, e.identity, e.source, e.event_id, a.id, e.region_id, e.vm_size_id,
             e.memory_mib, e.capacity_mib, e.bytes, to_timestamp(e.start_epoch), to_timestamp(e.end_epoch), e.version, e.voids, %s
           FROM staged_event e JOIN staged_app a ON a.number = e.app
           LEFT JOIN staged_subject s ON s.number = e.subject
           ORDER BY s.resource_id, e.epoch""",
        (clock.now(),),
    )
