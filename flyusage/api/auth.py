"""Who may ask: the bearer's token, what each route needs of it, and how often it may ask."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar, get_type_hints

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from flyusage import db
from flyusage.api import fields
from flyusage.api.errors import MEDIA_TYPE, Problem, RequestInvalid, TextInvalid
from flyusage.api.json_bodies import JsonRoute
from flyusage.auth import throttle
from flyusage.auth.errors import SignInNeeded
from flyusage.auth.throttle import Limit
from flyusage.orgs import api_tokens
from flyusage.orgs.api_tokens import Bearer
from flyusage.orgs.permissions import Permission

PER_TOKEN = Limit(1200, 60)
Endpoint = TypeVar("Endpoint", bound=Callable)
PERMISSION = "x-permission"
PROBLEMS = {
    400: "The request is not as described here.",
    401: "No token, or one that is unknown, expired or revoked.",
    403: "The token lacks the permission.",
    404: "Nothing of that name in this organization.",
    429: "Too often, or too much at once; Retry-After says when to try again.",
    503: "The database does not answer.",
}

_scheme = HTTPBearer(
    auto_error=False, scheme_name="token", description="An API token, `flyu_…`, made on the organization's page of tokens."
)


def route(router: APIRouter, method: str, path: str, *, needs: Permission | None, problems: tuple[int, ...] = (), **about: Any) -> Callable:
    """A route that asks for a token which holds `needs` (None: for any token that works). The one way routes are made here."""

    def add(endpoint: Endpoint) -> Endpoint:
        found = {400, 401, 429, 503, *({403} if needs else ()), *problems, *((413, 415) if _takes_json(endpoint) else ())}
        documented = {status: _documented(status) for status in sorted(found)}
        given = {
            "dependencies": [Depends(_admitted)],
            "responses": {**documented, **more},
            "openapi_extra": extra,
            "operation_id": endpoint.__name__,
            **about,
        }
        router.add_api_route(path, endpoint, methods=[method], route_class_override=JsonRoute, **given)
        return endpoint

    more = about.pop("responses", {})
    extra = {PERMISSION: needs.value if needs else "any", **about.pop("openapi_extra", {})}
    if method == "GET" and (names := fields.names_in(about.get("response_model"))):
        extra["parameters"] = [fields.parameter(names)]
    return add


def caller(request: Request) -> Bearer:
    """Who asks, in a route made by `route`."""
    return request.state.bearer


Caller = Annotated[Bearer, Depends(caller)]


def _admitted(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_scheme)]) -> None:
    """Let the request in, or raise: SignInNeeded, TokenRefused, TooManyAttempts, NotPermitted, RequestInvalid. In this order."""
    if given is None:
        raise SignInNeeded("The API asks for a token: Authorization: Bearer flyu_…. Make one on the organization's page of tokens.")
    with db.lookup_transaction() as session:
        bearer = api_tokens.bearer_of(session, given.credentials)
    with db.platform_transaction() as session:
        request.state.rate = throttle.counted(session, "api-token", str(bearer.token_id), PER_TOKEN)
    throttle.refuse_beyond(request.state.rate)
    matched = request.scope["route"]
    assert isinstance(matched, APIRoute)
    needed = (matched.openapi_extra or {})[PERMISSION]
    if needed != "any":
        bearer.require(Permission(needed))
    _refuse_unknown(request, matched)
    request.state.fields = fields.asked(request, fields.names_in(matched.response_model)) if request.method == "GET" else ()
    request.state.bearer = bearer


def _refuse_unknown(request: Request, matched: APIRoute) -> None:
    """A misspelt parameter would be left out without a word, and another question answered than was asked."""
    known = _parameters(matched) | ({fields.FIELDS} if matched.openapi_extra and "parameters" in matched.openapi_extra else set())
    if unknown := sorted(set(request.query_params) - known):
        there = f"There are: {', '.join(sorted(known))}." if known else "It takes none."
        raise RequestInvalid(f"This address takes no parameter {unknown[0][:60]!r}. {there}")
    given = [name for name, _ in request.query_params.multi_items() if name != fields.FIELDS]
    if twice := sorted({name for name in given if given.count(name) > 1}):
        raise RequestInvalid(f"The parameter {twice[0][:60]!r} is there twice. Give it once; several values of a filter go by commas.")
    if any("\0" in value for name, value in request.query_params.multi_items() if name != fields.FIELDS):  # what is no field is a 400
        raise TextInvalid("A text holds a NUL character; leave it out.")
    if any("\0" in str(value) for value in request.path_params.values()):
        raise RequestInvalid("The address holds a NUL character; leave it out.")


def _parameters(matched: APIRoute) -> set[str]:
    """The names of a route's query parameters, those of a model by its fields."""
    found = set()
    for one in matched.dependant.query_params:
        kind = one.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= {about.alias or name for name, about in kind.model_fields.items()}
        else:
            found.add(one.alias)
    return found


def _takes_json(endpoint: Callable) -> bool:
    return any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in get_type_hints(endpoint, include_extras=True).values())


def _documented(status: int) -> dict[str, Any]:
    said = {
        **PROBLEMS,
        409: "In conflict with what is there.",
        410: "No longer.",
        413: "Too large.",
        415: "Not a kind of body that is taken.",
        422: "Understood, but impossible.",
    }
    return {"model": Problem, "description": said[status], "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
