"""`flyusage cost-centres`: which cost centre an app belongs to, from which month on."""

import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from flyusage import clock, db
from flyusage.cli import asked, bootstrap, remote
from flyusage.cli.ingest import SOME_REFUSED, STANDARD_INPUT, InputUnreadable
from flyusage.cli.output import print_json, print_table
from flyusage.cli.remote import Remote
from flyusage.logs import harmless
from flyusage.metering import cost_centres, cost_centres_csv
from flyusage.metering.cost_centres import UNASSIGNED, Assigned, Assignment
from flyusage.metering.cost_centres_csv import ColumnsMissing, RefusedRow, Row

MOST_PRINTED = 20
AT_ONCE, LONGEST_ORIGIN = 500, 200  # what the API takes of assignments: its bodies are 256 KiB at most

app = typer.Typer(help="Assign apps to cost centres, month by month.", no_args_is_help=True)
Org = Annotated[str | None, typer.Option("--org", help="The organization's slug; needed where there are several.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True)
class _Outcome:
    """What became of a file's rows."""

    assigned: Assigned
    refused: list[RefusedRow]


@app.command("import")
def import_file(
    file: Annotated[str, typer.Argument(metavar="FILE.csv|-", help="CSV with the columns app, cost_centre and from_month (2026-10).")],
    org: Org = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Assign apps to cost centres. An empty cost centre ends the one before; repeating a file changes nothing.

    Exit code 0 when every row went in or was so already, 3 when some were refused (the rest is in), 1 on failure.
    """
    rows = list(_read(file))
    wanted = [row.assignment for row in rows if isinstance(row, Row)]
    there = remote.of(org)
    if there is not None:
        slug = org or there.get("/organization")["org"]
        assigned = _assigned_there(there, wanted, file, is_dry_run=dry_run)
    else:
        bootstrap.be_ready()
        entry = asked.organization(org)
        slug = entry.slug
        with db.transaction(entry.id) as session:
            assigned = cost_centres.assign(session, entry.id, wanted, actor="system:cli", origin=file)
            if dry_run:
                session.rollback()
    refused = cost_centres_csv.refusals(rows, assigned.unknown_apps, slug)
    outcome = _Outcome(assigned, refused)
    _report(outcome, is_dry_run=dry_run, as_json=as_json)
    if refused:
        raise typer.Exit(SOME_REFUSED)


@app.command("list")
def list_assignments(org: Org = None, as_json: AsJson = False) -> None:
    """Every app with the cost centre that it has this month and those that are to come; with --json all of its past too."""
    found, apps = _known(org)
    if as_json:
        print_json({"assignments": found, "unassigned": [app for app in apps if not _is_held(app, found)]})
    elif not apps:
        typer.echo("No app yet. Apps are known from their first event on.")
    else:
        print_table(("app", "cost centre", "from"), _rows(apps, found))


@app.command("export")
def export_assignments(org: Org = None) -> None:
    """Every assignment as CSV, as `import` takes it."""
    for line in cost_centres_csv.write(_known(org)[0]):
        sys.stdout.write(line)


def _known(org: str | None) -> tuple[list[Assignment], list[str]]:
    """Every assignment, and the names of the apps, of another flyusage or of the database."""
    there = remote.of(org)
    if there is not None:
        told = there.get("/cost-centres")
        return [_assignment(one) for one in told["data"]], told["apps"]
    bootstrap.be_ready()
    org_id = asked.organization(org).id
    with db.transaction(org_id) as session:
        return cost_centres.assignments(session, org_id), cost_centres.app_names(session, org_id)


def _assigned_there(there: Remote, wanted: Sequence[Assignment], origin: str, *, is_dry_run: bool) -> Assigned:
    """What another flyusage says, asked in pieces that it takes; of one app and month the last one stands, as on a database."""
    named = list({(one.app, one.from_month): one for one in wanted}.values())
    told = []
    for start in range(0, len(named), AT_ONCE):
        piece = [
            {"app": one.app, "from_month": f"{one.from_month:%Y-%m}", "cost_centre": one.cost_centre}
            for one in named[start : start + AT_ONCE]
        ]
        told.append(there.write("POST", "/cost-centres", {"assignments": piece, "dry_run": is_dry_run, "origin": origin[-LONGEST_ORIGIN:]}))
    return Assigned(
        tuple(sorted(_assignment(one) for each in told for one in each["changed"])),
        sum(each["unchanged"] for each in told),
        tuple(sorted({one for each in told for one in each["created"]})),
        frozenset(one for each in told for one in each["unknown_apps"]),
    )


def _assignment(told: Mapping[str, Any]) -> Assignment:
    return Assignment(told["app"], date.fromisoformat(f"{told['from_month']}-01"), told["cost_centre"])


def _read(file: str) -> Iterator[Row | RefusedRow]:
    try:
        text = (sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes()).decode("utf-8-sig")
        yield from cost_centres_csv.read(io.StringIO(text, newline=""))
    except UnicodeDecodeError as error:
        raise InputUnreadable(f"{harmless(file)} is not UTF-8 text; save it as CSV UTF-8.") from error
    except OSError as error:
        raise InputUnreadable(f"{harmless(file)} cannot be read ({error.strerror}).") from error
    except ColumnsMissing as missing:
        raise InputUnreadable(f"{harmless(file)}: {missing.sentence}") from missing


def _report(outcome: _Outcome, *, is_dry_run: bool, as_json: bool) -> None:
    assigned, refused = outcome.assigned, outcome.refused
    if as_json:
        print_json(
            {"changed": assigned.changed, "unchanged": assigned.unchanged, "created": assigned.created, "refused": refused,
             "is_dry_run": is_dry_run}
        )  # fmt: skip
        return
    would = "would be " if is_dry_run else ""
    typer.echo(f"{len(assigned.changed):,} {would}assigned, {assigned.unchanged:,} already so, {len(refused):,} refused.")
    if assigned.created:
        typer.echo(harmless(f"New cost centres: {', '.join(assigned.created)}."))
    for row in refused[:MOST_PRINTED]:
        typer.echo(harmless(f"line {row.line}: {row.code}: {row.sentence}"), err=True)
    if len(refused) > MOST_PRINTED:
        typer.echo(f"… and {len(refused) - MOST_PRINTED:,} more; --json lists all of them.", err=True)


def _rows(apps: Sequence[str], found: Sequence[Assignment]) -> list[tuple[str, str, str]]:
    """Per app: what holds this month, then what is to come."""
    by_app: dict[str, list[Assignment]] = {}
    for one in found:
        by_app.setdefault(one.app, []).append(one)
    rows = []
    for name in apps:
        held = _held(by_app.get(name, []))
        coming = [one for one in by_app.get(name, []) if one.from_month > clock.now().date()]
        rows.append((name, (held and held.cost_centre) or UNASSIGNED, f"{held.from_month:%Y-%m}" if held else "–"))
        rows += [(name, one.cost_centre or UNASSIGNED, f"{one.from_month:%Y-%m}") for one in coming]
    return rows


def _held(of_app: Sequence[Assignment]) -> Assignment | None:
    """The assignment in force today."""
    return next((one for one in reversed(of_app) if one.from_month <= clock.now().date()), None)


def _is_held(name: str, found: Sequence[Assignment]) -> bool:
    held = _held([one for one in found if one.app == name])
    return held is not None and held.cost_centre is not None
