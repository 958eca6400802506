"""Views of the explorer under a name: somebody's own, or shared within the organization; pinned ones stand on the overview.

What is kept is the explorer's address, so that a saved view, a link and a command say the same. A range that has a name ("this month")
is kept by it and moves on with time. Who sees some apps only finds a shared view of these alone: what a filter names beside them is
left out, and a view that would be left with nothing is not there.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from flyusage import clock, db
from flyusage.alerts.errors import ViewInvalid, ViewUnknown
from flyusage.alerts.models import saved_view
from flyusage.errors import FlyusageError
from flyusage.invoices.costs import explore
from flyusage.metering.cost_centres import UNASSIGNED
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.permissions import Permission
from flyusage.periods import Period
from flyusage.pricing import urls
from flyusage.pricing.explorer import history
from flyusage.pricing.permitted import needed_for
from flyusage.pricing.scope import MACHINE
from flyusage.pricing.view import Answer, Chart, Dimension, Filter, View

LONGEST_NAME, LONGEST_QUERY = 100, 20_000
MOST_OWN, MOST_SHARED, MOST_PINNED = 100, 200, 6
_NAMES = {  # where the names are that a reader of some apps may not know
    Dimension.APP: "SELECT name FROM app WHERE org_id = :org AND name = ANY (CAST(:names AS text[]))",
    Dimension.COST_CENTRE: "SELECT name FROM cost_centre WHERE org_id = :org AND name = ANY (CAST(:names AS text[]))",
    Dimension.MACHINE: f"SELECT name FROM resource WHERE org_id = :org AND kind = {MACHINE} AND name = ANY (CAST(:names AS text[]))",
}

_of = saved_view.c


@dataclass(frozen=True)
class Reader:
    """Who asks: by whom it is audited, and what they may do there. Without an account they have no views of their own."""

    by: Actor
    permissions: frozenset[Permission]

    @property
    def user_id(self) -> int | None:
        """Whose views are their own."""
        return self.by.user_id


@dataclass(frozen=True)
class Change:
    """What is to be other about a view; None: as it is."""

    name: str | None = None
    query: Mapping[str, str] | None = None
    is_shared: bool | None = None
    is_pinned: bool | None = None


@dataclass(frozen=True)
class SavedView:
    """A view that its reader may open. `query` is the explorer's address, `view` what it says at this moment.

    `may_change`: rename, share, pin and delete it. `is_own`: nobody else's.
    """

    id: int
    name: str
    query: Mapping[str, str]
    view: View
    is_shared: bool
    is_pinned: bool
    is_own: bool
    may_change: bool
    created_at: datetime

    @property
    def scope(self) -> dict[str, str]:
        """Its filters alone, as the address writes them."""
        return {key: value for key, value in self.query.items() if key in urls.DIMENSIONS}


def save(
    session: Session, org_id: int, name: str, query: Mapping[str, str], *, is_shared: bool, is_pinned: bool, reader: Reader
) -> SavedView:
    """Keep an address of the explorer under a name. Raises NotPermitted and ViewInvalid."""
    _require(reader, Permission.VIEWS_SAVE)
    if is_shared:
        _require(reader, Permission.VIEWS_SHARE)
    if not is_shared and reader.user_id is None:
        raise ViewInvalid("A view that is not shared is somebody's own, and no member asks here. Share it.")
    called, kept, now = _name(name), _sound(session, org_id, query, reader), clock.now()
    present = views(session, org_id, reader)
    most = MOST_SHARED if is_shared else MOST_OWN
    if sum(one.is_shared is is_shared for one in present) >= most:
        raise ViewInvalid(f"There are {most} {'shared ' if is_shared else ''}views at most. Delete one that nobody needs.")
    if is_shared:
        _require_free(called, present)
    row = {
        "org_id": org_id, "owner_id": reader.user_id, "name": called, "query": kept, "is_shared": is_shared, "is_pinned": is_pinned,
        "created_at": now,
    }  # fmt: skip
    made = session.execute(insert(saved_view).values(row).on_conflict_do_nothing().returning(_of.id)).scalar_one_or_none()
    if made is None:
        raise _taken(called)
    detail = {"name": called, "query": kept, "is_shared": is_shared, "is_pinned": is_pinned}
    audit.record(session, org_id, actor=reader.by.name, action="view.save", subject=f"view:{made}", detail=detail)
    return view_of(session, org_id, made, reader)


def change(session: Session, org_id: int, view_id: int, wanted: Change, *, reader: Reader) -> SavedView:
    """Another name, address, or who sees it where. Raises NotPermitted, ViewInvalid and ViewUnknown."""
    before = _changeable(session, org_id, view_id, reader)
    if wanted.is_shared and not before.is_shared:
        _require(reader, Permission.VIEWS_SHARE)
    if wanted.is_shared is False and before.is_shared and not before.is_own:
        raise ViewInvalid(f"{before.name} is not yours, so that nobody would see it any more. Delete it, if nobody needs it.")
    after: dict[str, object] = {key: value for key, value in vars(wanted).items() if value is not None}
    if wanted.name is not None:
        after["name"] = _name(wanted.name)
    if wanted.query is not None:
        after["query"] = _sound(session, org_id, wanted.query, reader)
    changed = {key: value for key, value in after.items() if value != getattr(before, key)}
    if changed and after.get("is_shared", before.is_shared):
        _require_free(str(after.get("name", before.name)), [one for one in views(session, org_id, reader) if one.id != view_id])
    if changed:
        try:
            with session.begin_nested():
                session.execute(sa.update(saved_view).where(_of.org_id == org_id, _of.id == view_id).values(changed))
        except IntegrityError as error:
            raise _taken(str(after.get("name", before.name))) from error
        detail = {"name": before.name, "before": {key: _plain(getattr(before, key)) for key in changed}, "after": changed}
        audit.record(session, org_id, actor=reader.by.name, action="view.change", subject=f"view:{view_id}", detail=detail)
    return view_of(session, org_id, view_id, reader)


def delete(session: Session, org_id: int, view_id: int, *, reader: Reader) -> SavedView:
    """Forget a view; what it was. Raises NotPermitted and ViewUnknown."""
    gone = _changeable(session, org_id, view_id, reader)
    session.execute(sa.delete(saved_view).where(_of.org_id == org_id, _of.id == view_id))
    detail = {"name": gone.name, "query": dict(gone.query), "is_shared": gone.is_shared}
    audit.record(session, org_id, actor=reader.by.name, action="view.delete", subject=f"view:{view_id}", detail=detail)
    return gone


def views(session: Session, org_id: int, reader: Reader) -> list[SavedView]:
    """Those that the reader may open, by name, one's own before a shared one of the same name."""
    asked = sa.select(saved_view).where(_of.org_id == org_id, sa.or_(_of.is_shared, _of.owner_id == reader.user_id))
    rows = session.execute(asked.order_by(_of.name, _of.is_shared, _of.id)).mappings().all()
    known, now = history(session, org_id) if rows else None, clock.now()
    shown = (_shown(session, row, reader, now, known) for row in rows)
    return [one for one in shown if one is not None]


def view_of(session: Session, org_id: int, view_id: int, reader: Reader) -> SavedView:
    """The view with that id. Raises ViewUnknown where there is none, or none for the reader."""
    return _found(views(session, org_id, reader), lambda one: one.id == view_id)


def pinned(session: Session, org_id: int, reader: Reader) -> list[tuple[SavedView, Answer]]:
    """The first few pinned views with the whole of what the explorer answers to each: its total, told by no part of it.

    Without one that cannot be told now, such as of invoices while nobody sells: its page says why, and the others are told.
    """
    found = []
    for one in [one for one in views(session, org_id, reader) if one.is_pinned][:MOST_PINNED]:
        with suppress(FlyusageError):
            found.append((one, explore(session, org_id, replace(one.view, group_by=None, chart=Chart.AREA))))
    return found


def moving_range(period: Period, *, now: datetime, known: Period | None) -> urls.Preset | None:
    """The named range that `period` is at this moment, so that a view can move on with it. Pure."""
    return next((one for one in urls.presets(now=now, history=known) if one.period == period), None)


def address(view: View, *, moves_by: urls.Preset | None = None) -> dict[str, str]:
    """What is kept of `view`: its address, the range by name where it moves. Pure."""
    query = urls.view_to_query(view)
    if moves_by is None:
        return query
    return {**{key: value for key, value in query.items() if key not in ("from", "to", "as_of")}, "range": moves_by.key}


def with_filters_of(found: Iterable[SavedView], scope: Mapping[str, str]) -> SavedView | None:
    """The view whose filters are just those of a budget's `scope`, a shared one first. Pure."""
    same = [one for one in found if scope and one.scope == dict(scope)]
    return next((one for one in same if one.is_shared), same[0] if same else None)


def owned_by(session: Session, org_id: int, owners: Collection[int]) -> list[tuple[int, str, bool]]:
    """Owner, name and whether it is shared, of each view that is theirs (user ids), by name."""
    asked = sa.select(_of.owner_id, _of.name, _of.is_shared).where(_of.org_id == org_id, _of.owner_id.in_(list(owners)))
    return [(owner, name, is_shared) for owner, name, is_shared in session.execute(asked.order_by(_of.name, _of.id))]


def inherit(session: Session, org_id: int, leaving: Collection[int], heir: int | None, *, by: Actor) -> int:
    """What becomes of the views of those who leave: the heir's, or shared ones the organization's and others gone; how many there were."""
    theirs = sa.select(saved_view).where(_of.org_id == org_id, _of.owner_id.in_(list(leaving))).order_by(_of.id)
    rows = session.execute(theirs).mappings().all()
    taken = {(name, is_shared) for _, name, is_shared in owned_by(session, org_id, [] if heir is None else [heir])}
    for row in rows:
        where, subject = sa.and_(_of.org_id == org_id, _of.id == row["id"]), f"view:{row['id']}"
        if heir is None and not row["is_shared"]:
            session.execute(sa.delete(saved_view).where(where))
            audit.record(session, org_id, actor=by.name, action="view.delete", subject=subject, detail={"name": row["name"]})
            continue
        name = row["name"] if heir is None else _free(row["name"], {one for one, is_shared in taken if is_shared is row["is_shared"]})
        taken.add((name, row["is_shared"]))
        session.execute(sa.update(saved_view).where(where).values(owner_id=heir, name=name))
        detail = {"name": name, "before": {"owner_id": row["owner_id"]}, "after": {"owner_id": heir}}
        audit.record(session, org_id, actor=by.name, action="view.change", subject=subject, detail=detail)
    return len(rows)


def _free(name: str, taken: Collection[str]) -> str:
    number, found = 2, name
    while found in taken:
        found = f"{name[: LONGEST_NAME - 6]} ({number})"
        number += 1
    return found


def _found(found: list[SavedView], is_wanted) -> SavedView:
    one = next(filter(is_wanted, found), None)
    if one is None:
        raise ViewUnknown("There is no such saved view, or it was deleted. Open the list of saved views for those there are.")
    return one


def _changeable(session: Session, org_id: int, view_id: int, reader: Reader) -> SavedView:
    _require(reader, Permission.VIEWS_SAVE)
    session.execute(sa.select(_of.id).where(_of.org_id == org_id, _of.id == view_id).with_for_update())  # whoever changes it next waits
    found = view_of(session, org_id, view_id, reader)
    if not found.may_change:
        raise NotPermitted(f"{found.name} is somebody else's. Save a copy of it, or ask an owner or admin of the organization.")
    return found


def _require(reader: Reader, permission: Permission) -> None:
    if permission not in reader.permissions:
        raise NotPermitted(f"Your role does not hold the permission {permission}. Ask an owner for a role that does.")


def _shown(session: Session, row: sa.RowMapping, reader: Reader, now: datetime, known: Period | None) -> SavedView | None:
    query: dict[str, str] = row["query"]
    view, _ = urls.view_from_query(query, now=now, history=known)
    if any(one not in reader.permissions for one in needed_for(view)):
        return None
    if db.granted_apps(session) is not None:
        filters = _granted(session, row["org_id"], view.filters)
        if filters is None:
            return None
        view = replace(view, filters=filters)
        query = {key: value for key, value in query.items() if key not in urls.DIMENSIONS} | _scope(view)
    is_own = row["owner_id"] is not None and row["owner_id"] == reader.user_id
    rights = {Permission.ORGANIZATION_EDIT} | ({Permission.VIEWS_SHARE} if row["owner_id"] is None else set())
    may_change = Permission.VIEWS_SAVE in reader.permissions and (is_own or bool(rights & reader.permissions))
    return SavedView(row["id"], row["name"], query, view, row["is_shared"], row["is_pinned"], is_own, may_change, row["created_at"])


def _scope(view: View) -> dict[str, str]:
    return {key: value for key, value in urls.view_to_query(view).items() if key in urls.DIMENSIONS}


def _granted(session: Session, org_id: int, filters: tuple[Filter, ...]) -> tuple[Filter, ...] | None:
    """`filters` without what the reader does not know of; None where that leaves one with nothing to show."""
    left = []
    for one in filters:
        if one.dimension not in _NAMES:
            left.append(one)
            continue
        known = {*session.scalars(sa.text(_NAMES[one.dimension]), {"org": org_id, "names": list(one.values)}), UNASSIGNED}
        values = tuple(value for value in one.values if value in known)
        if not values and not one.is_exclusion:
            return None
        if values:
            left.append(replace(one, values=values))
    return tuple(left)


def _sound(session: Session, org_id: int, query: Mapping[str, str], reader: Reader) -> dict[str, str]:
    """The address as it is kept. Raises ViewInvalid for what is none, and NotPermitted for what the reader may not see."""
    if not all(map(urls.is_holdable, query.values())):
        raise ViewInvalid("That is no view of the explorer: a name in it holds a character that no name has.")
    now, known = clock.now(), history(session, org_id)
    view, notices = urls.view_from_query(dict(query), now=now, history=known)
    if notices:
        raise ViewInvalid(f"That is no view of the explorer: {' '.join(notices)}")
    for permission in needed_for(view):
        _require(reader, permission)
    if db.granted_apps(session) is not None and _granted(session, org_id, view.filters) is None:
        raise ViewInvalid("This view would show you nothing: what its filters name is not there, or not among the apps you are limited to.")
    named = urls.preset_named(query.get("range"), now=now, history=known)
    has_ends = "from" in query or "to" in query  # which is what the address goes by then
    kept = address(view, moves_by=None if has_ends else named)
    if sum(len(key) + len(value) for key, value in kept.items()) > LONGEST_QUERY:
        raise ViewInvalid("This view names too much to be saved. Filter by fewer names.")
    return kept


def _name(written: str) -> str:
    name = "".join(one for one in written if one.isprintable()).strip()
    if not name or len(name) > LONGEST_NAME:
        raise ViewInvalid(f"A saved view has a name of 1 to {LONGEST_NAME} characters.")
    return name


def _require_free(name: str, present: Collection[SavedView]) -> None:
    """Raise ViewInvalid where a shared view that the reader may open has the name. One that they may not is none of their business."""
    if any(one.is_shared and one.name == name for one in present):
        raise _taken(name)


def _taken(name: str) -> ViewInvalid:
    return ViewInvalid(f"There is a saved view called {name} already. Give this one another name.")


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value
