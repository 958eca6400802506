"""Plain forms by which people sign in and out: whole page loads, since only a response can set a cookie no script reads."""

from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

from sqlmodel import Session
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from flyusage import db
from flyusage.auth import accounts, halfway, passkeys, passwords, second_factor, sessions
from flyusage.auth.errors import (
    AccountDisabled,
    CodeWrong,
    PasskeyRefused,
    SecondFactorAsked,
    SignInNeeded,
    SignInOver,
    SignInRefused,
    TooManyAttempts,
)
from flyusage.auth.how import DEMO
from flyusage.auth.second_factor import Kind
from flyusage.config import settings
from flyusage.demo import people
from flyusage.errors import FlyusageError
from flyusage.orgs import audit
from flyusage.orgs.sso.connections import lead_of, require_password_allowed
from flyusage.orgs.sso.errors import SingleSignOnNeeded
from flyusage.server import is_loopback
from flyusage.ui.forms import (
    HALFWAY_COOKIE,
    address_of,
    ask_for_code,
    back,
    end_session,
    field,
    form_of,
    note,
    own_path,
    with_cookies,
    without_cookie,
    without_half,
)
from flyusage.ui.reader import COOKIE, DEVICE_COOKIE, secret_in, signed_in

LONGEST_CODE = 60


async def sign_in(request: Request) -> Response:
    """By password. Fields: email, password, next."""
    form = await form_of(request)
    onward = own_path(field(form, "next"))
    mark = secret_in(request.headers.get("cookie", ""), DEVICE_COOKIE)
    try:
        secret = await run_in_threadpool(
            accounts.sign_in,
            field(form, "email"),
            field(form, "password"),
            address=address_of(request),
            device=request.headers.get("user-agent", ""),
            mark=mark or None,
            note=partial(note, "session.start", device=request.headers.get("user-agent", "")),
            permit=_permit_password,
        )
    except SecondFactorAsked as asked:
        return ask_for_code(asked.secret, onward)
    except (SignInRefused, TooManyAttempts, SingleSignOnNeeded) as error:
        # By the address alone, whether or not it has an account.
        leads = isinstance(error, SignInRefused) and await run_in_threadpool(_must_use_provider, field(form, "email"))
        answer = back("/sign-in", SingleSignOnNeeded.code if leads else error.code, next=onward, email=field(form, "email")[:254])
        if isinstance(error, SignInRefused) and error.user_id is not None:
            # After the answer: it must not take longer where there is somebody to tell of.
            answer.background = BackgroundTask(_note_refusal, error.user_id)
        return answer
    await run_in_threadpool(end_session, request)  # the one this browser had: whoever planted it gains nothing
    return with_cookies(RedirectResponse(onward or "/", status_code=303), secret)


async def enter_demo(request: Request) -> Response:
    """As one of the demonstration's people, without a password, from this machine only. Fields: email, next."""
    form = await form_of(request)
    onward = own_path(field(form, "next"))
    address = address_of(request)
    secret = await run_in_threadpool(_enter_demo, field(form, "email"), address, request.headers.get("user-agent", ""))
    if secret is None:
        return back("/sign-in", "sign_in_refused", next=onward)
    await run_in_threadpool(end_session, request)
    return with_cookies(RedirectResponse(onward or "/", status_code=303), secret)


def is_demo_at_hand() -> bool:
    """Whether this server answers this machine alone, and no proxy stands before it: only then are there doors without a password."""
    chosen = settings()
    return chosen.base_url is None and not chosen.proxies and is_loopback(chosen.host)


def _enter_demo(email: str, address: str, device: str) -> str | None:
    if not (is_demo_at_hand() and is_loopback(address)):
        return None
    with db.platform_transaction() as session:
        if email not in (person.email for person in people.open_doors(session)):
            return None
        known = accounts.known(session, email)
        note("session.start", session, known.user_id, device=device)
        return sessions.start(session, known.user_id, address=address, device=device, how=DEMO)


async def second_step(request: Request) -> Response:
    """By the code that follows the password. Fields: code, next."""
    form = await form_of(request)
    onward, device = own_path(field(form, "next")), request.headers.get("user-agent", "")
    half = secret_in(request.headers.get("cookie", ""), HALFWAY_COOKIE)
    try:
        secret = await run_in_threadpool(
            halfway.finish,
            half,
            field(form, "code")[:LONGEST_CODE],
            address=address_of(request),
            device=device,
            note=partial(_note_code, device),
        )
    except SignInOver as error:
        return without_half(back("/sign-in", error.code, next=onward))
    except (CodeWrong, TooManyAttempts) as error:
        return back("/second-factor", error.code, next=onward)
    await run_in_threadpool(end_session, request)
    return without_half(with_cookies(RedirectResponse(onward or "/", status_code=303), secret))


async def passkey_options(request: Request) -> Response:
    """What the browser is asked to sign after the password, as JSON; or why not."""
    half = secret_in(request.headers.get("cookie", ""), HALFWAY_COOKIE)
    return await _options(halfway.passkey_asked, half)


async def passkey_step(request: Request) -> Response:
    """By what a passkey signed. Fields: credential (JSON), next."""
    form = await form_of(request)
    onward, device = own_path(field(form, "next")), request.headers.get("user-agent", "")
    half = secret_in(request.headers.get("cookie", ""), HALFWAY_COOKIE)
    noted = partial(_note_code, device)
    try:
        secret = await run_in_threadpool(
            halfway.finish_by_passkey, half, field(form, "credential"), address=address_of(request), device=device, note=noted
        )
    except SignInOver as error:
        return without_half(back("/sign-in", error.code, next=onward))
    except (PasskeyRefused, TooManyAttempts) as error:
        return back("/second-factor", error.code, next=onward)
    await run_in_threadpool(end_session, request)
    return without_half(with_cookies(RedirectResponse(onward or "/", status_code=303), secret))


async def entry_options(request: Request) -> Response:
    """What the browser of whoever signs in by a passkey alone is asked to sign, as JSON; or why not."""
    return await _options(accounts.passkey_asked, address_of(request))


async def enter_by_passkey(request: Request) -> Response:
    """By what a passkey signed, without a password or a code. Fields: credential (JSON), next."""
    form = await form_of(request)
    onward, device = own_path(field(form, "next")), request.headers.get("user-agent", "")
    try:
        secret = await run_in_threadpool(
            accounts.sign_in_by_passkey,
            field(form, "credential"),
            address=address_of(request),
            device=device,
            note=partial(note, "session.start", device=device),
            permit=_permit_password,
        )
    except PasskeyRefused:
        return back("/sign-in", "passkey_unknown", next=onward)
    except (TooManyAttempts, SingleSignOnNeeded) as error:
        return back("/sign-in", error.code, next=onward)
    await run_in_threadpool(end_session, request)
    return without_half(with_cookies(RedirectResponse(onward or "/", status_code=303), secret))


async def new_passkey(request: Request) -> Response:
    """What the browser of whoever is signed in is asked to make a passkey by, as JSON; or why not. Field: proof."""
    form = await form_of(request)
    return await _options(_new_passkey, field(form, "proof")[: passwords.LONGEST])


async def sign_out(request: Request) -> Response:
    """End this browser's session."""
    await run_in_threadpool(end_session, request)
    response = RedirectResponse("/sign-in?problem=signed_out", status_code=303)
    return without_cookie(response, COOKIE)


async def _options(asked: Callable[..., str], *given: str) -> Response:
    try:
        return Response(await run_in_threadpool(asked, *given), media_type="application/json", headers={"cache-control": "no-store"})
    except FlyusageError as error:
        return JSONResponse({"code": error.code, "detail": error.sentence}, status_code=error.status)


def _new_passkey(proof: str) -> str:
    with db.platform_transaction() as session:
        reader = signed_in(session)
        if reader is None:
            raise SignInNeeded("You are not signed in, or no longer. Sign in, and come back to this page.")
    second_factor.permit_another(reader, proof)
    with db.platform_transaction() as session:
        return passkeys.begin(session, reader.user_id, reader.email, settings())


def ask_to_sign_in(request: Request, _error: Exception) -> Response:
    """Where a plain address leads that is for people who have signed in."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?{urlencode({'next': here})}", status_code=303)


def ask_for_second_factor(_request: Request, _error: Exception) -> Response:
    """Where a plain address leads that is for people with a second factor, for those who have none yet."""
    return RedirectResponse("/account?needs=second-factor", status_code=303)


def _permit_password(session: Session, user_id: int) -> None:
    require_password_allowed(session, user_id)


def _must_use_provider(email: str) -> bool:
    with db.platform_transaction() as session:
        leads = lead_of(session, email[: accounts.LONGEST_ADDRESS].replace("\0", ""))
        return leads is not None and leads.is_enforced


def _note_code(device: str, session: Session, user_id: int, kind: Kind) -> None:
    note("session.start", session, user_id, device=device)
    if kind == "recovery":
        note("recovery_code.use", session, user_id, device=device)


def _note_refusal(user_id: int) -> None:
    with db.platform_transaction() as session:
        audit.record_of_person(session, user_id, actor="system:sign-in", action="session.refuse")


def tell_disabled(_request: Request, error: Exception) -> Response:
    """Where somebody lands whose account is disabled, by whatever way they proved that it is theirs."""
    assert isinstance(error, AccountDisabled)
    answer = without_half(back("/sign-in", error.code))
    answer.background = BackgroundTask(_note_refusal, error.user_id)
    return answer


routes = [
    Route("/auth/sign-in", sign_in, methods=["POST"]),
    Route("/auth/enter-demo", enter_demo, methods=["POST"]),
    Route("/auth/second-factor", second_step, methods=["POST"]),
    Route("/auth/passkey-options", passkey_options, methods=["POST"]),
    Route("/auth/passkey", passkey_step, methods=["POST"]),
    Route("/auth/entry-options", entry_options, methods=["POST"]),
    Route("/auth/enter-by-passkey", enter_by_passkey, methods=["POST"]),
    Route("/auth/new-passkey", new_passkey, methods=["POST"]),
    Route("/auth/sign-out", sign_out, methods=["POST"]),
]
