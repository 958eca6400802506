"""Processes of flyusage that begin with everything imported: forks of one per run.

To import the pages, the API and the command line takes seconds of the processor, which each of the browser tests' servers and
commands would spend again. A fork is a process like any other: with its own environment, folder, signals and end. What tests of
the start itself begin is none (`tests/test_server.py`, `tests/cli/test_serve.py`).
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["preloaded"])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    return context


def start(
    what: Callable[..., object], *given: Any, settings: dict[str, str], out: str = os.devnull, err: str | None = None
) -> ForkServerProcess:
    """A process that does `what`, a function of a module, with `settings` beside the present environment.

    It writes to the files `out` and `err`; without `err`, where we do.
    """
    process = _context().Process(target=_begin, args=(what, given, os.environ | settings, str(Path.cwd()), out, err))
    process.start()
    return process


def start_command(*command: str, settings: dict[str, str], out: str, err: str) -> ForkServerProcess:
    """A `flyusage` command that has begun; it writes to the files `out` and `err`."""
    return start(_command, command, settings=settings, out=out, err=err)


def run(*command: str, settings: dict[str, str]) -> Said:
    """A `flyusage` command to its end."""
    with tempfile.TemporaryDirectory(prefix="flyusage-") as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = start_command(*command, settings=settings, out=str(out), err=str(err))
        process.join()
        code = process.exitcode
        process.close()
        assert code is not None
        return Said(code, out.read_text(), err.read_text())


def _begin(
    what: Callable[..., object], given: tuple[Any, ...], environment: dict[str, str], folder: str, out: str, err: str | None
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for path, number in ((out, 1), (err, 2)):
        if path is not None:
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(opened, number)
            os.close(opened)
    what(*given)


def _command(arguments: tuple[str, ...]) -> None:
    from flyusage.cli.main import main

    sys.argv = ["flyusage", *arguments]
    main()
