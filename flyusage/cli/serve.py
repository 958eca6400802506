"""`flyusage serve`: the one long-running command."""

from typing import Annotated

import typer

from flyusage import logs
from flyusage.cli import hosting
from flyusage.config import settings

Host = Annotated[str | None, typer.Option(help="Address to listen on; else FLYUSAGE_HOST (127.0.0.1).")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on; else FLYUSAGE_PORT (8321).")]


def serve(host: Host = None, port: Port = None) -> None:
    """Serve pages, websocket and API on one port until Ctrl-C; roll-ups keep up in a process beside it."""
    chosen = settings()
    logs.configure(chosen.log_level, chosen.log_format)
    where = host or chosen.host, port or chosen.port
    with hosting.claimed(*where) as held:
        hosting.run(held, *where, say=_say)


def _say(address: str) -> None:
    typer.echo(f"flyusage is at {address}. Stop it with Ctrl-C.")
