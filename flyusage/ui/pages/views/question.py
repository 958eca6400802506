"""What the page of saved views and the explorer's menu ask of the database and do there. Blocks; call it off the event loop."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flyusage import clock, db
from flyusage.alerts import saved_views
from flyusage.alerts.saved_views import Change, Reader, SavedView
from flyusage.orgs.errors import OrganizationUnknown
from flyusage.orgs.permissions import Permission
from flyusage.pricing import urls
from flyusage.pricing.explorer import history
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.explorer.paths import usage_href
from flyusage.ui.session import OpenOrganization, open_organization


@dataclass(frozen=True)
class ViewRow:
    """A saved view. `shows` says what it shows, `whose` who sees it; `given` is its name as it was typed, for the field that changes it."""

    id: str
    name: str
    given: str
    shows: str
    href: str
    whose: str
    is_shared: bool
    is_pinned: bool
    may_change: bool
    may_share: bool
    gone: str


@dataclass(frozen=True)
class Screen:
    """All of them, and what the reader may do. `moves` is the present range's name where a view of it can move with time."""

    rows: list[ViewRow] = field(default_factory=list)
    may_save: bool = False
    may_share: bool = False
    moves: str = ""
    suggested: str = ""


def reader_of(org: OpenOrganization) -> Reader:
    """The page's reader as saved views judge them."""
    return Reader(org.by, org.permissions)


def ask(slug: str, query: Mapping[str, str] | None = None) -> Screen | None:
    """The views that the reader may open, with the explorer's present address also what saving it would be. Raises NotPermitted."""
    org = open_organization(slug, Permission.USAGE_READ)
    if org is None:
        return None
    reader, now = reader_of(org), clock.now()
    with db.transaction(org.id, apps=org.apps) as session:
        found, known = saved_views.views(session, org.id, reader), history(session, org.id)
    may_share = Permission.VIEWS_SHARE in org.permissions
    rows = [row_of(slug, one, may_share=may_share) for one in found]
    has_account = reader.user_id is not None and not org.is_visited
    told = {"rows": rows, "may_save": Permission.VIEWS_SAVE in org.permissions and has_account, "may_share": may_share}
    if query is None:
        return Screen(**told)
    view, _ = urls.view_from_query(query, now=now, history=known)
    moves = None if view.as_of else saved_views.moving_range(view.period, now=now, known=known)
    label = moves.label[:1].lower() + moves.label[1:] if moves else ""
    return Screen(**told, moves=label, suggested=present.view_text(view, range_label=label)[: saved_views.LONGEST_NAME])


def save(slug: str, query: Mapping[str, str], name: str, *, moves: bool, is_shared: bool, is_pinned: bool) -> str:
    """Keep the explorer's present address; the view's name. Raises NotPermitted and ViewInvalid."""
    org = _org(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        known, now = history(session, org.id), clock.now()
        view, _ = urls.view_from_query(query, now=now, history=known)
        moves_by = saved_views.moving_range(view.period, now=now, known=known) if moves and not view.as_of else None
        kept = saved_views.address(view, moves_by=moves_by)
        made = saved_views.save(session, org.id, name, kept, is_shared=is_shared, is_pinned=is_pinned, reader=reader_of(org))
        return made.name


def change(slug: str, view_id: int, wanted: Change) -> SavedView:
    """Rename, share or pin it, or no longer. Raises as `saved_views.change`."""
    org = _org(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        return saved_views.change(session, org.id, view_id, wanted, reader=reader_of(org))


def delete(slug: str, view_id: int) -> str:
    """Forget it; its name. Raises as `saved_views.delete`."""
    org = _org(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        return saved_views.delete(session, org.id, view_id, reader=reader_of(org)).name


def row_of(slug: str, one: SavedView, *, may_share: bool) -> ViewRow:
    """A view's row. Pure."""
    named = urls.preset_named(one.query.get("range"), now=clock.now(), history=None)
    name = visible(one.name)
    whose = "Everybody here" if one.is_shared else "Only you"
    return ViewRow(
        id=str(one.id),
        name=name,
        given=one.name,
        shows=visible(present.view_text(one.view, range_label=named.label if named else "")),
        href=usage_href(slug, one.query),
        whose=f"{whose}, saved by you" if one.is_shared and one.is_own else whose,
        is_shared=one.is_shared,
        is_pinned=one.is_pinned,
        may_change=one.may_change,
        may_share=may_share and (one.is_own or not one.is_shared),
        gone=f"{name} is forgotten{', for everybody here' if one.is_shared else ''}. What it shows stays; links to it open as before.",
    )


def _org(slug: str) -> OpenOrganization:
    org = open_organization(slug, Permission.VIEWS_SAVE)
    if org is None:
        raise OrganizationUnknown("There is no organization at this address.")
    return org
