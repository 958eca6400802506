"""What the plain forms of sign-in have in common: their fields, their cookies, and where their answers lead.

A form's answer is always a redirect: to where somebody wanted to go, or back to the form with the reason (`?problem=`).
Other sites' pages cannot post here (`front_door.py` refuses a foreign Origin, the cookie is SameSite).
"""

from urllib.parse import parse_qsl, urlencode, urlsplit

from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from flyusage import db
from flyusage.auth import halfway, sessions
from flyusage.config import settings
from flyusage.orgs import audit
from flyusage.ui.reader import COOKIE, DEVICE_COOKIE, cookie_name, secret_in

LARGEST_FORM = 16_384
HALFWAY_COOKIE = "flyusage_halfway"  # between the password and the code; no session
LONGEST_NOTED = 200
DEVICE_SECONDS = 400 * 86_400  # the longest a browser keeps one


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


def field(form: dict[str, str], name: str) -> str:
    """What stands in a field; empty where the form has none of that name."""
    return form.get(name, "")


def own_path(wanted: str) -> str:
    """`wanted` where it is a path of this server's pages, else empty: a sign-in form must send nobody to a stranger's page."""
    parts = urlsplit(wanted) if wanted.isprintable() and "\\" not in wanted else None
    if parts is None or parts.scheme or parts.netloc or not wanted.startswith("/") or wanted.startswith("//"):
        return ""
    return wanted


def address_of(request: Request) -> str:
    """The network address that a request comes from; behind trusted proxies, the one that they were asked from (`asgi.create`)."""
    return request.client.host if request.client else ""


def back(path: str, problem: str, **fields: str) -> Response:
    """Back to a form, which says why (`door.PROBLEMS`) and shows `fields` again."""
    query = urlencode({"problem": problem, **{name: value for name, value in fields.items() if value}})
    return RedirectResponse(f"{path}?{query}", status_code=303)


def ask_for_code(half: str, onward: str) -> Response:
    """To the page that asks for the second factor; `half` is the half sign-in's secret."""
    response = RedirectResponse(f"/second-factor?{urlencode({'next': onward})}" if onward else "/second-factor", status_code=303)
    set_cookie(response, HALFWAY_COOKIE, half, int(halfway.LASTS.total_seconds()))
    return response


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


def without_half(response: Response) -> Response:
    """`response`, by which the browser forgets its half sign-in."""
    return without_cookie(response, HALFWAY_COOKIE)


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
