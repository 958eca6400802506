"""Events in: the one path by which files, the API and the demo reach the ledger, the intervals and the days to re-roll."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import cached_property

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from flyusage import clock, db
from flyusage.metering import derivation, ledger, partitions, reach, rollup_state, tail, withdrawals
from flyusage.metering.errors import Refusal
from flyusage.metering.events import Parser, UsageEvent
from flyusage.metering.granted import apart
from flyusage.metering.locks import lock_organizations, lock_subjects, shard_of
from flyusage.metering.models import ingest_run, refused_event
from flyusage.metering.statements import by_index, run
from flyusage.metering.usage_event import content_of

BATCH_EVENTS = 20_000
BATCH_BYTES = 32 << 20  # 20,000 lines may be a gigabyte
WRITERS = 2
UNDER_WAY = 2  # batches: a writer that is done with its part begins the next one's, while the other still writes
WORTH_SPLITTING = 2_000
# Threads take turns: a writer whose statement is answered would wait Python's own 5 ms for the one that parses.
TURN_SECONDS = 0.0002
CONFLICT = "Another event has this source and id; the first one stands. Send the correction under a new id, and void the first."


@dataclass
class BatchResult:
    """What became of one batch. `refusals` carry no raw line; `org_ids` are those whose ledger grew."""

    accepted: int = 0
    duplicate: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    org_ids: set[int] = field(default_factory=set)


@dataclass
class IngestResult:
    """What became of a run: counts of lines, and the organizations whose ledger grew."""

    accepted: int = 0
    duplicate: int = 0
    refused: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    org_ids: set[int] = field(default_factory=set)

    def add(self, batch: BatchResult) -> None:
        """Count a committed batch."""
        self.accepted += batch.accepted
        self.duplicate += batch.duplicate
        self.refused += len(batch.refusals)
        self.org_ids |= batch.org_ids


class Ingest:
    """Lines into the ledger, batch by batch; what a batch writes is whole or absent, so that a run killed and repeated ends the same.

    Creates unknown organizations unless `strict_orgs`; with `only_org` refuses all others, with `only_apps` (ids, of that
    organization) all but their events. `max_age` (months) overrides
    FLYUSAGE_EVENT_MAX_AGE. `on_refusal` receives each refusal once its batch is committed; without it they are collected in
    the result. Parsing goes on while the database works on the batches before, a large one in two transactions at once, each
    with subjects of its own. No batch waits for the disk: the run's own end does, for all of them.
    """

    def __init__(
        self,
        session_factory: Callable[[], AbstractContextManager[Session]] = db.platform_transaction,
        *,
        strict_orgs: bool = False,
        only_org: str | None = None,
        only_apps: frozenset[int] | None = None,
        max_age: int | None = None,
        on_refusal: Callable[[Refusal], None] | None = None,
    ) -> None:
        self._session_factory = session_factory
        self._strict_orgs = strict_orgs
        self._only_org = only_org
        self._only_apps = only_apps
        self._max_age = max_age
        self._on_refusal = on_refusal

    def run(self, lines: Iterable[bytes], *, name: str, progress: Callable[[IngestResult], None] | None = None) -> IngestResult:
        """Ingest all of `lines`; `progress` is called after each batch with the counts so far."""
        result = IngestResult()
        sys.setswitchinterval(min(sys.getswitchinterval(), TURN_SECONDS))
        run_id = self._begin(name)
        with ExitStack() as stack:
            writers = [stack.enter_context(ThreadPoolExecutor(1, f"ingest-{number}")) for number in range(WRITERS)]
            under_way: deque[_Batch] = deque()
            try:
                for batch in self._batches(lines):
                    while len(under_way) >= UNDER_WAY or (under_way and not (batch.is_shared and under_way[-1].is_shared)):
                        settled = under_way.popleft()
                        self._report(settled, result, progress)
                        settled.raise_failure()
                    if batch.is_shared:
                        self._make_room(batch.events)
                    before = under_way[-1] if under_way else _Batch()
                    batch.written = [
                        writer.submit(self._write, run_id, part, behind)
                        for writer, part, behind in zip(writers, batch.parts(before.claims), before.written or (None, None), strict=False)
                    ]
                    under_way.append(batch)
            finally:  # also where the input breaks off, or a batch failed: what was committed is reported
                for batch in under_way:
                    self._report(batch, result, progress)
            for batch in under_way:
                batch.raise_failure()
        with self._session_factory() as session:  # on the disk once this is, and all that was committed before it
            session.execute(sa.update(ingest_run).where(ingest_run.c.id == run_id).values(finished_at=clock.now()))
        return result

    def _make_room(self, events: Sequence[UsageEvent]) -> None:
        """Partitions and organizations, committed before writers begin: one would wait for the other's whole transaction to make them."""
        with self._session_factory() as session:
            partitions.prepare(session, events)
            _organizations(session, events, strict_orgs=self._strict_orgs, only_org=self._only_org)

    def _batches(self, lines: Iterable[bytes]) -> Iterator["_Batch"]:
        batch, parser, size = _Batch(), Parser(clock.now(), self._max_age), 0
        for number, raw in _numbered(lines):
            parsed = parser.parse(raw, number)
            size += len(raw)
            if isinstance(parsed, UsageEvent):
                batch.raws[number] = raw
                batch.events.append(parsed)
            else:
                batch.refusals.append(parsed)
            if len(batch.events) + len(batch.refusals) >= BATCH_EVENTS or size >= BATCH_BYTES:
                yield batch
                batch, parser, size = _Batch(), Parser(clock.now(), self._max_age), 0
        if batch.events or batch.refusals:
            yield batch

    def _write(self, run_id: int, batch: "_Batch", behind: "Future[BatchResult] | None") -> BatchResult:
        if behind is not None:
            behind.result()  # what failed before ends this, too: a claim of its own may hang on it
        with self._session_factory() as session:
            run(session, "SET LOCAL synchronous_commit = off")  # a run that is cut off is repeated whole
            written = ingest_events(
                session, batch.events, strict_orgs=self._strict_orgs, only_org=self._only_org, only_apps=self._only_apps
            )
            written.refusals = [msgspec.structs.replace(one, raw=batch.raws[one.line].rstrip(b"\r\n")) for one in written.refusals]
            written.refusals += batch.refusals
            if self._only_org is not None:  # whoever sends answers for it, whichever organization it names: months wait for refusals
                written.refusals = [msgspec.structs.replace(one, org=self._only_org) for one in written.refusals]
            _keep_refusals(session, run_id, written.refusals)
            count = ingest_run.c
            session.execute(
                sa.update(ingest_run)
                .where(count.id == run_id)
                .values(
                    accepted=count.accepted + written.accepted,
                    duplicate=count.duplicate + written.duplicate,
                    refused=count.refused + len(written.refusals),
                )
            )
        return written

    def _report(self, batch: "_Batch", result: IngestResult, progress: Callable[[IngestResult], None] | None) -> None:
        """Wait for a batch under way and report what of it was committed, its refusals in the order of lines."""
        wait(batch.written)
        written = [future.result() for future in batch.written if future.exception() is None]
        for part in written:
            result.add(part)
        for refusal in sorted((one for part in written for one in part.refusals), key=lambda one: one.line):
            if self._on_refusal is None:
                result.refusals.append(refusal)
            else:
                self._on_refusal(refusal)
        if progress is not None:
            progress(result)

    def _begin(self, name: str) -> int:
        with self._session_factory() as session:
            started = sa.insert(ingest_run).values(name=name, started_at=clock.now()).returning(ingest_run.c.id)
            return session.execute(started).scalar_one()


@dataclass
class _Batch:
    """Parsed lines: events with their lines as they came, and refusals. `claims` are the writers of identities, `written` what is at work."""

    raws: dict[int, bytes] = field(default_factory=dict)
    events: list[UsageEvent] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    claims: dict[tuple[str, bytes], int] = field(default_factory=dict)
    written: list[Future[BatchResult]] = field(default_factory=list)

    @cached_property
    def is_shared(self) -> bool:
        """Whether several writers share it: not where it is small, or withdraws events, which may concern any subject."""
        return len(self.events) >= WORTH_SPLITTING and all(event.voided_id is None for event in self.events)

    def parts(self, earlier: Mapping[tuple[str, bytes], int]) -> list["_Batch"]:
        """The batch cut by subject for writers that work at once.

        Whoever claims an identity again goes to the writer where it was claimed first, so that the first stands; `earlier` are
        the claims of a batch that is still being written.
        """
        if not self.is_shared:
            return [self]
        parts = [_Batch(self.raws, [], self.refusals if writer == 0 else []) for writer in range(WRITERS)]
        claims, writers = self.claims, dict[str, int]()
        for event in self.events:
            subject, claim = event.subject, (event.org, event.identity)
            writer = writers.get(subject)
            if writer is None:
                writer = writers[subject] = shard_of(subject) % WRITERS
            if claim in earlier:
                writer = earlier[claim]
            parts[claims.setdefault(claim, writer)].events.append(event)
        return parts

    def raise_failure(self) -> None:
        """Raise what the database raised, if it did."""
        for future in self.written:
            future.result()


def ingest_events(
    session: Session,
    batch: Sequence[UsageEvent],
    *,
    strict_orgs: bool = False,
    only_org: str | None = None,
    only_apps: frozenset[int] | None = None,
) -> BatchResult:
    """Take a batch in, inside the caller's platform transaction: ledger, resources, intervals, findings, days to re-roll.

    Organizations are held until the transaction ends, so call it first and once per transaction. Refuses with
    `org_unknown`, `app_not_granted` and `event_conflict` only; the rest was for the parser.
    """
    result = BatchResult()
    org_ids = _organizations(session, batch, strict_orgs=strict_orgs, only_org=only_org)
    known = [event for event in batch if event.org in org_ids]
    if len(known) < len(batch):
        result.refusals += [_org_unknown(event, only_org) for event in batch if event.org not in org_ids]
    if not known:
        return result
    partitions.prepare(session, known)
    has_voids = any(event.voided_id is not None for event in known)
    if has_voids:
        lock_organizations(session, org_ids.values())
    else:
        lock_subjects(session, ((org_ids[org], shard_of(subject)) for org, subject in {(event.org, event.subject) for event in known}))
    if emptied := _emptied(session, org_ids.values()):  # asked once they are held: nobody is emptied from here on
        result.refusals += [_org_emptied(event) for event in known if org_ids[event.org] in emptied]
        known = [event for event in known if org_ids[event.org] not in emptied]
        if not known:
            return result
    if only_apps is not None:
        known, refused = apart(session, org_ids, known, only_apps)
        result.refusals += refused
        if not known:
            return result
    with by_index(session):
        _take(session, org_ids, known, result, has_voids=has_voids)
    for org_id, apps in sorted(derivation.open_apps(session).items() if result.org_ids else ()):
        tail.refresh_open_cells(session, org_id, apps if len(apps) <= derivation.FEW_APPS else None)
    return result


def _take(session: Session, org_ids: Mapping[str, int], events: Sequence[UsageEvent], result: BatchResult, *, has_voids: bool) -> None:
    """Events of organizations that are held, into the ledger and everything derived from it."""
    unique, clashing = _within_batch(events)
    staged = [*unique, *clashing]
    ledger.stage(session, org_ids, staged)
    duplicates, taken = ledger.claim_identities(session, len(unique), len(clashing))
    conflicts = [staged[number] for number in taken]
    ledger.report_conflicts(session, [(org_ids[event.org], event) for event in conflicts])
    result.refusals += [_conflict(event) for event in conflicts]
    result.accepted = len(unique) - sum(number < len(unique) for number in (*duplicates, *taken))
    result.duplicate = len(events) - result.accepted - len(conflicts)
    if result.accepted:
        _record(session, has_voids=has_voids)
        result.org_ids = rollup_state.advance(session)


def _record(session: Session, *, has_voids: bool) -> None:
    """From the staged batch, all of it new, to the ledger and everything derived from it."""
    ledger.name_apps(session)
    if has_voids:
        withdrawals.note(session)
    new, known = ledger.name_subjects(session)
    if has_voids:
        known += withdrawals.recall(session)
    reach.measure(session)
    derivation.rederive(session, new=new, has_known=known > 0)
    ledger.write_events(session)
    withdrawals.annotate(session)
    if has_voids:
        withdrawals.note_final(session)


def _organizations(session: Session, batch: Iterable[UsageEvent], *, strict_orgs: bool, only_org: str | None) -> dict[str, int]:
    """Slug → id of the organizations that may be written; unknown ones are made unless told otherwise."""
    slugs = sorted({event.org for event in batch if only_org is None or event.org == only_org})
    find = sa.text(
        """SELECT slug, id FROM organization WHERE slug = ANY(:slugs) UNION ALL
           SELECT f.slug, f.org_id FROM former_slug f WHERE f.slug = ANY(:slugs)
             AND NOT EXISTS (SELECT FROM organization o WHERE o.slug = f.slug) ORDER BY slug"""
    )
    found = dict(session.execute(find, {"slugs": slugs}).all())
    if strict_orgs or only_org is not None or len(found) == len(slugs):
        return found
    make = sa.text(
        """INSERT INTO organization (slug, name, created_at) SELECT slug, slug, :now FROM unnest(CAST(:slugs AS text[])) AS slug
           ORDER BY slug ON CONFLICT DO NOTHING"""
    )
    session.execute(make, {"slugs": [slug for slug in slugs if slug not in found], "now": clock.now()})
    return dict(session.execute(find, {"slugs": slugs}).all())


def _emptied(session: Session, org_ids: Iterable[int]) -> set[int]:
    """Those that were purged. What they used is gone, so that anything late would seem to be all that they ever used, and be credited."""
    asked = sa.text("SELECT id FROM organization WHERE id = ANY(:ids) AND purged_at IS NOT NULL")
    return set(session.scalars(asked, {"ids": sorted(set(org_ids))}))


def _within_batch(events: Sequence[UsageEvent]) -> tuple[list[UsageEvent], list[UsageEvent]]:
    """The first event of each identity, and those that contradict it."""
    first: dict[tuple[str, bytes], UsageEvent] = {}
    clashing: list[UsageEvent] = []
    for event in events:
        stands = first.setdefault((event.org, event.identity), event)
        if stands is not event and content_of(stands) != content_of(event):
            clashing.append(event)
    return list(first.values()), clashing


def _keep_refusals(session: Session, run_id: int, refusals: Sequence[Refusal]) -> None:
    """Each line once, with when and where it came last. In order of their digests, so that writers wait in one direction only."""
    now, lines = clock.now(), {refusal.digest: refusal for refusal in refusals}
    rows = [
        {"ingest_run_id": run_id, "org_slug": refusal.org, "line": refusal.line, "code": refusal.code,
         "sentence": refusal.sentence, "excerpt": refusal.excerpt, "at": now, "digest": digest}
        for digest, refusal in sorted(lines.items())
    ]  # fmt: skip
    if rows:
        made = insert(refused_event)
        latest = {name: made.excluded[name] for name in ("ingest_run_id", "line", "sentence", "at")}
        session.execute(made.on_conflict_do_update(index_elements=["digest"], set_=latest), rows)


def _numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines with their 1-based numbers; empty ones at the end are no lines at all."""
    first_empty = 0
    for number, raw in enumerate(lines, start=1):
        if raw in (b"", b"\n", b"\r\n"):
            first_empty = first_empty or number
            continue
        for empty in range(first_empty, number) if first_empty else ():
            yield empty, b""
        first_empty = 0
        yield number, raw


def _conflict(event: UsageEvent) -> Refusal:
    return Refusal(event.line, "event_conflict", CONFLICT, b"", event.org)


def _org_unknown(event: UsageEvent, only_org: str | None) -> Refusal:
    sentence = (
        f"There is no organization {event.org}; create it, or leave out --strict-orgs."
        if only_org is None
        else f"This token may send events of {only_org} only, not of {event.org}."
    )
    return Refusal(event.line, "org_unknown", sentence, b"", event.org)


def _org_emptied(event: UsageEvent) -> Refusal:
    sentence = f"The organization {event.org} was deleted more than 30 days ago and its usage is gone; it takes no more events."
    return Refusal(event.line, "org_unknown", sentence, b"", event.org)
