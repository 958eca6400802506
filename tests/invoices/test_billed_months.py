"""Months by place and day that are kept: whoever asks gets one, whatever others ask for meanwhile."""

import sys
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from flyusage.invoices import billed_months
from flyusage.invoices.allocation import Place

HERE = Place(1, 1, 1, 1)
THREADS = 4


@pytest.fixture
def short_turns() -> Iterator[None]:
    """Threads take turns as often as Python lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("short_turns")
def test_threads_ask_at_once_though_one_lets_go_of_what_another_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(billed_months, "MOST_REMEMBERED", 2)
    monkeypatch.setattr(billed_months, "_days", {})

    def work(number: int) -> None:
        for turn in range(20_000):
            key = (number + turn) % 3
            found = billed_months._remembered(key, lambda key=key: {HERE: array("q", [key])})
            assert found[HERE][0] == key

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(work, range(THREADS)))
