"""Files that are there whole or not at all, however many write the same one and whenever they are killed."""

import errno
import fcntl
import glob
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BEGINNING_SECONDS = 60  # a file so young may be another writer's that has not locked it yet


@contextmanager
def beside(out: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """An empty file to write, this writer's own: it takes the place of `out` once the block is through, and is gone otherwise. Raises OSError.

    What writers that were killed have left of theirs is removed first.
    """
    if not out.name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(out))
    _sweep(out)
    # a name of its own: of two that write one file at once, or after one that was killed, none touches what the other writes
    part = out.with_name(f"{out.name}.{secrets.token_hex(4)}.part")
    part.touch(mode=mode, exist_ok=False)
    try:
        with part.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # ends with this process, however it ends
            yield part
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _sweep(out: Path) -> None:
    for left in out.parent.glob(f"{glob.escape(out.name)}.{'[0-9a-f]' * 8}.part"):
        with suppress(OSError), left.open("rb") as file:  # gone meanwhile, somebody else's, or being written
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.time() - left.stat().st_mtime > BEGINNING_SECONDS:
                left.unlink()
