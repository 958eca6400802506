"""The people and organizations every test knows: Prism with its owner and a member, and Rival, to whom the outsider belongs."""

from dataclasses import dataclass

from sqlmodel import Session

from flyusage import clock
from flyusage.auth.models import User
from flyusage.orgs.models import Membership, Organization, Role


@dataclass(frozen=True)
class Person:
    """A user in one organization."""

    user_id: int
    email: str
    org_id: int
    role: Role


@dataclass(frozen=True)
class Tenant:
    """An organization by what tests say about it."""

    id: int
    slug: str
    name: str


@dataclass(frozen=True)
class Cast:
    """Owner and member are Prism's; the outsider owns Rival."""

    prism: Tenant
    rival: Tenant
    owner: Person
    member: Person
    outsider: Person


def make_cast(session: Session) -> Cast:
    """Put the cast into an empty platform; needs the platform's role."""
    prism, rival = _organization(session, "prism", "Prism"), _organization(session, "rival", "Rival")
    return Cast(
        prism=prism,
        rival=rival,
        owner=add_person(session, "owner@prism.example", prism, Role.OWNER),
        member=add_person(session, "member@prism.example", prism, Role.VIEWER),
        outsider=add_person(session, "owner@rival.example", rival, Role.OWNER),
    )


def _organization(session: Session, slug: str, name: str) -> Tenant:
    made = Organization(slug=slug, name=name, created_at=clock.now())
    session.add(made)
    session.flush()
    assert made.id is not None
    return Tenant(made.id, slug, name)


def add_person(session: Session, email: str, tenant: Tenant, role: Role) -> Person:
    """One more person of a tenant; needs the platform's role."""
    user = User(email=email, name=email.partition("@")[0].title(), created_at=clock.now())
    session.add(user)
    session.flush()
    assert user.id is not None
    session.add(Membership(org_id=tenant.id, user_id=user.id, role=role, created_at=clock.now()))
    session.flush()
    return Person(user.id, email, tenant.id, role)
