"""Progress that people can watch: a bar on a terminal, a line now and then in a pipe or a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from flyusage.logs import harmless

LINE_SECONDS = 10


class Report(Protocol):
    """Says how far the work is: a share from 0 to 1 and a few words."""

    def __call__(self, share: float, words: str) -> None:
        """Say it."""
        ...


@contextmanager
def shown(title: str) -> Iterator[Report]:
    """A bar on standard error while the block runs; lines every 10 s where that is no terminal."""
    if sys.stderr.isatty():
        with bar(title) as report:
            yield report
    else:
        yield _lines(title)


@contextmanager
def bar(title: str) -> Iterator[Report]:
    """A bar on the terminal, which other output scrolls past."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[words]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(harmless(title), total=1.0, words="")
        yield lambda share, words: progress.update(task, completed=share, words=harmless(words))


def _lines(title: str) -> Report:
    last = time.monotonic() - LINE_SECONDS

    def report(share: float, words: str) -> None:
        nonlocal last
        if share >= 1 or time.monotonic() - last >= LINE_SECONDS:
            last = time.monotonic()
            typer.echo(harmless(f"{title}: {int(share * 100)}% {words}".rstrip()), err=True)

    return report
