"""A pasted list of who should belong here, held against who does: joiners, leavers and who stays; then applied at once.

Owners never leave by a list, nor does whoever applies it. Needs the organization's own transaction.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import astuple, dataclass

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.auth import accounts
from flyusage.auth.errors import AddressInvalid
from flyusage.orgs import invitations, memberships
from flyusage.orgs.acting import Actor
from flyusage.orgs.errors import RosterChanged
from flyusage.orgs.invitations import Invited
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import Permission, require


@dataclass(frozen=True)
class Roster:
    """What a list would change. Addresses, each group in order; `staying` are owners, and oneself, whom the list leaves out.

    `taken_back` are open invitations of addresses that the list leaves out; `unchanged` counts members and invited who are on it.
    """

    joiners: tuple[str, ...]
    leavers: tuple[str, ...]
    taken_back: tuple[str, ...]
    staying: tuple[str, ...]
    invalid: tuple[str, ...]
    unchanged: int

    @property
    def digest(self) -> str:
        """Names exactly this change: what is confirmed is what is done."""
        return hashlib.sha256(json.dumps(astuple(self)).encode()).hexdigest()


def compare(session: Session, org_id: int, emails: Iterable[str], *, by: Actor) -> Roster:
    """What the list of addresses would change. Raises NotPermitted without members.manage."""
    standing = memberships.present_role(session, org_id, by)
    if standing is not None:
        require(standing, Permission.MEMBERS_MANAGE)
    listed, invalid = set[str](), list[str]()
    for one in emails:
        try:
            listed.add(accounts.normal(one))
        except AddressInvalid:
            invalid.append(one[: accounts.LONGEST_ADDRESS])
    people = {row.email: row for row in session.execute(sa.text("SELECT user_id, email, role FROM addresses_of_organization()"))}
    invited = {one.email: one.id for one in invitations.waiting(session, org_id, most=None)}
    missing = sorted(people.keys() - listed)
    staying = [one for one in missing if people[one].role == Role.OWNER or people[one].user_id == by.user_id]
    return Roster(
        joiners=tuple(sorted(listed - people.keys() - invited.keys())),
        leavers=tuple(one for one in missing if one not in staying),
        taken_back=tuple(sorted(invited.keys() - listed)),
        staying=tuple(staying),
        invalid=tuple(invalid),
        unchanged=len(listed & (people.keys() | invited.keys())),
    )


def apply(session: Session, org_id: int, emails: Iterable[str], role: Role, *, digest: str, by: Actor) -> list[Invited]:
    """Remove the leavers, take their invitations back, and invite the joiners as `role`, all or nothing; the joiners' invitations.

    Raises RosterChanged where that is no longer what `digest` named, NotPermitted, TooManyInvitations.
    """
    wanted = list(emails)
    memberships.lock(session, org_id)
    roster = compare(session, org_id, wanted, by=by)
    if roster.digest != digest:
        raise RosterChanged("Who belongs here has changed since you compared. Compare again, then apply.")
    if roster.invalid:
        raise RosterChanged("Some of the list is no mail address. Correct it, and compare again.")
    if roster.leavers:
        leaving = session.execute(sa.text("SELECT user_id, email FROM addresses_of_organization()")).all()
        memberships.change(session, org_id, {row.user_id: None for row in leaving if row.email in roster.leavers}, by=by)
    for one in invitations.waiting(session, org_id, most=None):
        if one.email in roster.taken_back:
            invitations.revoke(session, org_id, one.id, by=by)
    return invitations.invite(session, org_id, roster.joiners, role, by=by)
