"""`/views`: views of the explorer under a name, the bearer's own and those that are shared."""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from sqlmodel import Session
from starlette.responses import Response

from flyusage import db
from flyusage.alerts import saved_views as verbs
from flyusage.alerts.saved_views import LONGEST_NAME, Change, Reader
from flyusage.api.answers import Id, answer
from flyusage.api.auth import Caller, route
from flyusage.api.writes import Key, written
from flyusage.orgs.api_tokens import Bearer
from flyusage.orgs.permissions import Permission

router = APIRouter(tags=["views"])

READ, SAVE = Permission.USAGE_READ, Permission.VIEWS_SAVE
EXAMPLE = {"name": "web this month", "query": {"show": "list_cost", "by": "region", "range": "this-month", "app": "web"}, "is_shared": True}


class SavedView(BaseModel):
    """A view that the token may open."""

    id: int
    name: str
    query: dict[str, str] = Field(description="What `/usage` takes to answer it. A named `range` moves on with time.")
    scope: dict[str, str] = Field(description="Its filters alone, as a budget's `scope` takes them.")
    is_shared: bool = Field(description="For everybody in the organization; else the token's member alone.")
    is_pinned: bool = Field(description="On the overview of whoever sees it.")
    is_own: bool
    created_at: datetime


class SavedViews(BaseModel):
    """All that the token may open, by name; a member's own before a shared one of the same name."""

    data: list[SavedView]


class WantedView(BaseModel):
    """What a view is to be."""

    model_config = {"extra": "forbid", "json_schema_extra": {"examples": [EXAMPLE]}}

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    query: dict[str, str] = Field(description="As the explorer's address writes it: `show`, `by`, `range` or `from` and `to`, filters.")
    is_shared: bool = Field(
        default=False, description="Sharing needs `views.share`. A token of the organization itself keeps shared views only."
    )
    is_pinned: bool = False


@route(router, "GET", "/views", needs=READ, response_model=SavedViews, summary="Saved views")
def list_views(request: Request, bearer: Caller) -> Response:
    """The token's member's own and those that are shared, by name."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = verbs.views(session, bearer.org_id, _reader(bearer))
    return answer(request, SavedViews(data=[_told(one) for one in found]))


@route(router, "GET", "/views/{view}", needs=READ, problems=(404,), response_model=SavedView, summary="One saved view")
def one_view(request: Request, bearer: Caller, view: Id) -> Response:
    """As it is kept."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = verbs.view_of(session, bearer.org_id, view, _reader(bearer))
    return answer(request, _told(found))


@route(router, "POST", "/views", needs=SAVE, problems=(422,), response_model=SavedView, status_code=201, summary="Save a view")
def save_view(request: Request, bearer: Caller, wanted: WantedView, key: Key = "") -> Response:
    """Keep a query under a name. Repeat it safely with an `Idempotency-Key`."""

    def write(session: Session) -> tuple[int, SavedView]:
        shown = {"is_shared": wanted.is_shared, "is_pinned": wanted.is_pinned}
        return 201, _told(verbs.save(session, bearer.org_id, wanted.name, wanted.query, **shown, reader=_reader(bearer)))

    return written(request, bearer, key, wanted, write)


@route(router, "PUT", "/views/{view}", needs=SAVE, problems=(404, 422), response_model=SavedView, summary="Change a saved view")
def change_view(request: Request, bearer: Caller, view: Id, wanted: WantedView, key: Key = "") -> Response:
    """All of it is replaced. A shared view is its owner's to change, and that of whoever may edit the organization."""

    def write(session: Session) -> tuple[int, SavedView]:
        asked = Change(wanted.name, wanted.query, wanted.is_shared, wanted.is_pinned)
        return 200, _told(verbs.change(session, bearer.org_id, view, asked, reader=_reader(bearer)))

    return written(request, bearer, key, wanted, write)


@route(
    router, "DELETE", "/views/{view}", needs=SAVE, problems=(404, 422), status_code=204, response_class=Response, summary="Delete a saved view"
)  # fmt: skip
def delete_view(request: Request, bearer: Caller, view: Id, key: Key = "") -> Response:
    """Forget it, for everybody who saw it."""

    def write(session: Session) -> tuple[int, None]:
        verbs.delete(session, bearer.org_id, view, reader=_reader(bearer))
        return 204, None

    return written(request, bearer, key, None, write)


def _reader(bearer: Bearer) -> Reader:
    return Reader(bearer.by, bearer.permissions)


def _told(one: verbs.SavedView) -> SavedView:
    return SavedView(
        id=one.id,
        name=one.name,
        query=dict(one.query),
        scope=one.scope,
        is_shared=one.is_shared,
        is_pinned=one.is_pinned,
        is_own=one.is_own,
        created_at=one.created_at,
    )
