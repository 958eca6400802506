"""What the members page asks the database and does there. Blocks; call it off the event loop."""

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlmodel import Session

from flyusage import clock, db
from flyusage.alerts import offboarding
from flyusage.auth import throttle
from flyusage.auth.letters import send_all
from flyusage.config import settings
from flyusage.invoices import seats
from flyusage.orgs import app_grants, invitations, memberships, queries, roster
from flyusage.orgs.errors import MemberUnknown, OrganizationUnknown
from flyusage.orgs.invitations import Invited
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import Permission
from flyusage.spreadsheets import guarded
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.members.address import Choice
from flyusage.ui.pages.members.leaving import Leaving, leaving_row, stopping_row
from flyusage.ui.pages.members.rows import LeavingRow, OutcomeRow, RosterRow, Screen
from flyusage.ui.pages.members.screen import PAGE_LENGTH, Told, roster_row, screen
from flyusage.ui.session import OpenOrganization, open_organization, present_person

RESENDS = throttle.Limit(60, 60 * 60)
EVERYBODY = 1_000_000
MOST_HEIRS = 200
HEIRS = (Role.OWNER, Role.ADMIN, Role.DEVELOPER, Role.BILLING)  # those who may change budgets, offered first

SAID = {
    "member": ("belongs to it already", "quiet"),
    "waiting": ("has an invitation already; send it again below", "quiet"),
    "invalid": ("is no mail address; it should look like name@example.com", "bad"),
}


@dataclass(frozen=True)
class Listed:
    """A pasted list of who should belong here, in which role who joins, and who takes over from those who leave."""

    text: str
    role: Role = Role.VIEWER
    heir: int | None = None


def ask(slug: str, choice: Choice) -> Screen | None:
    """The page; None where there is no such organization. Raises NotPermitted."""
    org = open_organization(slug, Permission.MEMBERS_READ)
    if org is None:
        return None
    with db.transaction(org.id, apps=org.apps) as session:
        asked = {"search": choice.find, "role": choice.role, "limit": PAGE_LENGTH}
        people = queries.people(session, org.id, **asked, offset=(choice.page - 1) * PAGE_LENGTH)
        last = max(1, -(-people.found // PAGE_LENGTH))
        if choice.page > last:
            people = queries.people(session, org.id, **asked, offset=(last - 1) * PAGE_LENGTH)
        waiting = invitations.waiting(session, org.id) if Permission.MEMBERS_MANAGE in org.permissions else []
        held = seats.held(session, org.id) if Permission.MEMBERS_MANAGE in org.permissions else None
        apps = app_grants.app_names(session, org.id)
    return screen(org, Told(people, waiting, held, clock.now(), apps), choice)


def change(slug: str, users: Collection[int], role: Role, *, add: int = 0) -> int:
    """Give members another role; how many that changed something for. `add` seats are paid for.

    Raises as `memberships.change`, and NoSeatLeft.
    """
    org = _managed(slug)
    with db.transaction(org.id, apps=org.apps) as session, seats.kept(session, org.id, by=org.by, add=add):
        return memberships.change(session, org.id, dict.fromkeys(users, role), by=org.by)


def leaving(slug: str, users: Collection[int], *, row: int = 0) -> LeavingRow:
    """What removing members stops, and who could take it over. Raises NotPermitted and MemberUnknown."""
    org = _managed(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        people = queries.people(session, org.id, limit=EVERYBODY).rows
        return leaving_row(org, _leaving(session, org, people, users), seats.held(session, org.id), row=row)


def remove(slug: str, users: Collection[int], heir: int | None) -> int:
    """Remove members, their budgets' mails and views to `heir` from now on; how many that changed something for.

    Raises as `memberships.change`, and MemberUnknown for an heir who is none.
    """
    org = _managed(slug)
    with db.transaction(org.id, apps=org.apps) as session, seats.kept(session, org.id, by=org.by):
        offboarding.hand_over(session, org.id, users, heir, by=org.by)
        return memberships.change(session, org.id, dict.fromkeys(users), by=org.by)


def grant(slug: str, user_id: int, apps: frozenset[int] | None) -> bool:
    """Let a member see `apps` alone, or every app. Raises as `memberships.grant_apps`."""
    org = _managed(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        return memberships.grant_apps(session, org.id, user_id, apps, by=org.by)


def invite(slug: str, text: str, role: Role, *, add: int = 0, apps: frozenset[int] | None = None) -> list[OutcomeRow]:
    """Invite the addresses in `text`, to see `apps` alone or all, and send the mails; what became of each. `add` seats are paid for.

    Raises as `invitations.invite`, NoSeatLeft and TooManyAttempts.
    """
    org = _managed(slug)
    _count("invitations", org, invitations.BATCHES)
    with db.transaction(org.id, apps=org.apps) as session, seats.kept(session, org.id, by=org.by, add=add):
        made = invitations.invite(session, org.id, invitations.addresses_in(text), role, by=org.by, apps=apps)
    return _told(org, made)


def resend(slug: str, invitation_id: int) -> OutcomeRow:
    """Send a new link. Raises as `invitations.resend`, and TooManyAttempts."""
    org = _managed(slug)
    _count("invitations-again", org, RESENDS)
    with db.transaction(org.id, apps=org.apps) as session, seats.kept(session, org.id, by=org.by):
        made = invitations.resend(session, org.id, invitation_id, by=org.by)
    return _told(org, [made])[0]


def compare(slug: str, text: str) -> RosterRow:
    """What the list of addresses in `text` would change. Raises NotPermitted."""
    org = _managed(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        found = roster.compare(session, org.id, invitations.addresses_in(text), by=org.by)
        people = queries.people(session, org.id, limit=EVERYBODY).rows
        stops = stopping_row(_leaving(session, org, people, _ids(people, found.leavers)))
        return roster_row(found, seats.held(session, org.id), stops)


def apply(slug: str, listed: Listed, digest: str, *, add: int = 0) -> list[OutcomeRow]:
    """Make the organization as the list says, and send the mails. Raises as `roster.apply`, NoSeatLeft and TooManyAttempts."""
    org = _managed(slug)
    _count("invitations", org, invitations.BATCHES)
    with db.transaction(org.id, apps=org.apps) as session, seats.kept(session, org.id, by=org.by, add=add):
        wanted = invitations.addresses_in(listed.text)
        found = roster.compare(session, org.id, wanted, by=org.by)
        if found.digest == digest and found.leavers:
            people = queries.people(session, org.id, limit=EVERYBODY).rows
            offboarding.hand_over(session, org.id, _ids(people, found.leavers), listed.heir, by=org.by)
        made = roster.apply(session, org.id, wanted, listed.role, digest=digest, by=org.by)
    return _told(org, made)


def revoke(slug: str, invitation_id: int) -> str:
    """Take an invitation back; its address. Raises as `invitations.revoke`."""
    org = _managed(slug)
    with db.transaction(org.id, apps=org.apps) as session, seats.kept(session, org.id, by=org.by):
        return visible(invitations.revoke(session, org.id, invitation_id, by=org.by))


def give_back(slug: str, count: int) -> None:
    """Stop paying for seats that nobody uses. Raises as `seats.give_back`."""
    org = _managed(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        seats.give_back(session, org.id, count, by=org.by)


def members_csv(org: OpenOrganization) -> Iterator[str]:
    """Everybody, a line each; moments in ISO 8601 UTC, empty for never."""
    with db.transaction(org.id, apps=org.apps) as session:
        people = queries.people(session, org.id, limit=EVERYBODY).rows
        apps = app_grants.app_names(session, org.id)
    yield _line("address", "name", "role", "joined_at", "last_seen_at", "has_second_factor", "single_sign_on", "apps")
    for one in people:
        seen = one.seen_at.isoformat() if one.seen_at else ""
        yield _line(
            guarded(one.email), guarded(one.name), one.role, one.joined_at.isoformat(), seen, "yes" if one.has_second_factor else "no",
            "yes" if one.signs_in_by_provider else "no", _apps(one, apps),
        )  # fmt: skip


def _apps(one: queries.Person, apps: Mapping[int, str]) -> str:
    """The apps granted, `all`, or `some` where not all of them are the reader's to know."""
    if one.app_ids is None:
        return app_grants.EVERY_APP
    known = sorted(apps[each] for each in one.app_ids if each in apps)
    return guarded("; ".join(known)) if len(known) == len(one.app_ids) else "some"


def _leaving(session: Session, org: OpenOrganization, people: list[queries.Person], users: Collection[int]) -> Leaving:
    """Who of `people` leaves, and the others by whether they may change budgets."""
    gone = set(users)
    if gone - {one.user_id for one in people}:
        raise MemberUnknown("That person does not belong to this organization, or no longer. Load the page again.")
    heirs = sorted((one for one in people if one.user_id not in gone), key=lambda one: (one.role not in HEIRS, one.email))
    stops = offboarding.stops_with(session, org.id, gone)
    return Leaving([one for one in people if one.user_id in gone], stops, heirs[:MOST_HEIRS], clock.now())


def _ids(people: list[queries.Person], emails: Collection[str]) -> set[int]:
    wanted = set(emails)
    return {one.user_id for one in people if one.email in wanted}


def _managed(slug: str) -> OpenOrganization:
    org = open_organization(slug, Permission.MEMBERS_MANAGE)
    if org is None:
        raise OrganizationUnknown("There is no organization under this address, or you no longer belong to it.")
    return org


def _count(what: str, org: OpenOrganization, limit: throttle.Limit) -> None:
    with db.platform_transaction() as session:
        throttle.count(session, what, str(org.id), limit)


def _told(org: OpenOrganization, made: list[Invited]) -> list[OutcomeRow]:
    sent = [one for one in made if one.secret]
    inviter = present_person().name or "Whoever runs this installation"
    letters = [invitations.letter(one, organization=org.name, inviter=inviter, settings=settings()) for one in sent]
    taken = dict(zip((one.email for one in sent), send_all(letters), strict=True))
    return [OutcomeRow(visible(one.email), *_said(one, taken)) for one in made]


def _said(one: Invited, taken: Mapping[str, bool]) -> tuple[str, str]:
    if not one.secret:
        return SAID[one.outcome]
    if taken[one.email]:
        return f"is invited as {one.role}; the mail is on its way", "good"
    if settings().smtp_url is None:
        return f"is invited as {one.role}; without a mail server the link is in the server's log", "good"
    return "is invited, but the mail server did not take the mail; send it again below", "bad"


def _line(*cells: str) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow(cells)
    return written.getvalue()
