"""SCIM's addresses, under /scim/v2: whose token, how often, how much; then the protocol, and letters to who has come."""

import json
from collections.abc import Iterable
from http import HTTPStatus

import structlog
from scim2_models import Error, SCIMException, UniquenessException
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flyusage import db
from flyusage.api.scim import joining
from flyusage.api.scim.resources import PROVIDER, Group, User
from flyusage.api.scim.storage import Storage
from flyusage.auth import accounts, throttle
from flyusage.auth.errors import TooManyAttempts
from flyusage.auth.letters import LinkLetter, link_letter, send_all
from flyusage.auth.throttle import Limit
from flyusage.config import settings
from flyusage.errors import FlyusageError
from flyusage.orgs import invitations, scim_tokens
from flyusage.orgs.errors import ScimTaken, TokenRefused
from flyusage.orgs.invitations import Invited
from flyusage.orgs.provisioning import Welcome
from flyusage.orgs.scim_tokens import PATH, Bearer

MEDIA_TYPE = "application/scim+json"
LONGEST_BODY = 4_000_000  # a group of ten thousand with names and addresses has two
PER_TOKEN = Limit(1200, 60)

_log = structlog.get_logger(__name__)


class Service(ScimService):
    """The protocol, forgiving in one thing: a userName that is an address stands for the address that was not sent. Groups may be large."""

    def decode_emails(self, body: bytes) -> bytes:
        """A user's body with an address, where it has none and its userName is one: of work, which some directories change by that word."""
        try:
            told = json.loads(body)
        except ValueError:
            return body
        if not isinstance(told, dict):
            return body
        by_name = {key.casefold(): key for key in told}
        name = told.get(by_name.get("username", ""))
        if told.get(by_name.get("emails", "")) or not isinstance(name, str) or "@" not in name:
            return body
        return json.dumps({**told, by_name.get("emails", "emails"): [{"value": name, "type": "work", "primary": True}]}).encode()

    def read_creation(self, resource_type, body, content_type):
        """Validate the body of a creation."""
        return super().read_creation(resource_type, self._with_emails(resource_type, body), content_type)

    def read_replacement(self, resource_type, body, content_type):
        """Validate the body of a replacement."""
        return super().read_replacement(resource_type, self._with_emails(resource_type, body), content_type)

    def apply_patch(self, current, patch_op, conditions):
        """Apply a PATCH to a stored resource; None where it changes nothing."""
        if isinstance(current, Group):
            self.check_preconditions(current, "PATCH", conditions)
            return current if joining.changed(current, patch_op) else None
        joining.refuse_beyond(patch_op.operations or [])
        return super().apply_patch(current, patch_op, conditions)

    def _with_emails(self, resource_type, body: bytes) -> bytes:
        return self.decode_emails(body) if self.get_model(resource_type) is User else body


_service = Service(PROVIDER)


async def answer(request: Request) -> Response:
    """What a directory gets: a SCIM resource, list or error. Bodies of four megabytes at most."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_BODY:
            return _response(_failed(SCIMException.from_error(Error(status=413, detail="Send four megabytes at most."))))
    return _response(await run_in_threadpool(_answer, request, bytes(body)))


def _base_url(request: Request) -> str:
    """What locations begin with: the configured address, else the one that was asked."""
    asked = f"{request.url.scheme}://{request.url.netloc}"
    return f"{settings().address if settings().base_url else asked}{PATH}"


def _answer(request: Request, body: bytes) -> ScimResponse:
    try:
        bearer = _admitted(request)
        storage = Storage(bearer)
        asked = ScimRequest(
            method=request.method,
            base_url=_base_url(request),
            path=request.path_params["path"],
            query=dict(request.query_params),
            headers=list(request.headers.items()),
            body=body,
        )
        response = ScimHandler(_service, storage).handle(asked)
    except TokenRefused as error:
        return _refused(error.sentence)
    except FlyusageError as error:
        return _failed(_scim_error(error))
    except SCIMException as error:
        return _failed(error)
    except RecursionError:
        return _failed(SCIMException.from_error(Error(status=400, scim_type="invalidSyntax", detail="That is nested too deeply.")))
    _write_to(bearer, storage.welcomes)
    return response


def _admitted(request: Request) -> Bearer:
    """Whose directory asks. Raises TokenRefused, TooManyAttempts."""
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret:
        raise TokenRefused("SCIM asks for a token: Authorization: Bearer flyscim_…. Make one on the organization's provisioning page.")
    with db.lookup_transaction() as session:
        bearer = scim_tokens.bearer_of(session, secret.strip())
    with db.platform_transaction() as session:
        throttle.refuse_beyond(throttle.counted(session, "scim-token", str(bearer.token_id), PER_TOKEN))
    return bearer


def _scim_error(error: FlyusageError) -> SCIMException:
    if isinstance(error, ScimTaken):
        return UniquenessException(detail=error.sentence)
    kind = "invalidValue" if error.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY) else None
    status = HTTPStatus.BAD_REQUEST if kind else error.status
    made = SCIMException.from_error(Error(status=status, scim_type=kind, detail=error.sentence))
    made.retry_after_s = error.retry_after_s if isinstance(error, TooManyAttempts) else None  # pyright: ignore[reportAttributeAccessIssue]
    return made


def _failed(error: SCIMException) -> ScimResponse:
    response = _service.error_response(error)
    if (seconds := getattr(error, "retry_after_s", None)) is not None:
        response.headers["Retry-After"] = str(seconds)
    return response


def _refused(sentence: str) -> ScimResponse:
    """401 with what to do; the challenge is the protocol's own."""
    return _service.error_response(SCIMException.from_error(Error(status=401, detail=sentence)))


def _response(made: ScimResponse) -> Response:
    content = b"" if made.body is None else json.dumps(made.body, ensure_ascii=False).encode()
    response = Response(content, status_code=int(made.status), headers=dict(made.headers))
    response.headers["content-type"] = MEDIA_TYPE
    response.headers["cache-control"] = "no-store"  # of people, and for whoever shows the token
    return response


def _write_to(bearer: Bearer, welcomes: Iterable[Welcome]) -> None:
    """Tell who has come how to sign in. A mail that cannot go is in the log: the directory has nothing to do with it."""
    letters = []
    for one in welcomes:
        if one.secret:
            invited = Invited(one.email, "invited", one.role, one.secret)
            inviter = f"The directory of {bearer.org_name}"
            letters.append(invitations.letter(invited, organization=bearer.org_name, inviter=inviter, settings=settings()))
        elif one.user_id is not None:
            letters.append(_new_account_letter(bearer, one.email, one.user_id))
    send_all(letters)


def _new_account_letter(bearer: Bearer, email: str, user_id: int) -> LinkLetter:
    with db.platform_transaction() as session:
        link = accounts.link_to_set_password(accounts.new_link(session, user_id, "set_password"), settings())
    said = (
        f"{bearer.org_name} has made an account for you on flyusage.",
        "The link sets its password, once, within 24 hours; after that the page to sign in sends another.",
        "Where your organization signs you in by its own page, you need no password: leave this mail alone.",
    )
    return LinkLetter(
        email, link, link_letter(f"Your account on flyusage, from {bearer.org_name}", said, "Set your password", link), "password_link"
    )


routes = [Route(PATH + "/{path:path}", answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]
