"""A websocket that talks too fast is listened to slowly."""

import asyncio
from typing import Any

import pytest
from background import run_async

from flyusage import pacing


def waited(monkeypatch: pytest.MonkeyPatch, *messages: dict[str, Any]) -> list[float]:
    """How long each of them was held, while no time goes by."""
    held: list[float] = []

    async def sleep(seconds: float) -> None:
        held[-1] = seconds

    async def talk() -> None:
        coming = iter(messages)

        async def receive() -> dict[str, Any]:
            return next(coming)

        slowly = pacing.paced(receive)
        for message in messages:
            held.append(0.0)
            assert await slowly() == message

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(pacing.time, "monotonic", lambda: 0.0)
    run_async(talk())
    return held


def test_more_messages_than_anybody_clicks_wait_longer_and_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    many = pacing.MESSAGES_AT_ONCE + 120
    held = waited(monkeypatch, {"type": "websocket.connect"}, *[{"type": "websocket.receive", "text": "2"}] * many)
    assert set(held[: 1 + pacing.MESSAGES_AT_ONCE]) == {0.0}
    assert held[-1] == pytest.approx(120 / 60)


def test_large_messages_wait_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    megabyte = {"type": "websocket.receive", "bytes": b"x" * 2**20}
    assert waited(monkeypatch, *[megabyte] * 6) == [0, 0, 0, 0, 1, 2]


def test_it_fills_again_with_time_and_never_beyond(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(pacing.time, "monotonic", lambda: now[0])
    bucket = pacing.Bucket(10, 2)
    assert [bucket.take(10), bucket.take(2)] == [0.0, 1.0]
    now[0] = 1000.0
    assert [bucket.take(10), bucket.take(1)] == [0.0, 0.5]
