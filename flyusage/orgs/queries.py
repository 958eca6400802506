"""Questions about organizations: which there are, and who belongs to one."""

from collections.abc import Iterable
from dataclasses import dataclass

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


def directory(session: Session) -> list[OrganizationEntry]:
    """Every organization, oldest first. Works before a tenant is known (`db.lookup_transaction`)."""
    rows = session.execute(sa.text("SELECT id, slug, name, is_synthetic FROM organization_directory() ORDER BY id"))
    return [OrganizationEntry(*row) for row in rows]


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
