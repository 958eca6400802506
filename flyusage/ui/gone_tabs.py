"""Lets go of what tabs showed that are closed.

Reflex keeps it for an hour, about 100 kB each: whoever connects, leaves and connects again would fill the memory within minutes, without
signing in. A tab that comes back later, as after a server's restart, is shown anew what its address says.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from time import monotonic

import reflex as rx
from reflex.istate.manager.memory import StateManagerMemory
from reflex.istate.manager.token import BaseStateToken

KEPT_SECONDS = 600.0  # of a laptop that sleeps, a phone between two networks
MOST_KEPT = 300
LOOK_SECONDS = 5.0


@asynccontextmanager
async def while_serving(pages: rx.App) -> AsyncIterator[None]:
    """Looks now and then for tabs that have gone, inside."""
    task = asyncio.create_task(_look(pages))
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def let_go(kept: StateManagerMemory, connected: Collection[str], left: dict[str, float], now: float) -> None:
    """Forget tabs that left long ago, and of too many the first ones. `left`: since when each is known to be gone, in that order."""
    for token in [one for one in left if one in connected or one not in kept.states]:
        del left[token]
    for token in kept.states:
        if token not in connected:
            left.setdefault(token, now)
    many = len(left) - MOST_KEPT
    for place, (token, since) in enumerate(list(left.items())):
        if place < many or now - since >= KEPT_SECONDS:
            _forget(kept, token)


def _forget(kept: StateManagerMemory, token: str) -> None:
    _, known = kept._token_expires_at.get(token, (0.0, None))  # noqa: SLF001 Reflex has no public name for it, nor for what it does an hour later
    lock = known and kept._states_locks.get(known.lock_key)  # noqa: SLF001
    if isinstance(known, BaseStateToken) and not (lock and lock.locked()):
        kept._purge_token(known)  # noqa: SLF001


async def _look(pages: rx.App) -> None:
    left: dict[str, float] = {}
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        kept, namespace = pages.state_manager, pages.event_namespace
        if isinstance(kept, StateManagerMemory) and namespace is not None:  # with Redis, it forgets by itself
            let_go(kept, frozenset(namespace.token_to_sid), left, monotonic())
