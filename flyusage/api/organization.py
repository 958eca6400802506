"""The token's organization: what it is, how fresh its figures are, its roles and seats, what was done there."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from flyusage import clock, db
from flyusage.api.answers import LAST_ID, After, Limit, Money, Page, answer, cursor, parts_of
from flyusage.api.auth import Caller, route
from flyusage.api.forms import DAY
from flyusage.invoices import seats
from flyusage.metering.queries import freshness, rollup_progress
from flyusage.orgs import api_tokens, app_grants, audit
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import PERMISSIONS, Permission
from flyusage.orgs.seats import SEATED
from flyusage.pricing.errors import ViewInvalid
from flyusage.pricing.urls import parse_moment

router = APIRouter(tags=["organization"])


class Organization(BaseModel):
    """The organization that the token opens: every address here is about it."""

    org: str = Field(examples=["prism"])
    name: str
    is_synthetic: bool = Field(description="Invented, for demonstration.")


class Token(BaseModel):
    """The token that asks."""

    id: int
    name: str
    begins: str = Field(description="The secret's beginning, to tell tokens apart.")
    org: str
    is_personal: bool = Field(description="A member's: it never holds more than their role does.")
    scopes: list[str]
    permissions: list[str] = Field(description="Those of the scopes that hold now.")
    apps: list[str] | None = Field(description="The apps that it sees and sends for, as granted now. Null: all.")
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = Field(description="To the minute.")


class Freshness(BaseModel):
    """How far the organization is known. All null before its first event."""

    as_of: datetime | None = Field(default=None, description="Figures are complete to here.")
    lag_seconds: int | None = Field(default=None, description="How far that is behind now.")
    rolled_through: datetime | None = Field(default=None, description="Hours before it are closed.")
    first_event_at: datetime | None = None
    last_event_at: datetime | None = None
    is_stale: bool | None = Field(default=None, description="No event for six hours.")
    running_now: int | None = Field(default=None, description="Machines.")
    backlog_days: int | None = Field(default=None, description="Days whose figures are still to be rolled, or rolled again.")
    complete_from: date | None = Field(default=None, description="All days from here on are rolled.")


class Seats(BaseModel):
    """Seats of the subscription. All null where they are not counted."""

    used: int | None = Field(default=None, description="Members and open invitations that take one; billing and viewer are free.")
    included: int | None = None
    paid: int | None = Field(default=None, description="Beside those included.")
    free: int | None = Field(default=None, description="To be taken at once.")
    price: Money | None = Field(default=None, description="Of one more, a calendar month.")


class RoleEntry(BaseModel):
    """A role and what whoever has it may do."""

    role: Role
    permissions: list[str]
    takes_seat: bool


class AuditEntry(BaseModel):
    """Who did what to what, when."""

    id: int
    at: datetime
    actor: str = Field(description="user:, staff:, token: or system:, and which.")
    action: str = Field(examples=["tokens.create"])
    subject: str
    detail: dict[str, Any]


@route(router, "GET", "/organization", needs=None, response_model=Organization, summary="The token's organization")
def organization(request: Request, bearer: Caller) -> Response:
    """Any token may ask."""
    return answer(request, Organization(org=bearer.slug, name=bearer.name, is_synthetic=bearer.is_synthetic))


@route(router, "GET", "/token", needs=None, response_model=Token, summary="The token itself")
def token(request: Request, bearer: Caller) -> Response:
    """What it may do, and until when. Any token may ask."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = api_tokens.token(session, bearer.org_id, bearer.token_id)
        apps = None if bearer.apps is None else list(app_grants.app_names(session, bearer.org_id).values())
    told = Token(
        id=found.id,
        name=found.name,
        begins=found.hint,
        org=bearer.slug,
        is_personal=found.user_id is not None,
        scopes=list(found.scopes),
        permissions=[one.value for one in Permission if one in bearer.permissions],
        apps=apps,
        created_at=found.created_at,
        expires_at=found.expires_at,
        used_at=found.used_at,
    )
    return answer(request, told)


@route(router, "GET", "/freshness", needs=Permission.USAGE_READ, response_model=Freshness, summary="How fresh the figures are")
def how_fresh(request: Request, bearer: Caller) -> Response:
    """Of usage; invoices are frozen when they are issued."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = freshness(session, bearer.org_id, now=clock.now())
        progress = rollup_progress(session, bearer.org_id)
    if found is None:
        return answer(request, Freshness())
    kept = ("as_of", "rolled_through", "first_event_at", "last_event_at", "is_stale", "running_now", "backlog_days")
    told = {name: getattr(found, name) for name in kept}
    return answer(
        request,
        Freshness(**told, lag_seconds=int(found.lag.total_seconds()), complete_from=progress.complete_from if progress else None),
    )


@route(router, "GET", "/roles", needs=Permission.MEMBERS_READ, response_model=Page[RoleEntry], summary="Roles")
def roles(request: Request, bearer: Caller) -> Response:  # noqa: ARG001 that somebody asks is what lets them in
    """All there are, and what each may do; the same in every organization."""
    told = [
        RoleEntry(role=one, permissions=[each.value for each in Permission if each in held], takes_seat=one in SEATED)
        for one, held in PERMISSIONS.items()
    ]
    return answer(request, Page[RoleEntry](data=told))


@route(router, "GET", "/seats", needs=Permission.INVOICES_READ, response_model=Seats, summary="Seats")
def seats_held(request: Request, bearer: Caller) -> Response:
    """How many are taken, and what one more costs."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = seats.held(session, bearer.org_id)
    if found is None:
        return answer(request, Seats())
    price = Money(amount=f"{found.unit_amount:f}", currency=found.currency.code)
    return answer(request, Seats(used=found.used.total, included=found.included, paid=found.paid, free=found.free, price=price))


@route(router, "GET", "/audit", needs=Permission.AUDIT_READ, problems=(422,), response_model=Page[AuditEntry], summary="The audit log")
def audit_entries(  # noqa: PLR0913 each is a parameter of the address
    request: Request,
    bearer: Caller,
    actor: Annotated[str | None, Query(max_length=100, description="Only what they did, as `user:1`.")] = None,
    action: Annotated[str | None, Query(max_length=100, description="Only this, as `tokens.create`.")] = None,
    since: Annotated[str | None, Query(alias="from", pattern=DAY, description="From this day on, UTC.", examples=["2026-10-01"])] = None,
    until: Annotated[str | None, Query(alias="to", pattern=DAY, description="Up to this day, itself included.")] = None,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """Newest first."""
    kept = parts_of(after, [int])
    wanted = audit.Wanted(actor, action, _midnight(since), _midnight(until, days=1))
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        before = max(0, min(kept[0], LAST_ID)) if kept else None
        found = audit.entries(session, bearer.org_id, wanted, limit=limit + 1, before_id=before)
    shown = found[:limit]
    data = [
        AuditEntry(id=one.id, at=one.at, actor=one.actor, action=one.action, subject=one.subject, detail=dict(one.detail)) for one in shown
    ]
    return answer(request, Page[AuditEntry](data=data, next=cursor(shown[-1].id) if len(found) > limit else None))


def _midnight(day: str | None, *, days: int = 0) -> datetime | None:
    """The moment at which a day (or that many days later) begins. Raises ViewInvalid."""
    if day is None:
        return None
    found = parse_moment(day)
    if found is None:
        raise ViewInvalid(f"{day} is no day of the calendar.")
    return found + timedelta(days=days)
