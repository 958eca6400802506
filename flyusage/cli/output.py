"""What commands print: plain aligned columns for people and pipes, JSON for programs. No colour, no markup."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import IO, Any

import typer
from rich.cells import cell_len

from flyusage.cli.whole import beside
from flyusage.errors import FlyusageError
from flyusage.logs import harmless

LAST_ID, LAST_LINE = 2**63 - 1, 2**31 - 1  # larger numbers are none of a row here, and of an invoice's line


class FileUnwritable(FlyusageError):
    """The file cannot be written there."""

    code = "file_unwritable"


class Unanswered(FlyusageError):
    """A question that nobody could answer."""

    code = "unanswered"


def agreed(question: str) -> None:
    """Go on where the answer is yes, typed or piped in. Raises Unanswered where nobody answers, and Abort for a no."""
    try:
        typer.confirm(question, abort=True)
    except typer.Abort:
        if sys.stdin.isatty():
            raise
        typer.echo(err=True)
        raise Unanswered("Nothing was done: that question was not answered with yes. Where nobody can answer, pass --yes.") from None


def print_json(value: Any) -> None:
    """`value` as indented JSON; moments in UTC with a Z, decimals as strings so that no digit is lost."""
    typer.echo(json.dumps(value, default=as_plain, indent=2, ensure_ascii=False))


def print_table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns under `titles`; numbers to the right. Names are hostile text and print as such."""
    kept = [list(row) for row in rows]
    is_number = [bool(kept) and all(_is_number(row[i]) for row in kept) for i in range(len(titles))]
    cells = [list(titles), *([_cell(value) for value in row] for row in kept)]
    widths = [max(cell_len(line[i]) for line in cells) for i in range(len(titles))]
    for line in cells:
        columns = zip(line, widths, is_number, strict=True)
        typer.echo("  ".join(_padded(cell, width, to_right=right) for cell, width, right in columns).rstrip())


@contextmanager
def opened(out: Path) -> Iterator[IO[bytes]]:
    """Where to write. A file is there whole or not at all, a link's where it leads; a device or a pipe is written to as it is."""
    if str(out) == "-":
        yield sys.stdout.buffer
        return
    try:
        if out.exists() and not out.is_file():
            with out.open("wb") as file:
                yield file
        else:
            with beside(out.resolve()) as part, part.open("wb") as file:
                yield file
    except OSError as error:
        raise FileUnwritable(f"{out} cannot be written ({error.strerror}). Name another file with --out.") from error


def as_plain(value: object) -> Any:
    """What JSON can hold of a value that it cannot: moments in UTC with a Z, decimals in full. Raises TypeError."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")


def moment(value: datetime) -> str:
    """`2026-10-31 23:45:00Z`."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def size(count: int) -> str:
    """Bytes for people, in powers of ten: `12.4 GB`."""
    for unit, places in (("TB", 12), ("GB", 9), ("MB", 6)):
        if count >= 10**places:
            return f"{Decimal(count).scaleb(-places):.1f} {unit}"
    return f"{Decimal(count).scaleb(-3):.1f} kB"


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | Decimal) and not isinstance(value, bool))


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return moment(value)
    return f"{value:,}" if isinstance(value, int) else harmless(str(value))


def _padded(cell: str, width: int, *, to_right: bool) -> str:
    space = " " * (width - cell_len(cell))
    return space + cell if to_right else cell + space
