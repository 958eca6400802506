"""What follows for an organization's members from what its directory tells (SCIM): who comes, who goes, and in which role.

**Of whom a directory may speak.** Somebody without an account gets one, and belongs here at once. Somebody who has one, made elsewhere,
gets an invitation, which they alone can accept: no directory takes an account over, nor learns by its answer that there is one. It
changes no password and no address, and a name only of accounts that were made for it and belong to no other organization.

**Roles.** The most powerful role among somebody's groups, and the default for whom no group gives one. A role is set when what the
groups say of somebody changes; a member who was here before keeps theirs until then. Groups make no owners, and leave owners alone.

Needs the organization's own transaction. Whoever calls holds the lock of its people (`memberships.lock`), by `invoices.seats.kept`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.auth import sessions
from flyusage.orgs import app_grants, audit, invitations, memberships
from flyusage.orgs.acting import Actor
from flyusage.orgs.errors import RoleUnknown, ScimUnknown
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import LIMITABLE, Permission, require

DEFAULT_ROLES = (Role.VIEWER, Role.DEVELOPER, Role.BILLING)
GROUP_ROLES = (Role.ADMIN, Role.DEVELOPER, Role.BILLING, Role.VIEWER)  # the most powerful first


@dataclass(frozen=True)
class Welcome:
    """Somebody to write to, once the transaction has committed: `secret` is their invitation's, or empty for a new account."""

    email: str
    role: Role
    user_id: int | None = None
    secret: str = ""


def default_role(session: Session, org_id: int) -> Role:
    """What people become whom no group gives a role: viewer unless chosen otherwise."""
    return Role(session.scalar(sa.text("SELECT default_role FROM provisioning WHERE org_id = :org"), {"org": org_id}) or Role.VIEWER)


def choose_default_role(session: Session, org_id: int, role: Role, *, by: Actor) -> None:
    """From now on; who is here stays as they are. Raises NotPermitted, RoleUnknown."""
    _require(session, org_id, by)
    if role not in DEFAULT_ROLES:
        raise RoleUnknown(f"Nobody becomes {role} by default. Choose {', '.join(DEFAULT_ROLES)}.")
    before = default_role(session, org_id)
    put = """INSERT INTO provisioning (org_id, default_role) VALUES (:org, :role) ON CONFLICT (org_id) DO UPDATE SET default_role = :role"""
    session.execute(sa.text(put), {"org": org_id, "role": role})
    detail = {"from": before.value, "to": role.value}
    audit.record(session, org_id, actor=by.name, action="provisioning.choose_default_role", subject="provisioning", detail=detail)


def map_group(session: Session, org_id: int, group_id: str, role: Role | None, *, by: Actor) -> None:
    """Give a directory's group a role, or none, and its members what follows. Raises NotPermitted, RoleUnknown, ScimUnknown."""
    memberships.lock(session, org_id)
    _require(session, org_id, by)
    if role is not None and role not in GROUP_ROLES:
        raise RoleUnknown(f"No group makes somebody {role}: an owner does. Choose {', '.join(GROUP_ROLES)}, or no role.")
    group = session.execute(sa.text(_GROUP), {"org": org_id, "id": group_id}).one_or_none()
    if group is None:
        raise ScimUnknown("The directory has no such group, or no longer. Load the page again.")
    if group.role == role:
        return
    before = roles_of_groups(session, org_id, group.members)
    set_role = "UPDATE scim_group SET role = :role WHERE org_id = :org AND id = :id"
    session.execute(sa.text(set_role), {"role": role, "org": org_id, "id": group_id})
    detail = {"group": group.display_name, "from": group.role, "to": role and role.value}
    audit.record(session, org_id, actor=by.name, action="provisioning.map_group", subject=f"scim_group:{group_id}", detail=detail)
    follow_groups(session, org_id, before, by=by)


def roles_of_groups(session: Session, org_id: int, scim_user_ids: Iterable[str]) -> dict[str, Role | None]:
    """What somebody's groups say they are, by the SCIM user's id; None where no group of theirs has a role."""
    wanted = sorted(set(scim_user_ids))
    rows = session.execute(sa.text(_ROLES), {"org": org_id, "users": wanted})
    said = {row.user_id: set(row.roles) for row in rows}
    return {one: next((role for role in GROUP_ROLES if role in said.get(one, ())), None) for one in wanted}


def follow_groups(session: Session, org_id: int, before: Mapping[str, Role | None], *, by: Actor) -> None:
    """Give those people another role of whom the groups say another one than `before`. Raises MemberUnknown never: who left is left out."""
    now = roles_of_groups(session, org_id, before)
    changed = {one: now[one] for one in before if now[one] != before[one]}
    if not changed:
        return
    otherwise, wanted = default_role(session, org_id), dict[int, Role | None]()
    for row in session.execute(sa.text(_STANDING), {"org": org_id, "users": list(changed)}):
        role = changed[row.id] or otherwise
        if row.user_id is None:
            _invite_as(session, org_id, row.email, role, by=by)
        elif row.role != Role.OWNER:
            wanted[row.user_id] = role
    if wanted:
        memberships.change(session, org_id, wanted, by=by)


def bring_in(session: Session, org_id: int, scim_user_id: str, email: str, name: str, *, by: Actor) -> Welcome | None:
    """Have somebody belong here: whom to write to; None where they do already. The one place that decides of whom a directory may speak.

    Whoever saw some apps only sees no more of them than when they were taken out, unless an invitation has said otherwise since.
    """
    if session.scalar(sa.text("SELECT true FROM addresses_of_organization() WHERE email = :email"), {"email": email}):
        return None
    role = roles_of_groups(session, org_id, [scim_user_id])[scim_user_id] or default_role(session, org_id)
    binds = {"email": email, "name": name, "now": clock.now()}
    account = session.execute(sa.text("SELECT user_id, is_new FROM provision_account(:email, :name, :now)"), binds).one_or_none()
    former = {"org": org_id, "email": email}
    kept = session.scalar(sa.text("SELECT app_ids FROM former_grant WHERE org_id = :org AND email = :email"), former)
    apps = kept if role in LIMITABLE else None
    if account is None:
        invited = invitations.invite(session, org_id, [email], role, by=by, apps=apps)[0]
        return Welcome(email, role, secret=invited.secret) if invited.secret else None
    for one in invitations.waiting(session, org_id, email=email):  # whoever was to see some apps only does
        apps = one.app_ids if role in LIMITABLE else None
        invitations.revoke(session, org_id, one.id, by=by)
    join = """INSERT INTO membership (org_id, user_id, role, created_at, app_ids)
              VALUES (:org, :user, :role, :now, CAST(:apps AS int[]))"""
    granted = None if apps is None else list(apps)
    session.execute(sa.text(join), {"org": org_id, "user": account.user_id, "role": role, "now": clock.now(), "apps": granted})
    detail = {"email": email, "role": role.value, "is_new": account.is_new}
    if granted is not None:
        detail |= {"apps": app_grants.told(session, org_id, granted)}
    audit.record(session, org_id, actor=by.name, action="members.provision", subject=f"user:{account.user_id}", detail=detail)
    return Welcome(email, role, user_id=account.user_id) if account.is_new else None


def take_out(session: Session, org_id: int, email: str, *, by: Actor) -> None:
    """Have somebody belong here no more: membership, tokens, open pages and invitations end at once. Raises LastOwner.

    An account that was made for this organization and belongs to no other is signed out everywhere. Which apps they were limited to
    is kept beside what the directory says of them, for the day that it brings them back.
    """
    user_id = session.scalar(sa.text("SELECT user_id FROM addresses_of_organization() WHERE email = :email"), {"email": email})
    if user_id is not None:
        held = sa.text("SELECT app_ids FROM membership WHERE org_id = :org AND user_id = :user")
        _keep_grant(session, org_id, email, session.scalar(held, {"org": org_id, "user": user_id}))
        memberships.remove(session, org_id, user_id, by=by)
        ended = session.scalars(sa.text("SELECT sign_out_provisioned_account(:user, :now)"), {"user": user_id, "now": clock.now()}).all()
        for session_id in ended:
            session.execute(sa.text("SELECT pg_notify(:channel, :id)"), {"channel": sessions.CHANNEL, "id": str(session_id)})
    for one in invitations.waiting(session, org_id, email=email):
        if user_id is None:
            _keep_grant(session, org_id, email, None if one.app_ids is None else list(one.app_ids))
        invitations.revoke(session, org_id, one.id, by=by)


def call(session: Session, email: str, name: str) -> None:
    """Call a member by another name, where the account was made for this organization and belongs to no other."""
    rename = "SELECT rename_provisioned_account(user_id, :name) FROM addresses_of_organization() WHERE email = :email AND name <> :name"
    session.execute(sa.text(rename), {"email": email, "name": name})


def _keep_grant(session: Session, org_id: int, email: str, apps: list[int] | None) -> None:
    """For whom the directory takes out: what they saw, whether it then deactivates or deletes them."""
    if apps is None:
        session.execute(sa.text("DELETE FROM former_grant WHERE org_id = :org AND email = :email"), {"org": org_id, "email": email})
    else:
        session.execute(sa.text(_KEEP_GRANT), {"org": org_id, "email": email, "apps": apps})


def _invite_as(session: Session, org_id: int, email: str, role: Role, *, by: Actor) -> None:
    """A waiting invitation that gives another role."""
    changed = session.scalar(sa.text(_INVITE_AS), {"org": org_id, "email": email, "role": role})
    if changed is not None:
        detail = {"from": changed, "to": role.value}
        audit.record(session, org_id, actor=by.name, action="invitation.change_role", subject=f"address:{email}", detail=detail)


def _require(session: Session, org_id: int, by: Actor) -> None:
    standing = memberships.present_role(session, org_id, by)
    if standing is not None:
        require(standing, Permission.SIGN_IN_MANAGE)


_GROUP = """
SELECT display_name, role, ARRAY(SELECT m.user_id FROM scim_group_member m WHERE m.org_id = g.org_id AND m.group_id = g.id) AS members
FROM scim_group g WHERE org_id = :org AND id = :id FOR NO KEY UPDATE"""
_ROLES = """
SELECT m.user_id, array_agg(DISTINCT g.role) AS roles FROM scim_group_member m JOIN scim_group g ON g.org_id = m.org_id AND g.id = m.group_id
WHERE m.org_id = :org AND m.user_id = ANY (:users) AND g.role IS NOT NULL GROUP BY m.user_id ORDER BY m.user_id"""
_STANDING = """
SELECT u.id, u.email, p.user_id, p.role FROM scim_user u LEFT JOIN addresses_of_organization() p ON p.email = u.email
WHERE u.org_id = :org AND u.id = ANY (:users) AND u.is_active ORDER BY u.id"""
_KEEP_GRANT = """
INSERT INTO former_grant (org_id, email, app_ids) VALUES (:org, :email, CAST(:apps AS int[]))
ON CONFLICT (org_id, email) DO UPDATE SET app_ids = excluded.app_ids"""
_INVITE_AS = """
UPDATE invitation i SET role = :role, app_ids = CASE WHEN :role IN ('developer', 'viewer') THEN i.app_ids END
FROM (SELECT id, role FROM invitation WHERE org_id = :org AND email = :email
  AND accepted_at IS NULL AND revoked_at IS NULL FOR UPDATE) AS was
WHERE i.org_id = :org AND i.id = was.id AND was.role <> :role RETURNING was.role"""
