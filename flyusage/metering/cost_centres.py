"""Which cost centre an app belongs to, from which month on. An app without one, or whose last one ended, is Unassigned."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.metering.rollup_state import CHANNEL
from flyusage.orgs import audit

UNASSIGNED = "Unassigned"


@dataclass(frozen=True, order=True)
class Assignment:
    """`app` belongs to `cost_centre` (None: to none) from the first day of the month `from_month` until its next assignment."""

    app: str
    from_month: date
    cost_centre: str | None


@dataclass(frozen=True)
class Assigned:
    """What an import came to: assignments that are new or other than before, how many were there, names made, apps not known."""

    changed: tuple[Assignment, ...]
    unchanged: int
    created: tuple[str, ...]
    unknown_apps: frozenset[str]


def assignments(session: Session, org_id: int) -> list[Assignment]:
    """Every assignment of the organization, by app and month."""
    return [Assignment(*row) for row in session.execute(sa.text(_ASSIGNMENTS), {"org": org_id})]


def app_names(session: Session, org_id: int) -> list[str]:
    """The organization's apps, by name."""
    return list(session.scalars(sa.text("SELECT name FROM app WHERE org_id = :org ORDER BY name"), {"org": org_id}))


def assign(session: Session, org_id: int, wanted: Sequence[Assignment], *, actor: str, origin: str) -> Assigned:
    """Make `wanted` so, cost centres included where they are new, and audit what changed under `origin` (a file's name).

    One assignment per app and month, or the last one stands. Those of unknown apps are left out. Nothing else is touched;
    what is so already changes nothing and leaves no trace.
    """
    named = {(one.app, one.from_month): one for one in wanted}
    known = set(session.scalars(sa.text(_KNOWN_APPS), {"org": org_id, "names": sorted({app for app, _ in named})}))
    before = {(one.app, one.from_month): one for one in assignments(session, org_id)}
    changed = tuple(sorted(one for key, one in named.items() if one.app in known and before.get(key) != one))
    created = _create(session, org_id, sorted({one.cost_centre for one in changed if one.cost_centre is not None}))
    if changed:
        columns = {
            "apps": [one.app for one in changed],
            "months": [one.from_month for one in changed],
            "centres": [one.cost_centre for one in changed],
        }
        session.execute(sa.text(_ASSIGN), {"org": org_id, **columns})
        detail = {"assigned": [[one.app, f"{one.from_month:%Y-%m}", one.cost_centre] for one in changed], "created": created}
        audit.record(session, org_id, actor=actor, action="cost_centres.edit", subject=origin, detail=detail)
        session.execute(sa.text("SELECT pg_notify(:channel, :org)"), {"channel": CHANNEL, "org": str(org_id)})
    kept = sum(1 for app, _ in named if app in known) - len(changed)
    return Assigned(changed, kept, tuple(created), frozenset(app for app, _ in named) - known)


def _create(session: Session, org_id: int, names: list[str]) -> list[str]:
    """Cost centres that are not there yet; those it made."""
    made = session.scalars(sa.text(_CREATE), {"org": org_id, "names": names}).all() if names else []
    return sorted(made)


_ASSIGNMENTS = """
SELECT a.name, m.month, c.name FROM cost_centre_app m JOIN app a ON a.org_id = m.org_id AND a.id = m.app_id
LEFT JOIN cost_centre c ON c.org_id = m.org_id AND c.id = m.cost_centre_id
WHERE m.org_id = :org ORDER BY a.name, m.month"""
_KNOWN_APPS = "SELECT name FROM app WHERE org_id = :org AND name = ANY(CAST(:names AS text[])) ORDER BY name"
_CREATE = """
INSERT INTO cost_centre (org_id, name) SELECT :org, name FROM unnest(CAST(:names AS text[])) AS name ORDER BY name
ON CONFLICT DO NOTHING RETURNING name"""
_ASSIGN = """
INSERT INTO cost_centre_app (org_id, app_id, month, cost_centre_id)
SELECT a.org_id, a.id, wanted.month, c.id
FROM unnest(CAST(:apps AS text[]), CAST(:months AS date[]), CAST(:centres AS text[])) AS wanted (app, month, centre)
JOIN app a ON a.org_id = :org AND a.name = wanted.app
LEFT JOIN cost_centre c ON c.org_id = :org AND c.name = wanted.centre
ORDER BY a.id, wanted.month
ON CONFLICT (org_id, app_id, month) DO UPDATE SET cost_centre_id = excluded.cost_centre_id"""
