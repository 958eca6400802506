"""The command `flyusage`: one module per noun, and one place where failures become a sentence and an exit code."""

import os
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

from flyusage import __version__, db, logs
from flyusage.cli import (
    anomalies,
    audit,
    backup,
    bill,
    budgets,
    cost_centres,
    costs,
    database,
    demo,
    doctor,
    export,
    ingest,
    invoices,
    login,
    machines,
    members,
    orgs,
    payments,
    post,
    prices,
    rollup,
    serve,
    sso,
    staff,
    tokens,
    usage,
    users,
    worker,
)
from flyusage.config import settings
from flyusage.errors import FlyusageError

app = typer.Typer(
    name="flyusage",
    help="See, explain and bill what a fleet of machines costs.",
    epilog="Settings come from FLYUSAGE_* variables; `flyusage doctor` shows and checks them.",
    no_args_is_help=True,
    add_completion=True,  # --show-completion and --install-completion, for the shell that is asked in
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
app.command("backup")(backup.backup)
app.command("demo")(demo.demo)
app.command("fill-demo", hidden=True)(demo.fill_beside)
app.command("anomalies")(anomalies.list_anomalies)
app.command("ingest")(ingest.ingest)
app.command("login")(login.login)
app.command("logout")(login.logout)
app.command("machines")(machines.machines)
app.command("usage")(usage.usage)
app.command("restore")(backup.restore)
app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.command("doctor")(doctor.doctor)
app.add_typer(audit.app, name="audit")
app.add_typer(bill.app, name="bill")
app.add_typer(budgets.app, name="budgets")
app.add_typer(cost_centres.app, name="cost-centres")
app.add_typer(costs.app, name="costs")
app.add_typer(database.app, name="db")
app.add_typer(export.app, name="export")
app.add_typer(invoices.app, name="invoices")
app.add_typer(members.app, name="members")
app.add_typer(post.app, name="mail")
app.add_typer(orgs.app, name="orgs")
app.add_typer(payments.app, name="payments")
app.add_typer(prices.app, name="prices")
app.add_typer(rollup.app, name="rollup")
app.add_typer(sso.app, name="sso")
app.add_typer(staff.app, name="staff")
app.add_typer(tokens.app, name="tokens")
app.add_typer(users.app, name="users")


def main() -> NoReturn:
    """Run the command line; exit code 1 with one sentence for what a person can act on, 2 for a wrong usage."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _leave)
    try:
        app()
    except FlyusageError as error:
        sys.exit(f"flyusage: {logs.harmless(error.sentence)}")
    except BrokenPipeError:  # the reader of our output went away, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    finally:
        db.close()
    sys.exit(0)


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


def _leave(signum: int, _frame: FrameType | None) -> NoReturn:
    """End as the shell expects of a signal, through every `finally` on the way, without a word."""
    raise SystemExit(128 + signum)


if __name__ == "__main__":
    main()
