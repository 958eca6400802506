"""Invitations: a place in an organization kept for an address, taken once by whoever reads its mail.

The link's secret goes out by mail and is kept only as its SHA-256. Making, sending again and revoking need the organization's own
transaction; accepting needs the platform's, since accounts are read and made.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.auth import accounts, sessions, throttle
from flyusage.auth.errors import AddressInvalid
from flyusage.auth.letters import LinkLetter, link_letter
from flyusage.auth.secrets import digest, new_secret
from flyusage.config import Settings
from flyusage.orgs import audit, memberships
from flyusage.orgs.acting import Actor
from flyusage.orgs.app_grants import require_limitable, told
from flyusage.orgs.errors import AppUnknown, InvitationForAnother, InvitationSpent, ListTooLong, NotPermitted, TooManyInvitations
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import Permission, require

GOOD_FOR = timedelta(days=7)
MOST_AT_ONCE = 200
MOST_SHOWN = 1_000
LONGEST_PASTE = 500_000  # characters: some 15,000 addresses
BATCHES = throttle.Limit(30, 60 * 60)  # of invitations, by organization, however they are asked for

Outcome = Literal["invited", "member", "waiting", "invalid"]


@dataclass(frozen=True)
class Invited:
    """What became of one address. `secret` is for its mail alone, and empty unless it was invited; `role` what it is invited as."""

    email: str
    outcome: Outcome
    role: Role
    secret: str = ""


@dataclass(frozen=True)
class Waiting:
    """An invitation that nobody has taken yet; it may have run out."""

    id: int
    email: str
    role: Role
    made_at: datetime
    made_by: str
    ends_at: datetime
    app_ids: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Offer:
    """What an invitation's link leads to. `has_account`: its address can sign in already."""

    org_id: int
    id: int
    email: str
    role: Role
    slug: str
    name: str
    has_account: bool


def addresses_in(text: str) -> list[str]:
    """The addresses in a pasted text, in its order, each once, in lower case: `Ada <ada@example.com>, bob@example.com; …`.

    Raises ListTooLong.
    """
    if len(text) > LONGEST_PASTE:
        raise ListTooLong(f"That is longer than {LONGEST_PASTE:,} characters, and nothing was read of it. Paste the addresses alone.")
    found: list[str] = []
    # In one pass over the text however it is made: a search that looks back from every "<" takes a minute for a long word.
    for part in re.split(r"[,;\n]", re.sub(r"\"[^\"]*\"\s*(?=<)", "", text)):
        named = re.findall(r"<([^<>\s]*)>", part)
        found += [*named, *(part.rpartition(">")[2] if named else part).split()]
    return list(dict.fromkeys(one.lower() for one in found if one))


def invite(
    session: Session, org_id: int, emails: Iterable[str], role: Role, *, by: Actor, apps: Collection[int] | None = None
) -> list[Invited]:
    """Keep a place for each address, to see `apps` alone (ids; None: every app); what became of each, in their order.

    `by` needs members.manage, and to be an owner to invite one. Raises NotPermitted, TooManyInvitations, GrantRefused and AppUnknown.
    """
    wanted = list(dict.fromkeys(emails))
    if len(wanted) > MOST_AT_ONCE:
        raise TooManyInvitations(f"Invite {MOST_AT_ONCE} addresses at once at most; these are {len(wanted):,}.")
    memberships.lock(session, org_id)
    _require(session, org_id, role, by)
    require_limitable(role, apps)
    granted, names = None if apps is None else sorted(set(apps)), told(session, org_id, apps)
    if granted is not None and len(names) < len(granted):
        raise AppUnknown("One of these apps is not known here. Load the page again.")
    members = set(session.scalars(sa.text("SELECT email FROM addresses_of_organization()")))
    now = clock.now()
    waiting = set(session.scalars(sa.text(_WAITING_NOW), {"org": org_id, "now": now}))
    made: list[Invited] = []
    for one in wanted:
        try:
            email = accounts.normal(one)
        except AddressInvalid:
            made.append(Invited(one[: accounts.LONGEST_ADDRESS], "invalid", role))
            continue
        if email in members or email in waiting:
            made.append(Invited(email, "member" if email in members else "waiting", role))
            continue
        waiting.add(email)
        secret = new_secret()
        session.execute(sa.text(_REPLACE), {"org": org_id, "email": email, "now": now})  # one that has run out
        binds = {
            "org": org_id,
            "email": email,
            "role": role,
            "secret": digest(secret),
            "now": now,
            "by": by.name,
            "ends_at": now + GOOD_FOR,
            "apps": granted,
        }
        session.execute(sa.text(_INVITE), binds)
        made.append(Invited(email, "invited", role, secret))
    sent = [one for one in made if one.outcome == "invited"]
    detail = {"role": role.value} | ({} if granted is None else {"apps": names})
    audit.record_many(session, [audit.NewEntry(org_id, by.name, "invitation.make", f"address:{one.email}", detail) for one in sent])
    return made


def resend(session: Session, org_id: int, invitation_id: int, *, by: Actor) -> Invited:
    """A new link for a waiting invitation, good for 7 days from now; the old one is spent. Raises InvitationSpent, NotPermitted."""
    row = _held(session, org_id, invitation_id, by)
    secret, now = new_secret(), clock.now()
    session.execute(
        sa.text("UPDATE invitation SET secret_sha256 = :secret, ends_at = :ends_at WHERE org_id = :org AND id = :id"),
        {"secret": digest(secret), "ends_at": now + GOOD_FOR, "org": org_id, "id": invitation_id},
    )
    audit.record(session, org_id, actor=by.name, action="invitation.resend", subject=f"address:{row.email}", detail={"role": row.role})
    return Invited(row.email, "invited", Role(row.role), secret)


def revoke(session: Session, org_id: int, invitation_id: int, *, by: Actor) -> str:
    """Take a waiting invitation back: its link is good for nothing from now on. Its address. Raises InvitationSpent, NotPermitted."""
    row = _held(session, org_id, invitation_id, by)
    session.execute(
        sa.text("UPDATE invitation SET revoked_at = :now WHERE org_id = :org AND id = :id"),
        {"now": clock.now(), "org": org_id, "id": invitation_id},
    )
    audit.record(session, org_id, actor=by.name, action="invitation.revoke", subject=f"address:{row.email}", detail={"role": row.role})
    return row.email


def waiting(session: Session, org_id: int, *, email: str | None = None, most: int | None = MOST_SHOWN) -> list[Waiting]:
    """Invitations that nobody has taken, the newest first; those that ran out are among them until they are sent again or revoked.

    Those of one address, or of all; `most` of them at most, None: every one, for whoever decides by them.
    """
    rows = session.execute(sa.text(_WAITING), {"org": org_id, "email": email, "most": most})
    return [
        Waiting(
            row.id, row.email, Role(row.role), row.made_at, row.made_by, row.ends_at, None if row.app_ids is None else tuple(row.app_ids)
        )
        for row in rows
    ]


def offered(session: Session, secret: str) -> Offer:
    """What a link's secret offers, before a tenant is known. Raises InvitationSpent."""
    row = session.execute(
        sa.text("SELECT org_id, id, email, role, slug, name, has_password FROM invitation_by_secret(:secret, :now)"),
        {"secret": digest(secret), "now": clock.now()},
    ).one_or_none()
    if row is None:
        raise _spent()
    return Offer(row.org_id, row.id, row.email, Role(row.role), row.slug, row.name, row.has_password)


def accept(session: Session, secret: str, reader: sessions.Reader) -> Offer:
    """Take the place kept for the signed-in reader's address, once. Raises InvitationSpent, InvitationForAnother."""
    offer = _held_offer(session, secret)
    if offer.email != reader.email:
        raise InvitationForAnother(f"This invitation is for {offer.email}; you are signed in as {reader.email}. Sign in as the former.")
    _spend(session, secret, offer)
    _join(session, offer, reader.user_id)
    return offer


def accept_as_new(session: Session, secret: str, *, name: str, password: str) -> tuple[Offer, int]:
    """Make the account that an invitation is for, and take its place: the offer, and the account's user id.

    Its address is verified, since the link came there by mail. Raises InvitationSpent, PasswordTooWeak, and InvitationForAnother
    where the address can sign in already: then that is how it is proved.
    """
    offer = _held_offer(session, secret)
    if offer.has_account:
        raise InvitationForAnother(f"{offer.email} has an account. Sign in to accept.")
    _spend(session, secret, offer)
    known = accounts.find_or_create(session, offer.email, name=name, is_verified=True)
    if accounts.has_password(session, known.user_id):  # one that was made a moment ago: nobody else's word sets its password
        raise InvitationForAnother(f"{offer.email} has an account. Sign in to accept.")
    _join(session, offer, known.user_id)
    accounts.set_password(session, known.user_id, password)
    return offer, known.user_id


def letter(one: Invited, *, organization: str, inviter: str, settings: Settings) -> LinkLetter:
    """The mail that carries an invitation's link, on the host that is configured."""
    link = accounts.link_to("/invitation", one.secret, settings)
    said = (
        f"{inviter} invites you to {organization} on flyusage, in the role {one.role}.",
        f"The link works once, for {GOOD_FOR.days} days, and only for this address. Without an account you make one there.",
        "If you do not know what this is about, leave this mail alone: nothing happens.",
    )
    return LinkLetter(
        one.email, link, link_letter(f"Join {organization} on flyusage", said, "Accept the invitation", link), "invitation_link"
    )


def _require(session: Session, org_id: int, role: Role, by: Actor) -> None:
    standing = memberships.present_role(session, org_id, by)
    if standing is not None:
        require(standing, Permission.MEMBERS_MANAGE)
        if role is Role.OWNER and standing is not Role.OWNER:
            raise NotPermitted("Only an owner invites an owner. Ask one, or choose another role.")


def _held(session: Session, org_id: int, invitation_id: int, by: Actor) -> sa.Row:
    row = session.execute(sa.text(_HOLD), {"org": org_id, "id": invitation_id}).one_or_none()
    if row is None:
        _require(session, org_id, Role.VIEWER, by)
        raise _spent()
    _require(session, org_id, Role(row.role), by)
    return row


def _held_offer(session: Session, secret: str) -> Offer:
    """What a link's secret offers, while nobody else changes the organization's people: whom a directory takes out at the same moment
    would else stay, invited no more and not yet a member. Raises InvitationSpent.
    """
    memberships.lock(session, offered(session, secret).org_id)
    return offered(session, secret)


def _spend(session: Session, secret: str, offer: Offer) -> None:
    """One UPDATE decides who comes first."""
    binds = {"org": offer.org_id, "id": offer.id, "secret": digest(secret), "now": clock.now()}
    if session.execute(sa.text(_SPEND), binds).one_or_none() is None:
        raise _spent()


def _join(session: Session, offer: Offer, user_id: int) -> None:
    session.execute(sa.text(_JOIN), {"org": offer.org_id, "user": user_id, "id": offer.id, "now": clock.now()})
    session.execute(
        sa.text("UPDATE user_account SET email_verified_at = coalesce(email_verified_at, :now) WHERE id = :user"),
        {"now": clock.now(), "user": user_id},
    )
    detail = {"email": offer.email, "role": offer.role.value}
    audit.record(session, offer.org_id, actor=f"user:{user_id}", action="invitation.accept", subject=f"user:{user_id}", detail=detail)


def _spent() -> InvitationSpent:
    return InvitationSpent("This invitation was used or taken back, or its time is over. Ask whoever invited you for a new one.")


_OPEN = "accepted_at IS NULL AND revoked_at IS NULL"
_WAITING = f"""SELECT id, email, role, made_at, made_by, ends_at, app_ids FROM invitation WHERE org_id = :org AND {_OPEN}
AND (CAST(:email AS text) IS NULL OR email = :email) ORDER BY made_at DESC, email LIMIT :most"""
_WAITING_NOW = f"SELECT email FROM invitation WHERE org_id = :org AND {_OPEN} AND ends_at > :now"
_REPLACE = f"UPDATE invitation SET revoked_at = :now WHERE org_id = :org AND email = :email AND {_OPEN}"
_INVITE = """INSERT INTO invitation (org_id, email, role, secret_sha256, made_at, made_by, ends_at, app_ids)
VALUES (:org, :email, :role, :secret, :now, :by, :ends_at, CAST(:apps AS int[]))"""
_HOLD = f"SELECT email, role FROM invitation WHERE org_id = :org AND id = :id AND {_OPEN} FOR UPDATE"
_SPEND = f"""UPDATE invitation SET accepted_at = :now
WHERE org_id = :org AND id = :id AND secret_sha256 = :secret AND {_OPEN} AND ends_at > :now RETURNING id"""
_JOIN = """INSERT INTO membership (org_id, user_id, role, created_at, app_ids)
SELECT org_id, :user, role, :now, app_ids FROM invitation WHERE org_id = :org AND id = :id
ON CONFLICT (org_id, user_id) DO NOTHING"""
