"""Experiments with prices: for a time, some of a book's buyers buy at another book's published prices.

Who takes part is named, or drawn by a stable hash of the experiment and the organization; `buying.py` applies it to every day's
prices. An experiment begins and ends at a UTC midnight and never changes a day that is over. The verbs are the platform's.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from flyusage import clock
from flyusage.logs import harmless
from flyusage.orgs.acting import Actor
from flyusage.orgs.audit import NewEntry, record_many
from flyusage.orgs.queries import organization_by_slug
from flyusage.pricing.books import LIST, PriceBook, book_by_id, book_named
from flyusage.pricing.buying import takes_part
from flyusage.pricing.errors import ExperimentRefused, ExperimentUnknown
from flyusage.pricing.models import price_experiment, price_experiment_member, price_experiment_notice
from flyusage.pricing.versions import record

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
DAY = timedelta(days=1)
NOTICE_DAYS = 30
BEGINS, ENDS = "begins", "ends"


@dataclass(frozen=True)
class Experiment:
    """`book`'s prices for some buyers of `base`, in `[starts_on, ends_on)`; `ends_on` None: until it is ended.

    `percent` of the buyers take part by a stable hash; `named` (ids) do and `left_out` do not, whatever their hash.
    """

    id: int
    slug: str
    base: PriceBook
    book: PriceBook
    percent: Decimal | None
    starts_on: date
    ends_on: date | None
    note: str
    named: frozenset[int] = frozenset()
    left_out: frozenset[int] = frozenset()

    def takes(self, org_id: int) -> bool:
        """Whether an organization that buys from `base` takes part."""
        is_in = True if org_id in self.named else False if org_id in self.left_out else None
        return takes_part(self.slug, self.percent, org_id, is_in)

    @property
    def was_cancelled(self) -> bool:
        """Ended before it began."""
        return self.ends_on == self.starts_on


@dataclass(frozen=True)
class Plan:
    """An experiment to start. `orgs` and `left_out` are slugs; `notice_days` how long before each change its mail is due."""

    slug: str
    book: str
    starts_on: date
    ends_on: date | None = None
    base: str = LIST
    percent: Decimal | None = None
    orgs: Sequence[str] = field(default=())
    left_out: Sequence[str] = field(default=())
    notice_days: int = NOTICE_DAYS
    note: str = ""


@dataclass(frozen=True)
class Notice:
    """A mail that is due to an organization: its prices change on `changes_on`, for `kind` begins or ends."""

    org_id: int
    experiment: str
    kind: str
    changes_on: date
    due_on: date


def start(session: Session, plan: Plan, *, by: Actor) -> Experiment:
    """Start an experiment on a day to come, and note the mails to those who take part. Raises ExperimentRefused, OrganizationUnknown."""
    by.is_no_member("Experiments with prices are started")
    session.execute(sa.text("SELECT FROM price_book WHERE slug = :slug FOR UPDATE"), {"slug": plan.base})  # one start at a time
    base, book = _books(session, plan)
    _refuse_dates(session, plan, book)
    buyers = _buyers(session, base.id)
    named, left_out = _named(session, plan.orgs, buyers, base), _named(session, plan.left_out, buyers, base)
    if plan.percent is None and not named:
        raise ExperimentRefused("Nobody would take part. Name organizations, or a percentage of the buyers.")
    if named & left_out:
        raise ExperimentRefused("An organization cannot be named to take part and to be left out.")
    made = sa.insert(price_experiment).values(
        slug=plan.slug,
        base_book_id=base.id,
        book_id=book.id,
        percent=plan.percent,
        starts_on=plan.starts_on,
        ends_on=plan.ends_on,
        note=plan.note,
        created_at=clock.now(),
    )
    id_ = session.execute(made.returning(price_experiment.c.id)).scalar_one()
    rows = [
        {"org_id": org, "experiment_id": id_, "is_in": is_in} for orgs, is_in in ((named, True), (left_out, False)) for org in sorted(orgs)
    ]
    if rows:
        session.execute(sa.insert(price_experiment_member), rows)
    begun = experiment_named(session, plan.slug)
    _refuse_overlap(session, begun, buyers)
    cohort = [org for org in buyers if begun.takes(org)]
    detail = {"book": book.slug, "base": base.slug, "from": str(plan.starts_on), "to": str(plan.ends_on) if plan.ends_on else None}
    _log(session, begun, "start", cohort, {**detail, "percent": str(plan.percent) if plan.percent else None}, by)
    _note(session, begun, BEGINS, cohort, plan.starts_on - plan.notice_days * DAY)
    if plan.ends_on is not None:
        _note(session, begun, ENDS, cohort, plan.ends_on - plan.notice_days * DAY)
    return begun


def end(session: Session, slug: str, *, on: date | None = None, by: Actor) -> Experiment:
    """Return everybody to the base book: from tomorrow on, or from a later day. One that has not begun never does.

    Raises ExperimentUnknown, and ExperimentRefused for a day that is over or after its end.
    """
    by.is_no_member("Experiments with prices are ended")
    session.execute(sa.text("SELECT FROM price_experiment WHERE slug = :slug FOR UPDATE"), {"slug": slug})
    found = experiment_named(session, slug)
    last = _last(found, on, clock.now().date())
    session.execute(sa.update(price_experiment).where(price_experiment.c.id == found.id).values(ends_on=last))
    cohort = [org for org in _buyers(session, found.base.id) if found.takes(org)]
    _log(session, found, "end", cohort, {"on": str(last)}, by)
    if last == found.starts_on:  # only who was told that it begins is told that it does not
        told = session.scalars(sa.text(_UNDO), {"id": found.id, "begins": BEGINS})
        cohort = list(told)
    _note(session, found, ENDS, cohort, min(clock.now().date(), last))
    return experiment_named(session, slug)


def experiments(session: Session) -> list[Experiment]:
    """Every experiment, the latest first."""
    rows = session.execute(sa.select(price_experiment).order_by(price_experiment.c.starts_on.desc(), price_experiment.c.id.desc())).all()
    members = session.execute(sa.select(price_experiment_member)).all()
    return [_experiment(session, row, members) for row in rows]


def experiment_named(session: Session, slug: str) -> Experiment:
    """Raises ExperimentUnknown."""
    row = session.execute(sa.select(price_experiment).where(price_experiment.c.slug == slug)).one_or_none()
    if row is None:
        raise ExperimentUnknown(f"There is no experiment {harmless(slug[:60])!r}. `flyusage prices experiment list` names those there are.")
    members = session.execute(sa.select(price_experiment_member).where(price_experiment_member.c.experiment_id == row.id)).all()
    return _experiment(session, row, members)


def cohorts(session: Session, experiment: Experiment) -> tuple[list[int], list[int]]:
    """The ids of the base book's buyers that take part, and of those that do not."""
    buyers = _buyers(session, experiment.base.id)
    return [org for org in buyers if experiment.takes(org)], [org for org in buyers if not experiment.takes(org)]


def due_notices(session: Session, *, limit: int = 1000) -> list[Notice]:
    """Mails that are due and not handed over yet, the most urgent first; locked for this transaction, others' are passed by.

    The outbox takes them with `hand_over`, in the transaction that writes its own rows.
    """
    rows = session.execute(sa.text(_DUE), {"today": clock.now().date(), "limit": limit, "begins": BEGINS})
    return [Notice(*row) for row in rows]


def hand_over(session: Session, notices: Iterable[Notice]) -> None:
    """Note that the outbox has these mails."""
    for one in notices:
        keys = {"now": clock.now(), "org": one.org_id, "slug": one.experiment, "kind": one.kind}
        session.execute(sa.text(_HAND_OVER), keys)


def _books(session: Session, plan: Plan) -> tuple[PriceBook, PriceBook]:
    if not SLUG.fullmatch(plan.slug):
        raise ExperimentRefused(f"{harmless(plan.slug[:60])!r} is no name for an experiment; use small letters, digits and hyphens.")
    if session.scalar(sa.select(price_experiment.c.id).where(price_experiment.c.slug == plan.slug)) is not None:
        raise ExperimentRefused(f"There is an experiment {plan.slug} already; its name decides who takes part. Choose another.")
    base, book = book_named(session, plan.base), book_named(session, plan.book)
    for found, slug in ((base, plan.base), (book, plan.book)):
        if found is None:
            raise ExperimentRefused(f"There is no price book {harmless(slug[:60])!r}. `flyusage prices books` names those there are.")
    assert base is not None
    assert book is not None
    if base.id == book.id:
        raise ExperimentRefused("An experiment needs another book: `flyusage prices draft new NAME DATE --from list` begins one.")
    if base.currency != book.currency:
        raise ExperimentRefused(f"{book.name} is in {book.currency}, {base.name} in {base.currency}; amounts are never converted.")
    return base, book


def _refuse_dates(session: Session, plan: Plan, book: PriceBook) -> None:
    today = clock.now().date()
    if plan.starts_on <= today:
        raise ExperimentRefused(f"Prices of days that have begun stay. Start it on {today + DAY} or later.")
    if plan.ends_on is not None and plan.ends_on <= plan.starts_on:
        raise ExperimentRefused("An experiment ends after it starts.")
    if plan.percent is not None and not 0 < plan.percent <= 100:
        raise ExperimentRefused("A percentage is above 0 and at most 100.")
    if plan.notice_days < 0:
        raise ExperimentRefused("Notice is given before prices change, not after.")
    published = sa.text(
        "SELECT count(*) FROM price_book_version WHERE book_id = :book AND published_at IS NOT NULL AND effective_from <= :day"
    )
    if not session.scalar(published, {"book": book.id, "day": plan.starts_on}):
        raise ExperimentRefused(f"{book.name} has no published prices on {plan.starts_on}. Publish a version of that day or before.")


def _refuse_overlap(session: Session, begun: Experiment, buyers: Iterable[int]) -> None:
    """Nobody takes part in two experiments on one day."""
    mine = {org for org in buyers if begun.takes(org)}
    for other in experiments(session):
        if other.id == begun.id or other.base.id != begun.base.id or other.was_cancelled:
            continue
        overlaps = other.starts_on < (begun.ends_on or date.max) and begun.starts_on < (other.ends_on or date.max)
        both = other.percent is not None and begun.percent is not None  # who comes later may fall into both
        if overlaps and (both or any(other.takes(org) for org in mine)):
            raise ExperimentRefused(f"{other.slug} runs then, and some would take part in both. End it before, or name others.")


def _last(found: Experiment, on: date | None, today: date) -> date:
    """The day an experiment is to end on. Raises ExperimentRefused."""
    if found.ends_on is not None and found.ends_on <= today:
        raise ExperimentRefused(f"{found.slug} has ended on {found.ends_on}.")
    if found.starts_on > today:
        last = max(found.starts_on, on or found.starts_on)
    else:
        last = on or today + DAY
        if last <= today:
            raise ExperimentRefused(f"Prices of days that have begun stay. End it on {today + DAY} or later.")
    if found.ends_on is not None and last > found.ends_on:
        raise ExperimentRefused(f"{found.slug} ends on {found.ends_on} already.")
    return last


def _buyers(session: Session, book_id: int) -> list[int]:
    return list(session.scalars(sa.text(_BUYERS), {"book": book_id, "list": LIST}))


def _named(session: Session, slugs: Iterable[str], buyers: list[int], base: PriceBook) -> set[int]:
    found = set()
    for slug in slugs:
        org = organization_by_slug(session, slug)
        if org.id not in buyers:
            raise ExperimentRefused(f"{org.slug} does not buy from {base.name}.")
        found.add(org.id)
    return found


def _experiment(session: Session, row: Any, members: Iterable[Any]) -> Experiment:
    own = [one for one in members if one.experiment_id == row.id]
    return Experiment(
        row.id,
        row.slug,
        book_by_id(session, row.base_book_id),
        book_by_id(session, row.book_id),
        row.percent,
        row.starts_on,
        row.ends_on,
        row.note,
        frozenset(one.org_id for one in own if one.is_in),
        frozenset(one.org_id for one in own if not one.is_in),
    )


def _log(session: Session, experiment: Experiment, verb: str, cohort: list[int], detail: dict[str, Any], by: Actor) -> None:
    """In the log of price books, and in the audit of everybody whose prices change."""
    record(session, by=by, action=f"price_experiment.{verb}", subject=experiment.slug, detail={**detail, "organizations": len(cohort)})
    action = f"price_experiment.{verb}"
    record_many(session, [NewEntry(org, by.name, action, experiment.slug, detail) for org in cohort])


def _note(session: Session, experiment: Experiment, kind: str, cohort: list[int], due: date) -> None:
    if cohort:
        rows = [{"org_id": org, "experiment_id": experiment.id, "kind": kind, "due_on": due} for org in cohort]
        put = insert(price_experiment_notice)
        again = {"due_on": put.excluded.due_on, "handed_over_at": None}  # the end is on another day than a mail may have said
        session.execute(put.on_conflict_do_update(index_elements=["org_id", "experiment_id", "kind"], set_=again), rows)


_BUYERS = """
SELECT o.id FROM organization o LEFT JOIN subscription s ON s.org_id = o.id
WHERE coalesce(s.price_book_id, (SELECT id FROM price_book WHERE slug = :list)) = :book ORDER BY o.id"""
_DUE = """
SELECT n.org_id, e.slug, n.kind, CASE n.kind WHEN :begins THEN e.starts_on ELSE e.ends_on END, n.due_on
FROM price_experiment_notice n JOIN price_experiment e ON e.id = n.experiment_id
WHERE n.handed_over_at IS NULL AND n.due_on <= :today ORDER BY n.due_on, n.org_id, n.experiment_id, n.kind LIMIT :limit
FOR UPDATE OF n SKIP LOCKED"""
_HAND_OVER = """
UPDATE price_experiment_notice n SET handed_over_at = :now FROM price_experiment e
WHERE e.id = n.experiment_id AND e.slug = :slug AND n.org_id = :org AND n.kind = :kind"""
_UNDO = """
WITH gone AS (DELETE FROM price_experiment_notice WHERE experiment_id = :id AND handed_over_at IS NULL)
SELECT org_id FROM price_experiment_notice WHERE experiment_id = :id AND kind = :begins AND handed_over_at IS NOT NULL ORDER BY org_id"""
