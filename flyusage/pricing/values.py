"""What filters may name: searchable values of every dimension."""

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.metering.cost_centres import UNASSIGNED
from flyusage.pricing.reference import reference
from flyusage.pricing.scope import MACHINE, names_of
from flyusage.pricing.view import Dimension, Value


def values(session: Session, org_id: int, dimension: Dimension, *, search: str = "", limit: int = 200) -> list[Value]:
    """The values a filter on `dimension` may take, in reading order; `search` matches inside code and label, without case."""
    wanted = search.strip().casefold().replace("\0", "")
    if dimension is Dimension.MACHINE:
        return _machines(session, org_id, wanted, limit)
    found = (one for one in _all(session, org_id, dimension) if wanted in f"{one.key}\n{one.label}\n{one.hint}".casefold())
    return sorted(found, key=lambda one: (not one.key.casefold().startswith(wanted), one.label.casefold()))[:limit]


def _all(session: Session, org_id: int, dimension: Dimension) -> list[Value]:
    known = reference(session)
    match dimension:
        case Dimension.CONTINENT:
            return [Value(one, one) for one in known.continents]
        case Dimension.REGION:
            return [Value(one.code, one.name, one.continent) for one in known.regions.values()]
        case Dimension.VM_SIZE:
            return [Value(one.name, one.name if one.id else "No machine") for one in known.sizes.values()]
        case Dimension.SKU:
            return [Value(one.code, one.title) for one in known.skus.values()]
        case _:
            names = names_of(session, org_id)
            listed = names.apps.values() if dimension is Dimension.APP else [*names.centres.names.values(), UNASSIGNED]
            return [Value(one, one) for one in listed]


def _machines(session: Session, org_id: int, wanted: str, limit: int) -> list[Value]:
    """Machines whose id holds `wanted`; those that begin with it first."""
    escaped = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = session.execute(
        sa.text(
            """SELECT r.name, a.name AS app FROM resource r JOIN app a ON a.org_id = r.org_id AND a.id = r.app_id
               WHERE r.org_id = :org AND r.kind = :kind AND r.name ILIKE :wanted ORDER BY (r.name ILIKE :begins) DESC, r.name LIMIT :limit"""
        ),
        {"org": org_id, "kind": MACHINE, "wanted": f"%{escaped}%", "begins": f"{escaped}%", "limit": limit},
    )
    return [Value(row.name, row.name, row.app) for row in rows]
