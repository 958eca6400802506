"""Who belongs to an organization, as what: changed under one lock, audited in the same transaction.

An organization has an owner at every moment, and only owners make or touch owners. Whoever's role changes, or who is removed,
stops seeing what they may no longer see at once: open pages are told to ask again. Needs the organization's own transaction
(`db.transaction`), unless a verb says otherwise.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.auth import sessions
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor, note_refusal
from flyusage.orgs.app_grants import EVERY_APP, require_limitable, told
from flyusage.orgs.errors import AppUnknown, LastOwner, MemberUnknown, NotPermitted, RoleUnknown
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import LIMITABLE, Permission, require

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


def grant_apps(session: Session, org_id: int, user_id: int, apps: Collection[int] | None, *, by: Actor) -> bool:
    """Let a developer or viewer see `apps` alone (ids), or every app (None), from now on; whether that changed anything.

    Personal tokens of theirs see no more from the same moment. `by` needs members.manage. Raises NotPermitted, MemberUnknown,
    GrantRefused, and AppUnknown.
    """
    lock(session, org_id)
    standing = present_role(session, org_id, by)
    if standing is not None:
        require(standing, Permission.MEMBERS_MANAGE)
    row = session.execute(sa.text(_GRANTED), {"org": org_id, "user": user_id}).one_or_none()
    if row is None:
        raise MemberUnknown("That person does not belong to this organization, or no longer. Load the page again.")
    require_limitable(Role(row.role), apps)
    wanted = None if apps is None else sorted(set(apps))
    if wanted == row.app_ids:
        return False
    before, after = told(session, org_id, row.app_ids), told(session, org_id, wanted)
    if wanted is not None and len(after) < len(wanted):
        raise AppUnknown("One of these apps is not known here. Load the page again.")
    session.execute(sa.text(_GRANT), {"org": org_id, "user": user_id, "apps": wanted})
    detail = {"email": row.email, "from": before, "to": after}
    audit.record(session, org_id, actor=by.name, action="members.grant_apps", subject=f"user:{user_id}", detail=detail)
    sessions.ask_who_is_left(session)
    return True


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


def as_now(session: Session, org_id: int, by: Actor) -> Actor:
    """`by` in the role that they hold at this moment, and that nobody changes or ends before the transaction is over. Raises NotPermitted."""
    if by.role is None:
        return by
    held = "SELECT role FROM membership WHERE org_id = :org AND user_id = :user FOR SHARE"
    session.execute(sa.text(held), {"org": org_id, "user": by.user_id})
    return replace(by, role=present_role(session, org_id, by))


def _apply(session: Session, org_id: int, wanted: Mapping[int, Role | None], *, by: Actor, may_touch_owners: bool) -> int:
    known = session.execute(
        sa.text("SELECT user_id, email, role FROM people_of_organization(:users)"), {"users": list(wanted)[:MOST_AT_ONCE]}
    ).all()
    if len(known) < len(wanted):
        raise MemberUnknown("Somebody among them does not belong to this organization, or no longer. Load the page again.")
    changed = [row for row in known if wanted[row.user_id] != row.role]
    if not may_touch_owners and any(Role.OWNER in (row.role, wanted[row.user_id]) for row in changed):
        note_refusal(by.name, "an owner's place")
        raise NotPermitted("Only an owner makes somebody an owner, or changes or removes one. Ask an owner.")
    limited = dict(session.execute(sa.text(_LIMITED), {"org": org_id, "users": [row.user_id for row in changed]}).all())
    granted = {user_id: told(session, org_id, apps) for user_id, apps in limited.items()}
    for role in {wanted[row.user_id] for row in changed}:
        binds = {"org": org_id, "role": role, "users": [row.user_id for row in changed if wanted[row.user_id] == role]}
        session.execute(sa.text(_REMOVE if role is None else _CHANGE), binds)
    gives_up = any(row.role == Role.OWNER for row in changed)  # then one whose account is disabled is none to stay
    if not session.scalar(sa.text(_AN_OWNER), {"org": org_id, "able": gives_up}):
        raise LastOwner("An organization keeps an owner who can sign in. Make somebody else owner first, then do this again.")
    audit.record_many(session, [_entry(org_id, row, wanted[row.user_id], by, granted.get(row.user_id)) for row in changed])
    if changed:
        sessions.ask_who_is_left(session)
    return len(changed)


def _entry(org_id: int, row: sa.Row, role: Role | None, by: Actor, granted: list[str] | str | None) -> audit.NewEntry:
    """`granted`: the apps they were limited to, None where they saw all."""
    if role is None:
        verb = "members.leave" if by.user_id == row.user_id else "members.remove"
        left = {"email": row.email, "role": row.role} | ({"apps": granted} if granted is not None else {})
        return audit.NewEntry(org_id, by.name, verb, f"user:{row.user_id}", left)
    detail = {"email": row.email, "from": row.role, "to": role.value}
    if granted is not None and role not in LIMITABLE:  # what a role like that sees is all
        detail |= {"apps_from": granted, "apps_to": EVERY_APP}
    return audit.NewEntry(org_id, by.name, "members.change_role", f"user:{row.user_id}", detail)


_AN_OWNER = """SELECT true FROM membership WHERE org_id = :org AND role = 'owner' AND (NOT :able OR NOT is_disabled(user_id)) LIMIT 1"""
_CHANGE = """UPDATE membership SET role = :role, app_ids = CASE WHEN :role IN ('developer', 'viewer') THEN app_ids END
WHERE org_id = :org AND user_id = ANY (:users)"""
_GRANTED = """SELECT m.role, m.app_ids, p.email FROM membership m JOIN people_of_organization(ARRAY[:user]) AS p ON p.user_id = m.user_id
WHERE m.org_id = :org"""
_GRANT = "UPDATE membership SET app_ids = CAST(:apps AS int[]) WHERE org_id = :org AND user_id = :user"
_LIMITED = "SELECT user_id, app_ids FROM membership WHERE org_id = :org AND user_id = ANY (:users) AND app_ids IS NOT NULL"
_REMOVE = "DELETE FROM membership WHERE org_id = :org AND user_id = ANY (:users) AND CAST(:role AS text) IS NULL"
