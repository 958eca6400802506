"""How fast one websocket may talk: as fast as anybody clicks, and then some.

What comes faster waits in its sender's network, not in our memory: events are taken in far faster than they are answered.
"""

import asyncio
import time

from starlette.types import Message, Receive

MESSAGES_AT_ONCE, MESSAGES_A_SECOND = 300, 60
BYTES_AT_ONCE, BYTES_A_SECOND = 4 * 1024 * 1024, 1024 * 1024


class Bucket:
    """Holds `most`, and fills by `a_second`."""

    def __init__(self, most: float, a_second: float) -> None:
        self.most, self.a_second = most, a_second
        self._left, self._at = most, time.monotonic()

    def take(self, many: float) -> float:
        """Take so many; how many seconds there are to wait until there were so many."""
        now = time.monotonic()
        self._left, self._at = min(self.most, self._left + (now - self._at) * self.a_second) - many, now
        return max(0.0, -self._left / self.a_second)


def paced(receive: Receive) -> Receive:
    """`receive` of one websocket, which waits where its client talks too fast."""
    messages, octets = Bucket(MESSAGES_AT_ONCE, MESSAGES_A_SECOND), Bucket(BYTES_AT_ONCE, BYTES_A_SECOND)

    async def receive_in_time() -> Message:
        message = await receive()
        if message["type"] == "websocket.receive":
            size = len(message.get("text") or message.get("bytes") or "")
            if wait := max(messages.take(1), octets.take(size)):
                await asyncio.sleep(wait)
        return message

    return receive_in_time
