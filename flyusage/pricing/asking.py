"""From a view to questions: how far the organization is counted, its prices, names and filters, period by period."""

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.metering.history import COLUMNS, HistoryLoad, load_of
from flyusage.metering.lines import binds_of
from flyusage.metering.tail import Tail, tail_from, tail_of
from flyusage.periods import HOUR, Period, floor_hour
from flyusage.pricing.books import LIST, PriceBook
from flyusage.pricing.buying import spells_of, table_of
from flyusage.pricing.database import fetch
from flyusage.pricing.errors import PriceBookMissing
from flyusage.pricing.negotiated import contracted_table
from flyusage.pricing.price_table import PriceTable
from flyusage.pricing.question import Moment, Question
from flyusage.pricing.reference import COUNTS, Reference, reference
from flyusage.pricing.scope import APPS, Names, names_of, resolve
from flyusage.pricing.slices import epochs
from flyusage.pricing.view import Dimension, Measure, View

NOTHING = Tail(datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), "", "", {})


@dataclass(frozen=True)
class Known:
    """What every question of one request needs: the organization's history, book and names. `moment` is where it is counted to.

    `load` says how far back the history is whole, None once it all is.
    """

    org_id: int
    history: Period | None
    moment: Moment
    book: PriceBook
    prices: PriceTable
    reference: Reference
    names: Names
    load: HistoryLoad | None = None

    def has_whole(self, period: Period) -> bool:
        """Whether the history reaches back to the start of `period`, to the hour, and everything since is in."""
        is_reached = self.history is not None and period.start >= floor_hour(self.history.start)
        return is_reached and (self.load is None or self.load.covers(period))


def know(session: Session, org_id: int, as_of: datetime | None, now: datetime | None, *, has_centres: bool = True) -> Known:
    """Everything but the view, as of `as_of`, or now (the clock's, when None is given). Cost centres only when asked for."""
    row, *_ = fetch(session, _CONTEXT, {"org": org_id, "list": LIST}, is_planned_once=True)
    last, *book, versions, published, experiments = row[:9]
    edge, app_ids, app_names, counts, load = row[9], row[10], row[11], row[12:15], row[15:]
    *_, first, through = load
    if book[0] is None:
        raise PriceBookMissing("No price book is loaded. Run `flyusage db upgrade`, which loads the list prices.")
    spells = spells_of(session, org_id, book[0]) if experiments else ()
    facts = reference(session, counts)
    moment = as_of or now or clock.now()
    return Known(
        org_id=org_id,
        history=Period(first, max(first, last)) if first else None,
        moment=_moment(tail_from(org_id, through, edge, binds_of(facts.meters), as_of=moment), through, moment),
        book=PriceBook(*book),
        prices=table_of(session, book[0], spells, (versions, published)),
        reference=facts,
        names=names_of(session, org_id, has_centres=has_centres, apps=dict(zip(app_ids, app_names, strict=True))),
        load=load_of(*load),
    )


def needs_centres(view: View) -> bool:
    """Whether answering the view takes the cost centres."""
    return view.group_by is Dimension.COST_CENTRE or any(one.dimension is Dimension.COST_CENTRE for one in view.filters)


def history(session: Session, org_id: int) -> Period | None:
    """From the organization's first event to its last; None before the first."""
    row = session.execute(sa.text("SELECT first_event_at, last_event_at FROM rollup_state WHERE org_id = :org"), {"org": org_id}).first()
    if row is None or row.first_event_at is None:
        return None
    return Period(row.first_event_at, max(row.first_event_at, row.last_event_at))


def rolled_through(session: Session, org_id: int) -> datetime | None:
    """The end of the last closed hour, None before the first."""
    return session.execute(sa.text("SELECT rolled_through FROM rollup_state WHERE org_id = :org"), {"org": org_id}).scalar()


def moment_at(session: Session, org_id: int, as_of: datetime) -> Moment:
    """How far the organization is counted at `as_of`. Before the first roll-up nothing is."""
    return _moment(tail_of(session, org_id, as_of=as_of), rolled_through(session, org_id), as_of)


def ask(session: Session, known: Known, view: View, *, period: Period | None = None, moment: Moment | None = None) -> Question:
    """The view as a question over `period` (its own unless given), complete to `moment` (that of `known` unless given)."""
    whole = period or view.period
    hourly = Period(whole.start, floor_hour(whole.end + HOUR) if whole.end != floor_hour(whole.end) else whole.end)
    prices = known.prices
    if view.measure is Measure.CONTRACTED_COST:
        prices = contracted_table(session, known.org_id, prices, hourly)
    steps = prices.steps(hourly)
    if needs_centres(view):
        steps |= known.names.centres.steps()
    held = epochs(hourly, steps)
    return Question(
        org_id=known.org_id,
        measure=view.measure,
        group_by=view.group_by,
        period=hourly,
        moment=moment or known.moment,
        scope=resolve(session, known.org_id, view.filters, (known.reference, known.names), held),
        epochs=held,
        book=known.book,
        prices=prices,
        reference=known.reference,
        names=known.names,
    )


def _moment(tail: Tail | None, through: datetime | None, as_of: datetime) -> Moment:
    if tail is None:
        hour = floor_hour(as_of)
        return Moment(as_of=hour, rolled_through=hour, since=hour, tail=NOTHING)
    return Moment(as_of=tail.as_of, rolled_through=through or tail.since, since=tail.since, tail=tail)


# All at once: it is asked before every answer, and a round trip costs as much as most of these.
_CONTEXT = f"""
SELECT state.last_event_at, book.id, book.slug, book.name, book.currency, book.is_synthetic,
       version.published, version.last, (SELECT count(*) FROM price_experiment WHERE base_book_id = book.id) AS experiments,
       state.tail_edge_at, {APPS}, {COUNTS}, {COLUMNS}
FROM (SELECT coalesce((SELECT price_book_id FROM subscription WHERE org_id = :org), (SELECT id FROM price_book WHERE slug = :list)) AS id) AS chosen
LEFT JOIN rollup_state state ON state.org_id = :org
LEFT JOIN price_book book ON book.id = chosen.id
LEFT JOIN LATERAL (SELECT count(*) AS published, max(published_at) AS last FROM price_book_version
                   WHERE book_id = book.id AND published_at IS NOT NULL) AS version ON true"""
