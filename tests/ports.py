"""Ports for servers that are told theirs before they start."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_port() -> Iterator[int]:
    """A port of this machine on which one server may listen, and which the system gives to nobody else inside the block.

    Bound and never listened on: a port that was only looked for is anybody's until its server has started, another worker's, too.
    """
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]
