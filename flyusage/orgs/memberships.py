"""Who belongs to an organization, as what: changed under one lock, audited in the same transaction.

An organization has an owner at every moment, and only owners make or touch owners. Whoever's role changes, or who is removed,
stops seeing what they may no longer see at once: open pages are told to ask again. Needs the organization's own transaction
(`db.transaction`), unless a verb says otherwise.
"""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.auth import sessions
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor
from flyusage.orgs.errors import LastOwner, MemberUnknown, NotPermitted, RoleUnknown
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import Permission, require

MOST_AT_ONCE = 10_000


def role_named(text: object) -> Role:
    """The role that a text names. Raises RoleUnknown."""
    if isinstance(text, str) and text in tuple(Role):
        return Role(text)
    raise RoleUnknown(f"There is no role {str(text)[:40]!r}. The roles are {', '.join(Role)}.")


def change_role(session: Session, org_id: int, user_id: int, role: Role, *, by: Actor) -> None:
    """Give a member another role. Raises as `change`."""
    change(session, org_id, {user_id: role}, by=by)


def remove(session: Session, org_id: int, user_id: int, *, by: Actor) -> None:
    """Take a member out of the organization. Raises as `change`."""
    change(session, org_id, {user_id: None}, by=by)


def change(session: Session, org_id: int, wanted: Mapping[int, Role | None], *, by: Actor) -> int:
    """Give members these roles and remove those without one, all or nothing; how many that changed something for.

    `by` needs members.manage, and to be an owner where one is made or touched. Raises NotPermitted, MemberUnknown, LastOwner.
    """
    lock(session, org_id)
    standing = present_role(session, org_id, by)
    if standing is not None:
        require(standing, Permission.MEMBERS_MANAGE)
    return _apply(session, org_id, wanted, by=by, may_touch_owners=standing in (None, Role.OWNER))


def leave(session: Session, org_id: int, *, by: Actor) -> None:
    """Take oneself out. Raises LastOwner, MemberUnknown."""
    lock(session, org_id)
    if by.role is None or by.user_id is None:
        raise MemberUnknown("Only a member can leave an organization.")
    _apply(session, org_id, {by.user_id: None}, by=by, may_touch_owners=True)


def transfer(session: Session, org_id: int, user_id: int, *, by: Actor) -> None:
    """Make another member owner in one's own place; who gave it stays as an admin. Raises NotPermitted, MemberUnknown."""
    lock(session, org_id)
    if by.user_id is None or present_role(session, org_id, by) is not Role.OWNER:
        raise NotPermitted("Ownership is an owner's to give. Ask one of them.")
    if user_id == by.user_id:
        raise MemberUnknown("You own the organization already. Name another member.")
    _apply(session, org_id, {user_id: Role.OWNER, by.user_id: Role.ADMIN}, by=by, may_touch_owners=True)


def lock(session: Session, org_id: int) -> None:
    """Changes of an organization's people come one after the other, until the transaction ends."""
    session.execute(sa.text("SELECT id FROM organization WHERE id = :org FOR NO KEY UPDATE"), {"org": org_id})


def present_role(session: Session, org_id: int, by: Actor) -> Role | None:
    """What `by` is at this moment, whatever they were when their page was shown; None for jobs and commands. Raises NotPermitted."""
    if by.role is None:
        return None
    role = session.scalar(
        sa.text("SELECT role FROM membership WHERE org_id = :org AND user_id = :user"), {"org": org_id, "user": by.user_id}
    )
    if role is None:
        raise NotPermitted("You no longer belong to this organization.")
    return Role(role)


def _apply(session: Session, org_id: int, wanted: Mapping[int, Role | None], *, by: Actor, may_touch_owners: bool) -> int:
    known = session.execute(
        sa.text("SELECT user_id, email, role FROM people_of_organization(:users)"), {"users": list(wanted)[:MOST_AT_ONCE]}
    ).all()
    if len(known) < len(wanted):
        raise MemberUnknown("Somebody among them does not belong to this organization, or no longer. Load the page again.")
    changed = [row for row in known if wanted[row.user_id] != row.role]
    if not may_touch_owners and any(Role.OWNER in (row.role, wanted[row.user_id]) for row in changed):
        raise NotPermitted("Only an owner makes somebody an owner, or changes or removes one. Ask an owner.")
    for role in {wanted[row.user_id] for row in changed}:
        binds = {"org": org_id, "role": role, "users": [row.user_id for row in changed if wanted[row.user_id] == role]}
        session.execute(sa.text(_REMOVE if role is None else _CHANGE), binds)
    if not session.scalar(sa.text("SELECT true FROM membership WHERE org_id = :org AND role = 'owner' LIMIT 1"), {"org": org_id}):
        raise LastOwner("An organization keeps an owner. Make somebody else owner first, then do this again.")
    audit.record_many(session, [_entry(org_id, row, wanted[row.user_id], by) for row in changed])
    if changed:
        sessions.ask_who_is_left(session)
    return len(changed)


def _entry(org_id: int, row: sa.Row, role: Role | None, by: Actor) -> audit.NewEntry:
    if role is None:
        verb = "members.leave" if by.user_id == row.user_id else "members.remove"
        return audit.NewEntry(org_id, by.name, verb, f"user:{row.user_id}", {"email": row.email, "role": row.role})
    detail = {"email": row.email, "from": row.role, "to": role.value}
    return audit.NewEntry(org_id, by.name, "members.change_role", f"user:{row.user_id}", detail)


_CHANGE = "UPDATE membership SET role = :role WHERE org_id = :org AND user_id = ANY (:users)"
_REMOVE = "DELETE FROM membership WHERE org_id = :org AND user_id = ANY (:users) AND CAST(:role AS text) IS NULL"
