"""What waits for somebody else's server: an organization's provider, a domain's name servers, an endpoint for alerts.

Seconds can pass, and whose server it is decides how many. So they wait on threads of their own: on those that answer pages, a handful
of customers with slow servers, or one who means it, would have everybody else wait too.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from typing import ParamSpec, TypeVar
from weakref import WeakValueDictionary

THREADS = 16
AT_ONCE = 4  # of one organization, or from one network address

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

_places: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()


async def asked(whose: str, ask: Callable[Given, Answer], *given: Given.args, **named: Given.kwargs) -> Answer:
    """What `ask` gives, which may wait for others' servers. `whose` names on whose behalf: no more than a few at once are."""
    place = _places.setdefault(whose, asyncio.Semaphore(AT_ONCE))
    async with place:
        context = copy_context()  # who is reading, as `asyncio.to_thread` has it
        return await asyncio.get_running_loop().run_in_executor(_threads(), lambda: context.run(ask, *given, **named))


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "elsewhere")
