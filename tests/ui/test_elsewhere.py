"""Who waits for others' servers holds up neither pages nor other customers."""

import asyncio
import threading
from collections.abc import Iterator
from types import ModuleType

import calling
import pytest
from background import run_async
from calling import Call

from flyusage.ui import elsewhere
from flyusage.ui.pages.alerts import question as alerts
from flyusage.ui.pages.sso import question as sso

SECONDS = 30


def test_slow_servers_of_one_customer_hold_up_neither_pages_nor_another_customer() -> None:
    is_over, waiting = threading.Event(), threading.Semaphore(0)

    def slow() -> bool:
        waiting.release()
        return is_over.wait(SECONDS)

    async def everybody() -> None:
        held = [asyncio.create_task(elsewhere.asked("slow", slow)) for _ in range(3 * elsewhere.THREADS)]
        try:
            for _ in range(elsewhere.AT_ONCE):
                assert await asyncio.to_thread(waiting.acquire, timeout=SECONDS)  # on the threads of pages, which are free
            assert await asyncio.wait_for(elsewhere.asked("another", lambda: "answered"), SECONDS) == "answered"
            assert not waiting.acquire(blocking=False)  # no more than a few of one customer's at once
        finally:
            is_over.set()
        assert all(await asyncio.gather(*held))

    run_async(everybody())


@pytest.mark.parametrize(
    ("handler", "module", "function", "given"),
    [
        ("Alerts.test", alerts, "test", {"endpoint_id": "1"}),
        ("SingleSignOn.save", sso, "save", {"form": {}}),
        ("SingleSignOn.check", sso, "check", {"domain": "prism.example"}),
    ],
)
def test_what_a_page_asks_of_others_is_asked_there(
    database: object, monkeypatch: pytest.MonkeyPatch, handler: str, module: ModuleType, function: str, given: dict[str, object]
) -> None:
    threads: list[str] = []

    def note(*_given: object) -> Iterator[bool | str]:
        threads.append(threading.current_thread().name)
        return iter((True, ""))  # as unpacked by `Alerts.test`

    monkeypatch.setattr(module, function, note)
    calling.called(handler, Call(given), "")
    assert [name.partition("_")[0] for name in threads] == ["elsewhere"]
