"""Whose browser is asking: from the cookie of a request, or of the websocket that an event came by, to a session's row.

A cookie is all that a browser proves itself with. It is read anew for every request and every event, and whether its session
still holds is asked of the database each time (`session.py`): a client's own state and token prove nothing.
"""

import asyncio
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import reflex as rx
from opentelemetry.trace import SpanKind
from reflex.event import Event
from reflex.state import BaseState, StateUpdate
from reflex_base.registry import RegistrationContext
from sqlmodel import Session
from starlette.datastructures import Headers
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flyusage import timings, tracing
from flyusage.auth import accounts, sessions
from flyusage.auth.errors import SignInNeeded
from flyusage.auth.sessions import Reader
from flyusage.config import settings
from flyusage.orgs.acting import acts_from

if TYPE_CHECKING:
    from reflex.app import App

COOKIE = "flyusage_session"  # as all cookies here, to be asked of `cookie_name`
DEVICE_COOKIE = "flyusage_device"  # outlives the session: says that this browser was signed in before
LONGEST_COOKIES = 65_536  # all of a host's together

_secret: ContextVar[str] = ContextVar("flyusage_session_secret", default="")
_timed: dict[str, str] = {}  # handlers as pages ask for them: as figures name them, `Tokens.create`
_shown_to: WeakKeyDictionary[BaseState, str] = WeakKeyDictionary()


class SignedOut(SignInNeeded):
    """Whoever asked is not signed in, or no longer: by what stood in their cookie, `secret`."""

    def __init__(self, secret: str) -> None:
        super().__init__("You are not signed in, or no longer. Sign in, and come back to this page.")
        self.secret = secret


def present_reader(session: Session) -> Reader | None:
    """Who is asking; None where everybody may, since nobody can sign in to this installation yet. Raises SignInNeeded.

    `session` is any transaction before a tenant is known.
    """
    found = signed_in(session)
    if found is None and accounts.is_anybody(session):
        raise SignedOut(_secret.get())
    return found


def signed_in(session: Session) -> Reader | None:
    """Who is asking, None where their browser is not signed in: for the few pages that are for both."""
    return sessions.reader_of(session, secret) if (secret := _secret.get()) else None


def present_secret() -> str:
    """What stands in the cookie of whoever is asking; empty without one."""
    return _secret.get()


def is_shown_to(state: BaseState, secret: str) -> bool:
    """Whether the tab behind `state` is still that of the browser whose cookie held `secret`."""
    return secret_in(state.router.headers.cookie) == secret


def is_in_tab(token: str, secret: str) -> bool:
    """Whether the document that the tab with this token shows came with `secret` in its cookie, as its websocket's request says.

    Sooner than `is_shown_to`: before the document's first event, which a state hears of its cookie by. True for a tab that is gone.
    """
    pages = RegistrationContext.get().app
    namespace, sockets = pages.event_namespace, pages.sio
    if namespace is None or sockets is None or (sid := namespace.token_to_sid.get(token)) is None:
        return True
    environ = sockets.get_environ(sid, namespace.namespace)
    return environ is None or secret_in(environ.get("HTTP_COOKIE", "")) == secret


def cookie_name(plain: str) -> str:
    """What a cookie is called: where people come by HTTPS with the prefix that only this very host can set, and only over HTTPS.

    A page on a sibling host, or somebody on the wire, can plant none of that name (RFC 6265bis, 4.1.3.2).
    """
    return f"__Host-{plain}" if settings().is_https else plain


def secret_in(cookies: str, plain: str = COOKIE) -> str:
    """The secret in a Cookie header; empty where there is none, and where two say different things: one of them was planted.

    Read by the name alone: other cookies of the host, however odd or many, are nobody's business here and hide none of ours.
    """
    name = cookie_name(plain)
    if name not in cookies or len(cookies) > LONGEST_COOKIES:
        return ""
    found = [value.strip() for each in cookies.split(";") for called, _, value in [each.partition("=")] if called.strip() == name]
    return found[0] if len(set(found)) == 1 else ""


class KnowReader(rx.Middleware):
    """Says whose browser sent an event, to everything that its handler does, on threads too.

    What a client's state holds was read for one session. Under another one (somebody else signed in, in the same tab; a client
    token that was overheard) it is emptied before anything is done with it.
    """

    async def preprocess(self, app: "App", state: BaseState, event: Event) -> StateUpdate | None:  # noqa: ARG002 as Reflex calls it
        """What a reader may see is decided where it is read. Answered here is `setvar` alone, by which Reflex has every State's fields set:
        ours let none be, and it would fail with a trace.
        """
        if event.name.endswith(".setvar"):
            return StateUpdate()
        secret = secret_in(state.router.headers.cookie)
        _secret.set(secret)
        if (task := asyncio.current_task()) is not None:  # a task is an event's, from here to its end
            _time(task, event.name)
        acts_from(state.router.session.client_ip)
        root = state._get_root_state()  # noqa: SLF001 Reflex has no public name for it
        if _shown_to.setdefault(root, secret) != secret:
            root.reset()
            _shown_to[root] = secret
        return None


def _time(task: asyncio.Task[Any], name: str) -> None:
    """Note how long an event takes, and a span of it where those are sent."""
    began = time.monotonic()
    if handler := _timed.get(name):
        task.add_done_callback(lambda _: timings.count_page_event(handler, time.monotonic() - began))
    if tracing.is_on():
        begun = tracing.begin(f"page event {name.rpartition('.')[2]}", flyusage__page_event=name)
        task.add_done_callback(lambda _: begun.end())


def time_handlers() -> None:
    """Have the events of every State that is declared by now timed, but for those that last as long as their page is open."""
    states: list[type[BaseState]] = [rx.State]
    while states:
        state = states.pop()
        states += state.get_substates()
        for name, handler in state.event_handlers.items():
            if not handler.is_background:
                _timed[f"{state.get_full_name()}.{name}"] = f"{state.__name__}.{name}"


class KnowsReader:
    """The same for plain requests."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, its reader known."""
        if scope["type"] == "http":
            _secret.set(secret_in(Headers(scope=scope).get("cookie", "")))
            acts_from(scope["client"][0] if scope.get("client") else "")
        if scope["type"] != "http" or scope["path"].startswith("/api/v1/"):  # which has times and spans of its own
            await self.app(scope, receive, send)
            return
        began = time.monotonic()

        async def send_timed(message: Message) -> None:
            if message["type"] == "http.response.start" and isinstance(route := scope.get("route"), Route):  # pages: `front_door.py`
                timings.count_page_request(route.path_format, message["status"], time.monotonic() - began)
            await send(message)

        if not tracing.is_on():
            await self.app(scope, receive, send_timed)
            return
        method = tracing.method_of(scope["method"])
        with tracing.span(method, kind=SpanKind.SERVER, http__request__method=method) as begun:
            await self.app(scope, receive, send_timed)
            if path := getattr(scope.get("route"), "path_format", ""):
                begun.update_name(f"{method} {path}")
                begun.set_attribute("http.route", path)
