"""Credits of an organization: granted, used by invoices, given back by voids. However many ask at once, no cent goes twice.

A grant counts how much of it is used, under a CHECK; taking from it is one guarded UPDATE, so that of fifty requests for
the last cent one succeeds and the others are told. `credit_use` says which invoice took what, and is only ever added to.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor
from flyusage.pricing.books import book_of
from flyusage.pricing.errors import CreditSpent, TermsInvalid, TermsUnknown
from flyusage.pricing.terms import Credit, CreditKind
from flyusage.pricing.terms_models import credit_grant


@dataclass(frozen=True)
class Taken:
    """Minor units that an invoice takes from a grant."""

    grant_id: int
    amount_minor: int


def grant(
    session: Session, org_id: int, kind: CreditKind, amount_minor: int, *, description: str, expires_at: datetime | None = None, by: Actor
) -> int:
    """Give the organization a credit in its book's currency; the grant's id. Raises TermsInvalid.

    It serves every billing period that it is valid in for a moment: granted before the period's end, not expired at its start.
    """
    by.is_no_member("Credits are granted")
    if amount_minor <= 0:
        raise TermsInvalid("A credit is above zero.")
    session.execute(sa.text("SELECT id FROM organization WHERE id = :org FOR NO KEY UPDATE"), {"org": org_id})  # so that its book stays
    now, currency = clock.now(), book_of(session, org_id).currency
    if expires_at is not None and expires_at <= now:
        raise TermsInvalid("A credit expires after it is granted.")
    values = {"kind": kind.value, "description": description, "amount_minor": amount_minor, "currency": currency}
    put = sa.insert(credit_grant).values(org_id=org_id, **values, granted_at=now, expires_at=expires_at)
    made = session.execute(put.returning(credit_grant.c.id)).scalar_one()
    detail = {**values, "expires_at": expires_at.isoformat() if expires_at else None}
    audit.record(session, org_id, actor=by.name, action="credit.grant", subject=f"credit_grant:{made}", detail=detail)
    return made


def revoke(session: Session, org_id: int, grant_id: int, *, by: Actor) -> int:
    """Take back what is left of a grant; what invoices took stays theirs. The minor units taken back. Raises TermsUnknown and CreditSpent."""
    by.is_no_member("Credits are taken back")
    row = session.execute(sa.text(_REVOKE), {"org": org_id, "grant": grant_id}).first()
    if row is None:
        is_known = grant_id in {one.id for one in credits_of(session, org_id)}
        raise CreditSpent(f"Nothing is left of credit {grant_id}.") if is_known else TermsUnknown(f"There is no credit {grant_id}.")
    detail = {"amount_minor": row.left_minor, "currency": row.currency}
    audit.record(session, org_id, actor=by.name, action="credit.revoke", subject=f"credit_grant:{grant_id}", detail=detail)
    return int(row.left_minor)


def redeem(session: Session, org_id: int, invoice_id: int, taken: Iterable[Taken]) -> None:
    """Take from grants for an invoice, all or nothing; repeating it for the same invoice changes nothing.

    Raises CreditSpent when a grant no longer holds that much: draft the invoice anew, in a new transaction.
    """
    for one in sorted(taken, key=lambda one: one.grant_id):
        binds = {"org": org_id, "grant": one.grant_id, "invoice": invoice_id, "amount": one.amount_minor, "now": clock.now()}
        if session.execute(sa.text(_NOTE_USE), binds).first() is None:
            continue
        if session.execute(sa.text(_TAKE), binds).first() is None:
            raise CreditSpent(f"Credit {one.grant_id} no longer holds what this invoice would take from it. Draft the invoice again.")


def give_back(session: Session, org_id: int, invoice_id: int) -> int:
    """Return what an invoice took, once; the minor units returned. For voiding it."""
    rows = session.execute(sa.text(_GIVE_BACK), {"org": org_id, "invoice": invoice_id, "now": clock.now()}).all()
    return sum(row.amount_minor for row in rows)


def credits_of(session: Session, org_id: int) -> list[Credit]:
    """Every grant with what is left of it, newest first; spent and expired ones too."""
    query = (
        sa.select(credit_grant).where(credit_grant.c.org_id == org_id).order_by(credit_grant.c.granted_at.desc(), credit_grant.c.id.desc())
    )
    return [
        Credit(
            id=row.id,
            kind=CreditKind(row.kind),
            description=row.description,
            left_minor=row.amount_minor - row.used_minor - row.revoked_minor,
            currency=row.currency,
            granted_at=row.granted_at,
            expires_at=row.expires_at,
        )
        for row in session.execute(query)
    ]


_NOTE_USE = """
INSERT INTO credit_use (org_id, grant_id, invoice_id, amount_minor, used_at) VALUES (:org, :grant, :invoice, :amount, :now)
ON CONFLICT (org_id, invoice_id, grant_id) WHERE amount_minor > 0 DO NOTHING RETURNING id"""

_TAKE = """
UPDATE credit_grant SET used_minor = used_minor + :amount
WHERE org_id = :org AND id = :grant AND used_minor + revoked_minor + :amount <= amount_minor RETURNING id"""

_REVOKE = """
WITH held AS (
  SELECT id, amount_minor - used_minor - revoked_minor AS left_minor FROM credit_grant WHERE org_id = :org AND id = :grant FOR UPDATE
)
UPDATE credit_grant g SET revoked_minor = g.revoked_minor + held.left_minor FROM held
WHERE g.org_id = :org AND g.id = held.id AND held.left_minor > 0 RETURNING held.left_minor, g.currency"""

_GIVE_BACK = """
WITH returned AS (
  INSERT INTO credit_use (org_id, grant_id, invoice_id, amount_minor, used_at)
  SELECT org_id, grant_id, invoice_id, -amount_minor, :now FROM credit_use
  WHERE org_id = :org AND invoice_id = :invoice AND amount_minor > 0 ORDER BY grant_id
  ON CONFLICT (org_id, invoice_id, grant_id) WHERE amount_minor < 0 DO NOTHING RETURNING grant_id, -amount_minor AS amount_minor
)
UPDATE credit_grant SET used_minor = used_minor - returned.amount_minor FROM returned
WHERE org_id = :org AND id = returned.grant_id RETURNING returned.amount_minor"""
