"""A view's filters as ids: what of the organization's usage a question is about."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import db
from flyusage.metering.cost_centres import UNASSIGNED
from flyusage.pricing.database import fetch
from flyusage.pricing.reference import Reference
from flyusage.pricing.slices import Epoch
from flyusage.pricing.view import Dimension, Filter

MACHINE = 1
QUOTED_CHARACTERS = 40


@dataclass(frozen=True)
class CostCentres:
    """Which cost centre an app belongs to, by month. Id 0 stands for Unassigned."""

    names: dict[int, str]
    moves: tuple[tuple[date, int, int], ...] = ()

    def on(self, day: date) -> dict[int, int]:
        """App id → cost centre id on `day`; unassigned apps are absent."""
        held = {app_id: centre for month, app_id, centre in self.moves if month <= day}
        return {app_id: centre for app_id, centre in held.items() if centre}

    def steps(self) -> set[date]:
        """The months in which anything was moved."""
        return {month for month, _, _ in self.moves}


@dataclass(frozen=True)
class Names:
    """What the organization calls its apps and cost centres, as far as the reader may know them.

    `granted` are the apps that the reader may see at all; None: every one. Every question's scope begins with it.
    """

    apps: dict[int, str]
    centres: CostCentres
    granted: frozenset[int] | None = None


@dataclass(frozen=True)
class Scope:
    """Ids that count; None: all of them. `apps` holds one set per epoch, since cost centres change hands between months.

    `machines` are resource ids, `not_machines` those left out.
    """

    regions: frozenset[int] | None = None
    sizes: frozenset[int] | None = None
    skus: frozenset[int] | None = None
    apps: tuple[frozenset[int] | None, ...] = ()
    machines: frozenset[int] | None = None
    not_machines: frozenset[int] = frozenset()
    unknown: tuple[str, ...] = field(default=(), compare=False)

    @property
    def is_about_machines(self) -> bool:
        """Whether single machines are named, which cells do not know."""
        return self.machines is not None or bool(self.not_machines)


APPS = """
ARRAY(SELECT id FROM app WHERE org_id = :org ORDER BY id), ARRAY(SELECT name FROM app WHERE org_id = :org ORDER BY id)"""


def names_of(session: Session, org_id: int, *, has_centres: bool = True, apps: dict[int, str] | None = None) -> Names:
    """The organization's apps and, unless not needed, its cost centres and who belonged where when.

    `apps` are the columns APPS as id → name, for who asks something at the same time.
    """
    org = {"org": org_id}
    granted = db.granted_apps(session)
    if apps is None:
        apps = dict(fetch(session, "SELECT id, name FROM app WHERE org_id = :org", org))
    if not has_centres:
        return Names(apps, CostCentres({}), granted)
    centres = dict(fetch(session, "SELECT id, name FROM cost_centre WHERE org_id = :org", org))
    return Names(apps, CostCentres(centres, tuple(fetch(session, _MOVES, org))), granted)


def resolve(session: Session, org_id: int, filters: Iterable[Filter], known: tuple[Reference, Names], held: tuple[Epoch, ...]) -> Scope:
    """The filters as ids; values that nothing is called by select nothing and are reported in `unknown`."""
    reference, names = known
    resolving = _Resolving(reference, names, list(filters), [])
    regions = resolving.plain(Dimension.REGION, {one.code: {key} for key, one in reference.regions.items()})
    continents = resolving.plain(Dimension.CONTINENT, _regions_by_continent(reference))
    apps = both(names.granted, resolving.plain(Dimension.APP, _ids_by_name(names.apps)))
    machines, not_machines = resolving.machines(session, org_id)
    return Scope(
        regions=both(regions, continents),
        sizes=resolving.plain(Dimension.VM_SIZE, {one.name: {key} for key, one in reference.sizes.items()}),
        skus=resolving.plain(Dimension.SKU, {one.code: {key} for key, one in reference.skus.items()}),
        apps=tuple(both(apps, resolving.centre(epoch)) for epoch in held),
        machines=machines,
        not_machines=not_machines,
        unknown=tuple(dict.fromkeys(resolving.unknown)),
    )


@dataclass
class _Resolving:
    reference: Reference
    names: Names
    filters: list[Filter]
    unknown: list[str]

    def plain(self, dimension: Dimension, known: dict[str, set[int]]) -> frozenset[int] | None:
        """The ids that pass every filter on `dimension`; None without one."""
        chosen = None
        for one in self.filters:
            if one.dimension is not dimension:
                continue
            self.unknown += [
                f"No {dimension.value.replace('_', ' ')} is called {_quoted(value)}." for value in one.values if value not in known
            ]
            named = frozenset().union(*(known.get(value, set()) for value in one.values))
            everything = frozenset().union(*known.values())
            chosen = both(chosen, everything - named if one.is_exclusion else named)
        return chosen

    def centre(self, epoch: Epoch) -> frozenset[int] | None:
        """The apps whose cost centre passes in `epoch`."""
        if not any(one.dimension is Dimension.COST_CENTRE for one in self.filters):
            return None
        held = self.names.centres.on(epoch.starts_on)
        known: dict[str, set[int]] = {UNASSIGNED: set()} | {name: set() for name in self.names.centres.names.values()}
        for app_id in self.names.apps:
            known[self.names.centres.names.get(held.get(app_id, 0), UNASSIGNED)].add(app_id)
        return self.plain(Dimension.COST_CENTRE, known)

    def machines(self, session: Session, org_id: int) -> tuple[frozenset[int] | None, frozenset[int]]:
        only, without = None, frozenset()
        for one in self.filters:
            if one.dimension is not Dimension.MACHINE:
                continue
            askable = [value for value in one.values if "\0" not in value]
            found = session.execute(
                sa.text("SELECT name, id FROM resource WHERE org_id = :org AND kind = :kind AND name = ANY(:names)"),
                {"org": org_id, "kind": MACHINE, "names": askable},
            ).all()
            known = {name for name, _ in found}
            self.unknown += [f"No machine is called {_quoted(value)}." for value in one.values if value not in known]
            ids = frozenset(id_ for _, id_ in found)
            only, without = (only, without | ids) if one.is_exclusion else (both(only, ids), without)
        return only, without


def _regions_by_continent(reference: Reference) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for one in reference.regions.values():
        found.setdefault(one.continent, set()).add(one.id)
    return found


def _ids_by_name(names: dict[int, str]) -> dict[str, set[int]]:
    return {name: {id_} for id_, name in names.items()}


def both(one: frozenset[int] | None, other: frozenset[int] | None) -> frozenset[int] | None:
    """The ids that are in both; None stands for all."""
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _quoted(value: str) -> str:
    shown = "".join(character if character.isprintable() else "·" for character in value)
    return f"“{shown[: QUOTED_CHARACTERS - 1]}…”" if len(shown) > QUOTED_CHARACTERS else f"“{shown}”"


_MOVES = "SELECT month, app_id, coalesce(cost_centre_id, 0) FROM cost_centre_app WHERE org_id = :org ORDER BY month, app_id"
