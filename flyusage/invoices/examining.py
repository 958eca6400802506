"""What is out of the ordinary about a month before it is billed, and what people have decided about it.

A problem is settled (its cause goes), released (bill it all the same) or held. Whatever is neither waits.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import Session

from flyusage import clock
from flyusage.invoices.errors import AmountInvalid
from flyusage.invoices.finals import Final
from flyusage.invoices.month_models import billing_hold
from flyusage.invoices.rating_months import rated_as
from flyusage.invoices.settlement import EVERYTHING
from flyusage.invoices.statement import Problem
from flyusage.metering.queries import freshness
from flyusage.money import format_minor, format_money, round_half_away
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor
from flyusage.periods import Period, add_months, month_period
from flyusage.pricing.terms import terms_of

STALE, REFUSED, JUMP, ZERO = "stale", "refused_events", "total_jump", "zero"
CODES = {
    STALE: "no event since before the month's end, while machines count as running",
    "unpriced": "usage without a price",
    "fee_unpriced": "a fee without a price",
    REFUSED: "events of the month that were refused",
    "tax_undecided": "the customer's country or its tax rate is not known",
    "other_currency": "agreements in another currency than the price book's",
    JUMP: "the total is more than 50 % above or below last month's",
    ZERO: "the month comes to zero",
}
OF_AN_INVOICE = ("tax_undecided",)  # of no matter where none is issued
JUMP_PERCENT = 50


@dataclass(frozen=True)
class Decisions:
    """What was decided about an organization's month, by problem code (`*`: all). `held` holds the reason."""

    held: str | None = None
    released: frozenset[str] = field(default_factory=frozenset)

    def waiting(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Those that nobody has released."""
        return () if EVERYTHING in self.released else tuple(one for one in problems if one.code not in self.released)


def problems_of(session: Session, finals: Mapping[int, Final]) -> dict[int, tuple[Problem, ...]]:
    """Everything out of the ordinary about each organization's final statement of one month."""
    if not finals:
        return {}
    period = next(iter(finals.values())).statement.period
    refused, before = _refused(session, finals, period), _nets_before(session, list(finals), period)
    found = {}
    for org_id, final in finals.items():
        said = [*_stale(session, org_id, final), *final.statement.problems]
        if final.slug in refused:
            said.append(
                Problem(REFUSED, f"{refused[final.slug]:,} events were refused since {period.start:%b} 1; they are not in the total.")
            )
        said += _jump(final, before.get(org_id))
        if final.statement.lines and not final.statement.gross_minor:
            said.append(Problem(ZERO, "What was used and agreed comes to zero."))
        found[org_id] = tuple(said)
    return found


def decisions(session: Session, org_ids: Sequence[int], month: date) -> dict[int, Decisions]:
    """What was decided about each organization's month."""
    rows = session.execute(sa.text(_DECISIONS), {"orgs": list(org_ids), "month": month})
    held: dict[int, str] = {}
    released: dict[int, set[str]] = defaultdict(set)
    for org_id, exception, decision, reason in rows:
        if decision == "held":
            held[org_id] = reason
        else:
            released[org_id].add(exception)
    return {org_id: Decisions(held.get(org_id), frozenset(released[org_id])) for org_id in org_ids}


def hold_back(session: Session, org_id: int, month: date, *, reason: str, by: Actor) -> None:
    """Issue no invoice for the organization's month until it is released."""
    _decide(session, org_id, month, ((EVERYTHING, "held"),), reason=reason, by=by)


def release(session: Session, org_id: int, month: date, *, codes: Iterable[str] = (EVERYTHING,), reason: str, by: Actor) -> None:
    """Let the month be billed whatever its problems are, or despite those of `codes`; a hold ends. Raises AmountInvalid."""
    chosen = tuple(dict.fromkeys(codes))
    unknown = [code for code in chosen if code != EVERYTHING and code not in CODES]
    if unknown:
        raise AmountInvalid(f"Nothing is called {unknown[0]!r}. Known are {', '.join(CODES)}.")
    session.execute(
        sa.delete(billing_hold).where(billing_hold.c.org_id == org_id, billing_hold.c.month == month, billing_hold.c.decision == "held")
    )
    _decide(session, org_id, month, tuple((code, "released") for code in chosen), reason=reason, by=by)


def _decide(session: Session, org_id: int, month: date, decided: Iterable[tuple[str, str]], *, reason: str, by: Actor) -> None:
    by.is_no_member("Months are held and released")
    if not reason.strip():
        raise AmountInvalid("Say why; the audit keeps the reason.")
    for exception, decision in decided:
        values = {"decision": decision, "reason": reason.strip(), "decided_at": clock.now(), "decided_by": by.name}
        put = postgresql.insert(billing_hold).values(org_id=org_id, month=month, exception=exception, **values)
        session.execute(put.on_conflict_do_update(index_elements=["org_id", "month", "exception"], set_=values))
        detail = {"month": month.isoformat(), "exception": exception, "reason": reason.strip()}
        action = "billing.hold" if decision == "held" else "billing.release"
        audit.record(session, org_id, actor=by.name, action=action, subject=f"month:{month:%Y-%m}", detail=detail)


def _stale(session: Session, org_id: int, final: Final) -> Iterable[Problem]:
    """Silence since before the month's end, if anything counts as running: then its cost rests on that."""
    if not final.is_silent or final.last_event_at is None:
        return
    known = freshness(session, org_id)
    if known is None or not known.resting:
        return
    period, since = final.statement.period, final.last_event_at
    silent = Period(max(since, period.start), period.end)
    prices = rated_as(session, terms_of(session, org_id, month_period(period.start)), clock.now()).setting.prices
    cost = Fraction(0)
    for one in known.resting:
        price = prices.on(one.sku_id, one.region_id, silent.start.date())
        if price is not None and price.is_linear:
            cost += Fraction(one.capacity * silent.seconds) * price.price.unit_amount / price.price.per_quantity
    said = f"{known.running_now:,} machines counted as running; {format_money(cost, final.statement.currency)} rests on that"
    yield Problem(STALE, f"No events since {_moment(since)}; {said}.")


def _jump(final: Final, before: int | None) -> Iterable[Problem]:
    now, currency = final.statement.net_minor, final.statement.currency
    if before is None or before <= 0 or abs(now - before) * 100 <= before * JUMP_PERCENT:
        return
    percent = round_half_away(Fraction(abs(now - before) * 100, before), 0)
    direction = "more" if now > before else "less"
    yield Problem(JUMP, f"{format_minor(now, currency)} net is {percent} % {direction} than last month's {format_minor(before, currency)}.")


def _refused(session: Session, finals: Mapping[int, Final], period: Period) -> dict[str, int]:
    binds = {"slugs": [final.slug for final in finals.values()], "start": period.start, "end": period.end}
    return {row.org_slug: row.refused for row in session.execute(sa.text(_REFUSED), binds)}


def _nets_before(session: Session, org_ids: Sequence[int], period: Period) -> dict[int, int]:
    """The net of the month before, where it was billed in the same way."""
    month = add_months(period.start, -1).date()
    return {row.org_id: row.net for row in session.execute(sa.text(_NETS), {"orgs": list(org_ids), "month": month})}


def _moment(moment: datetime) -> str:
    return f"{moment:%b} {moment.day}, {moment:%H:%M}"


_DECISIONS = """
SELECT org_id, exception, decision, reason FROM billing_hold WHERE org_id = ANY (:orgs) AND month = :month ORDER BY org_id, exception"""
_REFUSED = """
SELECT org_slug, count(*) AS refused FROM refused_event WHERE org_slug = ANY (:slugs) AND at >= :start AND at < :end GROUP BY org_slug"""
_NETS = """
SELECT org_id, sum(CASE kind WHEN 'invoice' THEN net_minor ELSE -net_minor END)::bigint AS net FROM invoice
WHERE org_id = ANY (:orgs) AND starts_on = :month AND origin <> 'correction' AND state NOT IN ('draft', 'void') GROUP BY org_id"""
