"""Rows as files, written as they come: CSV, and Parquet by row groups."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import islice

from flyusage import columnar_files
from flyusage.columnar_files import Column, Holds, Layout
from flyusage.invoices.focus.columns import PLACES, PRICE_PLACES, VERSION, Kind, Row, kind_of
from flyusage.spreadsheets import guarded

ROWS = 1_000  # told at a time: ten thousand are 20 MB that a server would keep
BYTES = 64 * 1024


class Format(StrEnum):
    """How a file is written."""

    CSV = "csv"
    PARQUET = "parquet"


MEDIA_TYPES = {Format.CSV: "text/csv; charset=utf-8", Format.PARQUET: "application/vnd.apache.parquet"}


def written(rows: Iterable[Row], format: Format) -> Iterator[bytes]:
    """The file's bytes, piece by piece."""
    return _csv(rows) if format is Format.CSV else _parquet(rows)


def _csv(rows: Iterable[Row]) -> Iterator[bytes]:
    """RFC 4180; null is an empty cell, moments are `2026-10-01T00:00:00Z`, no text is anything that a spreadsheet would run."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(Row._fields)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
        if text.tell() > BYTES:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def _cell(value: str | Decimal | datetime | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return guarded(value)
    return f"{value:f}" if isinstance(value, Decimal) else value.strftime("%Y-%m-%dT%H:%M:%SZ")


def _parquet(rows: Iterable[Row]) -> Iterator[bytes]:
    columns = [Column(name, *_HOLDS[kind_of(name)]) for name in Row._fields]
    remaining = iter(rows)
    batches = (list(zip(*batch, strict=True)) for batch in iter(lambda: list(islice(remaining, ROWS)), []))
    return columnar_files.written(columns, {"FOCUS version": VERSION}, batches, Layout.PARQUET)


_HOLDS = {
    Kind.TEXT: (Holds.TEXT,),
    Kind.TAGS: (Holds.TEXT,),
    Kind.COST: (Holds.AMOUNT, PLACES),
    Kind.PRICE: (Holds.AMOUNT, PRICE_PLACES),
    Kind.MOMENT: (Holds.MOMENT,),
}
