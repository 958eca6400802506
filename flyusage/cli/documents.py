"""What `flyusage invoices` saves of invoices: their documents, the evidence of a line, a year's PDFs. Told in the audit."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from flyusage import db
from flyusage.cli import asked, bootstrap, remote
from flyusage.cli.issued import COMMAND, Number
from flyusage.cli.output import LAST_LINE, opened
from flyusage.errors import FlyusageError
from flyusage.invoices import queries
from flyusage.invoices.evidence import evidence
from flyusage.invoices.yearly import year_zip
from flyusage.orgs.exports import note_export


class PartElsewhere(FlyusageError):
    """A part of an invoice that the API does not give."""

    code = "part_elsewhere"


class Part(StrEnum):
    """What of an invoice can be saved."""

    PDF = "pdf"
    XML = "xml"
    JSON = "json"


def download(
    number: Number,
    part: Annotated[Part, typer.Option("--as", help="The PDF, the e-invoice in it, or the snapshot of all that is printed.")] = Part.PDF,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file, or - for standard output; else named after the invoice.")] = None,
) -> None:
    """Save an invoice's document as it was issued."""
    there = remote.of(None)
    if there is not None:
        if part is Part.JSON:
            raise PartElsewhere("Another flyusage gives the PDF and the XML; `flyusage invoices show NUMBER --json` prints what it says.")
        _save(there.download(f"/invoices/{quote(number, safe='')}/{part}"), out or Path(f"{number.upper()}.{part}"))
        return
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        entry = queries.find(session, number)
        if part is Part.JSON:
            content = queries.snapshot_of(session, entry.org_id, entry.id).encode()
        else:
            content = (queries.pdf_of if part is Part.PDF else queries.xml_of)(session, entry.org_id, entry.id)
    told = {"format": part.value, "command": "invoices download"}
    note_export(entry.org_id, "invoice", told, by=COMMAND, subject=f"invoice:{entry.number}")
    _save(content, out or Path(f"{number.upper()}.{part}"))


def save_evidence(
    number: Number,
    position: Annotated[int, typer.Argument(min=1, max=LAST_LINE, help="The line, as `show` numbers them.", metavar="LINE")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file, or - for standard output; else named after the line.")] = None,
) -> None:
    """Save what a line rests on: working, frozen quantities, intervals, events, price and their hashes, as a zip."""
    there = remote.of(None)
    if there is not None:
        content = there.download(f"/invoices/{quote(number, safe='')}/lines/{position}/evidence")
    else:
        bootstrap.be_ready()
        with db.platform_transaction() as session:
            entry = queries.find(session, number)
            content = evidence(session, entry.org_id, entry.id, position)
        subject = f"invoice:{entry.number}-line-{position}"
        note_export(entry.org_id, "invoice", {"format": "zip", "command": "invoices evidence"}, by=COMMAND, subject=subject)
    _save(content, out or Path(f"{number.upper()}-line-{position}.zip"))


def save_year(
    year: Annotated[int, typer.Argument(min=2000, max=9998, help="The year of the months billed.")],
    org: Annotated[str | None, typer.Option("--org", help="The organization's slug; needed where there are several.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file, or - for standard output; else named after the year.")] = None,
) -> None:
    """Save the PDFs of a year's invoices and credit notes, as they were issued, in one zip."""
    there = remote.of(org)
    if there is not None:
        slug, content = there.get("/organization")["org"], there.download("/exports/invoices.zip", {"year": year})
    else:
        bootstrap.be_ready()
        chosen = asked.organization(org)
        with db.transaction(chosen.id) as session:
            slug, content = chosen.slug, year_zip(session, chosen.id, year)
        told = {"format": "zip", "command": "invoices year"}
        note_export(chosen.id, "invoice", told, by=COMMAND, subject=f"invoice:{slug}-{year}")
    _save(content, out or Path(f"{slug}-{year}.zip"))


def _save(content: bytes, out: Path) -> None:
    with opened(out) as file:
        file.write(content)
    if str(out) != "-":
        typer.echo(f"{out}, {len(content):,} bytes")
