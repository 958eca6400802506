"""The groups that an organization's directory tells of. What role one gives is chosen at the provisioning page (`provisioning.map_group`)."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.orgs import audit, memberships, provisioning
from flyusage.orgs.acting import Actor
from flyusage.orgs.errors import ScimChanged, ScimInvalid, ScimUnknown
from flyusage.orgs.models import Role, ScimGroup

MOST = 10_000  # of an organization

_group = ScimGroup.__table__  # pyright: ignore[reportAttributeAccessIssue] SQLModel adds it


@dataclass(frozen=True)
class Group:
    """A group. `members` are ids of SCIM users; `role` is what it gives them, None for nothing."""

    id: str
    display_name: str
    external_id: str | None
    role: Role | None
    version: int
    created_at: datetime
    modified_at: datetime
    members: tuple[str, ...]


def add(session: Session, org_id: int, name: str, *, external_id: str | None, members: Iterable[str], by: Actor) -> Group:
    """Keep a group; it gives nobody a role yet. Raises ScimInvalid for members that are none of the directory's users."""
    memberships.lock(session, org_id)
    if count(session, org_id) >= MOST:
        raise ScimInvalid(f"A directory tells of {MOST:,} groups at most. Remove some first.")
    now, group_id = clock.now(), uuid.uuid4().hex
    values = {"display_name": name, "external_id": external_id, "version": 1, "created_at": now, "modified_at": now}
    session.execute(sa.insert(_group).values(org_id=org_id, id=group_id, **values))
    wanted = _put_members(session, org_id, group_id, members, present=frozenset())
    detail = {"group": name, "members": len(wanted)}
    audit.record(session, org_id, actor=by.name, action="provisioning.add_group", subject=f"scim_group:{group_id}", detail=detail)
    return group(session, org_id, group_id)


def change(session: Session, org_id: int, told: Group, *, by: Actor, version: int | None = None) -> Group:
    """Keep what is told of the group with this id now, and give whom it concerns the role that follows.

    Raises ScimUnknown, ScimChanged, ScimInvalid.
    """
    memberships.lock(session, org_id)
    before = group(session, org_id, told.id)
    _refuse_other(before, version)
    concerned = frozenset(before.members) ^ frozenset(told.members)
    roles = provisioning.roles_of_groups(session, org_id, concerned)
    changed = {
        "version": before.version + 1,
        "modified_at": clock.now(),
        "display_name": told.display_name,
        "external_id": told.external_id,
    }
    session.execute(sa.update(_group).where(_group.c.org_id == org_id, _group.c.id == told.id).values(**changed))
    wanted = _put_members(session, org_id, told.id, told.members, present=frozenset(before.members))
    detail = {
        "group": told.display_name,
        **({"was": before.display_name} if before.display_name != told.display_name else {}),
        "joined": len(wanted - frozenset(before.members)),
        "left": len(frozenset(before.members) - wanted),
    }
    audit.record(session, org_id, actor=by.name, action="provisioning.change_group", subject=f"scim_group:{told.id}", detail=detail)
    provisioning.follow_groups(session, org_id, roles, by=by)
    return group(session, org_id, told.id)


def remove(session: Session, org_id: int, group_id: str, *, by: Actor, version: int | None = None) -> None:
    """Keep a group no more; what it gave its members ends. Raises ScimUnknown, ScimChanged."""
    memberships.lock(session, org_id)
    before = group(session, org_id, group_id)
    _refuse_other(before, version)
    roles = provisioning.roles_of_groups(session, org_id, before.members)
    session.execute(sa.delete(_group).where(_group.c.org_id == org_id, _group.c.id == group_id))
    detail = {"group": before.display_name, "members": len(before.members)}
    audit.record(session, org_id, actor=by.name, action="provisioning.remove_group", subject=f"scim_group:{group_id}", detail=detail)
    provisioning.follow_groups(session, org_id, roles, by=by)


def group(session: Session, org_id: int, group_id: str) -> Group:
    """One of them. Raises ScimUnknown."""
    found = groups(session, org_id, equal={"id": group_id})
    if not found:
        raise ScimUnknown("There is no such group, or no longer.")
    return found[0]


def groups(
    session: Session, org_id: int, *, equal: Mapping[str, str] | None = None, limit: int | None = None, offset: int = 0
) -> list[Group]:
    """Those whose `id` or `external_id` is as given, or all, by name."""
    given = equal or {}
    if any("\0" in value for value in given.values()):
        return []
    where = "".join(f" AND g.{key} = :{key}" for key in given if key in ("id", "external_id"))
    rows = session.execute(sa.text(_GROUPS.format(where=where)), {"org": org_id, "limit": limit, "offset": offset, **given})
    return [
        Group(
            id=row.id,
            display_name=row.display_name,
            external_id=row.external_id,
            role=Role(row.role) if row.role else None,
            version=row.version,
            created_at=row.created_at,
            modified_at=row.modified_at,
            members=tuple(row.members),
        )
        for row in rows
    ]


def count(session: Session, org_id: int) -> int:
    """How many there are."""
    return session.scalar(sa.text("SELECT count(*) FROM scim_group WHERE org_id = :org"), {"org": org_id}) or 0


def _put_members(session: Session, org_id: int, group_id: str, members: Iterable[str], *, present: frozenset[str]) -> frozenset[str]:
    wanted = frozenset(members)
    gone, come = sorted(present - wanted), sorted(wanted - present)
    binds = {"org": org_id, "group": group_id}
    if gone:
        leave = "DELETE FROM scim_group_member WHERE org_id = :org AND group_id = :group AND user_id = ANY (:users)"
        session.execute(sa.text(leave), {**binds, "users": gone})
    if come:
        join = """INSERT INTO scim_group_member (org_id, group_id, user_id)
                  SELECT :org, :group, id FROM scim_user WHERE org_id = :org AND id = ANY (:users) RETURNING user_id"""
        if len(session.scalars(sa.text(join), {**binds, "users": come}).all()) < len(come):
            raise ScimInvalid("A member is none of this directory's users. Members are given by the users' ids here.")
    return wanted


def _refuse_other(before: Group, version: int | None) -> None:
    if version is not None and before.version != version:
        raise ScimChanged("It was changed meanwhile. Read it again, then change it.")


_GROUPS = """
SELECT g.*, ARRAY(SELECT m.user_id FROM scim_group_member m WHERE m.org_id = g.org_id AND m.group_id = g.id ORDER BY m.user_id) AS members
FROM scim_group g WHERE g.org_id = :org{where} ORDER BY g.display_name, g.id LIMIT :limit OFFSET :offset"""
