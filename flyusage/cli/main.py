"""The command `flyusage`: one module per noun, and one place where failures become a sentence and an exit code."""

import importlib
import os
import signal
import sys
from collections import UserDict
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from flyusage import __version__, db, logs
from flyusage.cli.start import leave
from flyusage.config import settings
from flyusage.errors import FlyusageError

COMMANDS = {  # module:attribute, a function or a group of commands, in the order of `--help`
    "backup": "backup:backup",
    "demo": "demo:demo",
    "fill-demo": "demo:fill_beside",
    "anomalies": "anomalies:list_anomalies",
    "ingest": "ingest:ingest",
    "invite": "members:invite",
    "login": "login:login",
    "logout": "login:logout",
    "machines": "machines:machines",
    "open": "pages:open_view",
    "usage": "usage:usage",
    "restore": "backup:restore",
    "serve": "serve:serve",
    "worker": "worker:worker",
    "doctor": "doctor:doctor",
    "audit": "audit:app",
    "bill": "bill:app",
    "budgets": "budgets:app",
    "cost-centres": "cost_centres:app",
    "costs": "costs:app",
    "db": "database:app",
    "deliveries": "deliveries:app",
    "export": "export:app",
    "invoices": "invoices:app",
    "members": "members:app",
    "mail": "post:app",
    "orgs": "orgs:app",
    "payments": "payments:app",
    "prices": "prices:app",
    "rollup": "rollup:app",
    "seller": "seller:app",
    "sso": "sso:app",
    "staff": "staff:app",
    "terms": "terms:app",
    "tokens": "tokens:app",
    "users": "users:app",
    "views": "views:app",
}
HIDDEN = {"fill-demo"}


class _Commands(UserDict[str, Any]):
    """Commands by name, each imported when it is first looked at: all of them take seconds of a start, one a fraction."""

    def __getitem__(self, name: str) -> Any:
        command = super().__getitem__(name)
        if isinstance(command, str):
            command = self.data[name] = _imported(name, *command.split(":"))
        return command


class _Root(TyperGroup):
    """`flyusage` itself: what the table names, and what is added to `app`."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Commands({**COMMANDS, **self.commands})


app = typer.Typer(
    name="flyusage",
    cls=_Root,
    help="See, explain and bill what a fleet of machines costs.",
    epilog="Settings come from FLYUSAGE_* variables; `flyusage doctor` shows and checks them.",
    no_args_is_help=True,
    add_completion=True,  # --show-completion and --install-completion, for the shell that is asked in
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)


def main() -> NoReturn:
    """Run the command line; exit code 1 with one sentence for what a person can act on, 2 for a wrong usage."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, leave)
    if sys.stdout is None:  # closed by whoever called: nobody is to read it
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 until the end
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # else what is left is written on the way out, where nobody says why it cannot be
    except FlyusageError as error:
        sys.exit(f"flyusage: {logs.harmless(str(error))}")
    except BrokenPipeError:  # the reader of our output went away, as in `| head`
        _forget_output()
        sys.exit(1)
    except OSError as error:  # a disk that is full, a folder that may not be written: what the system says is the whole story
        if error.strerror is None:
            raise
        _forget_output()
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"flyusage: {logs.harmless(where + error.strerror)}. Make room there, or choose another place.")
    finally:
        db.close()
    sys.exit(0)


def _forget_output() -> None:
    """What could not be written is not tried again on the way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _imported(name: str, module: str, attribute: str) -> Any:
    found = getattr(importlib.import_module(f"flyusage.cli.{module}"), attribute)
    alone = typer.Typer()
    if isinstance(found, typer.Typer):
        alone.add_typer(found, name=name)
    else:
        alone.command(name, hidden=name in HIDDEN)(found)
    return typer.main.get_group(alone).commands[name]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"flyusage {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_print_version)] = False,
) -> None:
    chosen = settings()
    # A command speaks for itself; only what stays and serves logs its doings without being asked.
    level = chosen.log_level if "log_level" in chosen.model_fields_set else "warning"
    logs.configure(level, chosen.log_format)


if __name__ == "__main__":
    main()
