"""Who is looking, and at which organization. The one seam that sign-in will fill.

Until sign-in exists the server listens on loopback only (`server.py` refuses anything else), so whoever reaches it may
read: the organization is the one in the address, and `/` opens the one in which most recently something happened.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from flyusage import db
from flyusage.orgs.acting import Actor, system
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import StaffRole
from flyusage.orgs.permissions import Permission
from flyusage.orgs.staff import StaffPermission, require_staff

READING = frozenset(
    {Permission.USAGE_READ, Permission.USAGE_EXPORT, Permission.PRICES_READ, Permission.INVOICES_READ, Permission.MEMBERS_READ}
)

MOST_ASKED = 50  # each is a transaction of its own; who has more arrives at one of the first


@dataclass(frozen=True)
class OpenOrganization:
    """The organization a page shows: what a handler needs to ask questions about it, and what the present reader may do there."""

    id: int
    slug: str
    name: str
    is_synthetic: bool
    permissions: frozenset[Permission] = frozenset()


def slug_in(path: str) -> str:
    """The organization's slug in a page's path, `/orgs/{slug}/…`; empty where there is none."""
    parts = path.split("/")
    return parts[2] if len(parts) > 2 and parts[1] == "orgs" else ""


def permitted(org_id: int) -> frozenset[Permission]:  # noqa: ARG001 sign-in will look up the reader's role in it
    """What the present reader may do in an organization: read everything."""
    return READING


def open_organization(slug: object, needs: Permission | None = None) -> OpenOrganization | None:
    """The organization that the present reader may see under `slug`; None where there is none. Raises NotPermitted without `needs`.

    Ask again in every handler: a handler can be called without its page ever having been loaded, with any argument.
    Blocks on the database: call it off the event loop.
    """
    if not isinstance(slug, str) or "\0" in slug:
        return None
    with db.lookup_transaction() as session:
        found = session.connection().execute(sa.text("SELECT * FROM organization_by_slug(:slug)"), {"slug": slug})
        row = found.one_or_none()
    if row is None:
        return None
    permissions = permitted(row.id)
    if needs is not None and needs not in permissions:
        raise NotPermitted(f"Your role does not hold the permission {needs}. Ask an owner of {row.name} for a role that does.")
    return OpenOrganization(row.id, row.slug, row.name, row.is_synthetic, permissions)


def acting() -> Actor:
    """The present reader as the audit names them: until people sign in, whoever reaches this server's loopback address."""
    return system("loopback")


def staff_roles() -> frozenset[StaffRole]:
    """The present reader's roles in the whole installation. Decided here and nowhere else.

    Until people sign in, whoever reaches this server's loopback address runs it and holds all of them; `flyusage staff` keeps
    the grants that sign-in will read.
    """
    return frozenset(StaffRole)


def is_staff() -> bool:
    """Whether the present reader may see what is the platform's."""
    return bool(staff_roles())


def staff(needs: StaffPermission) -> Actor:
    """The present reader as staff. Raises NotPermitted without a role that holds `needs`. Ask in every handler, as for members."""
    require_staff(staff_roles(), needs)
    return acting()


def open_organizations() -> list[OpenOrganization]:
    """Every organization that the present reader may open, the first one first. Blocks on the database."""
    with db.lookup_transaction() as session:
        rows = session.connection().execute(sa.text("SELECT * FROM organization_directory()")).all()
    return [OpenOrganization(row.id, row.slug, row.name, row.is_synthetic, permitted(row.id)) for row in rows]


def first_organization() -> OpenOrganization | None:
    """Where somebody arrives who has not chosen: the real organization with the newest event, else the demonstration.

    Without either, the only one there is; None where there are none, or several of which none has an event. Blocks on the
    database.
    """
    known = open_organizations()
    last = {each: _last_event_at(each.id) for each in [one for one in known if not one.is_synthetic][:MOST_ASKED]}
    alive = [(at, each) for each, at in last.items() if at is not None]
    if alive:
        return max(alive, key=lambda one: one[0])[1]
    demonstrations = [each for each in known if each.is_synthetic]
    return demonstrations[0] if demonstrations else known[0] if len(known) == 1 else None


def _last_event_at(org_id: int) -> datetime | None:
    with db.transaction(org_id) as session:
        return session.scalar(sa.text("SELECT last_event_at FROM rollup_state"))
