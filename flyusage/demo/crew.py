"""Threads beside the leading one, which end when it is told to end: not with their work, but at once."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import takewhile
from typing import Any, TypeVar

from flyusage import db

AGAIN_SECONDS = 0.5

Unit = TypeVar("Unit")
Piece = TypeVar("Piece")
Submit = Callable[..., "Future[Any]"]


@contextmanager
def crew(count: int, *, name: str) -> Iterator[Submit]:
    """`submit(work, *arguments)` runs on one of `count` threads.

    Where the block is left by an exception (Ctrl-C is one), what the threads ask of the database is broken off: their
    transactions roll back, and the block is left within a moment.
    """
    given: list[Future[Any]] = []
    with ThreadPoolExecutor(count, thread_name_prefix=name) as threads:

        def submit(work: Callable[..., Any], *arguments: Any) -> "Future[Any]":
            given[:] = [one for one in given if not one.done()]
            given.append(threads.submit(work, *arguments))
            return given[-1]

        try:
            yield submit
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            while working := [one for one in given if not one.done()]:
                db.interrupt()
                wait(working, timeout=AGAIN_SECONDS)  # and again, for one that was only about to begin
            raise


def made_ahead(units: Iterable[Unit], make: Callable[[Iterable[Unit]], Iterator[Piece]]) -> Iterator[Piece]:
    """What `make` makes of `units`, the next piece while this one is used. Once it is left, no further unit is begun."""
    is_left = threading.Event()
    pieces = make(takewhile(lambda _unit: not is_left.is_set(), units))
    with ThreadPoolExecutor(1, thread_name_prefix=threading.current_thread().name) as maker:
        try:
            coming = maker.submit(next, pieces, None)
            while (piece := coming.result()) is not None:
                coming = maker.submit(next, pieces, None)
                yield piece
        finally:
            is_left.set()
