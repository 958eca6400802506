"""Who is looking, and at which organization. The one seam that sign-in will fill.

Until sign-in exists the server listens on loopback only (`server.py` refuses anything else), so whoever reaches it may
read: the organization is the one in the address, and `/` opens the demonstration.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from flyusage import db


@dataclass(frozen=True)
class OpenOrganization:
    """The organization a page shows: what a handler needs to ask questions about it."""

    id: int
    slug: str
    name: str
    is_synthetic: bool


def open_organization(slug: str) -> OpenOrganization | None:
    """The organization that the present reader may see under `slug`; None where there is none.

    Ask again in every handler: a handler can be called without its page ever having been loaded. Blocks on the
    database: call it off the event loop.
    """
    with db.lookup_transaction() as session:
        row = session.connection().execute(sa.text("SELECT id, slug, name, is_synthetic FROM organization_by_slug(:slug)"), {"slug": slug}).one_or_none()
    return None if row is None else OpenOrganization(*row)
