"""Which apps somebody sees: all of an organization's, or only those granted to them.

A grant is a set of app ids beside a membership, an invitation or a token; none at all means every app. It is enforced by the
transaction that a reader's questions are asked in (`db.transaction(org_id, apps=…)`), never by a page. Apps themselves are
metering's: here they are ids with names.
"""

from collections.abc import Collection, Iterable

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.orgs.acting import Actor
from flyusage.orgs.errors import AppUnknown, GrantRefused
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import LIMITABLE

MOST_APPS = 1_000
EVERY_APP = "all"  # as the audit and commands write it


def apps_named(session: Session, org_id: int, names: Iterable[str]) -> frozenset[int]:
    """The ids of apps by name, as far as the transaction sees them. Raises AppUnknown, GrantRefused for too many."""
    wanted = {one.replace("\0", "") for one in names}
    if len(wanted) > MOST_APPS:
        raise GrantRefused(f"{MOST_APPS:,} apps can be granted one by one, and these are {len(wanted):,}. Grant all of them instead.")
    found = session.execute(
        sa.text("SELECT name, id FROM app WHERE org_id = :org AND name = ANY(CAST(:names AS text[]))"),
        {"org": org_id, "names": sorted(wanted)},
    )
    ids = dict(found.all())
    if missing := sorted(wanted - set(ids)):
        raise AppUnknown(f"There is no app {missing[0][:60]!r} here. An app is known from its first event on.")
    return frozenset(ids.values())


def app_names(session: Session, org_id: int) -> dict[int, str]:
    """Every app that the transaction sees, id → name, by name."""
    rows = session.execute(sa.text("SELECT id, name FROM app WHERE org_id = :org ORDER BY name"), {"org": org_id})
    return dict(rows.all())


def told(session: Session, org_id: int, apps: Collection[int] | None) -> list[str] | str:
    """A grant as the audit writes it: names, or `all`."""
    if apps is None:
        return EVERY_APP
    names = session.scalars(
        sa.text("SELECT name FROM app WHERE org_id = :org AND id = ANY(:ids) ORDER BY name"), {"org": org_id, "ids": sorted(apps)}
    )
    return list(names)


def granted_to(session: Session, org_id: int, by: Actor) -> frozenset[int] | None:
    """The apps that a member may see at this moment, None for all; whoever is no member (jobs, commands) sees all."""
    if by.role is None:
        return None
    found = session.scalar(
        sa.text("SELECT app_ids FROM membership WHERE org_id = :org AND user_id = :user"), {"org": org_id, "user": by.user_id}
    )
    return None if found is None else frozenset(found)


def require_limitable(role: Role, apps: Collection[int] | None) -> None:
    """Raise GrantRefused where a role cannot be limited to `apps`, or there are none."""
    if apps is None:
        return
    if role not in LIMITABLE:
        raise GrantRefused(f"The role {role} sees every app: only {' and '.join(f'{one}s' for one in LIMITABLE)} can be limited to some.")
    if not apps:
        raise GrantRefused("Choose one app at least, or grant all of them.")
    if len(apps) > MOST_APPS:
        raise GrantRefused(f"{MOST_APPS:,} apps can be granted one by one, and these are {len(apps):,}. Grant all of them instead.")


def both(one: frozenset[int] | None, other: frozenset[int] | None) -> frozenset[int] | None:
    """The apps that two grants have in common."""
    if one is None or other is None:
        return other if one is None else one
    return one & other
