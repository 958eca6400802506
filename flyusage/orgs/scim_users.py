"""The people that an organization's directory tells of: kept as it says them, and made members (`provisioning`).

What is kept here is the organization's own: two that tell of the same person keep two rows, and neither reads the other's.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from unicodedata import normalize

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.auth import accounts
from flyusage.auth.errors import AddressInvalid
from flyusage.orgs import audit, memberships, provisioning
from flyusage.orgs.acting import Actor
from flyusage.orgs.errors import ScimChanged, ScimInvalid, ScimTaken, ScimUnknown
from flyusage.orgs.models import ScimUser
from flyusage.orgs.provisioning import Welcome

MOST = 100_000  # of an organization

_user = ScimUser.__table__  # pyright: ignore[reportAttributeAccessIssue] SQLModel adds it


@dataclass(frozen=True)
class Told:
    """Somebody as the directory tells of them. `attributes` are the SCIM resource's, as they are given back; `emails` the best first."""

    user_name: str
    emails: tuple[str, ...]
    name: str
    external_id: str | None
    is_active: bool
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Kept:
    """Somebody as they are kept. `email` is their account's address; `groups` are (id, name) of the directory's groups."""

    id: str
    email: str
    user_name: str
    external_id: str | None
    attributes: Mapping[str, Any]
    is_active: bool
    version: int
    created_at: datetime
    modified_at: datetime
    groups: tuple[tuple[str, str], ...]


def add(session: Session, org_id: int, told: Told, *, by: Actor) -> tuple[Kept, Welcome | None]:
    """Keep somebody, and have them belong here if they are active; whom to write to. Raises ScimTaken, ScimInvalid."""
    memberships.lock(session, org_id)
    email = _address(told)
    _refuse_taken(session, org_id, told.user_name, None, email=email)
    if (session.scalar(sa.text("SELECT count(*) FROM scim_user WHERE org_id = :org"), {"org": org_id}) or 0) >= MOST:
        raise ScimInvalid(f"A directory tells of {MOST:,} people at most. Remove some first.")
    now, user_id = clock.now(), uuid.uuid4().hex
    values = {**_values(told), "email": email, "version": 1, "created_at": now, "modified_at": now}
    session.execute(sa.insert(_user).values(org_id=org_id, id=user_id, **values))
    detail = {"email": email, "user_name": told.user_name, "is_active": told.is_active}
    audit.record(session, org_id, actor=by.name, action="provisioning.add", subject=f"scim_user:{user_id}", detail=detail)
    welcome = provisioning.bring_in(session, org_id, user_id, email, told.name, by=by) if told.is_active else None
    return user(session, org_id, user_id), welcome


def change(
    session: Session, org_id: int, user_id: str, told: Told, *, by: Actor, version: int | None = None
) -> tuple[Kept, Welcome | None]:
    """Keep what is told of somebody now; who becomes inactive belongs here no more, who becomes active does again.

    Their account keeps its address. Raises ScimUnknown, ScimTaken, ScimChanged, LastOwner.
    """
    memberships.lock(session, org_id)
    before = user(session, org_id, user_id)
    _refuse_other(before, version)
    _refuse_taken(session, org_id, told.user_name, user_id)
    changed = {"version": before.version + 1, "modified_at": clock.now(), **_values(told)}
    session.execute(sa.update(_user).where(_user.c.org_id == org_id, _user.c.id == user_id).values(**changed))
    what = sorted(key for key in {*before.attributes, *told.attributes} if before.attributes.get(key) != told.attributes.get(key))
    detail = {"email": before.email, "changed": what, "from": before.is_active, "to": told.is_active}
    audit.record(session, org_id, actor=by.name, action="provisioning.change", subject=f"scim_user:{user_id}", detail=detail)
    welcome = None
    if told.is_active and not before.is_active:
        welcome = provisioning.bring_in(session, org_id, user_id, before.email, told.name, by=by)
    elif before.is_active and not told.is_active:
        provisioning.take_out(session, org_id, before.email, by=by)
    if told.is_active:
        provisioning.call(session, before.email, told.name)
    return user(session, org_id, user_id), welcome


def remove(session: Session, org_id: int, user_id: str, *, by: Actor, version: int | None = None) -> None:
    """Keep somebody no more; they belong here no more. Raises ScimUnknown, ScimChanged, LastOwner."""
    memberships.lock(session, org_id)
    before = user(session, org_id, user_id)
    _refuse_other(before, version)
    provisioning.take_out(session, org_id, before.email, by=by)
    session.execute(sa.delete(_user).where(_user.c.org_id == org_id, _user.c.id == user_id))
    detail = {"email": before.email, "user_name": before.user_name}
    audit.record(session, org_id, actor=by.name, action="provisioning.remove", subject=f"scim_user:{user_id}", detail=detail)


def user(session: Session, org_id: int, user_id: str) -> Kept:
    """One of them. Raises ScimUnknown."""
    found = users(session, org_id, equal={"id": user_id})
    if not found:
        raise ScimUnknown("There is no such user, or no longer.")
    return found[0]


def users(
    session: Session,
    org_id: int,
    *,
    equal: Mapping[str, str] | None = None,
    holding: str = "",
    limit: int | None = None,
    offset: int = 0,
) -> list[Kept]:
    """Those whose `id`, `user_name` or `external_id` is as given, or all, the oldest first.

    With `holding`, a text in lower case, those alone in whose attributes it stands somewhere.
    """
    given = equal or {}
    if any("\0" in value for value in given.values()):
        return []
    wanted = {key: compared(value) if key == "user_name" else value for key, value in given.items()}
    where = "".join(f" AND u.{key} = :{key}" for key in wanted if key in ("id", "user_name", "external_id"))
    if holding:
        where, wanted = where + " AND strpos(lower(u.attributes::text), :holding) > 0", {**wanted, "holding": holding}
    rows = session.execute(sa.text(_USERS.format(where=where)), {"org": org_id, "limit": limit, "offset": offset, **wanted})
    return [_read(row) for row in rows]


def count(session: Session, org_id: int) -> int:
    """How many there are."""
    return session.scalar(sa.text("SELECT count(*) FROM scim_user WHERE org_id = :org"), {"org": org_id}) or 0


def compared(text: str) -> str:
    """A user name as two are compared (RFC 7643, 4.1.1: letters' case does not count)."""
    return normalize("NFC", normalize("NFC", text).lower())


def _values(told: Told) -> dict[str, Any]:
    said = {"attributes": dict(told.attributes), "is_active": told.is_active, "external_id": told.external_id}
    return {"user_name": compared(told.user_name), **said}


def _address(told: Told) -> str:
    """Where somebody gets mail: what their account is found by."""
    for one in (*told.emails, told.user_name):
        try:
            return accounts.normal(one)
        except AddressInvalid:
            continue
    raise ScimInvalid("Somebody needs a mail address: send one as `emails`, or as `userName`.")


def _refuse_taken(session: Session, org_id: int, user_name: str, user_id: str | None, *, email: str | None = None) -> None:
    clash = session.scalar(
        sa.text(
            """SELECT CASE WHEN user_name = :name THEN 'userName' ELSE 'address' END FROM scim_user
               WHERE org_id = :org AND id IS DISTINCT FROM :id AND (user_name = :name OR email = :email) ORDER BY id LIMIT 1"""
        ),
        {"org": org_id, "id": user_id, "name": compared(user_name), "email": email},
    )
    if clash is not None:
        raise ScimTaken(f"Another user here has that {clash}. Find it by a filter, and change that one.")


def _refuse_other(before: Kept, version: int | None) -> None:
    if version is not None and before.version != version:
        raise ScimChanged("It was changed meanwhile. Read it again, then change it.")


def _read(row: sa.Row) -> Kept:
    told = (row.id, row.email, row.user_name, row.external_id, row.attributes, row.is_active, row.version, row.created_at, row.modified_at)
    return Kept(*told, groups=tuple((one["id"], one["name"]) for one in row.groups))


_USERS = """
SELECT u.*, coalesce((SELECT jsonb_agg(jsonb_build_object('id', g.id, 'name', g.display_name) ORDER BY g.display_name, g.id)
                      FROM scim_group_member m JOIN scim_group g ON g.org_id = m.org_id AND g.id = m.group_id
                      WHERE m.org_id = u.org_id AND m.user_id = u.id), '[]') AS groups
FROM scim_user u WHERE u.org_id = :org{where} ORDER BY u.created_at, u.id LIMIT :limit OFFSET :offset"""
