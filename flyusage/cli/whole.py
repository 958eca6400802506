"""Files that are there whole or not at all, however many write the same one and whenever they are killed."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def beside(out: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """An empty file to write, this writer's own: it takes the place of `out` once the block is through, and is gone otherwise. Raises OSError."""
    if not out.name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(out))
    # a name of its own: of two that write one file at once, or after one that was killed, none touches what the other writes
    part = out.with_name(f"{out.name}.{secrets.token_hex(4)}.part")
    part.touch(mode=mode, exist_ok=False)
    try:
        yield part
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
