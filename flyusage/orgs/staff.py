"""Staff: roles in the whole installation, beside an organization's own, granted and taken back by a command only. Both are logged.

Needs the platform's role (`db.platform_transaction`), which alone reads accounts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from flyusage import clock
from flyusage.auth import accounts, sessions
from flyusage.auth.errors import UserUnknown
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor
from flyusage.orgs.errors import NotPermitted, StaffGrantUnknown
from flyusage.orgs.models import StaffEvent, StaffGrant, StaffRole

VISIT = timedelta(hours=1)

_grant = StaffGrant.__table__  # pyright: ignore[reportAttributeAccessIssue] SQLModel adds it
_event = StaffEvent.__table__  # pyright: ignore[reportAttributeAccessIssue]


class StaffPermission(StrEnum):
    """One thing staff may do on the whole platform."""

    READ = "platform.read"
    PRICES_EDIT = "platform.edit_prices"
    TERMS_AGREE = "platform.agree_terms"
    SELLER_NAME = "platform.name_seller"
    MONTHS_CLOSE = "platform.close_months"
    PAYMENTS_ENTER = "platform.enter_payments"
    INVOICES_CORRECT = "platform.correct_invoices"
    QUESTIONS_ANSWER = "platform.answer_questions"


STAFF_PERMISSIONS: Mapping[StaffRole, frozenset[StaffPermission]] = {
    StaffRole.SUPPORT: frozenset({StaffPermission.READ, StaffPermission.QUESTIONS_ANSWER}),
    StaffRole.BILLING: frozenset(StaffPermission),
    StaffRole.OPERATOR: frozenset({StaffPermission.READ}),
}


@dataclass(frozen=True)
class StaffMember:
    """Somebody with a role, since when and by whom."""

    user_id: int
    email: str
    name: str
    role: StaffRole
    granted_at: datetime
    granted_by: str


@dataclass(frozen=True)
class StaffEntry:
    """Who granted or took back what, when."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


def require_staff(roles: Iterable[StaffRole], permission: StaffPermission) -> None:
    """Raise NotPermitted, naming who may, unless one of `roles` holds `permission`."""
    if not any(permission in STAFF_PERMISSIONS[role] for role in roles):
        able = ", ".join(role for role in StaffRole if permission in STAFF_PERMISSIONS[role])
        raise NotPermitted(f"That is for the platform's staff ({able}). Whoever runs this installation grants it: flyusage staff grant.")


def grant(session: Session, email: str, role: StaffRole, *, by: Actor) -> bool:
    """Give an account a role; False where it has it already. Raises UserUnknown and, for members, NotPermitted."""
    by.is_no_member("Staff roles are granted")
    user_id = _user(session, email)
    values = {"user_id": user_id, "role": role, "granted_at": clock.now(), "granted_by": by.name}
    made = session.execute(insert(_grant).values(**values).on_conflict_do_nothing().returning(_grant.c.user_id)).one_or_none()
    if made is not None:
        _record(session, by, "staff.grant", user_id, email, role)
    return made is not None


def revoke(session: Session, email: str, role: StaffRole, *, by: Actor) -> None:
    """Take a role back; open pages that it opened ask again at once. Raises UserUnknown and StaffGrantUnknown."""
    by.is_no_member("Staff roles are taken back")
    user_id = _user(session, email)
    gone = sa.delete(_grant).where(_grant.c.user_id == user_id, _grant.c.role == role).returning(_grant.c.user_id)
    if session.execute(gone).one_or_none() is None:
        raise StaffGrantUnknown(f"{email} does not hold the role {role}. `flyusage staff list` names who holds which.")
    _record(session, by, "staff.revoke", user_id, email, role)
    sessions.ask_who_is_left(session)


def staff_members(session: Session) -> list[StaffMember]:
    """Everybody with a role, by address."""
    rows = session.execute(sa.text(_MEMBERS))
    return [StaffMember(user, email, name, StaffRole(role), at, by) for user, email, name, role, at, by in rows]


def roles_of(session: Session, user_id: int) -> frozenset[StaffRole]:
    """The roles that an account holds."""
    return frozenset(map(StaffRole, session.scalars(sa.select(_grant.c.role).where(_grant.c.user_id == user_id))))


def staff_log(session: Session, *, limit: int = 100) -> list[StaffEntry]:
    """What was granted and taken back, newest first."""
    query = sa.select(_event).order_by(_event.c.id.desc()).limit(limit)
    return [StaffEntry(**{name: row[name] for name in StaffEntry.__dataclass_fields__}) for row in session.execute(query).mappings()]


def record_visit(session: Session, org_id: int, slug: str, *, by: Actor) -> bool:
    """Say in the organization's audit and in the log of staff that `by` looks at it; once an hour. Whether it was said now."""
    now = clock.now()
    last = session.scalar(
        sa.text("SELECT max(at) FROM audit_event WHERE org_id = :org AND actor = :actor AND action = 'organization.open'"),
        {"org": org_id, "actor": by.name},
    )
    if last is not None and now - last < VISIT:
        return False
    audit.record(session, org_id, actor=by.name, action="organization.open", subject="organization")
    values = {"at": now, "actor": by.name, "action": "organization.open", "subject": f"organization:{slug}", "detail": {}}
    session.execute(sa.insert(_event).values(**values))
    return True


def _user(session: Session, email: str) -> int:
    found = accounts.find(session, email.replace("\0", "").strip().lower())
    if found is None:
        raise UserUnknown(f"There is no account {email[:100]!r}. `flyusage users create` makes one.")
    return found.user_id


def _record(session: Session, by: Actor, action: str, user_id: int, email: str, role: StaffRole) -> None:
    detail = {"email": email, "role": role.value}
    values = {"at": clock.now(), "actor": by.name, "action": action, "subject": f"user:{user_id}", "detail": detail}
    session.execute(sa.insert(_event).values(**values))


_MEMBERS = """
SELECT u.id, u.email, u.name, g.role, g.granted_at, g.granted_by FROM staff_grant g JOIN user_account u ON u.id = g.user_id
ORDER BY u.email, g.role"""
