"""`flyusage rollup`: bring the roll-ups up, verify them against the ledger, say how far they are."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from flyusage import db, logs
from flyusage.cli import bootstrap, progress
from flyusage.cli.output import print_json, print_table
from flyusage.metering import queries, rollups
from flyusage.metering.verify import Difference, verify
from flyusage.orgs import queries as orgs
from flyusage.orgs.queries import OrganizationEntry

MOST_PRINTED = 50

app = typer.Typer(help="Bring the roll-ups up, verify them, see how far they are.", no_args_is_help=True)

Org = Annotated[str | None, typer.Option("--org", help="One organization's slug; all of them without it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True)
class Rolled:
    """What a run did for an organization."""

    org: str
    rolled_days: int
    rolled_through: datetime | None


@dataclass(frozen=True)
class Status:
    """How far an organization is rolled; days that wait are counted, and named from which day on all is complete."""

    org: str
    rolled_through: datetime
    last_event_at: datetime
    is_stale: bool
    waiting_days: int
    complete_from: str | None


@app.command("run")
def run(org: Org = None, as_json: AsJson = False) -> None:
    """Close the hours that have passed and roll all days that events changed, newest first. Repeating it changes nothing."""
    bootstrap.be_ready()
    done = []
    for one in _chosen(org):
        with progress.shown(f"rolling up {one.slug}") as report:

            def tell(step: rollups.Progress, report: progress.Report = report) -> None:
                report(step.rolled_days / max(1, step.rolled_days + step.pending_days), f"{step.pending_days:,} days to go")

            left = rollups.catch_up(one.id, progress=tell)
        done.append(Rolled(one.slug, left.rolled_days, left.rolled_through))
    if as_json:
        print_json(done)
    else:
        print_table(("organization", "days rolled", "through"), [(one.org, one.rolled_days, one.rolled_through) for one in done])


@app.command("verify")
def verify_all(org: Org = None, as_json: AsJson = False) -> None:
    """Recount everything from the ledger and report each difference; exit code 1 if there is one."""
    bootstrap.be_ready()
    found: dict[str, list[Difference]] = {}
    for one in _chosen(org):
        with progress.shown(f"verifying {one.slug}") as report:

            def tell(what: str, done: int, total: int, report: progress.Report = report) -> None:
                report(done / max(1, total), f"{done:,} of {total:,} {what}")

            found[one.slug] = verify(one.id, progress=tell)
    if as_json:
        print_json({slug: [_plain(one) for one in differences] for slug, differences in found.items()})
    else:
        _print(found)
    if any(found.values()):
        raise typer.Exit(1)


@app.command("status")
def status(org: Org = None, as_json: AsJson = False) -> None:
    """How far each organization is rolled up."""
    bootstrap.be_ready()
    known = [row for one in _chosen(org) if (row := _status(one)) is not None]
    if as_json:
        print_json(known)
    elif not known:
        typer.echo("No events yet.")
    else:
        titles = ("organization", "closed through", "last event", "stale", "days waiting", "complete from")
        rows = [(one.org, one.rolled_through, one.last_event_at, one.is_stale, one.waiting_days, one.complete_from) for one in known]
        print_table(titles, rows)


def _status(one: OrganizationEntry) -> Status | None:
    with db.transaction(one.id) as session:
        fresh, rolled = queries.freshness(session, one.id), queries.rollup_progress(session, one.id)
    if fresh is None or rolled is None:
        return None
    since = rolled.complete_from.isoformat() if rolled.complete_from else None
    return Status(one.slug, fresh.rolled_through, fresh.last_event_at, fresh.is_stale, rolled.total_days - rolled.rolled_days, since)


def _chosen(slug: str | None) -> list[OrganizationEntry]:
    """The organizations to work on. Raises OrganizationUnknown."""
    with db.lookup_transaction() as session:
        return orgs.directory(session) if slug is None else [orgs.organization_by_slug(session, slug)]


def _print(found: dict[str, list[Difference]]) -> None:
    for slug, differences in found.items():
        typer.echo(f"{slug}: {len(differences):,} differences" if differences else f"{slug}: everything follows from the ledger")
        for one in differences[:MOST_PRINTED]:
            typer.echo(f"  {logs.harmless(str(one))}")
        if len(differences) > MOST_PRINTED:
            typer.echo(f"  and {len(differences) - MOST_PRINTED:,} more; --json prints all")


def _plain(one: Difference) -> dict[str, object]:
    return {"table": one.table, "key": one.key, "expected": _value(one.expected), "found": _value(one.found)}


def _value(row: object) -> object:
    return list(row) if isinstance(row, tuple) else row
