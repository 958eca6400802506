"""The plain form by which an invitation is taken."""

from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from flyusage import db
from flyusage.auth import accounts, halfway, second_factor, sessions
from flyusage.auth.errors import PasswordTooWeak, TooManyAttempts
from flyusage.auth.how import LINK
from flyusage.auth.throttle import PER_ADDRESS, count_from
from flyusage.orgs import invitations
from flyusage.orgs.errors import InvitationForAnother, InvitationSpent
from flyusage.orgs.invitations import Offer
from flyusage.orgs.sso.connections import lead_of, require_password_allowed
from flyusage.orgs.sso.errors import SingleSignOnNeeded
from flyusage.ui.forms import address_of, ask_for_code, back, end_session, field, form_of, with_cookies
from flyusage.ui.reader import signed_in


async def accept_invitation(request: Request) -> Response:
    """Take the place that an invitation keeps: signed in as its address, or with a new account. Fields: link, name, password."""
    form = await form_of(request)
    link = field(form, "link")
    try:
        taken = await run_in_threadpool(_accept, link, form, address_of(request), request.headers.get("user-agent", ""))
    except (TooManyAttempts, SingleSignOnNeeded) as error:
        return back("/sign-in", error.code)
    except (InvitationSpent, InvitationForAnother, PasswordTooWeak) as error:
        return back("/invitation", error.code, link=link, name=field(form, "name")[: accounts.LONGEST_NAME])
    onward = f"/orgs/{taken.offer.slug}"
    if taken.half is not None:
        return ask_for_code(taken.half, onward)
    response = RedirectResponse(onward, status_code=303)
    if taken.secret is None:
        return response
    await run_in_threadpool(end_session, request)
    return with_cookies(response, taken.secret)


@dataclass(frozen=True)
class _Taken:
    """An offer that was taken; whose account had no password, with a new session's secret, or a half sign-in's where it has a second factor."""

    offer: Offer
    secret: str | None = None
    half: str | None = None


def _accept(link: str, form: dict[str, str], address: str, device: str) -> _Taken:
    with db.platform_transaction() as session:
        count_from(session, "invitation", address, PER_ADDRESS)
    with db.platform_transaction() as session:
        reader = signed_in(session)
        if reader is not None:
            return _Taken(invitations.accept(session, link, reader))
        leads = lead_of(session, invitations.offered(session, link).email)
        if leads is not None and leads.is_enforced:  # the invitation waits for them there
            raise SingleSignOnNeeded(f"{leads.name} signs its people in by its own provider.")
        offer, user_id = invitations.accept_as_new(session, link, name=field(form, "name"), password=field(form, "password"))
        require_password_allowed(session, user_id)  # as it is now, and until this commits
        if second_factor.is_on(session, user_id):  # of who came by a provider until now
            return _Taken(offer, half=halfway.start(session, user_id, how=LINK))
        return _Taken(offer, sessions.start(session, user_id, address=address, device=device, how=LINK))


routes = [Route("/auth/accept-invitation", accept_invitation, methods=["POST"])]
