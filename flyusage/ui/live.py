"""Tells open pages that their organization has new events.

One connection of the whole process listens to Postgres, on a thread of its own; every open page waits here, not there.
Ingest and roll-ups notify the channel with the organization's id.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from functools import cache
from typing import TypeAlias, TypeVar

import psycopg
import reflex as rx
import structlog
from reflex_base.registry import RegistrationContext

from flyusage import db
from flyusage.auth import sessions
from flyusage.orgs.models import Role
from flyusage.ui.reader import is_shown_to, present_secret
from flyusage.ui.session import OpenOrganization, open_organization, slug_in

CHANNEL = "flyusage"
COLLECT_SECONDS = 1.0
REFRESH_SECONDS = 60.0
CHECK_SECONDS = 5.0
KEPT_SECONDS = 5.0
MOST_KEPT = 16
LONGEST_PAUSE = 30.0

Standing: TypeAlias = tuple[int, Role | None, frozenset[int] | None]  # the organization, the reader's role there, and their apps
NOWHERE: Standing = (-1, None, None)  # no event is ever of it

Answer = TypeVar("Answer")

_log = structlog.get_logger(__name__)
_watched: set[tuple[str, str, str]] = set()  # token of the tab, page, and what stood in the cookie


async def changes(state: rx.State, *, on_any_page: bool = False) -> AsyncIterator[None]:
    """Yields when the organization in this page's address has new events, and once a minute, so that "now" moves.

    Changes are collected for a second. Nothing is yielded while the tab shows no organization, nor while it shows another page,
    unless `on_any_page`; then also at once when the reader's role or apps in the organization have changed, or are no more. Ends
    when the tab is gone, and at once where this page is already being watched in this tab: a page may start its watch
    on every load. Raises SignInNeeded as soon as the reader is signed out, wherever they were.
    """
    token, mine = state.router.session.client_token, present_secret()
    watch = (token, state.get_full_name(), mine)
    if watch in _watched:
        return
    _watched.add(watch)
    route, slug, standing, due = state.router.route_id, None, NOWHERE, time.monotonic() + REFRESH_SECONDS
    news = listener().subscribe()
    try:
        while _is_connected(token) and is_shown_to(state, mine):  # a tab's token proves nothing: another browser may show it
            if slug != (slug := slug_in(state.router.url.path)):
                standing = await _standing(slug)
                news.org_id = standing[0]
            has_come = await _has_come(news)
            if news.is_about_people:
                news.is_about_people = False
                before, standing = standing, await _standing(slug)  # whoever is signed out sees no more
                has_come |= on_any_page and standing != before
            if (has_come or time.monotonic() >= due) and listener().is_listening.is_set():  # else the database is away: its return is news
                due = time.monotonic() + REFRESH_SECONDS
                is_there = slug and slug == slug_in(state.router.url.path)  # the tab may have gone on meanwhile, to no organization
                if is_there and is_shown_to(state, mine) and (on_any_page or state.router.route_id == route):
                    yield
    finally:
        listener().unsubscribe(news)
        _watched.discard(watch)


async def departures(state: rx.State) -> AsyncIterator[None]:
    """Yields at once, and then whenever somebody was signed out, taken out or is something else: whoever shows a page asks then what
    its reader still is. Once a minute as well, since sessions end by themselves, and when news may have been missed.

    Ends when the tab is gone or another browser shows it, and at once where this state waits in this tab already.
    """
    token, mine = state.router.session.client_token, present_secret()
    watch = (token, state.get_full_name(), mine)
    if watch in _watched:
        return
    _watched.add(watch)
    news = listener().subscribe(NOWHERE[0])  # of which no events come: what does is said to all, after the connection was lost
    due = time.monotonic() + REFRESH_SECONDS
    try:
        yield
        while _is_connected(token) and is_shown_to(state, mine):
            has_come = await _has_come(news) or news.is_about_people
            if (has_come or time.monotonic() >= due) and listener().is_listening.is_set():
                due, news.is_about_people = time.monotonic() + REFRESH_SECONDS, False
                yield
    finally:
        listener().unsubscribe(news)
        _watched.discard(watch)


def is_watched(state: rx.State) -> bool:
    """Whether `changes` or `departures` runs for this page's state in its tab."""
    return (state.router.session.client_token, state.get_full_name(), present_secret()) in _watched


async def shared(org: OpenOrganization, question: Hashable, ask: Callable[[], Answer]) -> Answer:
    """The answer of `ask`, run on a thread once for all pages that ask the same of the same organization meanwhile.

    Their readers must be permitted the same, of the same apps. A page never gets an answer that was begun before the newest event it was told of.
    """
    return await listener().shared(org.id, (org.permissions, org.apps, question), ask)


async def prepared(org: OpenOrganization, question: Hashable, ask: Callable[[], Answer]) -> Answer:
    """As `shared`, for a question that is likely to be asked: `shared` gives the answer again for a few seconds, unless events come."""
    return await listener().prepared(org.id, (org.permissions, org.apps, question), ask)


def heard_of(org_id: int) -> int | None:
    """How many changes of the organization's usage this process has been told of; None while it would not be told."""
    return listener().heard_of(org_id)


async def asked_of(slug: str, question: Hashable, ask: Callable[[], Answer]) -> Answer | None:
    """As `shared`, for the organization under a page's slug; None where there is none."""
    org = await asyncio.to_thread(open_organization, slug)
    return None if org is None else await shared(org, question, ask)


@asynccontextmanager
async def while_serving() -> AsyncIterator[None]:
    """Inside, pages may listen; at the end the connection is closed, before the database behind it is stopped."""
    yield
    await asyncio.to_thread(listener().close)


class News:
    """What one page waits for: any change of its organization (of all, while `org_id` is None)."""

    def __init__(self, org_id: int | None = None) -> None:
        self.org_id = org_id
        self.has_come = asyncio.Event()
        self.is_about_people = False
        self.loop = asyncio.get_running_loop()

    def ask_who_is_left(self) -> None:
        """Wake the page for its reader's sake."""
        self.is_about_people = True
        self.has_come.set()


class Listener:
    """The process's one LISTEN connection and the pages that wait for what it hears."""

    def __init__(self, connect: Callable[[], psycopg.Connection]) -> None:
        self._connect = connect
        self._subscribers: set[News] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._changes: Counter[int] = Counter()
        self._asked: dict[tuple[int, int, Hashable], asyncio.Task[object]] = {}
        self._kept: dict[tuple[int, int, Hashable], tuple[float, object]] = {}
        self.is_listening = threading.Event()

    def subscribe(self, org_id: int | None = None) -> News:
        """News of an organization, from now on. The first subscriber starts the listening."""
        news = News(org_id)
        with self._lock:
            self._subscribers.add(news)
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="flyusage-live", daemon=True)
                self._thread.start()
        return news

    def unsubscribe(self, news: News) -> None:
        """Forget a subscriber."""
        with self._lock:
            self._subscribers.discard(news)

    def close(self) -> None:
        """Stop listening and wait for the thread (at most the second that a wait lasts)."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=LONGEST_PAUSE)

    def heard_of(self, org_id: int) -> int | None:
        """See `heard_of` of the module."""
        return self._changes[org_id] if self.is_listening.is_set() else None

    async def shared(self, org_id: int, question: Hashable, ask: Callable[[], Answer]) -> Answer:
        """See `shared` of the module."""
        key = (org_id, self._changes[org_id], question)
        self._forget()
        if key in self._kept and self.is_listening.is_set():
            return self._kept[key][1]  # pyright: ignore[reportReturnType]  # the key's question decides the type
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(asyncio.to_thread(ask))
            task.add_done_callback(lambda _done: self._asked.pop(key, None))
        return await asyncio.shield(task)  # the key's question decides the type

    async def prepared(self, org_id: int, question: Hashable, ask: Callable[[], Answer]) -> Answer:
        """See `prepared` of the module."""
        key = (org_id, self._changes[org_id], question)
        answer = await self.shared(org_id, question, ask)
        if key not in self._kept:
            self._kept[key] = (time.monotonic() + KEPT_SECONDS, answer)
        return answer

    def _forget(self) -> None:
        """Let go of what was prepared too long ago, and of the oldest of too much."""
        now, many = time.monotonic(), len(self._kept) - MOST_KEPT
        for place, (key, (until, _)) in enumerate(list(self._kept.items())):
            if until <= now or place < many:
                del self._kept[key]

    def _listen(self) -> None:
        pause = 0.5
        while not self._stopping.is_set():
            try:
                with self._connect() as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    connection.execute(f"LISTEN {sessions.CHANNEL}")
                    self.is_listening.set()
                    self._tell(None)  # what happened while nobody listened is news to everyone
                    pause = 0.5
                    self._hear(connection)
            except psycopg.Error as error:
                self.is_listening.clear()
                _log.warning(
                    "live_updates_interrupted",
                    why=str(error).strip().splitlines()[0] if str(error) else "closed",
                    retry_s=pause,
                )
                self._stopping.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _hear(self, connection: psycopg.Connection) -> None:
        while not self._stopping.is_set():
            for notice in connection.notifies(timeout=1.0):
                if notice.channel == sessions.CHANNEL:
                    self._ask_who_is_left()
                elif notice.payload.isdecimal():
                    self._tell(int(notice.payload))

    def _ask_who_is_left(self) -> None:
        """Somebody was signed out: every page asks at once whether it was its own reader."""
        with self._lock:
            reached = list(self._subscribers)
        for news in reached:
            if not news.loop.is_closed():
                news.loop.call_soon_threadsafe(news.ask_who_is_left)

    def _tell(self, org_id: int | None) -> None:
        with self._lock:
            if org_id is None:
                self._changes.update(list(self._changes))
            else:
                self._changes[org_id] += 1
            reached = [news for news in self._subscribers if org_id is None or news.org_id in (None, org_id)]
        for news in reached:
            if not news.loop.is_closed():
                news.loop.call_soon_threadsafe(news.has_come.set)


@cache
def listener() -> Listener:
    """The listener of the whole process."""
    return Listener(_connect)


def _connect() -> psycopg.Connection:
    """As the application's pool does, but for one connection that stays."""
    _, options = db.engine().dialect.create_connect_args(db.engine().url)
    return psycopg.connect(
        **options, autocommit=True, application_name="flyusage live updates", connect_timeout=10,
        keepalives_idle=30, keepalives_interval=10, keepalives_count=3,
    )  # fmt: skip


async def _has_come(news: News) -> bool:
    """Whether news came within a few seconds; what comes within a second of the first is taken together."""
    try:
        await asyncio.wait_for(news.has_come.wait(), timeout=CHECK_SECONDS)
    except TimeoutError:
        return False
    if news.is_about_people:
        news.has_come.clear()
        return False
    await asyncio.sleep(COLLECT_SECONDS)
    news.has_come.clear()
    return True


def _is_connected(token: str) -> bool:
    """Whether a browser tab holds a websocket; a tab that reconnects keeps its token."""
    namespace = RegistrationContext.get().app.event_namespace
    return namespace is not None and token in namespace.sid_to_token.values()


async def _standing(slug: str) -> Standing:
    """The organization in the address, and what the reader is there."""
    organization = await asyncio.to_thread(open_organization, slug)
    return NOWHERE if organization is None else (organization.id, organization.by.role, organization.apps)
