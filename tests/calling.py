"""Calls a State's handler in this process, as the websocket would: at an address, by the reader of a session, with any arguments.

Without page, browser or server. Each call has a state of its own, so that nothing of the last one helps it.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import reflex as rx
from background import run_async
from reflex.istate.data import RouterData
from reflex.state import BaseState

import flyusage.flyusage  # noqa: F401 declares every State
from flyusage.errors import FlyusageError
from flyusage.ui import live, reader

SECONDS = 30


class Form(dict[str, str]):
    """A form that has every field anybody could ask for: what is said about it here, and something readable in the rest."""

    def get(self, name: str, default: object = None) -> str:
        return dict.get(self, name, "1")


@dataclass(frozen=True)
class Call:
    """What a handler is called with: its arguments by name, the address of the page, and the fields that earlier calls would have set."""

    given: Mapping[str, Any] = field(default_factory=dict)
    path: str = "/orgs/prism"
    before: Mapping[str, Any] = field(default_factory=dict)


def states(of: type[BaseState] = rx.State) -> Iterator[type[BaseState]]:
    """Every State of ours."""
    for state in of.get_substates():
        if state.__module__.startswith("flyusage."):
            yield state
        yield from states(state)


def parameters_of(handler: str) -> list[inspect.Parameter]:
    return list(inspect.signature(_found(handler)[1]).parameters.values())[1:]


def called(handler: str, call: Call, secret: str) -> FlyusageError | None:
    """Call `Members.invite` to its end, by whoever has the session `secret`; the refusal, if it was refused in our own words."""
    kind, function = _found(handler)
    root = rx.State(_reflex_internal_init=True)  # pyright: ignore[reportCallIssue]
    root.router = RouterData.from_router_data({"pathname": call.path, "asPath": call.path, "query": {}, "headers": {}})
    state = root.get_substate(kind.get_full_name().split("."))
    for name, value in call.before.items():
        setattr(state, name, value)
    with reading_as(secret):
        try:
            run_async(asyncio.wait_for(_to_its_end(function(state, **call.given)), SECONDS))
        except FlyusageError as error:
            return error
    return None


@contextmanager
def reading_as(secret: str) -> Iterator[None]:
    """Whoever has this session asks inside the block; empty: nobody."""
    token = reader._secret.set(secret)
    try:
        yield
    finally:
        reader._secret.reset(token)


def let_states_be_called(patch: pytest.MonkeyPatch) -> None:
    """A background handler finds its state's lock free, and what waits for news has some once."""

    async def enter(state: rx.State) -> rx.State:
        return state

    async def leave(_state: rx.State, *_: object) -> None:
        return None

    async def once(_state: rx.State, **_: object) -> AsyncIterator[None]:
        yield

    patch.setattr(rx.State, "__aenter__", enter, raising=False)
    patch.setattr(rx.State, "__aexit__", leave, raising=False)
    patch.setattr(live, "changes", once)
    patch.setattr(live, "departures", once)


def _found(handler: str) -> tuple[type[BaseState], Any]:
    name, _, function = handler.partition(".")
    kind = next(one for one in states() if one.__name__ == name)
    return kind, kind.event_handlers[function].fn


async def _to_its_end(answered: Any) -> None:
    if inspect.isasyncgen(answered):
        async for _ in answered:
            pass
    elif inspect.isawaitable(answered):
        await answered
    elif inspect.isgenerator(answered):
        list(answered)
