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


@dataclass(frozen=True)
class Held:
    """An app, its cost centre in a month (None: none), since which month that is said, and what is said next, from which month on."""

    app_id: int
    app: str
    cost_centre: str | None
    since: date | None
    following: str | None
    following_from: date | None


@dataclass(frozen=True)
class HeldPage:
    """Some apps, and how many there are in all."""

    rows: list[Held]
    total: int


def assignments(session: Session, org_id: int) -> list[Assignment]:
    """Every assignment of the organization, by app and month."""
    return [Assignment(*row) for row in session.execute(sa.text(_ASSIGNMENTS), {"org": org_id})]


def app_names(session: Session, org_id: int) -> list[str]:
    """The organization's apps, by name."""
    return list(session.scalars(sa.text("SELECT name FROM app WHERE org_id = :org ORDER BY name"), {"org": org_id}))


def held_in(session: Session, org_id: int, month: date, *, search: str = "", first: int = 0, most: int = 50) -> HeldPage:
    """The apps from the `first` on, `most` of them, with the cost centre of each in `month`, by name.

    `search` keeps those whose name, or whose cost centre's, holds it; capitals are as good as small letters.
    """
    asked = {"org": org_id, "month": month, "search": search, "first": first, "most": most}
    rows = session.execute(sa.text(_HELD), asked).all()
    return HeldPage([Held(*row) for row in rows], session.scalar(sa.text(f"SELECT count(*) {_FOUND}"), asked) or 0)


def names(session: Session, org_id: int) -> list[str]:
    """The cost centres there are, by name."""
    return list(session.scalars(sa.text("SELECT name FROM cost_centre WHERE org_id = :org ORDER BY name"), {"org": org_id}))


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
_FOUND = """
FROM app a
LEFT JOIN LATERAL (SELECT m.month, m.cost_centre_id FROM cost_centre_app m WHERE m.org_id = a.org_id AND m.app_id = a.id AND m.month <= :month
                   ORDER BY m.month DESC LIMIT 1) AS present ON true
LEFT JOIN cost_centre c ON c.org_id = a.org_id AND c.id = present.cost_centre_id
WHERE a.org_id = :org AND (strpos(lower(a.name), lower(:search)) > 0 OR strpos(lower(c.name), lower(:search)) > 0)"""
_HELD = f"""
SELECT found.id, found.name, found.centre, found.month, following.name, coming.month
FROM (SELECT a.org_id, a.id, a.name, c.name AS centre, present.month {_FOUND} ORDER BY a.name OFFSET :first LIMIT :most) AS found
LEFT JOIN LATERAL (SELECT m.month, m.cost_centre_id FROM cost_centre_app m
                   WHERE m.org_id = found.org_id AND m.app_id = found.id AND m.month > :month ORDER BY m.month LIMIT 1) AS coming ON true
LEFT JOIN cost_centre following ON following.org_id = found.org_id AND following.id = coming.cost_centre_id
ORDER BY found.name"""
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
