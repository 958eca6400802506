"""Monthly partitions, made before anything is written to them."""

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import db
from flyusage.metering.models import PARTITIONED_TABLES
from flyusage.metering.usage_event import UsageEvent

_MISSING = sa.text(
    """SELECT parent, month FROM unnest(CAST(:months AS date[])) AS month CROSS JOIN unnest(CAST(:parents AS text[])) AS parent
       WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.relname = parent || to_char(month, '_YYYY_MM')
                                                  AND c.relnamespace = 'public'::regnamespace)
       ORDER BY parent, month"""
)


def prepare(session: Session, events: Sequence[UsageEvent]) -> None:
    """Make the partitions that the events, and the starts of their reports, fall into.

    Each in a transaction of its own: making one shuts everybody out of its table, and whoever holds one table so while waiting
    for the next could be waited for. `session` only looks, and must hold nothing yet.
    """
    days = {event.time // 86_400 for event in events} | {e.report_start // 86_400 for e in events if e.report_start is not None}
    months = {datetime.fromtimestamp(day * 86_400, UTC).date().replace(day=1) for day in days}
    missing = session.execute(_MISSING, {"months": sorted(months), "parents": list(PARTITIONED_TABLES)}).all()
    for parent, month in missing:
        with db.platform_transaction() as apart:
            apart.execute(sa.text("SELECT ensure_month_partition(:parent, :month)"), {"parent": parent, "month": month})
