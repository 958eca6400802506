"""Who somebody from the organization's provider is here: linked, let in, given the role of their groups. Needs the platform's role.

Issuer and subject name a person. An address links to an account once, at first sight, and only where the provider says that it is
verified and its domain is proved to be the organization's: nobody's provider speaks for anybody else's addresses.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.auth import accounts, sessions
from flyusage.auth.errors import AddressInvalid
from flyusage.auth.oidc import Person
from flyusage.orgs import audit, memberships, organizations
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import LIMITABLE
from flyusage.orgs.queries import role_of
from flyusage.orgs.sso.connections import GIVEN, Connection, connection, domain_of, groups, verified_domains
from flyusage.orgs.sso.errors import SsoRefused

BY = "system:sso"
MOST_ASKED = 3


@dataclass(frozen=True)
class Admitted:
    """Who was let in, as what."""

    user_id: int
    role: Role
    is_new_member: bool


def admit(session: Session, held: Connection, person: Person) -> Admitted:
    """Let in whom the provider vouches for. Raises SsoRefused, saying why and whom to ask. Seats are the caller's (`invoices.seats.kept`)."""
    org_id = held.org_id
    memberships.lock(session, org_id)
    present = connection(session, org_id)  # as it is now: the provider has been asked meanwhile
    if present is None or present.is_off or held.is_off or organizations.deleted_at(session, org_id) is not None:
        raise SsoRefused("Single sign-on is switched off for your organization. Sign in with your password.")
    if (present.issuer, present.client_id) != (held.issuer, held.client_id):
        raise SsoRefused("Your organization has changed its provider meanwhile. Begin again.")
    user_id = _known(session, org_id, person) or _linked(session, org_id, person)
    now = clock.now()
    session.execute(
        sa.text(
            """UPDATE sso_identity SET seen_at = :now, has_factor = :factor
               WHERE org_id = :org AND issuer = :issuer AND subject = :subject"""
        ),
        {"now": now, "factor": person.has_factor, "org": org_id, "issuer": person.issuer, "subject": person.subject},
    )
    return _with_role(session, held, person, user_id)


def strongest(roles: Iterable[Role]) -> Role | None:
    """The one that may most, of those that a provider can give; None of none."""
    return min((role for role in roles if role in GIVEN), key=GIVEN.index, default=None)


def role_given(person_groups: Iterable[str], mapped: Mapping[str, Role]) -> Role | None:
    """The role of somebody in these groups; None where none of them has one."""
    return strongest(mapped[one] for one in person_groups if one in mapped)


def whom_to_ask(session: Session, org_id: int) -> str:
    """Owners and admins by name and address, for somebody who is stuck: "Ask Olga (olga@example.com)"."""
    rows = session.execute(
        sa.text(
            """SELECT u.name, u.email FROM membership m JOIN user_account u ON u.id = m.user_id
               WHERE m.org_id = :org AND m.role IN ('owner', 'admin') ORDER BY m.role DESC, u.email LIMIT :most"""
        ),
        {"org": org_id, "most": MOST_ASKED},
    )
    return "Ask " + (" or ".join(f"{row.name} ({row.email})" for row in rows) or "whoever runs this installation")


def signed_out(session: Session, held: Connection, subject: str) -> int:
    """End what was begun by the provider of somebody who has signed out there, everywhere; how many browsers. Platform's role."""
    user_id = session.scalar(
        sa.text("SELECT user_id FROM sso_identity WHERE org_id = :org AND issuer = :issuer AND subject = :subject"),
        {"org": held.org_id, "issuer": held.issuer, "subject": subject},
    )
    ended = 0 if user_id is None else sessions.end_by_provider(session, held.org_id, user_id=user_id)
    if ended:
        detail = {"by": "single sign-on", "browsers": ended}
        audit.record(session, held.org_id, actor=BY, action="session.end_all", subject=f"user:{user_id}", detail=detail)
    return ended


def unlink(session: Session, org_id: int, user_id: int, *, by: str) -> bool:
    """Forget which subject an account is at the provider: who signs in next with its address is linked anew. False where none was."""
    gone = session.scalars(
        sa.text("DELETE FROM sso_identity WHERE org_id = :org AND user_id = :user RETURNING subject"), {"org": org_id, "user": user_id}
    ).all()
    if gone:
        audit.record(session, org_id, actor=by, action="sso.unlink", subject=f"user:{user_id}", detail={"subjects": list(gone)})
    return bool(gone)


def _known(session: Session, org_id: int, person: Person) -> int | None:
    """The account that was linked before, while its address still is of the organization's domains."""
    row = session.execute(
        sa.text(
            """SELECT u.id, u.email FROM sso_identity i JOIN user_account u ON u.id = i.user_id
               WHERE i.org_id = :org AND i.issuer = :issuer AND i.subject = :subject"""
        ),
        {"org": org_id, "issuer": person.issuer, "subject": person.subject},
    ).one_or_none()
    if row is None:
        return None
    _require_domain(session, org_id, row.email)
    return row.id


def _linked(session: Session, org_id: int, person: Person) -> int:
    try:
        email = accounts.normal(person.email)
    except AddressInvalid as error:
        raise SsoRefused(
            f"Your provider did not say your mail address. {whom_to_ask(session, org_id)} to have it send the email claim."
        ) from error
    if not person.is_email_verified:
        raise SsoRefused(
            f"Your provider does not say that {email} is verified, so it could be anybody's. "
            f"{whom_to_ask(session, org_id)} to have it send email_verified."
        )
    _require_domain(session, org_id, email)
    known = accounts.find_or_create(session, email, name=person.name, is_verified=True)
    now = clock.now()
    taken = session.scalar(
        sa.text("SELECT true FROM sso_identity WHERE org_id = :org AND issuer = :issuer AND user_id = :user"),
        {"org": org_id, "issuer": person.issuer, "user": known.user_id},
    )
    if taken:
        raise SsoRefused(
            f"{email} belongs to another person at your provider than the one who came before. If that is you, "
            f"{whom_to_ask(session, org_id).lower()} to have the old link undone."
        )
    session.execute(
        sa.text(
            """INSERT INTO sso_identity (org_id, issuer, subject, user_id, linked_at, seen_at, has_factor)
               VALUES (:org, :issuer, :subject, :user, :now, :now, :factor)"""
        ),
        {
            "org": org_id,
            "issuer": person.issuer,
            "subject": person.subject,
            "user": known.user_id,
            "now": now,
            "factor": person.has_factor,
        },
    )
    session.execute(
        sa.text("UPDATE user_account SET email_verified_at = coalesce(email_verified_at, :now) WHERE id = :user"),
        {"now": now, "user": known.user_id},
    )
    detail = {"issuer": person.issuer, "subject": person.subject, "email": email}
    audit.record(session, org_id, actor=BY, action="sso.link", subject=f"user:{known.user_id}", detail=detail)
    return known.user_id


def _require_domain(session: Session, org_id: int, email: str) -> None:
    if domain_of(email) not in verified_domains(session, org_id):
        raise SsoRefused(
            f"{email} is not of a domain that your organization has proved to be its own. {whom_to_ask(session, org_id)} to verify "
            f"{domain_of(email)}, or to invite you by mail."
        )


def _with_role(session: Session, held: Connection, person: Person, user_id: int) -> Admitted:
    org_id, mapped = held.org_id, groups(session, held.org_id)
    given = role_given(person.groups, mapped)
    present = role_of(session, org_id, user_id)
    if present is None:
        return _join(session, held, person, user_id, given)
    if present is Role.OWNER or not mapped:
        return Admitted(user_id, present, is_new_member=False)
    role = given or held.default_role
    if role is None:
        raise SsoRefused(f"None of your groups at the provider is let in here. {whom_to_ask(session, org_id)} for one that is.")
    if role is not present:
        session.execute(
            sa.text(
                """UPDATE membership SET role = :role, app_ids = CASE WHEN :role = ANY (:limitable) THEN app_ids END
                   WHERE org_id = :org AND user_id = :user"""
            ),
            {"org": org_id, "user": user_id, "role": role, "limitable": list(LIMITABLE)},
        )
        detail = {"email": person.email, "from": present.value, "to": role.value, "groups": sorted(set(person.groups) & set(mapped))}
        audit.record(session, org_id, actor=BY, action="members.change_role", subject=f"user:{user_id}", detail=detail)
        sessions.ask_who_is_left(session)
    return Admitted(user_id, role, is_new_member=False)


def _join(session: Session, held: Connection, person: Person, user_id: int, given: Role | None) -> Admitted:
    """A new member: by group, else as invited, else as everybody who comes uninvited."""
    org_id, now = held.org_id, clock.now()
    invited = session.execute(
        sa.text(
            """UPDATE invitation i SET accepted_at = :now FROM user_account u
               WHERE u.id = :user AND i.org_id = :org AND i.email = u.email AND i.accepted_at IS NULL AND i.revoked_at IS NULL
                 AND i.ends_at > :now RETURNING i.role, i.app_ids"""
        ),
        {"now": now, "user": user_id, "org": org_id},
    ).one_or_none()
    if invited is None and session.scalar(sa.text(_TAKEN_OUT), {"org": org_id, "user": user_id}):
        raise SsoRefused(
            f"Your organization's directory says that you belong to it no more. {whom_to_ask(session, org_id)} to have you made active there."
        )
    role = given or (Role(invited.role) if invited else None) or held.default_role
    if role is None:
        raise SsoRefused(f"Your organization lets nobody in who was not invited. {whom_to_ask(session, org_id)} for an invitation.")
    # As `provisioning.bring_in`: whoever comes before their directory brings them back sees no more of the apps for it.
    apps = invited.app_ids if invited else session.scalar(sa.text(_FORMER_GRANT), {"org": org_id, "user": user_id})
    session.execute(
        sa.text(
            """INSERT INTO membership (org_id, user_id, role, created_at, app_ids)
               VALUES (:org, :user, :role, :now, CAST(:apps AS int[]))"""
        ),
        {"org": org_id, "user": user_id, "role": role, "now": now, "apps": apps if role in LIMITABLE else None},
    )
    detail = {"email": person.email, "role": role.value, "groups": sorted(person.groups)[:20], "was_invited": invited is not None}
    audit.record(session, org_id, actor=BY, action="members.join", subject=f"user:{user_id}", detail=detail)
    return Admitted(user_id, role, is_new_member=True)


_FORMER_GRANT = "SELECT f.app_ids FROM former_grant f JOIN user_account u ON u.email = f.email WHERE f.org_id = :org AND u.id = :user"
_TAKEN_OUT = (
    """SELECT true FROM scim_user s JOIN user_account u ON u.email = s.email WHERE s.org_id = :org AND u.id = :user AND NOT s.is_active"""
)
