"""`flyusage audit`: what was done, and whether what was recorded is still what is there."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from flyusage import db
from flyusage.cli import asked, bootstrap, remote
from flyusage.cli.output import as_plain, print_json, print_table
from flyusage.orgs import audit, queries
from flyusage.pricing.urls import parse_moment

app = typer.Typer(help="Read and check the audit of organizations.", no_args_is_help=True)
COLUMNS = ("id", "at", "actor", "action", "subject", "detail")


@app.command("list")
def list_entries(
    organization: Annotated[
        str | None, typer.Argument(metavar="[ORG]", help="The organization's slug; needed where there are several.")
    ] = None,
    actor: Annotated[str, typer.Option("--actor", help="Only what they did, as user:1.")] = "",
    action: Annotated[str, typer.Option("--action", help="Only this, as tokens.create.")] = "",
    since: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="From this day on, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Up to this day, itself included.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many at most.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Who did what to what, when; newest first.

    Example: flyusage audit list prism --action tokens.create --from 2026-10-01
    """
    there = remote.of(organization)
    if there is not None:
        days = {"from": f"{since:%Y-%m-%d}" if since else None, "to": f"{until:%Y-%m-%d}" if until else None}
        told = there.get("/audit", {"actor": actor, "action": action, **days, "limit": limit})["data"]
    else:
        bootstrap.be_ready()
        wanted = audit.Wanted(actor or None, action or None, _midnight(since), _midnight(until, days=1))
        chosen = asked.organization(organization)
        with db.transaction(chosen.id) as session:
            found = audit.entries(session, chosen.id, wanted, limit=limit)
        told = [{name: getattr(one, name) for name in COLUMNS} for one in found]
    if as_json:
        print_json(told)
    elif not told:
        typer.echo("No such entry.")
    else:
        rows = [(_moment(one["at"]), *(one[name] for name in COLUMNS[2:5]), json.dumps(one["detail"], default=as_plain)) for one in told]
        print_table(("when (UTC)", "who", "did", "to", "detail"), rows)


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


def _midnight(day: datetime | None, *, days: int = 0) -> datetime | None:
    return None if day is None else day.replace(tzinfo=UTC) + timedelta(days=days)


def _moment(at: datetime | str) -> datetime | None:
    """A moment, also one that the API wrote."""
    return parse_moment(at) if isinstance(at, str) else at
