"""What is kept of tabs that are closed."""

import asyncio

import pytest
from background import run_async
from reflex.istate.manager.memory import StateManagerMemory
from reflex.istate.manager.token import BaseStateToken

from flyusage.flyusage import app
from flyusage.ui import gone_tabs


async def opened(kept: StateManagerMemory, *tabs: str) -> None:
    for tab in tabs:
        await kept.get_state(BaseStateToken(ident=tab, cls=app._state))  # pyright: ignore[reportArgumentType]


def test_a_tab_that_left_is_kept_for_minutes_and_one_that_is_there_for_ever() -> None:
    async def talk() -> None:
        kept, left = StateManagerMemory(), {}
        await opened(kept, "stays", "leaves", "comes back")
        for now, connected in ((0, {"stays", "leaves", "comes back"}), (100, {"stays"}), (400, {"stays", "comes back"})):
            gone_tabs.let_go(kept, connected, left, now)
            assert set(kept.states) == {"stays", "leaves", "comes back"}
        gone_tabs.let_go(kept, {"stays"}, left, 100 + gone_tabs.KEPT_SECONDS)
        assert set(kept.states) == {"stays", "comes back"}
        gone_tabs.let_go(kept, {"stays"}, left, 10**6)
        gone_tabs.let_go(kept, {"stays"}, left, 2 * 10**6)
        assert (set(kept.states), left) == ({"stays"}, {})
        await kept.close()

    run_async(talk())


def test_of_tabs_without_end_the_first_ones_go_at_once_but_for_one_that_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gone_tabs, "MOST_KEPT", 3)

    async def talk() -> None:
        kept, left = StateManagerMemory(), {}
        await opened(kept, *(f"tab {number}" for number in range(8)))
        async with kept.modify_state(BaseStateToken(ident="tab 0", cls=app._state)):  # pyright: ignore[reportArgumentType]
            gone_tabs.let_go(kept, {"tab 1"}, left, 0)
            assert set(kept.states) == {"tab 0", "tab 1", "tab 5", "tab 6", "tab 7"}
        gone_tabs.let_go(kept, {"tab 1"}, left, 1)
        assert set(kept.states) == {"tab 1", "tab 5", "tab 6", "tab 7"}
        await kept.close()

    run_async(asyncio.wait_for(talk(), 10))
