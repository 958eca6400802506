"""Plain forms by which people sign in and out: whole page loads, since only a response can set a cookie no script reads.

A form's answer is always a redirect: to where somebody wanted to go, or back to the form with the reason (`?problem=`).
Other sites' pages cannot post here (`front_door.py` refuses a foreign Origin, the cookie is SameSite).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import parse_qsl, urlencode, urlsplit

from sqlmodel import Session
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from flyusage import db
from flyusage.auth import accounts, halfway, letters, passkeys, passwords, second_factor, sessions
from flyusage.auth.errors import (
    AccountDisabled,
    AddressInvalid,
    CodeWrong,
    LinkSpent,
    PasskeyRefused,
    PasswordTooWeak,
    PasswordWrong,
    SecondFactorAsked,
    SignInNeeded,
    SignInOver,
    SignInRefused,
    TooManyAttempts,
)
from flyusage.auth.how import DEMO, LINK
from flyusage.auth.second_factor import Kind
from flyusage.auth.throttle import MAILS_PER_ACCOUNT, MAILS_PER_ADDRESS, PER_ADDRESS, count
from flyusage.config import settings
from flyusage.demo import people
from flyusage.errors import FlyusageError
from flyusage.orgs import audit, invitations
from flyusage.orgs.errors import InvitationForAnother, InvitationSpent
from flyusage.orgs.invitations import Offer
from flyusage.orgs.sso.connections import lead_of, require_password_allowed
from flyusage.orgs.sso.errors import SingleSignOnNeeded
from flyusage.server import is_loopback
from flyusage.ui.reader import COOKIE, DEVICE_COOKIE, cookie_name, secret_in, signed_in

LARGEST_FORM = 16_384
HALFWAY_COOKIE = "flyusage_halfway"  # between the password and the code; no session
LONGEST_CODE = 60
LONGEST_NOTED = 200
DEVICE_SECONDS = 400 * 86_400  # the longest a browser keeps one


async def sign_in(request: Request) -> Response:
    """By password. Fields: email, password, next."""
    form = await form_of(request)
    onward = own_path(_field(form, "next"))
    mark = secret_in(request.headers.get("cookie", ""), DEVICE_COOKIE)
    try:
        secret = await run_in_threadpool(
            accounts.sign_in,
            _field(form, "email"),
            _field(form, "password"),
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
        leads = isinstance(error, SignInRefused) and await run_in_threadpool(_must_use_provider, _field(form, "email"))
        answer = back("/sign-in", SingleSignOnNeeded.code if leads else error.code, next=onward, email=_field(form, "email")[:254])
        if isinstance(error, SignInRefused) and error.user_id is not None:
            # After the answer: it must not take longer where there is somebody to tell of.
            answer.background = BackgroundTask(_note_refusal, error.user_id)
        return answer
    await run_in_threadpool(end_session, request)  # the one this browser had: whoever planted it gains nothing
    return with_cookies(RedirectResponse(onward or "/", status_code=303), secret)


async def enter_demo(request: Request) -> Response:
    """As one of the demonstration's people, without a password, from this machine only. Fields: email, next."""
    form = await form_of(request)
    onward = own_path(_field(form, "next"))
    address = address_of(request)
    secret = await run_in_threadpool(_enter_demo, _field(form, "email"), address, request.headers.get("user-agent", ""))
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
    onward, device = own_path(_field(form, "next")), request.headers.get("user-agent", "")
    half = secret_in(request.headers.get("cookie", ""), HALFWAY_COOKIE)
    try:
        secret = await run_in_threadpool(
            halfway.finish,
            half,
            _field(form, "code")[:LONGEST_CODE],
            address=address_of(request),
            device=device,
            note=partial(_note_code, device),
        )
    except SignInOver as error:
        return _without_half(back("/sign-in", error.code, next=onward))
    except (CodeWrong, TooManyAttempts) as error:
        return back("/second-factor", error.code, next=onward)
    await run_in_threadpool(end_session, request)
    return _without_half(with_cookies(RedirectResponse(onward or "/", status_code=303), secret))


async def passkey_options(request: Request) -> Response:
    """What the browser is asked to sign after the password, as JSON; or why not."""
    half = secret_in(request.headers.get("cookie", ""), HALFWAY_COOKIE)
    return await _options(halfway.passkey_asked, half)


async def passkey_step(request: Request) -> Response:
    """By what a passkey signed. Fields: credential (JSON), next."""
    form = await form_of(request)
    onward, device = own_path(_field(form, "next")), request.headers.get("user-agent", "")
    half = secret_in(request.headers.get("cookie", ""), HALFWAY_COOKIE)
    noted = partial(_note_code, device)
    try:
        secret = await run_in_threadpool(
            halfway.finish_by_passkey, half, _field(form, "credential"), address=address_of(request), device=device, note=noted
        )
    except SignInOver as error:
        return _without_half(back("/sign-in", error.code, next=onward))
    except (PasskeyRefused, TooManyAttempts) as error:
        return back("/second-factor", error.code, next=onward)
    await run_in_threadpool(end_session, request)
    return _without_half(with_cookies(RedirectResponse(onward or "/", status_code=303), secret))


async def entry_options(request: Request) -> Response:
    """What the browser of whoever signs in by a passkey alone is asked to sign, as JSON; or why not."""
    return await _options(accounts.passkey_asked, address_of(request))


async def enter_by_passkey(request: Request) -> Response:
    """By what a passkey signed, without a password or a code. Fields: credential (JSON), next."""
    form = await form_of(request)
    onward, device = own_path(_field(form, "next")), request.headers.get("user-agent", "")
    try:
        secret = await run_in_threadpool(
            accounts.sign_in_by_passkey,
            _field(form, "credential"),
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
    return _without_half(with_cookies(RedirectResponse(onward or "/", status_code=303), secret))


async def new_passkey(request: Request) -> Response:
    """What the browser of whoever is signed in is asked to make a passkey by, as JSON; or why not. Field: proof."""
    form = await form_of(request)
    return await _options(_new_passkey, _field(form, "proof")[: passwords.LONGEST])


async def sign_out(request: Request) -> Response:
    """End this browser's session."""
    await run_in_threadpool(end_session, request)
    response = RedirectResponse("/sign-in?problem=signed_out", status_code=303)
    return without_cookie(response, COOKIE)


async def forgot(request: Request) -> Response:
    """Send a link by which a new password can be set. Field: email. Answers the same for every address."""
    form = await form_of(request)
    try:
        email = await run_in_threadpool(_count_link, _field(form, "email"), address_of(request))
    except (AddressInvalid, TooManyAttempts) as error:
        return back("/forgot", error.code)
    # After the answer: it must not take longer where there is somebody to write to.
    return RedirectResponse("/sign-in?problem=link_sent", status_code=303, background=BackgroundTask(_send_link, email))


async def set_password(request: Request) -> Response:
    """Set the password by a link's secret, and sign in. Fields: link, password."""
    form = await form_of(request)
    link = _field(form, "link")
    try:
        secret = await run_in_threadpool(
            _set_password, link, _field(form, "password"), address_of(request), request.headers.get("user-agent", "")
        )
    except LinkSpent as error:
        return back("/forgot", error.code)
    except PasswordTooWeak as error:
        return back("/set-password", error.code, link=link)
    except SingleSignOnNeeded as error:
        return back("/sign-in", error.code)
    except SecondFactorAsked as asked:
        return ask_for_code(asked.secret, "")
    return with_cookies(RedirectResponse("/", status_code=303), secret)


async def change_password(request: Request) -> Response:
    """Another password for whoever is signed in, who is signed out everywhere else. Fields: present, password."""
    form = await form_of(request)
    try:
        secret = await run_in_threadpool(
            _change_password, _field(form, "present"), _field(form, "password"), address_of(request), request.headers.get("user-agent", "")
        )
    except SignInNeeded:
        return RedirectResponse("/sign-in?next=%2Faccount", status_code=303)
    except (PasswordWrong, PasswordTooWeak, TooManyAttempts, SingleSignOnNeeded) as error:
        return back("/account", error.code)
    return with_cookies(back("/account", "password_changed"), secret)


async def accept_invitation(request: Request) -> Response:
    """Take the place that an invitation keeps: signed in as its address, or with a new account. Fields: link, name, password."""
    form = await form_of(request)
    link = _field(form, "link")
    try:
        taken = await run_in_threadpool(_accept, link, form, address_of(request), request.headers.get("user-agent", ""))
    except (TooManyAttempts, SingleSignOnNeeded) as error:
        return back("/sign-in", error.code)
    except (InvitationSpent, InvitationForAnother, PasswordTooWeak) as error:
        return back("/invitation", error.code, link=link, name=_field(form, "name")[: accounts.LONGEST_NAME])
    onward = f"/orgs/{taken.offer.slug}"
    if taken.half is not None:
        return ask_for_code(taken.half, onward)
    response = RedirectResponse(onward, status_code=303)
    if taken.secret is None:
        return response
    await run_in_threadpool(end_session, request)
    return with_cookies(response, taken.secret)


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


def own_path(wanted: str) -> str:
    """`wanted` where it is a path of this server's pages, else empty: a sign-in form must send nobody to a stranger's page."""
    parts = urlsplit(wanted) if wanted.isprintable() and "\\" not in wanted else None
    if parts is None or parts.scheme or parts.netloc or not wanted.startswith("/") or wanted.startswith("//"):
        return ""
    return wanted


def _count_link(email: str, address: str) -> str:
    written = accounts.normal(email)
    with db.platform_transaction() as session:
        count(session, "link-from", address, MAILS_PER_ADDRESS)
        count(session, "link-to", written, MAILS_PER_ACCOUNT)
    return written


def _send_link(email: str) -> None:
    with db.platform_transaction() as session:
        known = accounts.find(session, email)
        secret = accounts.new_link(session, known.user_id, "set_password") if known else None
    if secret is not None:
        letters.send_link(email, accounts.link_to_set_password(secret, settings()))


def _change_password(present: str, wanted: str, address: str, device: str) -> str:
    with db.platform_transaction() as session:
        reader = signed_in(session)
        if reader is None:
            raise SignInNeeded("You are not signed in, or no longer. Sign in, and come back to this page.")
    permitted = partial(_note_password, device)
    return accounts.change_password(reader, present[: passwords.LONGEST], wanted, address=address, device=device, note=permitted)


def _note_password(device: str, session: Session, user_id: int) -> None:
    require_password_allowed(session, user_id)
    note("password.set", session, user_id, device=device)


def _set_password(link: str, password: str, address: str, device: str) -> str:
    with db.platform_transaction() as session:
        user_id = accounts.spend_link(session, link, "set_password")
        require_password_allowed(session, user_id)
        accounts.set_password(session, user_id, password)
        note("password.set", session, user_id, device=device)
        if not second_factor.is_on(session, user_id):
            return sessions.start(session, user_id, address=address, device=device, how=LINK)
        half = halfway.start(session, user_id, how=LINK)
    raise SecondFactorAsked(half)


@dataclass(frozen=True)
class _Taken:
    """An offer that was taken; whose account had no password, with a new session's secret, or a half sign-in's where it has a second factor."""

    offer: Offer
    secret: str | None = None
    half: str | None = None


def _accept(link: str, form: dict[str, str], address: str, device: str) -> _Taken:
    with db.platform_transaction() as session:
        count(session, "invitation-from", address, PER_ADDRESS)
    with db.platform_transaction() as session:
        reader = signed_in(session)
        if reader is not None:
            return _Taken(invitations.accept(session, link, reader))
        leads = lead_of(session, invitations.offered(session, link).email)
        if leads is not None and leads.is_enforced:  # the invitation waits for them there
            raise SingleSignOnNeeded(f"{leads.name} signs its people in by its own provider.")
        offer, user_id = invitations.accept_as_new(session, link, name=_field(form, "name"), password=_field(form, "password"))
        require_password_allowed(session, user_id)  # as it is now, and until this commits
        if second_factor.is_on(session, user_id):  # of who came by a provider until now
            return _Taken(offer, half=halfway.start(session, user_id, how=LINK))
        return _Taken(offer, sessions.start(session, user_id, address=address, device=device, how=LINK))


def _permit_password(session: Session, user_id: int) -> None:
    require_password_allowed(session, user_id)


def _must_use_provider(email: str) -> bool:
    with db.platform_transaction() as session:
        leads = lead_of(session, email[: accounts.LONGEST_ADDRESS].replace("\0", ""))
        return leads is not None and leads.is_enforced


def end_session(request: Request) -> None:
    """End the session of this browser, if it has one."""
    secret = secret_in(request.headers.get("cookie", ""))
    with db.platform_transaction() as session:
        reader = sessions.reader_of(session, secret) if secret else None
        if reader is not None:
            sessions.end(session, reader.user_id, reader.session_id)
            note("session.end", session, reader.user_id)


def note(action: str, session: Session, user_id: int, *, device: str = "") -> None:
    """In the audit of each organization that the account belongs to."""
    detail = {"device": device[:LONGEST_NOTED]} if device else {}
    audit.record_of_person(session, user_id, actor=f"user:{user_id}", action=action, detail=detail)


def _note_code(device: str, session: Session, user_id: int, kind: Kind) -> None:
    note("session.start", session, user_id, device=device)
    if kind == "recovery":
        note("recovery_code.use", session, user_id, device=device)


def _note_refusal(user_id: int) -> None:
    with db.platform_transaction() as session:
        audit.record_of_person(session, user_id, actor="system:sign-in", action="session.refuse")


def with_cookies(response: Response, secret: str) -> Response:
    """`response` with the cookies of a new session."""
    for name, seconds in ((COOKIE, int(sessions.LONGEST.total_seconds())), (DEVICE_COOKIE, DEVICE_SECONDS)):
        set_cookie(response, name, secret, seconds)
    return response


def set_cookie(response: Response, plain: str, value: str, seconds: int) -> None:
    """Give the browser a cookie that no script reads; for every path, as its name promises (`cookie_name`)."""
    response.set_cookie(cookie_name(plain), value, max_age=seconds, path="/", httponly=True, samesite="lax", secure=settings().is_https)


def without_cookie(response: Response, plain: str) -> Response:
    """`response`, by which the browser forgets that cookie."""
    set_cookie(response, plain, "", 0)
    return response


def tell_disabled(_request: Request, error: Exception) -> Response:
    """Where somebody lands whose account is disabled, by whatever way they proved that it is theirs."""
    assert isinstance(error, AccountDisabled)
    answer = _without_half(back("/sign-in", error.code))
    answer.background = BackgroundTask(_note_refusal, error.user_id)
    return answer


def ask_for_code(half: str, onward: str) -> Response:
    """To the page that asks for the second factor; `half` is the half sign-in's secret."""
    response = RedirectResponse(f"/second-factor?{urlencode({'next': onward})}" if onward else "/second-factor", status_code=303)
    set_cookie(response, HALFWAY_COOKIE, half, int(halfway.LASTS.total_seconds()))
    return response


def _without_half(response: Response) -> Response:
    return without_cookie(response, HALFWAY_COOKIE)


def address_of(request: Request) -> str:
    """The network address that a request comes from; behind trusted proxies, the one that they were asked from (`asgi.create`)."""
    return request.client.host if request.client else ""


def back(path: str, problem: str, **fields: str) -> Response:
    """Back to a form, which says why (`door.PROBLEMS`) and shows `fields` again."""
    query = urlencode({"problem": problem, **{name: value for name, value in fields.items() if value}})
    return RedirectResponse(f"{path}?{query}", status_code=303)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a posted form, a short one: nothing here takes files. Raises HTTPException for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise HTTPException(415, "Send the form as application/x-www-form-urlencoded.")
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_FORM:
            raise HTTPException(413, "This form is longer than any that flyusage has.")
    try:
        return dict(parse_qsl(body.decode("utf-8"), max_num_fields=20, keep_blank_values=True, errors="strict"))
    except ValueError as error:
        raise HTTPException(400, "This is not a form.") from error


def _field(form: dict[str, str], name: str) -> str:
    return form.get(name, "")


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
    Route("/auth/forgot", forgot, methods=["POST"]),
    Route("/auth/set-password", set_password, methods=["POST"]),
    Route("/auth/change-password", change_password, methods=["POST"]),
    Route("/auth/accept-invitation", accept_invitation, methods=["POST"]),
]
