"""Who is looking, and at which organization. The one seam that sign-in will fill.

Until sign-in exists the server listens on loopback only (`server.py` refuses anything else), so whoever reaches it may
read: the organization is the one in the address, and `/` opens the first one, the demonstration.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from flyusage import db
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.permissions import Permission

READING = frozenset(
    {Permission.USAGE_READ, Permission.USAGE_EXPORT, Permission.PRICES_READ, Permission.INVOICES_READ, Permission.MEMBERS_READ}
)


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


def open_organizations() -> list[OpenOrganization]:
    """Every organization that the present reader may open, the first one first. Blocks on the database."""
    with db.lookup_transaction() as session:
        rows = session.connection().execute(sa.text("SELECT * FROM organization_directory()")).all()
    return [OpenOrganization(row.id, row.slug, row.name, row.is_synthetic, permitted(row.id)) for row in rows]
