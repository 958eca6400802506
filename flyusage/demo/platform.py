"""Filling the demo platform: three invented companies, newest history first, taken up again wherever it was cut off.

A company's history is told in chapters: the last 31 days, then calendar months backwards. What is done is kept in
`ingest_run`, in the transaction that does it: a row per company, whose name holds everything its history follows from, and a
row per chapter, which counts the events that are in.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache, partial

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db, periods
from flyusage.demo import people, setting, story
from flyusage.demo.crew import crew, made_ahead
from flyusage.demo.lives import Unit
from flyusage.demo.stream import Chapter, Company, chapters, living_units, write, writer_of
from flyusage.metering import compaction, history, statistics
from flyusage.metering.ingest import BatchResult, ingest_events
from flyusage.metering.locks import shard_of
from flyusage.metering.models import dirty_day, dirty_resource, ingest_run
from flyusage.metering.rollups import Steps, catch_up
from flyusage.metering.usage_event import UsageEvent

BATCH_EVENTS = 60_000
WRITERS = 2
LARGE = ("demo", "Quillback Logistics (demo)")
SMALL = (("demo-tidepool", "Tidepool Games (demo)", 140), ("demo-marlow", "Marlow & Finch (demo)", 12))
_NAMES = {LARGE[0]: LARGE[1]} | {slug: name for slug, name, _ in SMALL}
_MARK = re.compile(r"demo/([a-z-]+)/(\d+) vms/(\d+) months/seed (-?\d+)/(\S+)")


@dataclass(frozen=True)
class Progress:
    """How far the filling is. `share` of all work (0 to 1) and `events` so far.

    Days of the large company from `complete_since` on are in and rolled up (None: none yet). `is_usable` once its last 31
    days are.
    """

    share: float
    events: int
    complete_since: date | None

    @property
    def is_usable(self) -> bool:
        """Whether the large company's last 31 days can be looked at."""
        return self.complete_since is not None


@dataclass(frozen=True)
class Filled:
    """What there is after `fill`: the companies' slugs, the large one first, the moment their filled history ends, and how
    many events it wrote itself (0: everything was there).
    """

    slugs: tuple[str, ...]
    anchor: datetime
    events: int


@dataclass(frozen=True)
class Loading:
    """A demo company whose older history still comes in; days from `complete_since` on are complete (None: none yet)."""

    slug: str
    complete_since: date | None
    begins: date


def fill(
    *,
    vms: int = 10_000,
    months: int = 14,
    seed: int = 7,
    now: datetime | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Filled:
    """The demo platform, complete up to `now` (by default the clock's): a company of `vms` machines and two small ones.

    What is there stays: a platform that is complete is left alone, one that was cut off is completed as it was begun,
    whatever the arguments. The same arguments make the same events. `progress` is called after every committed step.
    """
    with db.platform_transaction() as session:
        companies = _begin(session, vms=vms, months=months, seed=seed, now=now or clock.now())
    filling = _Filling(companies, progress)
    filling.run()
    return Filled(tuple(company.slug for company in companies), companies[0].anchor, filling.events)


def advance(*, now: datetime | None = None) -> int:
    """Let the companies that are complete live on to `now`; how many events that took. Safe to repeat."""
    until, events = (now or clock.now()).replace(microsecond=0), 0
    with db.platform_transaction() as session:
        complete = [company for company, is_complete in _companies(session) if is_complete]
        lives = [(company, *_life(session, company)) for company in complete]
    for company, run_id, since in lives:
        if until <= since:
            continue
        units, org_ids = living_units(company, since, until), set[int]()
        # Killed between two batches, the next call brings the first ones again, and they count as duplicates.
        for _, batch in write(company, units, writer_of(company, until, since), BATCH_EVENTS):
            with db.platform_transaction() as session:
                taken = ingest_events(session, batch)
                _count(session, run_id, taken)
            events, org_ids = events + taken.accepted, org_ids | taken.org_ids
        with db.platform_transaction() as session:
            _finish(session, run_id, until)
        for org_id in org_ids:
            catch_up(org_id)
    return events


def loading(session: Session) -> list[Loading]:
    """The demo companies that are still being filled; none most of the time. Needs the platform's role."""
    return [
        Loading(company.slug, min(_told(session, company), default=None), story.moment_of(company.tale.begins).date())
        for company, is_complete in _companies(session)
        if not is_complete
    ]


class _Filling:
    """One run of `fill`."""

    def __init__(self, companies: Sequence[Company], progress: Callable[[Progress], None] | None) -> None:
        self.events = 0
        self._companies = companies
        self._chapters = {company.slug: chapters(company, company.anchor) for company in companies}
        self._units = sum(len(chapter.units) for told in self._chapters.values() for chapter in told)
        self._units_done = 0
        self._loads = {
            company.slug: _Load(sum(len(chapter.units) for chapter in self._chapters[company.slug]), company.anchor.date() + periods.DAY)
            for company in companies
        }
        self._complete_since: date | None = None
        self._progress = progress

    def run(self) -> None:
        """The large company's last days, the small companies, then the large one's older history."""
        large, *small = self._companies
        self._tell(large, self._chapters[large.slug][:1])
        statistics.refresh()
        for company in small:
            self._tell(company, self._chapters[company.slug])
        if older := self._chapters[large.slug][1:]:  # a month of history is within the last days
            self._tell(large, older)
        statistics.refresh()
        compaction.compact()

    def _tell(self, company: Company, told: Sequence[Chapter]) -> None:
        with db.platform_transaction() as session:
            org_id = setting.set_up(session, company)
            people.adopt(session)
        for chapter in told:
            self._tell_chapter(company, org_id, chapter)
            self._units_done += len(chapter.units)
            if company is self._companies[0]:
                self._complete_since = chapter.first_day.date()
            self._say(0)
        with db.platform_transaction() as session:
            setting.assign_cost_centres(session, org_id, company)
            if told[-1] is self._chapters[company.slug][-1]:
                _finish(session, _run(session, _mark(company))[0])
                history.note_whole(session, org_id)

    def _tell_chapter(self, company: Company, org_id: int, chapter: Chapter) -> None:
        """A chapter's events, then its days; what a region's hosts held back comes after that, as late events do."""
        mark, load = _chapter_mark(company, chapter), self._loads[company.slug]
        with db.platform_transaction() as session:
            run_id, _, is_finished = _run(session, mark)
            halves = [_Part.begun(session, f"{_mark(company)}/{chapter.first_day.date()}, half {half}") for half in range(WRITERS)]
            held_back = _Part.begun(session, f"{_mark(company)}/{chapter.first_day.date()}, late")
        if is_finished:
            load.take(chapter)
            return
        load.note(org_id)
        late: list[UsageEvent] = []
        with ExitStack() as stack:
            # A thread each, so that a half's batches follow each other; a batch is handed on while the one before is written.
            writers = [stack.enter_context(crew(1, name="demo-writer")) for _ in halves]
            writing: list[Future[int]] = []
            for units_done, batch in made_ahead(chapter.units, partial(_batches, company)):
                late += [event for event in batch if _is_late(company, event)]
                in_time = _by_writer([event for event in batch if not _is_late(company, event)])
                handed_on = [submit(half.take, events) for submit, half, events in zip(writers, halves, in_time, strict=True)]
                self.events += sum(one.result() for one in writing)
                writing = handed_on
                load.note(org_id, units_done)
                self._say(units_done)
            self.events += sum(one.result() for one in writing)
        _roll_up(org_id, chapter.first_day.date())
        if late:
            self.events += held_back.take(late)
            _roll_up(org_id, chapter.first_day.date())
        with db.platform_transaction() as session:
            _finish(session, run_id)
        load.take(chapter)
        load.note(org_id)

    def _say(self, units_done: int) -> None:
        if self._progress is not None:
            share = (self._units_done + units_done) / self._units
            self._progress(Progress(share, self.events, self._complete_since))


@dataclass
class _Load:
    """How much of a company's history is in, for whoever looks at it meanwhile: `done` of its `units`, the newest days first."""

    units: int
    whole_from: date
    done: int = 0

    def take(self, chapter: Chapter) -> None:
        """A chapter is in, and its days are rolled up."""
        self.whole_from = chapter.first_day.date()
        self.done += len(chapter.units)

    def note(self, org_id: int, units_done: int = 0) -> None:
        """Say so in the organization, with `units_done` of the chapter that is being told."""
        with db.platform_transaction() as session:
            history.note_load(session, org_id, self.whole_from, 100 * (self.done + units_done) // max(1, self.units))


@dataclass
class _Part:
    """One writer's share of a chapter. `there`: how many of its events earlier runs of `fill` committed and this one skips."""

    run_id: int
    there: int

    @classmethod
    def begun(cls, session: Session, name: str) -> "_Part":
        run_id, there, _ = _run(session, name)
        return cls(run_id, there)

    def take(self, events: Sequence[UsageEvent]) -> int:
        """Commit the next events together with their count; how many are new."""
        if self.there >= len(events):
            self.there -= len(events)
            return 0
        with db.platform_transaction() as session:
            taken = ingest_events(session, events)
            _count(session, self.run_id, taken)
            _finish(session, self.run_id)
        return taken.accepted


def _batches(company: Company, units: Iterable[Unit]) -> Iterator[tuple[int, list[UsageEvent]]]:
    return write(company, units, writer_of(company, company.anchor), BATCH_EVENTS)


def _by_writer(events: Sequence[UsageEvent]) -> list[list[UsageEvent]]:
    """Events cut by subject, so that writers need not wait for each other."""
    parts: list[list[UsageEvent]] = [[] for _ in range(WRITERS)]
    for event in events:
        parts[shard_of(event.subject) % WRITERS].append(event)
    return parts


def _roll_up(org_id: int, first_day: date) -> None:
    """Roll what is dirty from `first_day` on. Days before it wait for their chapter: their history is not whole yet."""
    steps = Steps(org_id, days_at_once=31)
    months = dirty_resource.c.month >= (first_day if first_day.day == 1 else periods.next_month(periods.midnight(first_day)).date())
    left = sa.select(
        sa.or_(
            sa.exists().where(dirty_day.c.org_id == org_id, dirty_day.c.day >= first_day),
            sa.exists().where(dirty_resource.c.org_id == org_id, months),
        )
    )
    while steps.take(None):
        with db.platform_transaction() as session:
            if not session.scalar(left):
                return


def _begin(session: Session, *, vms: int, months: int, seed: int, now: datetime) -> list[Company]:
    """The companies to fill, the large one first: those that were begun, or new ones by the arguments."""
    session.execute(sa.text("LOCK TABLE ingest_run IN SHARE ROW EXCLUSIVE MODE"))
    begun = [company for company, _ in _companies(session)]
    if begun:
        return begun
    anchor = now.astimezone(UTC).replace(microsecond=0)
    made = [_company(LARGE[0], vms, months, seed, anchor)]
    made += [_company(slug, size, months, seed + number, anchor) for number, (slug, _, size) in enumerate(SMALL, start=1)]
    for company in made:
        _run(session, _mark(company))
    return made


@lru_cache(maxsize=16)
def _company(slug: str, vms: int, months: int, seed: int, anchor: datetime) -> Company:
    return Company(slug, _NAMES[slug], vms, seed, months, anchor, has_story=slug == LARGE[0])


def _mark(company: Company) -> str:
    return f"demo/{company.slug}/{company.vms} vms/{company.months} months/seed {company.seed}/{_stamp(company.anchor)}"


def _chapter_mark(company: Company, chapter: Chapter) -> str:
    return f"{_mark(company)}/since {chapter.first_day.date()}"


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _companies(session: Session) -> list[tuple[Company, bool]]:
    """The companies that were begun, in that order, and whether each is complete."""
    rows = session.execute(
        sa.select(ingest_run.c.name, ingest_run.c.finished_at).where(ingest_run.c.name.like("demo/%")).order_by(ingest_run.c.id)
    )
    found = []
    for name, finished_at in rows:
        if match := _MARK.fullmatch(name):
            slug, vms, months, seed, anchor = match.groups()
            company = _company(slug, int(vms), int(months), int(seed), datetime.fromisoformat(anchor))
            found.append((company, finished_at is not None))
    return found


def _told(session: Session, company: Company) -> list[date]:
    """The first days of the chapters that are complete."""
    return [date.fromisoformat(text) for text in _finished(session, f"{_mark(company)}/since ")]


def _life(session: Session, company: Company) -> tuple[int, datetime]:
    """The run that counts what happens to a complete company afterwards, and up to when that is in: its `finished_at`."""
    run_id, _, _ = _run(session, f"{_mark(company)}/lives on")
    until = session.scalar(sa.select(ingest_run.c.finished_at).where(ingest_run.c.id == run_id))
    return run_id, until or company.anchor


def _finished(session: Session, prefix: str) -> list[str]:
    """What follows `prefix` in the names of finished runs."""
    names = session.scalars(
        sa.select(ingest_run.c.name).where(ingest_run.c.name.startswith(prefix, autoescape=True), ingest_run.c.finished_at.is_not(None))
    )
    return [name.removeprefix(prefix) for name in names]


def _run(session: Session, name: str) -> tuple[int, int, bool]:
    """The run called `name`, begun if it is new: its id, how many events it brought, whether it is finished."""
    runs = ingest_run.c
    found = session.execute(sa.select(runs.id, runs.accepted + runs.duplicate, runs.finished_at).where(runs.name == name)).one_or_none()
    if found is not None:
        return found[0], found[1], found[2] is not None
    made = sa.insert(ingest_run).values(name=name, started_at=clock.now()).returning(runs.id)
    return session.execute(made).scalar_one(), 0, False


def _count(session: Session, run_id: int, taken: BatchResult) -> None:
    runs = ingest_run.c
    added = {"accepted": runs.accepted + taken.accepted, "duplicate": runs.duplicate + taken.duplicate}
    session.execute(sa.update(ingest_run).where(runs.id == run_id).values(added))


def _finish(session: Session, run_id: int, at: datetime | None = None) -> None:
    session.execute(sa.update(ingest_run).where(ingest_run.c.id == run_id).values(finished_at=at or clock.now()))


def _is_late(company: Company, event: UsageEvent) -> bool:
    late = company.tale.late
    return late is not None and event.region == story.LATE_REGION and late.holds(event.time)
