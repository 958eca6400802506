"""Cost centres as CSV, `app,cost_centre,from_month`: read from people's spreadsheets, written for them. Pure."""

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from flyusage.metering.cost_centres import UNASSIGNED, Assignment
from flyusage.metering.errors import Refused
from flyusage.spreadsheets import guarded, unguarded

COLUMNS = ("app", "cost_centre", "from_month")
LONGEST_NAME = 200
QUOTED_CHARACTERS = 60
_MONTH = re.compile(r"(\d{4})-(\d\d)(?:-01)?", re.ASCII)


class ColumnsMissing(Refused):
    """The first line does not name the columns; nothing below it can be understood."""

    def __init__(self, found: str) -> None:
        super().__init__("columns_missing", f"The first line must name the columns {', '.join(COLUMNS)}; it reads {_quoted(found)}.")


@dataclass(frozen=True)
class Row:
    """A good row; `line` is its first line in the file, from 1."""

    line: int
    assignment: Assignment


@dataclass(frozen=True)
class RefusedRow:
    """A row that is left out: its line, a stable code and a sentence with what to change."""

    line: int
    code: str
    sentence: str


def read(lines: Iterable[str]) -> Iterator[Row | RefusedRow]:
    """The rows below the header, in order; empty lines are none. Raises ColumnsMissing.

    Columns may stand in any order and be separated by semicolons, or by tabs (copied from a sheet). An empty cost
    centre, or Unassigned, ends the one before.
    """
    kept = iter(lines)
    header = next(kept, "").removeprefix("\ufeff")
    separator = next((one for one in "\t;" if header.count(one) >= len(COLUMNS) - 1), ",")
    names = [name.strip().lower() for name in next(csv.reader([header], delimiter=separator), [])]
    if not set(COLUMNS) <= set(names):
        raise ColumnsMissing(header.strip())
    places = [names.index(column) for column in COLUMNS]
    said: dict[tuple[str, date], Row] = {}
    for line, fields in _records(csv.reader(kept, delimiter=separator, strict=True)):
        if isinstance(fields, Refused):
            yield RefusedRow(line, fields.code, fields.sentence)
        elif any(field.strip() for field in fields):
            yield _row(line, fields, places, len(names), said)


def centre_named(text: str) -> str | None:
    """The cost centre that somebody names; None for none. Raises Refused for what can be no name."""
    name = text.strip()
    if len(name) > LONGEST_NAME or "\0" in name:
        raise Refused("invalid_name", f"A cost centre's name must have at most {LONGEST_NAME} characters, and no NUL among them.")
    return None if name in ("", UNASSIGNED) else name


def refusals(rows: Iterable[Row | RefusedRow], unknown_apps: Collection[str], org: str) -> list[RefusedRow]:
    """The rows that were left out, by line: those that `read` refused, and those of apps that the organization `org` does not have."""
    left = [row if isinstance(row, RefusedRow) else _unknown(row, org) for row in rows if _is_left_out(row, unknown_apps)]
    return sorted(left, key=lambda row: row.line)


def write(assignments: Iterable[Assignment]) -> Iterator[str]:
    """Lines that `read` understands, and that no spreadsheet runs."""
    yield _line(COLUMNS)
    for one in assignments:
        yield _line((guarded(one.app), guarded(one.cost_centre or UNASSIGNED), f"{one.from_month:%Y-%m}"))


def _is_left_out(row: Row | RefusedRow, unknown_apps: Collection[str]) -> bool:
    return isinstance(row, RefusedRow) or row.assignment.app in unknown_apps


def _unknown(row: Row, org: str) -> RefusedRow:
    sentence = f"No app of {org} is called {row.assignment.app[:100]!r}; an app is known from its first event on."
    return RefusedRow(row.line, "app_unknown", sentence)


def _records(reader) -> Iterator[tuple[int, list[str] | Refused]]:
    """(line, fields); lines are counted with the header, which the reader has not seen."""
    while True:
        line = reader.line_num + 2
        try:
            fields = next(reader, None)
        except csv.Error as error:
            yield line, Refused("not_csv", f"The line is not CSV ({error}); quote a field that holds quotes, and double those.")
            continue
        if fields is None:
            return
        yield line, fields


def _row(line: int, fields: list[str], places: list[int], width: int, said: dict[tuple[str, date], Row]) -> Row | RefusedRow:
    """`said` holds the good rows so far, by app and month: a later one must not contradict them."""
    try:
        if len(fields) != width:
            raise Refused(
                "wrong_columns", f"The row has {len(fields)} fields, the first line {width}; quote a name that holds a separator."
            )
        app, centre, month = (fields[place] for place in places)
        made = Row(line, Assignment(_app(unguarded(app)), _month(month.strip()), centre_named(unguarded(centre))))
        first = said.setdefault((made.assignment.app, made.assignment.from_month), made)
        if first.assignment != made.assignment:
            raise Refused(
                "contradiction", f"Line {first.line} gives this app another cost centre from the same month; keep one of the two."
            )
    except Refused as refused:
        return RefusedRow(line, refused.code, refused.sentence)
    return made


def _app(name: str) -> str:
    if not name.strip():
        raise Refused("missing_app", "The app is missing; name the one that this row is about.")
    return name


def _month(text: str) -> date:
    found = _MONTH.fullmatch(text)
    if found is None or not 1 <= int(found[2]) <= 12 or int(found[1]) < 1970:
        raise Refused("invalid_month", f"{_quoted(text)} is no month; write it as 2026-10.")
    return date(int(found[1]), int(found[2]), 1)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= QUOTED_CHARACTERS else text[: QUOTED_CHARACTERS - 1] + "…")


def _line(fields: Iterable[str]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(fields)
    return written.getvalue()
