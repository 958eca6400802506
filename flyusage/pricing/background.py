"""Ranks the machines of months that are over, wherever a roll-up has changed what they used; for as long as a worker runs."""

import threading
import time
from datetime import date

import sqlalchemy as sa
import structlog
from sqlmodel import Session

from flyusage import db, jobs
from flyusage.periods import midnight, month_period
from flyusage.pricing import kept_ranks
from flyusage.pricing.asking import ask, know
from flyusage.pricing.errors import PriceBookMissing
from flyusage.pricing.question import Question
from flyusage.pricing.ranking import ranked, whole_months
from flyusage.pricing.view import Dimension, Measure, View

EVERY_SECONDS = 60.0
PRICES_SECONDS = 3600.0  # between looks whether what is kept was ranked by other prices, or with fewer regions
AT_A_TIME = 500
FEW_ROWS = 2_000  # of a month: all of its machines are added up in no time

_log = structlog.get_logger(__name__)


def run(stop: threading.Event) -> None:
    """Rank what is not, until `stop` is set. Several may run."""
    looked_at = -PRICES_SECONDS

    def look() -> bool:
        nonlocal looked_at
        if time.monotonic() - looked_at >= PRICES_SECONDS:
            rank_prices()
            looked_at = time.monotonic()
        return rank_months()

    jobs.Worker(look, channel="flyusage_ranks", every=EVERY_SECONDS).run(stop)


def rank_months() -> bool:
    """A round over the months whose quantities changed since they were ranked, the newest first; whether more are left."""
    with db.platform_transaction() as session:
        due = session.execute(sa.text(_DUE), {"most": AT_A_TIME}).all()
    ranked_ones = [_is_ranked(org_id, month) for org_id, month in jobs.until_stopped(due)]
    return len(due) == AT_A_TIME and any(ranked_ones)


def rank_prices() -> None:
    """Rank the months that are kept by other prices than those of now."""
    with db.platform_transaction() as session:
        kept = session.execute(sa.text(_KEPT)).all()
    for org_id, month, priced_by in jobs.until_stopped(kept):
        with db.transaction(org_id) as session:
            is_priced_so = kept_ranks.priced_by(_question(session, org_id, month)) == priced_by
        if not is_priced_so:
            _is_ranked(org_id, month)


def _is_ranked(org_id: int, month: date) -> bool:
    try:
        rank(org_id, month)
    except PriceBookMissing as error:
        _log.error("machines could not be ranked", org_id=org_id, month=str(month), error=str(error))
        return False
    return True


def _question(session: Session, org_id: int, month: date) -> Question:
    known = know(session, org_id, None, None, has_centres=False)
    return ask(session, known, View(Measure.LIST_COST, month_period(midnight(month)), Dimension.MACHINE))


def rank(org_id: int, month: date) -> None:
    """Rank a month that is over. Of few machines, or where prices change within it, nothing is kept but that it was looked at."""
    with db.transaction(org_id) as session:
        revision = kept_ranks.revision_of(session, org_id, month)
        question = _question(session, org_id, month)
        months = whole_months(question)
        has_many = session.scalar(sa.text(_MANY), {"org": org_id, "month": month, "few": FEW_ROWS})
        found = ranked(session, question, months, kept_ranks.MOST) if months and has_many and not question.has_tail else None
    with db.platform_transaction() as session:
        kept_ranks.keep(session, question, month, revision, found or [])


_DUE = """
SELECT org_id, month FROM (
  SELECT org_id, CAST(generate_series(date_trunc('month', first_event_at), date_trunc('month', rolled_through) - interval '1 day',
                                      interval '1 month') AS date) AS month FROM rollup_state
) AS past
LEFT JOIN resource_month_revision AS changed USING (org_id, month)
LEFT JOIN costliest_month AS kept USING (org_id, month)
WHERE kept.revision IS DISTINCT FROM coalesce(changed.revision, 0)
  AND NOT EXISTS (SELECT FROM dirty_resource waiting WHERE waiting.org_id = past.org_id AND waiting.month = past.month)
ORDER BY month DESC, org_id LIMIT :most"""
_KEPT = "SELECT org_id, month, priced_by FROM costliest_month WHERE cardinality(resource_ids) > 0 ORDER BY month DESC, org_id"
_MANY = "SELECT EXISTS (SELECT FROM resource_month WHERE org_id = :org AND month = :month OFFSET :few)"
