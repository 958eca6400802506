"""The way to an organization's provider and back: whole page loads, since a browser leaves for another site and returns with a code.

A form's answer may not lead to another site (the policy's form-action), so that what leads there is a page of its own, with a link on
it for whoever's browser does not follow by itself. A cookie ties the way back to this browser; it ends with the way.
"""

import html
from dataclasses import replace
from urllib.parse import quote, urlencode, urlsplit

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from flyusage import db
from flyusage.auth import accounts, halfway, oidc, providers, second_factor, sessions
from flyusage.auth.errors import (
    AddressInvalid,
    ProviderRefused,
    ProviderUnreachable,
    SecondFactorAsked,
    TooManyAttempts,
    VaultLocked,
)
from flyusage.auth.how import How
from flyusage.auth.oidc import Person
from flyusage.auth.secrets import digest
from flyusage.auth.throttle import Limit, count_from, first
from flyusage.config import settings
from flyusage.errors import FlyusageError
from flyusage.invoices import seats
from flyusage.invoices.seats import NoSeatLeft
from flyusage.orgs import audit
from flyusage.orgs.acting import system
from flyusage.orgs.permissions import Permission
from flyusage.orgs.sso import connections, flows, people
from flyusage.orgs.sso.connections import CALLBACK, Connection
from flyusage.orgs.sso.errors import FlowSpent, SsoRefused, SsoUnknown
from flyusage.orgs.sso.flows import Begun, Flow
from flyusage.ui import elsewhere, forms, reader, sign_in
from flyusage.ui.reader import secret_in, signed_in
from flyusage.ui.session import open_organization

COOKIE = "flyusage_sso_"  # and the state's beginning: two tabs have one each
AT_ONCE = Limit(600, 15 * 60)  # a whole firm comes from one address at nine, and there is nothing to guess
LONGEST_GIVEN = 4000
LONGEST_SHOWN = 300
LONGEST_TOKEN = 12_000
SIGNED_OUT = "/auth/sso/signed-out"
ONCE_S = 2 * (oidc.LOGOUT_S + oidc.SKEW_S)  # longer than a logout token is taken


async def start(request: Request) -> Response:
    """To the provider of the address's organization. Fields: email, next. Says the same of every address of a domain."""
    form = await forms.form_of(request)
    onward, email = forms.own_path(form.get("next", "")), form.get("email", "")[: accounts.LONGEST_ADDRESS]
    try:
        address = forms.address_of(request)
        way, begun = await elsewhere.asked(address, _start, email, onward, address)
    except (SsoUnknown, AddressInvalid, TooManyAttempts, ProviderUnreachable, VaultLocked) as error:
        code = "sso_unreachable" if isinstance(error, (ProviderUnreachable, VaultLocked)) else error.code
        return forms.back("/sign-in", code, next=onward, email=email)
    return _lead(way, begun)


async def test(request: Request) -> Response:
    """To the provider and back to the page of its settings, which says what it answered; signs nobody in. Raises NotPermitted."""
    slug = request.path_params["slug"]
    found = await elsewhere.asked(forms.address_of(request), _start_test, slug)
    if found is None:
        return RedirectResponse("/", status_code=303)
    way, begun = found
    return _lead(way, begun) if way else RedirectResponse(_told_at(f"/orgs/{quote(slug)}/sso", begun.state), status_code=303)


async def callback(request: Request) -> Response:
    """Back from the provider, with a code or a refusal."""
    given = {name: value[:LONGEST_GIVEN] for name, value in request.query_params.items()}
    state, device = given.get("state", ""), request.headers.get("user-agent", "")
    secret = secret_in(request.headers.get("cookie", ""), _cookie(state))
    try:
        flow = await run_in_threadpool(_spend, state, secret, forms.address_of(request))
    except (FlowSpent, TooManyAttempts) as error:
        return forms.back("/sign-in", error.code)
    if flow.purpose == "test":
        await elsewhere.asked(f"organization {flow.org_id}", _finish_test, flow, given, secret)
        return _without(RedirectResponse(_told_at(flow.onward, state), status_code=303), state)
    try:
        made = await elsewhere.asked(f"organization {flow.org_id}", _finish, flow, given, secret, forms.address_of(request), device)
    except SecondFactorAsked as asked:
        return _without(forms.ask_for_code(asked.secret, flow.onward), state)
    except FlyusageError as error:
        await run_in_threadpool(_refuse, flow, state, error)
        return _without(forms.back("/sign-in", "sso_refused", about=state, next=flow.onward), state)
    await run_in_threadpool(forms.end_session, request)  # the one this browser had
    return _without(forms.with_cookies(RedirectResponse(flow.onward or "/", status_code=303), made), state)


async def sign_out(request: Request) -> Response:
    """End this browser's session, and lead to where its provider ends the one there. Without such a place, say so."""
    way = await elsewhere.asked(forms.address_of(request), _way_out)
    response = await sign_in.sign_out(request)
    if way:
        led = _page(way, "To your organization's sign-out")
        return forms.without_cookie(led, reader.COOKIE)
    response.headers["location"] = "/sign-in?problem=signed_out_here"
    return response


async def signed_out(_request: Request) -> Response:
    """Back from the provider, where somebody has signed out."""
    return RedirectResponse("/sign-in?problem=signed_out", status_code=303)


async def signed_out_elsewhere(request: Request) -> Response:
    """The provider itself says who has signed out there (back-channel). Field: logout_token. 200 where it was taken, else 400."""
    form = await forms.form_of(request)
    headers = {"cache-control": "no-store"}
    try:
        address = forms.address_of(request)
        await elsewhere.asked(address, _sign_out_elsewhere, form.get("logout_token", "")[:LONGEST_TOKEN], address)
    except TooManyAttempts as error:
        return JSONResponse({"error": "temporarily_unavailable"}, error.status, {**headers, "retry-after": str(error.retry_after_s)})
    except FlyusageError as error:
        return JSONResponse({"error": "invalid_request", "error_description": error.sentence}, 400, headers)
    return Response(status_code=200, headers=headers)


def refusal(state: str) -> str:
    """Why the provider's word did not let somebody in, for the browser that knows the state. Blocks on the database."""
    with db.platform_transaction() as session:
        return str(flows.told(session, state[:LONGEST_SHOWN], "sign_in").get("refusal", ""))


def redirect_uri() -> str:
    """Where providers send browsers back to, on the host that is configured: never one that a request named."""
    return settings().address + CALLBACK


def _start(email: str, onward: str, address: str) -> tuple[str, Begun]:
    with db.platform_transaction() as session:
        count_from(session, "sso", address, AT_ONCE)
    written = accounts.normal(email)
    with db.platform_transaction() as session:
        lead = connections.lead_of(session, written)
        held = connections.connection(session, lead.org_id) if lead is not None else None
        if held is None:
            raise SsoUnknown("No organization signs that address in by a provider of its own.")
        client = connections.client(session, held, redirect_uri())
        begun = flows.begin(session, held.org_id, "sign_in", onward=onward)
    return oidc.way_there(client, state=begun.state, secret=begun.secret, hint=written), begun


def _start_test(slug: str) -> tuple[str, Begun] | None:
    org = open_organization(slug, Permission.SIGN_IN_MANAGE)
    if org is None or org.by.user_id is None:
        return None
    with db.platform_transaction() as session:
        held = connections.connection(session, org.id)
        if held is None:
            return None
        client = connections.client(session, held, redirect_uri())
        begun = flows.begin(session, org.id, "test", onward=f"/orgs/{org.slug}/sso", started_by=org.by.user_id)
    providers.forget(held.issuer)
    try:
        return oidc.way_there(client, state=begun.state, secret=begun.secret), begun
    except ProviderUnreachable as error:
        with db.platform_transaction() as session:
            flows.spend(session, begun.state, begun.secret)
            flows.tell(session, begun.state, {"problem": error.sentence})
        return "", begun


def _way_out() -> str | None:
    with db.platform_transaction() as session:
        reader = signed_in(session)
        held = connections.connection(session, reader.how.sso_org_id) if reader and reader.how.sso_org_id is not None else None
        if reader is None or held is None:
            return None
        client = oidc.Client(held.issuer, held.client_id, "", redirect_uri())
    try:
        return oidc.way_out(client, back=settings().address + SIGNED_OUT, hint=reader.email)
    except ProviderUnreachable:
        return None


def _sign_out_elsewhere(token: str, address: str) -> None:
    """Raises ProviderRefused, ProviderUnreachable, TooManyAttempts."""
    with db.platform_transaction() as session:
        count_from(session, "sso-out", address, AT_ONCE)
    issuer, clients = oidc.addressed(token)
    with db.platform_transaction() as session:
        found = connections.of_provider(session, issuer, clients)
    if not found:
        raise ProviderRefused("No organization here signs its people in by that provider.")
    # Each is asked: a word that comes again, since we died halfway through it, still has to be taken for the rest.
    taken = [_take_word(held, token) for held in found]
    if not any(taken):
        raise ProviderRefused("That logout token was taken already.")


def _take_word(held: Connection, token: str) -> bool:
    """End what the one who has signed out began by this organization's provider; False where it was taken already."""
    subject, name = oidc.signed_out(oidc.Client(held.issuer, held.client_id, "", redirect_uri()), token)
    with db.platform_transaction() as session:
        if not first(session, f"sso-out-{held.org_id}", digest(name).hex(), ONCE_S):
            return False
        people.signed_out(session, held, subject)
    return True


def _spend(state: str, secret: str, address: str) -> Flow:
    with db.platform_transaction() as session:
        count_from(session, "sso-back", address, AT_ONCE)
    with db.platform_transaction() as session:
        return flows.spend(session, state, secret)


def _person(flow: Flow, given: dict[str, str], secret: str) -> tuple[Connection, Person]:
    """Who the provider says came back. Raises ProviderRefused, ProviderUnreachable, VaultLocked, SsoRefused."""
    with db.platform_transaction() as session:
        held = connections.connection(session, flow.org_id)
        if held is None or held.is_off:
            raise SsoRefused("Single sign-on is switched off for your organization. Sign in with your password.")
        client = connections.client(session, held, redirect_uri())
    if "error" in given:
        said = ": ".join(given[one] for one in ("error", "error_description") if given.get(one))
        raise ProviderRefused(f"Your provider did not sign you in. It says: {_harmless(said)}.")
    return held, oidc.person(client, code=given.get("code", ""), state=given["state"], secret=secret, issuer_given=given.get("iss"))


def _finish(flow: Flow, given: dict[str, str], secret: str, address: str, device: str) -> str:
    """The new session's secret. Raises SecondFactorAsked for an account that has one, SsoRefused and what the protocol raises."""
    held, person = _person(flow, given, secret)
    with db.platform_transaction() as session:
        admitted = _admit(session, held, person)
        how = How("sso", held.org_id, person.has_factor)
        connections.worked(session, held.org_id)
        # What guards the account everywhere is asked for whatever one organization's provider says.
        if not second_factor.is_on(session, admitted.user_id):
            detail = {"by": "single sign-on", "provider_factor": person.has_factor, "device": device[: forms.LONGEST_NOTED]}
            audit.record_of_person(session, admitted.user_id, actor=f"user:{admitted.user_id}", action="session.start", detail=detail)
            return sessions.start(session, admitted.user_id, address=address, device=device, how=how)
        half = halfway.start(session, admitted.user_id, how=how)
    raise SecondFactorAsked(half)


def _admit(session: Session, held: Connection, person: Person) -> people.Admitted:
    """Let in, with the seat that takes. Raises SsoRefused, naming whom to ask where none is left."""
    db.become(session.connection(), db.PLATFORM_ROLE, str(held.org_id))
    try:
        with session.begin_nested(), seats.kept(session, held.org_id, by=system("sso")):
            return people.admit(session, held, person)
    except NoSeatLeft as error:
        asked = people.whom_to_ask(session, held.org_id)
        raise SsoRefused(
            f"Your organization has no seat left for you. {asked} to add one, or to give you the role billing or viewer, which take none."
        ) from error


def _finish_test(flow: Flow, given: dict[str, str], secret: str) -> None:
    """Keep what the provider answered, and what would come of it, for whoever asked."""
    outcome: dict[str, object]
    try:
        held, person = _person(flow, given, secret)
        outcome = _answered(person)
        with db.platform_transaction() as session:
            outcome |= _would_come(session, held, person)
            session.rollback()
        with db.platform_transaction() as session:
            if "role" in outcome:
                connections.worked(session, flow.org_id)
            audit.record(
                session,
                flow.org_id,
                actor=f"user:{flow.started_by}",
                action="sso.test",
                subject="single sign-on",
                detail={"ok": "role" in outcome},
            )
    except FlyusageError as error:
        outcome = {"problem": error.sentence}
    with db.platform_transaction() as session:
        flows.tell(session, given["state"], outcome)


def _would_come(session: Session, held: Connection, person: Person) -> dict[str, object]:
    """What a sign-in would do, in a transaction that is not kept."""
    try:
        admitted = _admit(session, replace(held, is_off=False), person)
    except SsoRefused as error:
        return {"refusal": error.sentence}
    return {"role": admitted.role.value, "is_new": admitted.is_new_member}


def _answered(person: Person) -> dict[str, object]:
    return {
        "issuer": person.issuer,
        "subject": person.subject,
        "email": person.email,
        "is_verified": person.is_email_verified,
        "name": person.name,
        "groups": list(person.groups),
        "amr": list(person.amr),
        "acr": person.acr,
        "has_factor": person.has_factor,
    }


def _refuse(flow: Flow, state: str, error: FlyusageError) -> None:
    """Say why, to the browser that asked and in the organization's audit."""
    with db.platform_transaction() as session:
        flows.tell(session, state, {"refusal": error.sentence})
        detail = {"by": "single sign-on", "why": error.sentence[:LONGEST_SHOWN]}
        audit.record(session, flow.org_id, actor="system:sso", action="session.refuse", subject="single sign-on", detail=detail)


def _told_at(path: str, state: str) -> str:
    """Where a test's outcome is shown."""
    return f"{path}?{urlencode({'tested': state})}"


def _lead(way: str, begun: Begun) -> Response:
    """A page that goes on by itself; its link is for browsers that do not."""
    response = _page(way, "To your organization's sign-in")
    forms.set_cookie(response, _cookie(begun.state), begun.secret, int(flows.LASTS.total_seconds()))
    return response


def _page(way: str, title: str) -> HTMLResponse:
    there, name = html.escape(way, quote=True), html.escape(urlsplit(way).hostname or "")
    return HTMLResponse(_PAGE.format(there=there, name=name, title=title), headers={"cache-control": "no-store"})


def _without(response: Response, state: str) -> Response:
    return forms.without_cookie(response, _cookie(state))


def _cookie(state: str) -> str:
    return COOKIE + "".join(one for one in state[:12] if one.isalnum() and one.isascii())


def _harmless(words: str) -> str:
    return "".join(one for one in words if one.isprintable())[:LONGEST_SHOWN].rstrip(".")


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="0; url={there}"><title>{title} · flyusage</title>
<style>:root {{ color-scheme: light dark }} body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 20vh auto; max-width: 26rem; padding: 0 1.5rem }}
</style></head>
<body><main><h1 style="font-size: 1.25rem">{title}</h1>
<p>You go on at <strong>{name}</strong>. <a href="{there}">Continue</a>, if nothing happens.</p></main></body></html>
"""

routes = [
    Route("/auth/sso", start, methods=["POST"]),
    Route(CALLBACK, callback),
    Route("/auth/sso/sign-out", sign_out, methods=["POST"]),
    Route(SIGNED_OUT, signed_out),
    Route("/auth/sso/back-channel", signed_out_elsewhere, methods=["POST"]),
    Route("/orgs/{slug}/sso/test", test),
]
