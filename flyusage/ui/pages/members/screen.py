"""The members page, printed. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flyusage.invoices.seats import Seats
from flyusage.money import format_minor
from flyusage.orgs.invitations import MOST_AT_ONCE, Waiting
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import LIMITABLE, Permission
from flyusage.orgs.queries import People, Person
from flyusage.orgs.roster import Roster
from flyusage.periods import next_month
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.members.address import Choice, members_href
from flyusage.ui.pages.members.rows import InvitationRow, LeavingRow, MemberRow, RoleLink, RosterRow, Screen, SeatPanel
from flyusage.ui.session import OpenOrganization

PAGE_LENGTH = 50


@dataclass(frozen=True)
class Told:
    """What was read for the page; `seats` is None without a plan, or for readers who do not manage members.

    `apps` are those that the reader sees, id → name.
    """

    people: People
    waiting: Sequence[Waiting]
    seats: Seats | None
    now: datetime
    apps: Mapping[int, str] = field(default_factory=dict)


def screen(org: OpenOrganization, told: Told, choice: Choice) -> Screen:
    """Everything the page shows to this reader."""
    people, waiting, now = told.people, told.waiting, told.now
    pages = max(1, -(-people.found // PAGE_LENGTH))
    page = min(choice.page, pages)
    can_manage = Permission.MEMBERS_MANAGE in org.permissions
    owns = can_manage and org.by.role in (None, Role.OWNER)
    links = [(f"Everybody {people.total:,}", None), *((f"{role.capitalize()} {people.by_role.get(role, 0):,}", role) for role in Role)]
    return Screen(
        note=f"{present.plural(people.total, 'person', 'people')} in {org.name}",
        rows=[_row(org, one, told, can_change=can_manage and (owns or one.role is not Role.OWNER)) for one in people.rows],
        links=[RoleLink(label, members_href(org.slug, choice.listing(role=role)), role == choice.role) for label, role in links],
        count=present.plural(people.found, "person", "people"),
        find=choice.find,
        pages=f"{page:,} of {pages:,}" if pages > 1 else "",
        previous_href=members_href(org.slug, choice.listing(page=page - 1)) if page > 1 else "",
        next_href=members_href(org.slug, choice.listing(page=page + 1)) if page < pages else "",
        empty_next="Names and addresses are searched; try a shorter part of one." if choice.find else "Nobody here has this role.",
        csv_href=f"/orgs/{org.slug}/members.csv",
        directory_href=f"/orgs/{org.slug}/provisioning" if Permission.SIGN_IN_MANAGE in org.permissions else "",
        can_manage=can_manage,
        seats=_seats(told.seats, now) if told.seats else SeatPanel(),
        roles=[role.value for role in Role if can_manage and (owns or role is not Role.OWNER)],
        apps=[(id_, visible(name)) for id_, name in told.apps.items()] if can_manage else [],
        waiting=[_invitation(one, told, can_change=owns or one.role is not Role.OWNER) for one in waiting] if can_manage else [],
    )


def roster_row(found: Roster, held: Seats | None, stops: LeavingRow | None = None) -> RosterRow:
    """What a list would change, in words; `stops` is what stops with its leavers."""
    joiners, leavers = len(found.joiners), len(found.leavers)
    notes = []
    if found.taken_back:
        notes.append(f"{present.plural(len(found.taken_back), 'invitation')} taken back: {', '.join(map(visible, found.taken_back))}.")
    if found.staying:
        notes.append(f"Not on the list but staying, as owners or yourself: {', '.join(map(visible, found.staying))}.")
    if found.invalid:
        notes.append(f"No mail address: {', '.join(map(visible, found.invalid))}. Correct the list first.")
    if joiners > MOST_AT_ONCE:
        beyond = f"leave {joiners - MOST_AT_ONCE:,} of the joiners out, and match the list again with them afterwards"
        notes.append(f"{MOST_AT_ONCE} can be invited at once: {beyond}.")
    if held is not None and leavers:
        notes.append("Paid seats that get free are given back; they bill to today.")
    deeds = [
        f"invite {joiners}" if joiners else "",
        f"remove {leavers}" if leavers else "",
        "take invitations back" if found.taken_back else "",
    ]
    does = ", ".join(filter(None, deeds))
    return RosterRow(
        digest=found.digest,
        summary=f"{present.plural(joiners, 'joiner')}, {present.plural(leavers, 'leaver')}, {found.unchanged:,} unchanged.",
        joiners=list(map(visible, found.joiners)),
        leavers=list(map(visible, found.leavers)),
        notes=notes,
        does=f"{does[:1].upper()}{does[1:]}" if does and not found.invalid and joiners <= MOST_AT_ONCE else "",
        stops=stops or LeavingRow(),
    )


def _seats(held: Seats, now: datetime) -> SeatPanel:
    month = now.date().replace(day=1)
    spare = max(0, min(held.paid, held.free))
    following = f"{format_minor(held.in_month(next_month(now).date()), held.currency)} a month after that"
    return SeatPanel(
        used=f"{held.used.total:,}",
        used_note=f"{held.used.members:,} by members, {held.used.invited:,} by invitations",
        included=f"{held.included:,}",
        paid=f"{held.paid:,}",
        price=f"{held.price} a month each",
        invoice=format_minor(held.in_month(month), held.currency),
        invoice_note=f"for seats on the {month:%B} invoice, before tax; {following}",
        spare=spare,
        spare_says=f"{present.plural(spare, 'paid seat')} nobody uses. Given back, {'it bills' if spare == 1 else 'they bill'} to today."
        if spare
        else "",
    )


def sees_text(role: Role, app_ids: Collection[int] | None, apps: Mapping[int, str]) -> tuple[str, str]:
    """Which apps somebody sees, in short and in full, as far as the reader (who sees `apps`) may know."""
    if role not in LIMITABLE:
        return "", ""
    if app_ids is None:
        return "every app", ""
    known = [visible(apps[one]) for one in app_ids if one in apps]
    if len(known) < len(app_ids):
        return "some apps", ""
    return (known[0] if len(known) == 1 else present.plural(len(known), "app")), ", ".join(sorted(known))


def _row(org: OpenOrganization, one: Person, told: Told, *, can_change: bool) -> MemberRow:
    now, (sees, title) = told.now, sees_text(one.role, one.app_ids, told.apps)
    return MemberRow(
        id=one.user_id,
        name=visible(one.name),
        email=visible(one.email),
        role=one.role.value,
        seen=present.ago_text(one.seen_at, now) if one.seen_at else "never",
        seen_title=f"{present.moment_text(one.seen_at)} UTC" if one.seen_at else "Has not signed in yet",
        has_second_factor=one.has_second_factor,
        signs_in_by_provider=one.signs_in_by_provider,
        is_you=one.user_id == org.by.user_id,
        can_change=can_change,
        can_limit=can_change and one.role in LIMITABLE,
        sees=sees,
        sees_title=title,
        app_ids=None if one.app_ids is None or not can_change else list(one.app_ids),
    )


def _invitation(one: Waiting, told: Told, *, can_change: bool) -> InvitationRow:
    now = told.now
    sees, _ = sees_text(one.role, one.app_ids, told.apps) if one.app_ids is not None else ("", "")
    is_over = one.ends_at <= now
    until = "has run out" if is_over else f"good until {present.day_text(one.ends_at)}"
    sent = f"sent {present.ago_text(one.made_at, now)}"
    return InvitationRow(one.id, visible(one.email), one.role.value, " · ".join(filter(None, (sees, sent, until))), is_over, can_change)
