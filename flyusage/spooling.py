"""Long downloads: read to their end before the first byte goes out, so that whoever reads slowly holds no connection to the database."""

from collections.abc import Iterable, Iterator
from tempfile import SpooledTemporaryFile

IN_MEMORY = 1 << 20  # bytes; beyond that in a file without a name
PIECE = 1 << 16


def spooled(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, in pieces of 64 kB. `pieces` is read, and what it holds let go, before the first of them; so are its errors raised."""
    with SpooledTemporaryFile(IN_MEMORY) as kept:
        for piece in pieces:  # not by writelines, which keeps all of it in memory
            kept.write(piece)
        kept.seek(0)
        while part := kept.read(PIECE):
            yield part
