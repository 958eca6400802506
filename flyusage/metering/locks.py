"""Who may write an organization's metering at a time.

Roll-ups hold an organization alone. So does a batch that withdraws events, which may concern any subject. Other batches share
it and hold only the shards of the subjects they touch, so that several writers work on one organization at once.

Locks come first in a transaction and always in the same order, so that two callers cannot wait for each other; at READ
COMMITTED every later statement then sees what the previous holder committed.
"""

from collections.abc import Iterable
from zlib import crc32

import sqlalchemy as sa
from sqlmodel import Session

NAMESPACE = 7160  # beside the installation's other advisory locks (716xxxx)
SHARD_NAMESPACE = 7161
SHARDS = 8


def lock_organizations(session: Session, org_ids: Iterable[int]) -> None:
    """Hold these organizations alone until the transaction ends; waits for others."""
    for org_id in sorted(set(org_ids)):
        session.execute(sa.text("SELECT pg_advisory_xact_lock(:space, :org)"), {"space": NAMESPACE, "org": org_id})


def try_lock_organizations(session: Session, org_ids: Iterable[int]) -> set[int]:
    """Those of the organizations that nobody holds, held alone until the transaction ends; does not wait."""
    held = sa.text("SELECT id FROM unnest(CAST(:orgs AS int[])) AS wanted (id) WHERE pg_try_advisory_xact_lock(:space, id)")
    return set(session.scalars(held, {"space": NAMESPACE, "orgs": sorted(set(org_ids))}))


def lock_subjects(session: Session, touched: Iterable[tuple[int, int]]) -> None:
    """Hold shards, given as (org id, shard), until the transaction ends; no roll-up works on their organizations meanwhile."""
    shards = sorted(set(touched))
    for org_id in sorted({org_id for org_id, _ in shards}):
        session.execute(sa.text("SELECT pg_advisory_xact_lock_shared(:space, :org)"), {"space": NAMESPACE, "org": org_id})
    for org_id, shard in shards:
        key = {"space": SHARD_NAMESPACE, "key": org_id * SHARDS + shard}
        session.execute(sa.text("SELECT pg_advisory_xact_lock(:space, hashint8(:key))"), key)


def shard_of(subject: str) -> int:
    """The shard of a subject: the same in every process, or two writers could work on one machine."""
    return crc32(subject.encode()) % SHARDS
