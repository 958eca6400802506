"""Asking again and again: on a terminal the answer is refreshed in its place, in a pipe a changed one follows the one before."""

import time
from collections.abc import Callable
from typing import Any

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from flyusage import db
from flyusage.cli.remote import RemoteUnreachable
from flyusage.errors import FlyusageError

PASSING = (RemoteUnreachable, db.DatabaseUnreachable)  # what a restart over there looks like

Answer = dict[str, Any]
Ask = Callable[[], Answer]


def in_place(ask: Ask, draw: Callable[[Answer], RenderableType], *, every_seconds: int) -> None:
    """Draw what `ask` answers until a signal ends it; the last answer stays. Raises what the first ask raises."""
    answer, trouble = ask(), ""
    with Live(console=Console(), auto_refresh=False) as live:
        while True:
            said = trouble or f"Asked again every {every_seconds} s; Ctrl-C ends it."
            live.update(Group(draw(answer), Text(said, style="yellow" if trouble else "dim")), refresh=True)
            time.sleep(every_seconds)
            try:
                answer, trouble = ask(), ""
            except PASSING as error:
                trouble = f"{error} These numbers are the last ones; asked again every {every_seconds} s."


def one_after_another(ask: Ask, tell: Callable[[Answer], None], facts: Callable[[Answer], Any], *, every_seconds: int) -> None:
    """Tell every answer whose `facts` differ from those told last, until a signal ends it or nobody reads on."""
    answer, told = ask(), None
    trouble: FlyusageError | None = None
    while True:
        if told is None or facts(answer) != told:
            told = facts(answer)
            tell(answer)
        time.sleep(every_seconds)
        try:
            answer, trouble = ask(), None
        except PASSING as error:
            if trouble is None:
                typer.echo(str(error), err=True)
            trouble = error
