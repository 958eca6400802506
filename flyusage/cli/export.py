"""`flyusage export`: whole months as files, for others' tools and for finance."""

from collections.abc import Iterable, Iterator
from datetime import date
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from flyusage import db
from flyusage.cli import asked, bootstrap, progress, remote
from flyusage.cli.output import opened
from flyusage.cli.progress import Report
from flyusage.invoices.cost_centre_month import centre_csv, month_by_cost_centre
from flyusage.invoices.cost_centre_page import render
from flyusage.invoices.focus.columns import Row
from flyusage.invoices.focus.files import Format, written
from flyusage.invoices.focus.portions import Unit, Width
from flyusage.invoices.focus.rows import Account, rows
from flyusage.orgs.acting import system
from flyusage.orgs.exports import note_export

SOME_ROWS = 10_000
COMMAND = system("command")

app = typer.Typer(help="Save a month as a file.", no_args_is_help=True)

Org = Annotated[str | None, typer.Option("--org", help="The organization's slug; needed where there are several.")]
Month = Annotated[str | None, typer.Option("--month", help="2026-10; the present month without it.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="A file, or - for standard output; else named after the month.")]


class Page(StrEnum):
    """How a month by cost centre is written."""

    CSV = "csv"
    PDF = "pdf"


@app.command("focus")
def focus(
    org: Org = None,
    month: Month = None,
    by: Annotated[Unit, typer.Option("--by", help="app, or machine: single machines, volumes and addresses.")] = Unit.APP,
    per: Annotated[Width, typer.Option("--per", help="day or hour.")] = Width.DAY,
    format: Annotated[Format, typer.Option("--format", help="csv or parquet.")] = Format.CSV,
    out: Out = None,
) -> None:
    """Save a month's bill in FOCUS 1.2 (Cost and Usage), which tools for the bills of clouds read.

    BilledCost sums, by InvoiceId, to what each invoice asks for. A month that is not issued is a draft, and says so.

    Example: flyusage export focus --org prism --month 2026-10 --by machine --format parquet
    """
    first, there = asked.month(month), remote.of(org)
    chosen = out or Path(f"focus-{first:%Y-%m}.{format.value}")
    if there is not None:
        params = {"month": f"{first:%Y-%m}", "by": by.value, "per": per.value, "format": format.value}
        with opened(chosen) as file:
            count = there.save("/exports/focus", params, file)
        _said(chosen, f"{count:,} bytes")
        return
    bootstrap.be_ready()
    entry = asked.organization(org)
    account = Account(entry.id, entry.slug, entry.name)
    with db.transaction(entry.id) as session, progress.shown("Telling charges") as report:
        told = _Counted(rows(session, account, first, by=by, per=per), first, report)
        pieces = written(told, format)
        begun = next(pieces, b"")  # what stands in the way is said before anything is told to be taken
        _noted(entry.id, first, f"focus.{format.value}", by=by.value, per=per.value)
        with opened(chosen) as file:
            for piece in chain([begun], pieces):
                file.write(piece)
    _said(chosen, f"{told.count:,} rows")


@app.command("cost-centres")
def cost_centres(
    org: Org = None,
    month: Month = None,
    format: Annotated[Page, typer.Option("--format", help="csv: a line per app; pdf: one page.")] = Page.CSV,
    out: Out = None,
) -> None:
    """Save a month by cost centre, for finance to file. The lines sum to the invoice's net, to the cent.

    Example: flyusage export cost-centres --org prism --month 2026-10 --format pdf
    """
    first, there = asked.month(month), remote.of(org)
    chosen = out or Path(f"cost-centres-{first:%Y-%m}.{format.value}")
    if there is not None:
        content = there.download(f"/exports/cost-centres.{format.value}", {"month": f"{first:%Y-%m}"})
    else:
        bootstrap.be_ready()
        entry = asked.organization(org)
        with db.transaction(entry.id) as session:
            told = month_by_cost_centre(session, entry.id, entry.name, first)
        content = render(told) if format is Page.PDF else "".join(centre_csv(told)).encode()
        _noted(entry.id, first, f"cost-centres.{format.value}")
    with opened(chosen) as file:
        file.write(content)
    _said(chosen, f"{len(content):,} bytes")


class _Counted:
    """Rows as they pass, and how many they were."""

    def __init__(self, rows: Iterable[Row], month: date, report: Report) -> None:
        self._rows, self._month, self._report = rows, month, report
        self.count = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.count += 1
            if self.count % SOME_ROWS == 0:
                self._report(0.5, f"{self.count:,} rows")
            yield row
        self._report(1, f"{self.count:,} rows")


def _noted(org_id: int, month: date, file: str, **detail: str) -> None:
    told = {"month": f"{month:%Y-%m}", "format": file, "command": f"export {file.partition('.')[0]}", **detail}
    note_export(org_id, "invoice", told, by=COMMAND)


def _said(out: Path, what: str) -> None:
    if str(out) != "-":
        typer.echo(f"{out}, {what}")
