"""Lines of a file, in bounded memory however long they are."""

from collections.abc import Iterator
from typing import IO

from flyusage.metering.events import MAX_LINE_BYTES
from flyusage.metering.refusals import BOM


def read_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of `file`; of one too long to be an event only as much as shows that, so that memory stays bounded."""
    limit = MAX_LINE_BYTES + len(BOM)
    while line := file.readline(limit):
        yield line
        while len(line) == limit and not line.endswith(b"\n"):
            line = file.readline(limit)
