"""What commands about money are asked for alike: an organization, a month, a moment."""

from datetime import UTC, date, datetime

from flyusage import clock, db
from flyusage.errors import FlyusageError
from flyusage.logs import harmless
from flyusage.orgs import queries
from flyusage.orgs.queries import OrganizationEntry
from flyusage.pricing.urls import parse_moment


class OrganizationUnclear(FlyusageError):
    """Several organizations, and none was named."""

    code = "organization_unclear"


class MomentUnreadable(FlyusageError):
    """A month or a moment that is none."""

    code = "moment_unreadable"


def organization(slug: str | None) -> OrganizationEntry:
    """The one named, or the only one there is. Raises OrganizationUnclear and OrganizationUnknown."""
    with db.lookup_transaction() as session:
        if slug is not None:
            return queries.organization_by_slug(session, slug)
        known = queries.directory(session)
    if len(known) != 1:
        named = ", ".join(one.slug for one in known) or "none yet"
        raise OrganizationUnclear(f"Name an organization with --org ({named}).")
    return known[0]


def month(written: str | None) -> date:
    """The first of a month written `2026-10`; the clock's month where none is. Raises MomentUnreadable."""
    if not written:
        return clock.now().astimezone(UTC).date().replace(day=1)
    found = parse_moment(written)
    if found is None:
        raise MomentUnreadable(f"{harmless(written[:40])!r} is no month. Write it as 2026-10.")
    return found.date().replace(day=1)


def moment(written: str | None) -> datetime | None:
    """A moment written `2026-10-20T14:00:00Z`; None where none is. Raises MomentUnreadable."""
    if not written:
        return None
    found = parse_moment(written)
    if found is None:
        raise MomentUnreadable(f"{harmless(written[:40])!r} is no moment. Write it as 2026-10-20T14:00:00Z.")
    return found
