"""Tries counted in Redis, for installations that name one (`FLYUSAGE_REDIS_URL`): by the library `limits`, whose storage this asks.

A Redis that does not answer neither lets everything through nor locks everybody out: who counts is told so, and counts in Postgres
until it has been asked again.
"""

import threading
import time
from functools import cache

import structlog
from limits.errors import StorageError
from limits.storage import RedisStorage

from flyusage.config import settings

SECONDS = 1  # how long it is waited for
ASKED_AGAIN_S = 10  # after it did not answer

_log = structlog.get_logger(__name__)
_silent_since: dict[str, float] = {}
_making = threading.Lock()


def count(key: str, seconds: int) -> tuple[int, float] | None:
    """Tries under `key` with this one, and in how many seconds the window ends that the first one began; None: ask Postgres."""
    url = settings().redis_url
    if url is None or time.monotonic() - _silent_since.get(url, -ASKED_AGAIN_S) < ASKED_AGAIN_S:
        return None
    try:
        storage = _storage(url)
        tried = storage.incr(key, seconds)
        return tried, storage.get_expiry(key) - time.time()
    except StorageError as error:
        _silent_since[url] = time.monotonic()
        _log.error("redis_does_not_count", why=str(error), until_then="tries are counted in Postgres")
        return None


def forget(key: str) -> None:
    """Begin anew, after a success. One that cannot be reached forgets by itself, when the window ends."""
    url = settings().redis_url
    if url is None:
        return
    try:
        _storage(url).clear(key)
    except StorageError as error:
        _log.error("redis_does_not_forget", why=str(error))


def _storage(url: str) -> RedisStorage:
    """By one of those who ask first: two at once would find the client's library half imported, and call it missing."""
    with _making:
        return _made(url)


@cache
def _made(url: str) -> RedisStorage:
    return RedisStorage(url, wrap_exceptions=True, key_prefix="flyusage", socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
