"""`/members`, `/invitations`, `/tokens`: who and what has access, and changing that by a member's own token."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlmodel import Session
from starlette.responses import Response

from flyusage import db
from flyusage.alerts import offboarding
from flyusage.api.answers import After, Id, Limit, Page, answer, cursor, parts_of
from flyusage.api.auth import Caller, route
from flyusage.api.writes import Key, written
from flyusage.auth import throttle
from flyusage.auth.letters import LinkLetter, send_all
from flyusage.config import settings
from flyusage.invoices import seats
from flyusage.orgs import api_tokens, app_grants, invitations, memberships, queries
from flyusage.orgs.api_tokens import DEFAULT_DAYS, LONGEST_DAYS, LONGEST_NAME, Bearer
from flyusage.orgs.app_grants import MOST_APPS
from flyusage.orgs.errors import MemberUnknown, NotPermitted
from flyusage.orgs.invitations import MOST_AT_ONCE, Invited
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import Permission

router = APIRouter(tags=["organization"])
MANAGE = Permission.MEMBERS_MANAGE
EVERYBODY = 1_000_000
Apps = Annotated[list[str] | None, Field(description="The apps they see, by name, as far as the token sees them. Null: every app.")]


class Member(BaseModel):
    """Somebody in the organization."""

    id: int = Field(default=0, description="Theirs, as the audit's `user:` names it.")
    email: str
    name: str
    role: Role
    joined_at: datetime | None = None
    seen_at: datetime | None = Field(default=None, description="When they last used a page, to the minute; null: never.")
    has_second_factor: bool = False
    signs_in_by_provider: bool = Field(default=False, description="By the organization's single sign-on.")
    apps: Apps = None


class Invitation(BaseModel):
    """An invitation that nobody has taken yet; it may have run out."""

    id: int
    email: str
    role: Role
    made_at: datetime
    made_by: str
    ends_at: datetime
    apps: Apps = None


class TokenEntry(BaseModel):
    """A token of the organization, without its secret."""

    id: int
    name: str
    begins: str = Field(description="The secret's beginning.")
    is_personal: bool
    of: str | None = Field(default=None, description="The member's address, of a personal one; null once they have left.")
    user_id: int | None = Field(default=None, description="The member's id; null: the organization's own.")
    scopes: list[str]
    apps: Apps = None
    state: Literal["active", "expired", "revoked"]
    created_at: datetime
    created_by: str
    expires_at: datetime
    used_at: datetime | None = Field(description="To the minute.")
    revoked_at: datetime | None = None


class TokenMade(TokenEntry):
    """A new token with its secret, which is nowhere kept."""

    secret: str | None = Field(description="Shown once; null where the request is repeated under its Idempotency-Key.")


class WantedToken(BaseModel):
    """What a token is to be."""

    model_config = {
        "extra": "forbid",
        "json_schema_extra": {"examples": [{"name": "ci", "scopes": ["usage.read"], "days": 30, "apps": ["web"]}]},
    }

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    scopes: list[str] = Field(min_length=1, max_length=len(Permission), description="Of those that the token that asks holds itself.")
    days: int = Field(default=DEFAULT_DAYS, ge=1, le=LONGEST_DAYS, description="It ends with the token that makes it at the latest.")
    apps: list[str] | None = Field(default=None, max_length=MOST_APPS, description="The apps it is for; null: all that its maker sees.")


class WantedInvitations(BaseModel):
    """Whom to invite, as what."""

    model_config = {
        "extra": "forbid",
        "json_schema_extra": {"examples": [{"emails": ["ada@example.com"], "role": "developer", "apps": ["web"]}]},
    }

    emails: list[str] = Field(min_length=1, max_length=MOST_AT_ONCE)
    role: Role = Field(default=Role.DEVELOPER, description="Any but owner.")
    apps: list[str] | None = Field(default=None, max_length=MOST_APPS, description="The apps they are to see; null: every app.")


class InvitationMade(BaseModel):
    """What became of one address."""

    email: str
    outcome: Literal["invited", "member", "waiting", "invalid"] = Field(description="`waiting`: it has an invitation already.")
    role: Role
    mailed: bool = Field(description="Whether a mail server took the mail; without one the server's log has the link.")


class InvitationsMade(BaseModel):
    """What became of the addresses, in their order."""

    data: list[InvitationMade]


class WantedRole(BaseModel):
    """What a member is to be."""

    model_config = {"extra": "forbid"}

    role: Role = Field(description="Any but owner.")


class WantedApps(BaseModel):
    """What a member is to see."""

    model_config = {"extra": "forbid", "json_schema_extra": {"examples": [{"apps": ["web"]}]}}

    apps: list[str] | None = Field(max_length=MOST_APPS, description="By name; null: every app.")


@route(
    router, "GET", "/members", needs=Permission.MEMBERS_READ, problems=(422,), response_model=Page[Member], summary="Members and their roles"
)  # fmt: skip
def members(
    request: Request,
    bearer: Caller,
    find: Annotated[str, Query(max_length=200, description="Part of a name or address.")] = "",
    role: Annotated[Role | None, Query(description="Only those in this role.")] = None,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """By address."""
    kept = parts_of(after, [str])
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = queries.people(session, bearer.org_id, search=find, role=role, limit=limit + 1, after=kept[0] if kept else "").rows
        apps = app_grants.app_names(session, bearer.org_id)
    shown = found[:limit]
    following = cursor(shown[-1].email) if len(found) > limit else None
    return answer(request, Page[Member](data=[_member(one, apps) for one in shown], next=following))


@route(
    router, "PUT", "/members/{member}/role", needs=MANAGE, problems=(404, 409, 422), response_model=Member, summary="Give another role"
)  # fmt: skip
def change_role(request: Request, bearer: Caller, member: Id, wanted: WantedRole, key: Key = "") -> Response:
    """Open pages and tokens of theirs follow at once. Owners are made and changed on the page of members alone."""

    def write(session: Session) -> tuple[int, Member]:
        _refuse_owner(wanted.role)
        _person(session, bearer, member)
        with seats.kept(session, bearer.org_id, by=bearer.by):
            memberships.change_role(session, bearer.org_id, member, wanted.role, by=bearer.by)
        return 200, _told(session, bearer, member)

    return written(request, bearer, key, wanted, write)


@route(
    router, "PUT", "/members/{member}/apps", needs=MANAGE, problems=(404, 422), response_model=Member, summary="Limit to some apps"
)  # fmt: skip
def grant_apps(request: Request, bearer: Caller, member: Id, wanted: WantedApps, key: Key = "") -> Response:
    """Developers and viewers alone can be limited. Open pages and tokens of theirs follow at once."""

    def write(session: Session) -> tuple[int, Member]:
        _person(session, bearer, member)
        apps = None if wanted.apps is None else app_grants.apps_named(session, bearer.org_id, wanted.apps)
        memberships.grant_apps(session, bearer.org_id, member, apps, by=bearer.by)
        return 200, _told(session, bearer, member)

    return written(request, bearer, key, wanted, write)


@route(
    router, "DELETE", "/members/{member}", needs=MANAGE, problems=(404, 409), status_code=204, response_class=Response,
    summary="Take somebody out",
)  # fmt: skip
def remove_member(
    request: Request,
    bearer: Caller,
    member: Id,
    heir: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="Who gets their budgets' mails and saved views.", examples=[None])
    ] = None,
    key: Key = "",
) -> Response:
    """Their pages go dark and their tokens stop at once. Without an heir their saved views are deleted."""

    def write(session: Session) -> tuple[int, None]:
        _person(session, bearer, member)
        with seats.kept(session, bearer.org_id, by=bearer.by):
            offboarding.hand_over(session, bearer.org_id, [member], heir, by=bearer.by)
            memberships.remove(session, bearer.org_id, member, by=bearer.by)
        return 204, None

    return written(request, bearer, key, None, write)


@route(
    router, "GET", "/invitations", needs=Permission.AUDIT_READ, response_model=Page[Invitation], summary="Invitations that wait"
)  # fmt: skip
def list_invitations(request: Request, bearer: Caller) -> Response:
    """Newest first. Their links are nowhere kept."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = invitations.waiting(session, bearer.org_id)
        apps = app_grants.app_names(session, bearer.org_id)
    names = ("id", "email", "role", "made_at", "made_by", "ends_at")
    data = [Invitation(**{name: getattr(one, name) for name in names}, apps=_names(one.app_ids, apps)) for one in found]
    return answer(request, Page[Invitation](data=data))


@route(
    router, "POST", "/invitations", needs=MANAGE, problems=(404, 409, 422), response_model=InvitationsMade, status_code=201,
    summary="Invite by mail",
)  # fmt: skip
def invite(request: Request, bearer: Caller, wanted: WantedInvitations, key: Key = "") -> Response:
    """Each link is good once, for 7 days, and goes to its address alone: no answer holds one.

    Where seats are short, nobody is invited. Owners are invited on the page of members alone.
    """
    made: list[Invited] = []

    def write(session: Session) -> tuple[int, InvitationsMade]:
        _refuse_owner(wanted.role)
        apps = None if wanted.apps is None else app_grants.apps_named(session, bearer.org_id, wanted.apps)
        with seats.kept(session, bearer.org_id, by=bearer.by):
            made.extend(invitations.invite(session, bearer.org_id, wanted.emails, wanted.role, by=bearer.by, apps=apps))
        return 201, _became(made, {one.email for one in made if one.secret and settings().smtp_url is not None})

    with db.platform_transaction() as session:
        throttle.count(session, "invitations", str(bearer.org_id), invitations.BATCHES)
    answered = written(request, bearer, key, wanted, write)
    sent = [one for one in made if one.secret]  # kept by now; of a repeated request there are none
    taken = {one.email for one, is_taken in zip(sent, send_all(_letters(sent, bearer)), strict=True) if is_taken}
    if not sent:
        return answered
    return Response(_became(made, taken).model_dump_json(), 201, {"cache-control": "no-store"}, "application/json")


@route(
    router, "DELETE", "/invitations/{invitation}", needs=MANAGE, problems=(410,), status_code=204, response_class=Response,
    summary="Take an invitation back",
)  # fmt: skip
def uninvite(request: Request, bearer: Caller, invitation: Id, key: Key = "") -> Response:
    """Its link is good for nothing from then on."""

    def write(session: Session) -> tuple[int, None]:
        with seats.kept(session, bearer.org_id, by=bearer.by):
            invitations.revoke(session, bearer.org_id, invitation, by=bearer.by)
        return 204, None

    return written(request, bearer, key, None, write)


@route(router, "GET", "/tokens", needs=Permission.AUDIT_READ, response_model=Page[TokenEntry], summary="Tokens")
def tokens(request: Request, bearer: Caller) -> Response:
    """Those that work first, then the newest. Their secrets are nowhere kept."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = api_tokens.tokens(session, bearer.org_id)
        apps, people = app_grants.app_names(session, bearer.org_id), _addresses(session, bearer)
    return answer(request, Page[TokenEntry](data=[TokenEntry(**_entry(one, apps, people)) for one in found]))


@route(
    router, "POST", "/tokens", needs=Permission.TOKENS_MANAGE, problems=(404, 422), response_model=TokenMade, status_code=201,
    summary="Make a token",
)  # fmt: skip
def make_token(request: Request, bearer: Caller, wanted: WantedToken, key: Key = "") -> Response:
    """Another of the same member's, with scopes that the one that asks holds, but those that let others in.

    It ends with the one that asks at the latest, and is revoked with it. The secret is in this answer and nowhere else.
    """
    secrets: list[TokenMade] = []

    def write(session: Session) -> tuple[int, TokenMade]:
        apps = None if wanted.apps is None else app_grants.apps_named(session, bearer.org_id, wanted.apps)
        made = api_tokens.create(
            session, bearer.org_id, name=wanted.name, scopes=wanted.scopes, by=bearer.by, user_id=bearer.by.user_id, days=wanted.days,
            apps=apps, made_with=bearer,
        )  # fmt: skip
        told = _entry(made.token, app_grants.app_names(session, bearer.org_id), _addresses(session, bearer))
        secrets.append(TokenMade(**told, secret=made.secret))
        return 201, TokenMade(**told, secret=None)  # what is remembered under the key

    answered = written(request, bearer, key, wanted, write)
    if secrets:
        return Response(secrets[0].model_dump_json(), 201, {"cache-control": "no-store"}, "application/json")
    return answered


@route(
    router, "DELETE", "/tokens/{token}", needs=Permission.TOKENS_MANAGE, problems=(404,), response_model=TokenEntry, summary="End a token"
)  # fmt: skip
def revoke_token(request: Request, bearer: Caller, token: Id, key: Key = "") -> Response:
    """At once, with those that were made with it; whoever shows one is refused from then on. It may be the one that asks.

    With `members.manage` anybody's; else the member's own, and those of the organization that they made.
    """
    only_own = MANAGE not in bearer.permissions

    def write(session: Session) -> tuple[int, TokenEntry]:
        ended = api_tokens.revoke(session, bearer.org_id, token, by=bearer.by, only_own=only_own)
        return 200, TokenEntry(**_entry(ended, app_grants.app_names(session, bearer.org_id), _addresses(session, bearer)))

    return written(request, bearer, key, None, write)


def _refuse_owner(role: Role) -> None:
    if role is Role.OWNER:
        raise NotPermitted("No token makes an owner, changes or removes one. Owners do that, on the page of members.")


def _person(session: Session, bearer: Bearer, user_id: int) -> queries.Person:
    """A member who is no owner. Raises MemberUnknown and NotPermitted."""
    memberships.lock(session, bearer.org_id)  # that they are none holds until it is done
    found = next((one for one in queries.people(session, bearer.org_id, limit=EVERYBODY).rows if one.user_id == user_id), None)
    if found is None:
        raise MemberUnknown(f"There is no member {user_id} here. The list of members numbers them.")
    _refuse_owner(found.role)
    return found


def _told(session: Session, bearer: Bearer, user_id: int) -> Member:
    return _member(_person(session, bearer, user_id), app_grants.app_names(session, bearer.org_id))


def _member(one: queries.Person, apps: Mapping[int, str]) -> Member:
    names = ("email", "name", "role", "joined_at", "seen_at", "has_second_factor", "signs_in_by_provider")
    return Member(id=one.user_id, **{name: getattr(one, name) for name in names}, apps=_names(one.app_ids, apps))


def _entry(one: api_tokens.Token, apps: Mapping[int, str], people: Mapping[int, str]) -> dict[str, Any]:
    names = ("id", "name", "user_id", "state", "created_at", "created_by", "expires_at", "used_at", "revoked_at")
    whose = {"is_personal": one.user_id is not None, "of": None if one.user_id is None else people.get(one.user_id)}
    told = {"begins": one.hint, "scopes": list(one.scopes), "apps": _names(one.app_ids, apps)}
    return {**{name: getattr(one, name) for name in names}, **whose, **told}


def _addresses(session: Session, bearer: Bearer) -> dict[int, str]:
    return {one.user_id: one.email for one in queries.people(session, bearer.org_id, limit=EVERYBODY).rows}


def _names(app_ids: tuple[int, ...] | None, apps: Mapping[int, str]) -> list[str] | None:
    return None if app_ids is None else sorted(apps[one] for one in app_ids if one in apps)


def _became(made: Sequence[Invited], mailed: Collection[str]) -> InvitationsMade:
    data = [InvitationMade(email=one.email, outcome=one.outcome, role=one.role, mailed=one.email in mailed) for one in made]
    return InvitationsMade(data=data)


def _letters(sent: Sequence[Invited], bearer: Bearer) -> list[LinkLetter]:
    user_id = bearer.by.user_id or 0
    with db.platform_transaction() as session:
        inviter = queries.names_of(session, bearer.org_id, [user_id]).get(user_id) or "Whoever runs this installation"
    return [invitations.letter(one, organization=bearer.name, inviter=inviter, settings=settings()) for one in sent]
