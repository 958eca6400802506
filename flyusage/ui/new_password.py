"""Plain forms by which people come to another password: by a link to their mail, or by the one of now."""

from functools import partial

from sqlmodel import Session
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from flyusage import db
from flyusage.auth import accounts, halfway, letters, passwords, second_factor, sessions
from flyusage.auth.errors import (
    AddressInvalid,
    LinkSpent,
    PasswordTooWeak,
    PasswordWrong,
    SecondFactorAsked,
    SignInNeeded,
    TooManyAttempts,
)
from flyusage.auth.how import LINK
from flyusage.auth.throttle import MAILS_PER_ACCOUNT, MAILS_PER_ADDRESS, count, count_from
from flyusage.config import settings
from flyusage.orgs.sso.connections import require_password_allowed
from flyusage.orgs.sso.errors import SingleSignOnNeeded
from flyusage.ui.forms import address_of, ask_for_code, back, field, form_of, note, with_cookies
from flyusage.ui.reader import signed_in


async def forgot(request: Request) -> Response:
    """Send a link by which a new password can be set. Field: email. Answers the same for every address."""
    form = await form_of(request)
    try:
        email = await run_in_threadpool(_count_link, field(form, "email"), address_of(request))
    except (AddressInvalid, TooManyAttempts) as error:
        return back("/forgot", error.code)
    # After the answer: it must not take longer where there is somebody to write to.
    return RedirectResponse("/sign-in?problem=link_sent", status_code=303, background=BackgroundTask(_send_link, email))


async def set_password(request: Request) -> Response:
    """Set the password by a link's secret, and sign in. Fields: link, password."""
    form = await form_of(request)
    link = field(form, "link")
    try:
        secret = await run_in_threadpool(
            _set_password, link, field(form, "password"), address_of(request), request.headers.get("user-agent", "")
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
            _change_password, field(form, "present"), field(form, "password"), address_of(request), request.headers.get("user-agent", "")
        )
    except SignInNeeded:
        return RedirectResponse("/sign-in?next=%2Faccount", status_code=303)
    except (PasswordWrong, PasswordTooWeak, TooManyAttempts, SingleSignOnNeeded) as error:
        return back("/account", error.code)
    return with_cookies(back("/account", "password_changed"), secret)


def _count_link(email: str, address: str) -> str:
    written = accounts.normal(email)
    with db.platform_transaction() as session:
        count_from(session, "link", address, MAILS_PER_ADDRESS)
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


routes = [
    Route("/auth/forgot", forgot, methods=["POST"]),
    Route("/auth/set-password", set_password, methods=["POST"]),
    Route("/auth/change-password", change_password, methods=["POST"]),
]
