"""HTTP/1.1 as uvicorn reads it, and requests whole that offer another protocol beside it.

Whoever asks may offer to go on in another protocol (`Upgrade: h2c`, as Java's own client does with its first request), and a server may
pass over the offer (RFC 9110, 7.8). httptools stops reading at such a request's head: its body would be lost, and a sender of events told
that none came. So the head is read once more without the offer. Websockets are uvicorn's own affair.
"""

from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

OFFERS = (b"upgrade", b"http2-settings")


class WholeRequests(HttpToolsProtocol):
    """A connection on which an offer that is passed over costs the request nothing."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.parser = _Parser(self)
        self._left: memoryview | None = None

    def data_received(self, data: bytes) -> None:
        """What came, and once more what follows a head with an offer: one after the other, since many may come at once."""
        super().data_received(data)
        while (rest := self._left) is not None and not self.transport.is_closing():
            self._left, head = None, self._head_without_offer()
            self.parser = _Parser(self)
            super().data_received(head)
            super().data_received(rest)  # type: ignore[arg-type]

    def on_headers_complete(self) -> None:
        """A request begins, but not by the first reading of a head with an offer."""
        """Begin to answer, unless the head comes once more."""
        if not self.is_passed_over():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request ends, but not by the first reading of a head with an offer."""
        """The request is whole, unless its head comes once more."""
        if not self.is_passed_over():
            super().on_message_complete()

    def is_passed_over(self) -> bool:
        """Whether the head that was just read offers what we do not speak."""
        return self.parser.should_upgrade() and not self._should_upgrade() and any(name == b"upgrade" for name, _ in self.headers)

    def go_on_with(self, rest: memoryview) -> None:
        """Keep what follows the head with the offer."""
        self._left = rest

    def _head_without_offer(self) -> bytes:
        first = b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        fields = [b"%s: %s" % field for field in self.headers if field[0] not in OFFERS]
        return b"\r\n".join([first, *fields, b"", b""])


class _Parser(httptools.HttpRequestParser):
    def __init__(self, connection: WholeRequests) -> None:
        super().__init__(connection)
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        self._connection = connection

    def feed_data(self, data: Any) -> None:
        try:
            super().feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if not self._connection.is_passed_over():
                raise
            self._connection.go_on_with(memoryview(data)[upgrade.args[0] :])
