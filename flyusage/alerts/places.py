"""What an organization is called in a message, and where its pages are for somebody outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.config import settings


@dataclass(frozen=True)
class Place:
    """An organization by name and slug."""

    slug: str
    name: str

    def link(self, rest: str, query: Mapping[str, str] | None = None) -> str | None:
        """A page of it; None where the installation does not know its own address."""
        return page_link(self.slug, rest, query)


def told_of(session: Session, org_id: int) -> Place:
    """How messages speak of the organization."""
    return Place(*session.execute(sa.text("SELECT slug, name FROM organization WHERE id = :org"), {"org": org_id}).one())


def page_link(slug: str, rest: str, query: Mapping[str, str] | None = None) -> str | None:
    """A page of an organization; None where the installation does not know its own address."""
    base = settings().base_url
    return f"{base.rstrip('/')}/orgs/{slug}{rest}{'?' + urlencode(query) if query else ''}" if base else None


def api_link(rest: str) -> str:
    """An address of the API; without its host where the installation does not know its own."""
    return f"{(settings().base_url or '').rstrip('/')}/api/v1{rest}"
