"""The costliest machines of months that are over: ranked once, and kept until what they used, or its prices, change.

A rank holds for one revision of the month's quantities, which the database counts up in the transaction of whatever changes them, and
for the very prices it was ranked by. So it is what ranking anew would find, or it is not taken.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from hashlib import blake2b

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.pricing.database import fetch
from flyusage.pricing.question import Question
from flyusage.pricing.scope import Scope
from flyusage.pricing.weights import prices_of

MOST = 200  # kept of a month


def first(session: Session, question: Question, months: Sequence[date], limit: int) -> list[int] | None:
    """The resource ids of the `limit` costliest machines of a month, as it is kept; None where so many are not, or of a part of it."""
    is_whole = replace(question.scope, apps=()) == Scope()
    if len(months) != 1 or limit > MOST or not is_whole or question.has_tail:
        return None
    binds = {"org": question.org_id, "month": months[0], "priced_by": priced_by(question)}
    rows = fetch(session, _KEPT, binds, is_planned_once=True)
    return rows[0][0][:limit] if rows and len(rows[0][0]) >= limit else None


def keep(session: Session, question: Question, month: date, revision: int, ranked: Sequence[int]) -> None:
    """Keep what was `ranked` of all machines in a month at that revision. In a transaction of the platform."""
    binds = {
        "org": question.org_id, "month": month, "revision": revision, "priced_by": priced_by(question), "ids": list(ranked[:MOST]),
    }  # fmt: skip
    session.execute(sa.text(_KEEP), binds)


def revision_of(session: Session, org_id: int, month: date) -> int:
    """How often the quantities of a month were changed. To be asked before they are."""
    return fetch(session, _REVISION, {"org": org_id, "month": month})[0][0]


def priced_by(question: Question) -> bytes:
    """A digest of the prices that a rank of the question's first epoch goes by."""
    return blake2b(prices_of(question, 0).encode(), digest_size=16).digest()


_REVISION = "SELECT coalesce((SELECT revision FROM resource_month_revision WHERE org_id = :org AND month = :month), 0)"
_KEPT = f"""
SELECT resource_ids FROM costliest_month
WHERE org_id = :org AND month = :month AND priced_by = :priced_by AND revision = ({_REVISION})"""
_KEEP = """
INSERT INTO costliest_month (org_id, month, revision, priced_by, resource_ids) SELECT :org, :month, :revision, :priced_by, :ids
WHERE EXISTS (SELECT FROM rollup_state WHERE org_id = :org)
ON CONFLICT (org_id, month) DO UPDATE
  SET revision = EXCLUDED.revision, priced_by = EXCLUDED.priced_by, resource_ids = EXCLUDED.resource_ids"""
