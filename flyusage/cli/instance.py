"""One server per data folder: a lock that dies with its holder, and a note of where that one answers."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from flyusage.errors import FlyusageError


class AlreadyRunning(FlyusageError):
    """Another flyusage serves from this data folder."""

    code = "already_running"
    status = 409


class Instance:
    """The right to serve from a data folder; `announce` says where, for whoever comes second."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def announce(self, address: str) -> None:
        """Leave the address for others to find."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(address)
        self._file.flush()


@contextmanager
def only(data_dir: Path) -> Iterator[Instance]:
    """Be the only server of `data_dir` inside the block. Raises AlreadyRunning with the other one's address."""
    with _lock_file(data_dir).open("a+", encoding="utf-8") as file:
        if not _locked(file):
            raise AlreadyRunning(
                f"flyusage is already running from {data_dir}{_address(file)}. Use that one, stop it first, "
                "or start another with its own FLYUSAGE_DATA_DIR and FLYUSAGE_PORT."
            )
        instance = Instance(file)
        instance.announce("")
        yield instance
        instance.announce("")


def is_running(data_dir: Path) -> bool:
    """Whether a server holds `data_dir`."""
    path = _lock_file(data_dir)
    if not path.exists():
        return False
    with path.open("a+", encoding="utf-8") as file:
        return not _locked(file)


def address(data_dir: Path) -> str | None:
    """Where the server that holds `data_dir` answers; None where none does."""
    if not is_running(data_dir):
        return None
    with _lock_file(data_dir).open(encoding="utf-8") as file:
        return file.read(200).strip() or None


def _lock_file(data_dir: Path) -> Path:
    return data_dir / "serve.lock"


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _address(file: IO[str]) -> str:
    file.seek(0)
    address = file.read(200).strip()
    return f", at {address}" if address else " and still starting"
