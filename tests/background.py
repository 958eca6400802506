"""Async talk from a test. Not by `asyncio.run` in the test's own thread: where the browser is open, its event loop runs there already."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


def run_async(talk: Coroutine[object, object, T]) -> T:
    """What `talk` returns or raises, from an event loop of its own in a thread of its own, in the present context."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, asyncio.run, talk).result()
