"""Final statements of a closed month, for many organizations at once: rated from the very cells that are frozen with the invoice.

The same pure compile as the live draft's. The caller holds the organizations (`metering.locks`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.invoices.adjusting import IS_BILLED, Adjusted, adjust
from flyusage.invoices.allocation import Usage
from flyusage.invoices.compiling import compile_statement
from flyusage.invoices.freezing import usage_of
from flyusage.invoices.printing import Parties
from flyusage.invoices.rating_months import metered_of, rated_many
from flyusage.invoices.statement import LineKind, Statement
from flyusage.metering.queries import STALE_AFTER
from flyusage.periods import midnight, month_period
from flyusage.pricing.terms import terms_of_many


@dataclass(frozen=True)
class Final:
    """Everything that a month's invoice is made from. `slug` names the organization; `last_event_at` is its ledger's end."""

    statement: Statement
    usage: Usage
    parties: Parties
    adjusted: Adjusted
    slug: str
    last_event_at: datetime | None
    is_rolled: bool

    @property
    def steps(self) -> Mapping[int, Sequence[date]]:
        """Skus whose lines begin inside the month, since a price changed: sku id → those days, in order."""
        found: dict[int, set[date]] = defaultdict(set)
        for line in self.statement.lines:
            if line.kind is LineKind.USAGE and line.period != self.statement.period:
                for component in line.components:
                    found[component.sku_id] |= {line.period.start.date(), line.period.end.date()}
        edges = {self.statement.period.start.date(), self.statement.period.end.date()}
        return {sku_id: sorted(days - edges) for sku_id, days in found.items()}

    @property
    def is_silent(self) -> bool:
        """Whether nothing was heard since before the month's end, for 6 h or more."""
        last = self.last_event_at
        return last is not None and last < self.statement.period.end and clock.now() - last > STALE_AFTER


@dataclass(frozen=True)
class _Ledger:
    """What is known of an organization's events and roll-ups."""

    slug: str
    name: str
    is_synthetic: bool
    rolled_through: datetime | None = None
    last_event_at: datetime | None = None
    is_rolled: bool = True
    late: list[date] = field(default_factory=list)


def finals(session: Session, org_ids: Sequence[int], month: date) -> dict[int, Final]:
    """What `month` costs each organization now that it is over, with late usage of earlier months.

    Raises PriceBookMissing and SellerMissing.
    """
    period, now = month_period(midnight(month)), clock.now()
    usage, terms, ledgers = usage_of(session, org_ids, month), terms_of_many(session, org_ids, period), _ledgers(session, org_ids, month)
    ratings, found = rated_many(session, terms.values(), now), {}
    for org_id in org_ids:
        known, agreed, rating = ledgers[org_id], terms[org_id], ratings[org_id]
        adjusted = adjust(session, org_id, known.late) if known.late else Adjusted.nothing()
        statement = compile_statement(
            rating.setting,
            metered_of(usage[org_id], rating.setting.epochs),
            fee_prices=rating.fee_prices,
            adjustments=adjusted.lines,
            rolled_through=known.rolled_through,
        )
        parties = Parties(agreed.seller, agreed.profile, known.name, known.is_synthetic)
        found[org_id] = Final(statement, usage[org_id], parties, adjusted, known.slug, known.last_event_at, known.is_rolled)
    return found


def behind(session: Session, org_ids: Iterable[int], month: date) -> list[int]:
    """Those whose hours or days of `month` are still to be rolled up."""
    return [org_id for org_id, known in _ledgers(session, list(org_ids), month).items() if not known.is_rolled]


def _ledgers(session: Session, org_ids: Sequence[int], month: date) -> dict[int, _Ledger]:
    period = month_period(midnight(month))
    binds = {"orgs": list(org_ids), "month": month, "end": period.end, "last_day": period.end.date()}
    return {row[0]: _Ledger(*row[1:7], late=list(row[7] or ())) for row in session.execute(sa.text(_LEDGERS), binds)}


# Days and resources that wait to be rolled again are in the way, and so is a roll-up that has not reached the month's end.
_LEDGERS = f"""
SELECT o.id, o.slug, o.name, o.is_synthetic, state.rolled_through, state.last_event_at,
       state.first_event_at IS NULL OR state.first_event_at >= :end OR (
         coalesce(state.rolled_through >= :end, false)
         AND NOT EXISTS (SELECT FROM dirty_day d WHERE d.org_id = o.id AND d.day >= :month AND d.day < :last_day)
         AND NOT EXISTS (SELECT FROM dirty_resource d WHERE d.org_id = o.id AND d.month = :month)),
       (SELECT array_agg(l.month ORDER BY l.month) FROM late_month l WHERE l.org_id = o.id AND l.month < :month AND {IS_BILLED})
FROM organization o LEFT JOIN rollup_state state ON state.org_id = o.id WHERE o.id = ANY (:orgs) ORDER BY o.id"""
