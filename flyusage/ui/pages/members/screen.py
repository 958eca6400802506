"""The members page, printed. Pure."""

from collections.abc import Sequence
from datetime import datetime

from flyusage.orgs.invitations import Waiting
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import Permission
from flyusage.orgs.queries import People, Person
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.members.address import Choice, members_href
from flyusage.ui.pages.members.rows import InvitationRow, MemberRow, RoleLink, Screen
from flyusage.ui.session import OpenOrganization

PAGE_LENGTH = 50


def screen(org: OpenOrganization, people: People, waiting: Sequence[Waiting], choice: Choice, now: datetime) -> Screen:
    """Everything the page shows to this reader."""
    pages = max(1, -(-people.found // PAGE_LENGTH))
    page = min(choice.page, pages)
    can_manage = Permission.MEMBERS_MANAGE in org.permissions
    owns = can_manage and org.by.role in (None, Role.OWNER)
    links = [(f"Everybody {people.total:,}", None), *((f"{role.capitalize()} {people.by_role.get(role, 0):,}", role) for role in Role)]
    return Screen(
        note=f"{present.plural(people.total, 'person', 'people')} in {org.name}",
        rows=[_row(org, one, now, can_change=can_manage and (owns or one.role is not Role.OWNER)) for one in people.rows],
        links=[RoleLink(label, members_href(org.slug, choice.listing(role=role)), role == choice.role) for label, role in links],
        count=present.plural(people.found, "person", "people"),
        find=choice.find,
        pages=f"{page:,} of {pages:,}" if pages > 1 else "",
        previous_href=members_href(org.slug, choice.listing(page=page - 1)) if page > 1 else "",
        next_href=members_href(org.slug, choice.listing(page=page + 1)) if page < pages else "",
        empty_next="Names and addresses are searched; try a shorter part of one." if choice.find else "Nobody here has this role.",
        csv_href=f"/orgs/{org.slug}/members.csv",
        can_manage=can_manage,
        roles=[role.value for role in Role if can_manage and (owns or role is not Role.OWNER)],
        waiting=[_invitation(one, now, can_change=owns or one.role is not Role.OWNER) for one in waiting] if can_manage else [],
    )


def _row(org: OpenOrganization, one: Person, now: datetime, *, can_change: bool) -> MemberRow:
    is_you = one.user_id == org.by.user_id
    whom = "You lose" if is_you else f"{visible(one.name)} loses"
    return MemberRow(
        id=one.user_id,
        name=visible(one.name),
        email=visible(one.email),
        role=one.role.value,
        seen=present.ago_text(one.seen_at, now) if one.seen_at else "never",
        seen_title=f"{present.moment_text(one.seen_at)} UTC" if one.seen_at else "Has not signed in yet",
        is_you=is_you,
        can_change=can_change,
        removal=f"{whom} {org.name} at once: open pages of it close. The account stays, and what it did stays in the audit.",
    )


def _invitation(one: Waiting, now: datetime, *, can_change: bool) -> InvitationRow:
    is_over = one.ends_at <= now
    until = "has run out" if is_over else f"good until {present.day_text(one.ends_at)}"
    sent = f"sent {present.ago_text(one.made_at, now)}"
    return InvitationRow(one.id, visible(one.email), one.role.value, f"{sent} · {until}", is_over, can_change)
