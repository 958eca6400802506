"""What the provisioning page asks the database and does there. Blocks; call it off the event loop."""

from flyusage import clock, db
from flyusage.config import settings
from flyusage.invoices import seats
from flyusage.orgs import provisioning, scim_groups, scim_tokens, scim_users
from flyusage.orgs.errors import OrganizationUnknown, RoleUnknown
from flyusage.orgs.memberships import role_named
from flyusage.orgs.permissions import Permission
from flyusage.orgs.scim_groups import Group
from flyusage.orgs.scim_tokens import Token
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.provisioning.rows import GroupRow, Screen, TokenRow
from flyusage.ui.session import OpenOrganization, open_organization

MOST_GROUPS = 500  # shown; a directory of more is told so
NO_ROLE = "none"


def ask(slug: str) -> Screen | None:
    """The page; None where there is no such organization. Raises NotPermitted."""
    org = open_organization(slug, Permission.SIGN_IN_MANAGE)
    if org is None:
        return None
    with db.transaction(org.id, apps=org.apps) as session:
        tokens = scim_tokens.tokens(session, org.id)
        groups, count = scim_groups.groups(session, org.id, limit=MOST_GROUPS), scim_groups.count(session, org.id)
        people, role = scim_users.count(session, org.id), provisioning.default_role(session, org.id)
    at_work = sum(one.revoked_at is None for one in tokens)
    return Screen(
        address=f"{settings().address}{scim_tokens.PATH}",
        tokens=[_token_row(one) for one in tokens],
        groups=[_group_row(one) for one in groups],
        default_role=role.value,
        note=_note(people, count) if at_work or people else "not set up",
        more=f"The first {MOST_GROUPS:,} of {count:,} groups, by name." if count > len(groups) else "",
    )


def create(slug: str, name: str) -> tuple[Token, str]:
    """A new token and its secret. Raises as `scim_tokens.create`."""
    org = _managed(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        return scim_tokens.create(session, org.id, name, by=org.by)


def revoke(slug: str, token_id: int) -> str:
    """End a token; its name. Raises as `scim_tokens.revoke`."""
    org = _managed(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        return visible(scim_tokens.revoke(session, org.id, token_id, by=org.by))


def choose_default(slug: str, role: str) -> None:
    """What people become whom no group gives a role. Raises as `provisioning.choose_default_role`."""
    org = _managed(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        provisioning.choose_default_role(session, org.id, role_named(role), by=org.by)


def map_group(slug: str, group_id: str, role: str) -> None:
    """What a group makes of its members. Raises as `provisioning.map_group`, and NoSeatLeft."""
    org = _managed(slug)
    if not group_id.isalnum():
        raise RoleUnknown("That names no group. Load the page again.")
    with db.transaction(org.id, apps=org.apps) as session, seats.kept(session, org.id, by=org.by):
        provisioning.map_group(session, org.id, group_id, None if role == NO_ROLE else role_named(role), by=org.by)


def _managed(slug: str) -> OpenOrganization:
    org = open_organization(slug, Permission.SIGN_IN_MANAGE)
    if org is None:
        raise OrganizationUnknown("There is no organization under this address, or you no longer belong to it.")
    return org


def _note(people: int, groups: int) -> str:
    return f"{present.plural(people, 'person', 'people')} and {present.plural(groups, 'group')} from the directory"


def _token_row(one: Token) -> TokenRow:
    now, is_active = clock.now(), one.revoked_at is None
    used = f"last used {present.ago_text(one.used_at, now)}" if one.used_at else "never used"
    return TokenRow(
        id=one.id,
        name=visible(one.name),
        hint=f"{one.hint}…",
        state="active" if is_active else "revoked",
        tone="ok" if is_active else "quiet",
        used=used,
        made=f"made {present.ago_text(one.created_at, now)}",
        is_active=is_active,
        warning=f"The directory that shows {visible(one.name)} ({one.hint}…) is refused from that moment on: nobody comes or goes by it. "
        f"It was {used}. Who belongs here stays. It cannot be undone.",
    )


def _group_row(one: Group) -> GroupRow:
    return GroupRow(
        id=one.id,
        name=visible(one.display_name),
        members=present.plural(len(one.members), "member"),
        role=one.role.value if one.role else NO_ROLE,
    )
