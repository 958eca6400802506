"""One writer of an organization's metering at a time: ingest and roll-ups take turns per organization."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlmodel import Session

NAMESPACE = 7160  # beside the installation's other advisory locks (716xxxx)


def lock_organizations(session: Session, org_ids: Iterable[int]) -> None:
    """Hold these organizations until the transaction ends; waits for others.

    To be taken before any row of theirs is read or written: at READ COMMITTED every later statement then sees what
    the previous holder committed. Always in ascending order, so that two callers cannot wait for each other.
    """
    for org_id in sorted(set(org_ids)):
        session.execute(sa.text("SELECT pg_advisory_xact_lock(:space, :org)"), {"space": NAMESPACE, "org": org_id})
