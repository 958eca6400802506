"""The address in a mail that ends such mails, without signing in: opening it asks, posting to it does it (as mail programs do, RFC 8058).

Only asking changes nothing: programs that look at every link of a mail would stop it for everybody.
"""

from html import escape
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from flyusage import db
from flyusage.alerts import member_mails
from flyusage.alerts.errors import MailLinkInvalid
from flyusage.alerts.member_mails import STOP_PATH, Kind
from flyusage.mail_page import ACCENT, document, plain
from flyusage.orgs.acting import Actor

NAMED = {Kind.SUMMARY: "the monthly summary", Kind.ANOMALIES: "mails about anomalies"}
_BUTTON = f"padding:10px 18px;border:0;border-radius:7px;background:{ACCENT};color:#fff;font:inherit;font-weight:600;cursor:pointer"


async def stop(request: Request) -> Response:
    """Asks (GET), or does it (POST). Whoever has the link needs no account's page for it."""
    token = request.query_params.get("token", "")
    try:
        org_id, user_id, kind = member_mails.read_stop(token)
    except MailLinkInvalid as error:
        return _page("This link does not work", error.sentence, status=error.status)
    what = NAMED[kind]
    if request.method != "POST":
        form = (
            f'<form method="post" action="{STOP_PATH}?token={quote(token)}" style="margin:20px 0 0">'
            f'<button class="button" style="{_BUTTON}">Stop {escape(what)}</button></form>'
        )
        return _page(f"Stop {what}?", "You can choose it again on your account's page.", form)
    org = await run_in_threadpool(_stop, org_id, user_id, kind)
    if org is None:
        return _page("There is nothing to stop", "You do not belong to that organization any more, so no such mail comes.")
    return _page("Stopped", f"You get {what} of {plain(org)} no more. Choose it again on your account's page at any time.")


def _stop(org_id: int, user_id: int, kind: Kind) -> str | None:
    with db.platform_transaction() as session:
        return member_mails.choose(session, org_id, user_id, kind, is_wanted=False, by=Actor(f"user:{user_id}"))


def _page(title: str, said: str, more: str = "", *, status: int = 200) -> Response:
    parts = [
        f'<main><h1 style="margin:0 0 8px;font-size:20px;line-height:1.3">{escape(title)}</h1><p style="margin:0">{escape(said)}</p>{more}</main>'
    ]
    return HTMLResponse(document(title, title, parts, []), status_code=status, headers={"referrer-policy": "no-referrer"})


routes = [Route(STOP_PATH, stop, methods=["GET", "POST"])]
