"""Questions about organizations: which there are, and who belongs to one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.orgs.errors import OrganizationUnknown
from flyusage.orgs.models import Role


@dataclass(frozen=True)
class OrganizationEntry:
    """An organization as surfaces name it. `is_synthetic` marks invented ones."""

    id: int
    slug: str
    name: str
    is_synthetic: bool


@dataclass(frozen=True)
class Member:
    """A person in an organization."""

    user_id: int
    email: str
    name: str
    role: Role


@dataclass(frozen=True)
class Person:
    """A member as the organization's own people see them. `seen_at` is when they last used a page, to the minute; None for never."""

    user_id: int
    email: str
    name: str
    role: Role
    joined_at: datetime
    seen_at: datetime | None
    has_second_factor: bool = False
    app_ids: tuple[int, ...] | None = None  # the apps granted; None: all
    signs_in_by_provider: bool = False


@dataclass(frozen=True)
class People:
    """A page of members by address; `found` match, of `total`. `by_role` counts everybody; roles that nobody has are absent."""

    rows: list[Person]
    found: int
    total: int
    by_role: Mapping[Role, int]


def people(
    session: Session, org_id: int, *, search: str = "", role: Role | None = None, limit: int = 50, offset: int = 0, after: str = ""
) -> People:
    """Members whose name or address holds `search`, in one role or any, behind the address `after`. In the organization's own transaction."""
    counted = session.execute(
        sa.text("SELECT role, count(*) FROM membership WHERE org_id = :org GROUP BY role ORDER BY role"), {"org": org_id}
    )
    by_role = {Role(one): count for one, count in counted}
    wanted = {"search": search.replace("\0", "").strip().lower(), "role": role, "limit": limit, "offset": offset, "org": org_id}
    wanted["after"] = after.replace("\0", "")
    rows = session.execute(sa.text(_PEOPLE), wanted).all()
    found = rows[0].found if rows else 0
    shown = [
        Person(
            row.user_id,
            row.email,
            row.name,
            Role(row.role),
            row.joined_at,
            row.seen_at,
            row.has_second_factor,
            None if row.app_ids is None else tuple(row.app_ids),
            row.signs_in_by_provider,
        )
        for row in rows
        if row.user_id is not None
    ]
    return People(shown, found, sum(by_role.values()), by_role)


def directory(session: Session) -> list[OrganizationEntry]:
    """Every organization, oldest first. Works before a tenant is known (`db.lookup_transaction`)."""
    rows = session.execute(sa.text("SELECT id, slug, name, is_synthetic FROM organization_directory() ORDER BY id"))
    return [OrganizationEntry(*row) for row in rows]


def find_organizations(session: Session, search: str, *, limit: int) -> list[OrganizationEntry]:
    """Organizations whose name or slug holds `search`, by slug; deleted ones left out. In a platform transaction."""
    found = session.execute(sa.text(_FIND), {"search": search.replace("\0", "").strip().lower(), "limit": limit})
    return [OrganizationEntry(*row) for row in found]


def organization_by_slug(session: Session, slug: str) -> OrganizationEntry:
    """The organization called `slug`, before a tenant is known. Raises OrganizationUnknown."""
    wanted = sa.text("SELECT id, slug, name, is_synthetic FROM organization_by_slug(:slug)")
    row = session.execute(wanted, {"slug": slug}).one_or_none() if "\0" not in slug else None
    if row is None:
        raise OrganizationUnknown(f"There is no organization {slug[:100]!r}. `flyusage orgs list` names those there are.")
    return OrganizationEntry(*row)


def members(session: Session, org_id: int) -> list[Member]:
    """Everybody in the organization with their role, by address. Needs the platform's role, which alone reads addresses."""
    query = sa.text(
        "SELECT u.id, u.email, u.name, m.role FROM membership m JOIN user_account u ON u.id = m.user_id "
        "WHERE m.org_id = :org_id ORDER BY u.email"
    )
    return [Member(user_id, email, name, Role(role)) for user_id, email, name, role in session.execute(query, {"org_id": org_id})]


def names_of(session: Session, org_id: int, user_ids: Iterable[int]) -> dict[int, str]:
    """What to call those of the users who belong to the organization now, by id. Needs the platform's role."""
    query = sa.text(
        "SELECT u.id, u.name FROM membership m JOIN user_account u ON u.id = m.user_id WHERE m.org_id = :org_id AND u.id = ANY(:ids)"
    )
    return {row.id: row.name for row in session.execute(query, {"org_id": org_id, "ids": sorted(set(user_ids))})}


def role_of(session: Session, org_id: int, user_id: int) -> Role | None:
    """The user's role in the organization, None for an outsider."""
    query = sa.text("SELECT role FROM membership WHERE org_id = :org_id AND user_id = :user_id")
    role = session.scalar(query, {"org_id": org_id, "user_id": user_id})
    return None if role is None else Role(role)


# By address alone first: when somebody was last seen, and by what they sign in, is asked for those of the page alone.
# One row without a person at least, so that what was found is known on every page.
_PEOPLE = """
WITH found AS MATERIALIZED (
  SELECT user_id, email FROM addresses_of_organization()
  WHERE (CAST(:role AS text) IS NULL OR role = :role)
    AND email > CAST(:after AS text)
    AND (CAST(:search AS text) = '' OR strpos(email, :search) > 0 OR strpos(lower(name), :search) > 0)),
page AS (SELECT user_id FROM found ORDER BY email LIMIT :limit OFFSET :offset)
SELECT c.found, p.*, m.app_ids FROM (SELECT count(*) AS found FROM found) AS c
LEFT JOIN people_of_organization(ARRAY(SELECT user_id FROM page)) AS p ON true
LEFT JOIN membership m ON m.org_id = :org AND m.user_id = p.user_id ORDER BY p.email"""


_FIND = """
SELECT id, slug, name, is_synthetic FROM organization
WHERE deleted_at IS NULL AND (strpos(slug, :search) > 0 OR strpos(lower(name), :search) > 0) ORDER BY slug LIMIT :limit"""
