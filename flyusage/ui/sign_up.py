"""Plain forms by which somebody makes an account by themselves: an address first, and by the link that comes there, the account."""

from dataclasses import dataclass

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from flyusage import db
from flyusage.auth import accounts, letters, sessions
from flyusage.auth import sign_up as signing_up
from flyusage.auth.errors import AddressInvalid, LinkSpent, PasswordTooWeak, SignUpClosed, TooManyAttempts
from flyusage.auth.how import LINK
from flyusage.auth.throttle import MAILS_PER_ACCOUNT, MAILS_PER_ADDRESS, PER_ADDRESS, count, count_from
from flyusage.config import settings
from flyusage.orgs import organizations
from flyusage.orgs.acting import Actor
from flyusage.orgs.errors import NameInvalid, SlugTaken
from flyusage.orgs.sso.connections import lead_of, require_password_allowed
from flyusage.orgs.sso.errors import SingleSignOnNeeded
from flyusage.ui import forms


async def ask(request: Request) -> Response:
    """Send a link to make an account by. Field: email. Answers the same whether or not the address has one."""
    form = await forms.form_of(request)
    written = form.get("email", "")
    try:
        email = await run_in_threadpool(_count, written, forms.address_of(request))
    except (AddressInvalid, TooManyAttempts, SignUpClosed) as error:
        return forms.back("/sign-up", error.code, email=written[: accounts.LONGEST_ADDRESS])
    except SingleSignOnNeeded as error:
        return forms.back("/sign-in", error.code, email=written[: accounts.LONGEST_ADDRESS])
    # After the answer: it must not take longer for one kind of address than for another.
    return RedirectResponse("/sign-up?problem=sign_up_sent", status_code=303, background=BackgroundTask(_send, email))


async def finish(request: Request) -> Response:
    """Make the account that a link is for, and sign in. Fields: link, name, password; organization, a name, for one of their own."""
    form = await forms.form_of(request)
    link = form.get("link", "")
    try:
        made = await run_in_threadpool(_finish, form, forms.address_of(request), request.headers.get("user-agent", ""))
    except (LinkSpent, TooManyAttempts, SignUpClosed) as error:
        return forms.back("/sign-up", error.code)
    except SingleSignOnNeeded as error:
        return forms.back("/sign-in", error.code)
    except (PasswordTooWeak, NameInvalid, SlugTaken) as error:
        again = {name: form.get(name, "")[: accounts.LONGEST_NAME] for name in ("name", "organization")}
        return forms.back(signing_up.PATH, error.code, link=link, **again)
    await run_in_threadpool(forms.end_session, request)  # the one this browser had: whoever planted it gains nothing
    return forms.with_cookies(RedirectResponse(made.onward, status_code=303), made.secret)


@dataclass(frozen=True)
class _Made:
    """The new session's secret, and where its browser goes."""

    secret: str
    onward: str


def _count(written: str, address: str) -> str:
    """The address as it is kept. Raises AddressInvalid, TooManyAttempts, SignUpClosed, SingleSignOnNeeded: none tells who has an account."""
    email = accounts.normal(written)
    with db.platform_transaction() as session:
        # With those of new passwords: one limit on what an address is sent, whichever form asks.
        count_from(session, "link", address, MAILS_PER_ADDRESS)
        count(session, "link-to", email, MAILS_PER_ACCOUNT)
    with db.platform_transaction() as session:
        signing_up.require_open(session, email, settings())
        lead = lead_of(session, email)
        if lead is not None and lead.is_enforced:
            raise SingleSignOnNeeded(f"{lead.name} signs its people in by its own provider.")
    return email


def _send(email: str) -> None:
    with db.platform_transaction() as session:
        letter = signing_up.begin(session, email, settings())
    letters.send_all([letter])


def _finish(form: dict[str, str], address: str, device: str) -> _Made:
    with db.platform_transaction() as session:
        count_from(session, "sign-up", address, PER_ADDRESS)
    with db.platform_transaction() as session:
        link = form.get("link", "")
        signing_up.require_open(session, signing_up.offered(session, link), settings())  # as it is now: a day has passed
        made = signing_up.finish(session, link, name=form.get("name", ""), password=form.get("password", ""))
        require_password_allowed(session, made.user_id)
        slug, called = "", form.get("organization", "").strip()
        if called:
            slug = organizations.slug_for(session, called)
            organizations.create(session, slug, called, owner=made.user_id, by=Actor(f"user:{made.user_id}"))
        forms.note("session.start", session, made.user_id, device=device)
        secret = sessions.start(session, made.user_id, address=address, device=device, how=LINK)
    return _Made(secret, f"/orgs/{slug}" if slug else "/welcome")


routes = [
    Route("/auth/sign-up", ask, methods=["POST"]),
    Route("/auth/new-account", finish, methods=["POST"]),
]
