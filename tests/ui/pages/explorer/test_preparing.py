"""What a resting pointer has prepared: a client that means harm calls it without end, of anything, without a page."""

import asyncio
from types import SimpleNamespace

import pytest
from background import run_async

from flyusage.ui.pages.explorer import question, state
from flyusage.ui.pages.explorer.question import Answered, Asked
from flyusage.ui.pages.explorer.state import LONGEST_QUERY, MOST_PREPARING, Explorer


class Tab:
    """What `prepare` asks of the state of a page."""

    def __init__(self, connection: str) -> None:
        self.router = SimpleNamespace(session=SimpleNamespace(session_id=connection))

    def _asked(self) -> Asked:
        return Asked("prism", {})


def test_a_connection_has_two_prepared_at_a_time_and_an_overlong_query_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Asked] = []

    async def run() -> None:
        may_answer = asyncio.Event()

        async def prepared(one: Asked) -> Answered | None:
            asked.append(one)
            await may_answer.wait()
            return None

        monkeypatch.setattr(question, "prepared", prepared)

        async def call(connection: str, query: object) -> None:
            async for _ in Explorer.prepare.fn(Tab(connection), query):  # pyright: ignore[reportFunctionMemberAccess]
                pytest.fail("there is nothing to show")

        waiting = [asyncio.create_task(call("mine", f"?by=app&x={number}")) for number in range(50)]
        others = [asyncio.create_task(call("another", query)) for query in ("?by=" + "y" * 100_000, ["no", "text"])]
        done, left = await asyncio.wait([*waiting, *others], return_when=asyncio.FIRST_COMPLETED)
        assert (len(done), len(left)) == (50 - MOST_PREPARING, MOST_PREPARING + len(others))  # the others came to an end at once
        assert sum("x" in one.query for one in asked) == MOST_PREPARING
        assert max(len(value) for one in asked for value in one.query.values()) < LONGEST_QUERY
        may_answer.set()
        await asyncio.gather(*left)
        await call("mine", "?by=app")
        assert len(asked) == MOST_PREPARING + len(others) + 1  # whoever waited for theirs may ask again

    run_async(run())
    assert not state._preparing  # nothing is kept of connections that are gone


def test_a_failure_gives_its_place_back_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from flyusage.orgs.errors import NotPermitted

    async def refused(_: Asked) -> Answered | None:
        raise NotPermitted("no")

    async def run() -> list[object]:
        return [said for _ in range(MOST_PREPARING + 1) async for said in Explorer.prepare.fn(Tab("mine"), "")]  # pyright: ignore[reportFunctionMemberAccess]

    monkeypatch.setattr(question, "prepared", refused)
    assert run_async(run()) == []
    assert not state._preparing
