"""Live updates: what Postgres notifies reaches the pages that wait, and only them."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace

import psycopg
import pytest
from background import run_async

from flyusage import db
from flyusage.auth import sessions
from flyusage.ui import live

SOON = 30.0  # at the latest, on a machine that does other things, too
LISTENING = """SELECT pid FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'flyusage live updates'"""


@pytest.fixture
def listener(database, monkeypatch: pytest.MonkeyPatch) -> Iterator[live.Listener]:
    """A listener of this test's database, in place of the process's own; pauses are short."""
    made = live.Listener(live._connect)
    monkeypatch.setattr(live, "listener", lambda: made)
    monkeypatch.setattr(live, "COLLECT_SECONDS", 0.05)
    monkeypatch.setattr(live, "CHECK_SECONDS", 0.1)
    yield made
    made.close()


def notify(org_id: int) -> None:
    with db.lookup_transaction() as session:
        db.raw(session).execute("SELECT pg_notify(%s, %s)", (live.CHANNEL, str(org_id)))


def superuser(database) -> psycopg.Connection:
    return psycopg.connect(database.migration_url, autocommit=True)


async def listening(listener: live.Listener, news: live.News) -> None:
    """Wait until Postgres is heard, and take the news that listening itself is."""
    assert await asyncio.to_thread(listener.is_listening.wait, SOON)
    await asyncio.wait_for(news.has_come.wait(), SOON)
    news.has_come.clear()


def test_notice_reaches_only_its_organization(listener: live.Listener) -> None:
    async def run() -> None:
        mine, other = listener.subscribe(7), listener.subscribe(8)
        await listening(listener, mine)
        await listening(listener, other)
        await asyncio.to_thread(notify, 7)
        await asyncio.wait_for(mine.has_come.wait(), SOON)
        await asyncio.sleep(0.1)
        assert not other.has_come.is_set()

    run_async(run())


def test_one_connection_listens_for_all_pages(listener: live.Listener, database) -> None:
    async def run() -> None:
        news = [listener.subscribe(org_id) for org_id in range(1, 30)]
        await listening(listener, news[0])
        with superuser(database) as connection:
            listening_pids = connection.execute(LISTENING).fetchall()
        assert len(listening_pids) == 1

    run_async(run())


def test_lost_connection_is_made_again_and_counts_as_news(listener: live.Listener, database) -> None:
    async def run() -> None:
        news = listener.subscribe(7)
        await listening(listener, news)
        with superuser(database) as connection:
            for (pid,) in connection.execute(LISTENING).fetchall():
                connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
        await asyncio.wait_for(news.has_come.wait(), SOON)  # what was missed meanwhile
        news.has_come.clear()
        await asyncio.to_thread(notify, 7)
        await asyncio.wait_for(news.has_come.wait(), SOON)

    run_async(run())


def test_pages_that_ask_the_same_share_one_answer(listener: live.Listener) -> None:
    asked: list[int] = []

    def ask() -> int:
        asked.append(1)
        time.sleep(0.1)
        return 42

    async def run() -> None:
        answers = await asyncio.gather(*[listener.shared(7, "overview", ask) for _ in range(20)])
        assert answers == [42] * 20
        assert len(asked) == 1

    run_async(run())


def test_answer_begun_before_an_event_is_not_shared_after_it(listener: live.Listener) -> None:
    """The second page asks after the notice: it must not get what was read before."""
    has_begun, moment = threading.Event(), threading.Event()
    answers = iter(["before", "after"])

    def ask() -> str:
        answer = next(answers)
        if answer == "before":
            has_begun.set()
            moment.wait(SOON)
        return answer

    async def run() -> None:
        news = listener.subscribe(7)
        await listening(listener, news)
        first = asyncio.create_task(listener.shared(7, "overview", ask))
        assert await asyncio.to_thread(has_begun.wait, SOON)
        await asyncio.to_thread(notify, 7)
        await asyncio.wait_for(news.has_come.wait(), SOON)
        assert await listener.shared(7, "overview", ask) == "after"
        moment.set()
        assert await first == "before"

    run_async(run())


def test_what_was_prepared_is_given_until_an_event_comes_or_it_is_old(listener: live.Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(range(10))
    monkeypatch.setattr(live, "KEPT_SECONDS", 60.0)

    async def run() -> None:
        news = listener.subscribe(7)
        await listening(listener, news)
        assert await listener.prepared(7, "explored", answers.__next__) == 0
        assert await listener.shared(7, "explored", answers.__next__) == 0
        assert await listener.shared(7, "another", answers.__next__) == 1
        await asyncio.to_thread(notify, 7)
        await asyncio.wait_for(news.has_come.wait(), SOON)
        assert await listener.shared(7, "explored", answers.__next__) == 2
        monkeypatch.setattr(live, "KEPT_SECONDS", 0.0)
        assert await listener.prepared(7, "explored", answers.__next__) == 3
        assert await listener.shared(7, "explored", answers.__next__) == 4
        monkeypatch.setattr(live, "KEPT_SECONDS", 60.0)
        for number in range(live.MOST_KEPT + 3):
            await listener.prepared(7, number, lambda: "kept")
        assert len(listener._kept) <= live.MOST_KEPT + 1

    run_async(run())


class Tab:
    """A page in a browser tab, as a background handler sees it: its token, route and address."""

    def __init__(self, token: str, path: str) -> None:
        session = SimpleNamespace(client_token=token)
        headers = SimpleNamespace(cookie="")
        self.router = SimpleNamespace(session=session, route_id="/orgs/[slug]", url=SimpleNamespace(path=path), headers=headers)

    @classmethod
    def get_full_name(cls) -> str:
        return "tab"


@pytest.fixture
def tabs(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The tokens of the tabs that are open."""
    opened: set[str] = set()

    monkeypatch.setattr(live, "_is_connected", opened.__contains__)
    return opened


async def next_change(changes: AsyncIterator[None]) -> None:
    await asyncio.wait_for(anext(changes), SOON)


def test_page_is_told_of_its_organization_and_let_go_with_its_tab(listener: live.Listener, cast, tabs: set[str]) -> None:
    async def run() -> None:
        tabs.add("one")
        changes = live.changes(Tab("one", "/orgs/prism"))
        await next_change(changes)  # listening began
        waiting = asyncio.create_task(next_change(changes))
        await asyncio.to_thread(notify, cast.rival.id)
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await asyncio.to_thread(notify, cast.prism.id)
        await waiting
        tabs.clear()
        with pytest.raises(StopAsyncIteration):
            await next_change(changes)
        assert not live._watched
        assert not listener._subscribers

    run_async(run())


def test_second_watch_of_the_same_page_ends_at_once(listener: live.Listener, cast, tabs: set[str]) -> None:
    async def run() -> None:
        tabs.add("one")
        first, second = live.changes(Tab("one", "/orgs/prism")), live.changes(Tab("one", "/orgs/prism"))
        assert not live.is_watched(Tab("one", "/orgs/prism"))
        await next_change(first)
        assert live.is_watched(Tab("one", "/orgs/prism"))
        with pytest.raises(StopAsyncIteration):
            await next_change(second)
        await first.aclose()
        assert not live._watched
        assert not live.is_watched(Tab("one", "/orgs/prism"))

    run_async(run())


def test_page_that_is_not_shown_is_left_alone(listener: live.Listener, cast, tabs: set[str]) -> None:
    async def run() -> None:
        tabs.add("one")
        tab = Tab("one", "/orgs/prism")
        changes = live.changes(tab)
        await next_change(changes)
        tab.router.route_id = "/orgs/[slug]/usage"
        waiting = asyncio.create_task(next_change(changes))
        await asyncio.to_thread(notify, cast.prism.id)
        await asyncio.sleep(0.4)
        assert not waiting.done()
        tab.router.route_id = "/orgs/[slug]"
        await asyncio.to_thread(notify, cast.prism.id)
        await waiting

    run_async(run())


def test_a_tab_that_went_on_to_no_organization_is_told_nothing(
    listener: live.Listener, cast, tabs: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "REFRESH_SECONDS", 0.3)

    async def run() -> None:
        tabs.add("one")
        tab = Tab("one", "/orgs/prism")
        changes = live.changes(tab, on_any_page=True)
        await next_change(changes)
        waiting = asyncio.create_task(next_change(changes))
        tab.router.url.path = "/account"
        await asyncio.to_thread(notify, cast.prism.id)
        await asyncio.sleep(0.6)
        assert not waiting.done()
        tab.router.url.path = "/orgs/prism"
        await waiting

    run_async(run())


def test_time_moves_on_without_events(listener: live.Listener, cast, tabs: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "REFRESH_SECONDS", 0.3)

    async def run() -> None:
        tabs.add("one")
        changes = live.changes(Tab("one", "/orgs/prism"))
        for _ in range(3):
            await next_change(changes)
        await changes.aclose()

    run_async(run())


def test_while_the_database_is_away_no_page_asks_it_and_its_return_is_news(
    listener: live.Listener, cast, tabs: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "REFRESH_SECONDS", 0.1)

    async def run() -> None:
        tabs.add("one")
        changes = live.changes(Tab("one", "/orgs/prism"))
        await next_change(changes)
        listener.is_listening.clear()  # as a lost connection does
        waiting = asyncio.create_task(next_change(changes))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        listener.is_listening.set()
        await waiting
        await changes.aclose()

    run_async(run())


def test_a_watch_ends_when_another_browser_shows_its_tab(listener: live.Listener, cast, tabs: set[str]) -> None:
    """Whoever overheard a tab's token is told nothing by the watch that its owner began."""

    async def run() -> None:
        tabs.add("one")
        tab = Tab("one", "/orgs/prism")
        changes = live.changes(tab)
        await next_change(changes)
        tab.router.headers.cookie = "flyusage_session=somebody-elses"
        await asyncio.to_thread(notify, cast.prism.id)
        with pytest.raises(StopAsyncIteration):
            await next_change(changes)

    run_async(run())


def test_a_page_of_no_organization_asks_at_once_and_whenever_somebody_is_signed_out_or_changed(
    listener: live.Listener, cast, tabs: set[str]
) -> None:
    def tell_of_people() -> None:
        with db.platform_transaction() as session:
            sessions.ask_who_is_left(session)

    async def run() -> None:
        tabs.add("one")
        departures, again = live.departures(Tab("one", "/account")), live.departures(Tab("one", "/account"))
        await next_change(departures)
        assert live.is_watched(Tab("one", "/account"))
        with pytest.raises(StopAsyncIteration):
            await next_change(again)
        assert await asyncio.to_thread(listener.is_listening.wait, SOON)
        await next_change(departures)  # what came before anybody listened may have been news
        waiting = asyncio.create_task(next_change(departures))
        await asyncio.to_thread(notify, cast.prism.id)  # events are nothing to it
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await asyncio.to_thread(tell_of_people)
        await waiting
        tabs.clear()
        with pytest.raises(StopAsyncIteration):
            await next_change(departures)
        assert not live._watched
        assert not listener._subscribers

    run_async(run())


def test_a_page_of_no_organization_asks_once_a_minute_and_after_news_may_have_been_missed(
    listener: live.Listener, cast, tabs: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        tabs.add("one")
        departures = live.departures(Tab("one", "/account"))
        await next_change(departures)
        assert await asyncio.to_thread(listener.is_listening.wait, SOON)
        await next_change(departures)
        listener._tell(None)  # as after the connection was lost
        await next_change(departures)
        await departures.aclose()
        monkeypatch.setattr(live, "REFRESH_SECONDS", 0.2)
        departures = live.departures(Tab("one", "/account"))
        for _ in range(3):
            await next_change(departures)
        await departures.aclose()

    run_async(run())


DOORS = {
    "404",
    "sign-in",
    "forgot",
    "set-password",
    "sign-up",
    "new-account",
    "second-factor",
    "invitation",
}  # show nothing that is anybody's


def test_every_page_that_shows_something_goes_dark_by_itself() -> None:
    import flyusage.flyusage as pages

    watched = {
        route: {handler.fn.__qualname__ for handler in handlers} & {"Frame.load", "Presence.load"}
        for route, handlers in pages.app._load_events.items()
    }
    assert len(watched) > 35
    assert {route for route, by in watched.items() if not by} == DOORS
