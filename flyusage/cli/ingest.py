"""`flyusage ingest`: usage events from files, folders and standard input."""

import gzip
import os
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, cast

import sqlalchemy as sa
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from flyusage import db
from flyusage.cli import bootstrap, remote
from flyusage.cli.ingest_there import send_all
from flyusage.cli.output import print_json
from flyusage.cli.rejects import SUFFIX, RejectsFile
from flyusage.cli.remote import ProfileIncomplete
from flyusage.config import settings
from flyusage.demo import people
from flyusage.errors import FlyusageError
from flyusage.logs import harmless
from flyusage.metering import compaction, rollups, statistics
from flyusage.metering.errors import Refusal
from flyusage.metering.ingest import Ingest, IngestResult
from flyusage.metering.reading import read_lines

STANDARD_INPUT = "-"
EVENT_SUFFIXES = tuple(f"{suffix}{packed}" for suffix in (".ndjson", ".jsonl", ".json") for packed in ("", ".gz"))
SOME_REFUSED = 3


class InputUnreadable(FlyusageError):
    """A file of events cannot be read, or not to its end."""

    code = "input_unreadable"


class OptionElsewhere(FlyusageError):
    """An option that has no meaning for another flyusage."""

    code = "option_elsewhere"


@dataclass
class Outcome:
    """What became of all inputs together. `seconds` is the time of taking in, roll-ups aside."""

    accepted: int = 0
    duplicate: int = 0
    refused: int = 0
    refused_by_code: Counter[str] = field(default_factory=Counter)
    org_ids: set[int] = field(default_factory=set)
    rejects: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0

    def add(self, result: IngestResult) -> None:
        """Count an input."""
        self.accepted += result.accepted
        self.duplicate += result.duplicate
        self.refused += result.refused
        self.org_ids |= result.org_ids


def ingest(
    inputs: Annotated[list[str], typer.Argument(metavar="FILE|FOLDER|-", help="NDJSON, .gz too; folders of it; - for standard input.")],
    rejects: Annotated[Path | None, typer.Option(help=f"Where refused lines go; by default beside each input, as NAME{SUFFIX}.")] = None,
    strict_orgs: Annotated[bool, typer.Option("--strict-orgs", help="Refuse events of organizations that do not exist yet.")] = False,
    max_age: Annotated[
        int | None, typer.Option(min=1, metavar="MONTHS", help="Oldest events to take; else FLYUSAGE_EVENT_MAX_AGE.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take usage events in, then bring the roll-ups up to them. Repeating a command changes nothing.

    Exit code 0 when every line went in or was there already, 3 when some were refused (the rest is in), 1 on failure.
    """
    sources = list(_sources(inputs))
    there = remote.of(None)
    if there is None and settings().token is not None and settings().database_url is None:  # meant for elsewhere, and made here
        raise ProfileIncomplete("FLYUSAGE_TOKEN is set, but no address to send to. Set FLYUSAGE_API_URL as well, or take the token away.")
    if there is not None:
        if rejects is not None or max_age is not None:
            raise OptionElsewhere(
                "Another flyusage says itself what it refuses and how old events may be; leave --rejects and --max-age out."
            )
        if send_all(there, sources, as_json=as_json):
            raise typer.Exit(SOME_REFUSED)
        return
    bootstrap.be_ready()
    outcome = Outcome()
    with _progress(is_shown=not as_json) as progress:
        for source in sources:
            kept = RejectsFile(rejects or _rejects_beside(source), source)
            _take(
                source,
                kept,
                outcome,
                progress,
                Ingest(strict_orgs=strict_orgs, max_age=max_age, on_refusal=_keeper(kept, outcome)),
            )
        _catch_up(sorted(outcome.org_ids), progress)
    with db.platform_transaction() as session:
        people.adopt(session)
    _report(outcome, as_json=as_json)
    if outcome.warnings:
        raise typer.Exit(1)
    if outcome.refused:
        raise typer.Exit(SOME_REFUSED)


def _sources(inputs: Sequence[str]) -> Iterator[str]:
    """Files in the order given, those of a folder by name. Raises InputUnreadable before anything is taken in."""
    for given in inputs:
        path = Path(given)
        if given == STANDARD_INPUT:
            yield given
        elif path.is_dir():
            found = sorted(str(file) for file in path.rglob("*") if file.name.endswith(EVENT_SUFFIXES) and not file.name.endswith(SUFFIX))
            if not found:
                raise InputUnreadable(f"The folder {given} holds no events ({', '.join(EVENT_SUFFIXES)}).")
            yield from found
        elif not path.exists():
            raise InputUnreadable(f"There is no file {given}.")
        elif not os.access(path, os.R_OK):
            raise InputUnreadable(f"The file {given} may not be read; change its permissions.")
        else:
            yield given


def _rejects_beside(source: str) -> Path:
    return Path(f"stdin{SUFFIX}") if source == STANDARD_INPUT else Path(f"{source}{SUFFIX}")


def _keeper(kept: RejectsFile, outcome: Outcome) -> Callable[[Refusal], None]:
    def keep(refusal: Refusal) -> None:
        outcome.refused_by_code[refusal.code] += 1
        kept.add(refusal)

    return keep


def _take(source: str, kept: RejectsFile, outcome: Outcome, progress: Progress, taker: Ingest) -> None:
    """One input, to its end or to where it is damaged; what was accepted before stays."""
    before = time.monotonic()
    with _opened(source) as (packed, file):
        size = None if source == STANDARD_INPUT else os.fstat(packed.fileno()).st_size
        bar = progress.add_task(harmless(source), total=size, counts="")

        def show(result: IngestResult) -> None:
            lines = result.accepted + result.duplicate + result.refused
            rate = lines / max(time.monotonic() - before, 0.001)
            counts = f"{result.accepted:,} accepted, {result.duplicate:,} duplicate, {result.refused:,} refused · {rate:,.0f}/s"
            progress.update(bar, counts=counts, completed=None if size is None else packed.tell())

        try:
            outcome.add(taker.run(read_lines(file), name=source, progress=show))
        except (EOFError, zlib.error, OSError) as error:
            raise InputUnreadable(
                f"{harmless(source)} cannot be read to its end ({error}). What came before is in; mend the file and repeat the command."
            ) from error
        finally:
            kept.close()
            outcome.seconds += time.monotonic() - before
        progress.update(bar, completed=size)
    if kept.written:
        outcome.rejects.append(kept.path)
    if (warning := kept.sentence()) is not None:
        outcome.warnings.append(warning)


@contextmanager
def _opened(source: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """The file as it lies there, for its position, and as lines are read from it."""
    if source == STANDARD_INPUT:
        yield sys.stdin.buffer, sys.stdin.buffer
        return
    with Path(source).open("rb") as packed:
        if packed.peek(2)[:2] == b"\x1f\x8b":
            with gzip.open(packed) as file:
                yield packed, cast("IO[bytes]", file)
        else:
            yield packed, packed


def _catch_up(org_ids: Sequence[int], progress: Progress) -> None:
    for org_id in org_ids:
        bar = progress.add_task("rolling up", total=None, counts="")

        def show(step: rollups.Progress, bar: TaskID = bar) -> None:
            total = step.rolled_days + step.pending_days
            progress.update(bar, total=total, completed=step.rolled_days, counts=f"{step.rolled_days:,} of {total:,} days")

        rollups.catch_up(org_id, progress=show)
        progress.update(bar, total=1, completed=1)
    if org_ids:
        bar = progress.add_task("statistics", total=None, counts="")
        statistics.refresh()
        compaction.compact()
        progress.update(bar, total=1, completed=1)


@contextmanager
def _progress(*, is_shown: bool) -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[counts]}", markup=False),
    )
    with Progress(*columns, console=console, disable=not (is_shown and console.is_terminal)) as progress:
        yield progress


def _report(outcome: Outcome, *, as_json: bool) -> None:
    lines = outcome.accepted + outcome.duplicate + outcome.refused
    rate = round(lines / max(outcome.seconds, 0.001))
    with db.platform_transaction() as session:
        query = sa.text("SELECT slug FROM organization WHERE id = ANY(:ids) ORDER BY slug")
        slugs = list(session.scalars(query, {"ids": sorted(outcome.org_ids)}))
    if as_json:
        print_json(
            {"accepted": outcome.accepted, "duplicate": outcome.duplicate, "refused": outcome.refused,
             "refused_by_code": dict(sorted(outcome.refused_by_code.items())), "seconds": round(outcome.seconds, 3),
             "events_per_second": rate, "organizations": slugs, "rejects": outcome.rejects, "warnings": outcome.warnings}
        )  # fmt: skip
        return
    typer.echo(
        f"{outcome.accepted:,} accepted, {outcome.duplicate:,} duplicate, {outcome.refused:,} refused"
        f" in {outcome.seconds:.1f} s ({rate:,} events/s)."
    )
    if slugs:
        typer.echo(f"Organizations that grew: {', '.join(slugs)}.")
    for code, count in outcome.refused_by_code.most_common():
        typer.echo(f"  {count:,} × {code}")
    for path in outcome.rejects:
        typer.echo(f"Refused lines, with reasons: {path}")
    for warning in outcome.warnings:
        typer.echo(f"flyusage: {harmless(warning)}", err=True)
