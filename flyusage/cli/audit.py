"""`flyusage audit`: whether what was recorded is still what is there."""

from typing import Annotated

import typer

from flyusage import db
from flyusage.cli import bootstrap
from flyusage.cli.output import print_json
from flyusage.orgs import audit, queries

app = typer.Typer(help="Check the audit of organizations.", no_args_is_help=True)


@app.callback()
def _commands() -> None:
    """Keep `verify` a command of its own while it is the only one."""


@app.command("verify")
def verify(
    organization: Annotated[
        str | None, typer.Argument(metavar="[ORG]", help="Its slug; without one every organization is checked.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check that no entry was changed, taken out or put in; exit code 1 where one was.

    Note the head hash somewhere else: the same hash later says that nothing up to that entry has changed.

    Example: flyusage audit verify prism
    """
    bootstrap.be_ready()
    with db.lookup_transaction() as session:
        found = [queries.organization_by_slug(session, organization)] if organization is not None else queries.directory(session)
    verdicts = []
    for org in found:
        with db.transaction(org.id) as session:
            verdicts.append((org.slug, audit.verify(session, org.id)))
        if not as_json:
            _tell(*verdicts[-1])
    if as_json:
        print_json(
            [
                {"org": slug, "is_ok": one.broken is None, "entries": one.count, "head": one.head.hex(), "broken": one.broken}
                for slug, one in verdicts
            ]
        )
    elif not found:
        typer.echo("No organization yet.")
    if any(one.broken is not None for _, one in verdicts):
        raise typer.Exit(1)


def _tell(slug: str, verdict: audit.Verdict) -> None:
    count = f"{verdict.count:,} {'entry' if verdict.count == 1 else 'entries'}"
    if verdict.broken is None:
        typer.echo(f"{slug}: ok, {count}, head {verdict.head.hex()}")
    else:
        typer.echo(f"{slug}: BROKEN after {count}: {verdict.broken}.")
