"""Rows as files, written as they come: CSV, and Parquet by row groups."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import Any

from flyusage.invoices.focus.columns import PLACES, PRICE_PLACES, VERSION, Kind, Row, kind_of
from flyusage.spreadsheets import guarded

ROWS = 10_000  # written at a time
BYTES = 64 * 1024


class Format(StrEnum):
    """How a file is written."""

    CSV = "csv"
    PARQUET = "parquet"


MEDIA_TYPES = {Format.CSV: "text/csv; charset=utf-8", Format.PARQUET: "application/vnd.apache.parquet"}


def written(rows: Iterable[Row], format: Format) -> Iterator[bytes]:
    """The file's bytes, piece by piece. Parquet needs pyarrow, which is imported only here."""
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
    import pyarrow as pa  # a tenth of a second and 40 MB that nothing else needs
    import pyarrow.parquet as pq

    types: dict[Kind, Any] = {
        Kind.TEXT: pa.string(),
        Kind.TAGS: pa.string(),
        Kind.COST: pa.decimal128(38, PLACES),
        Kind.PRICE: pa.decimal128(38, PRICE_PLACES),
        Kind.MOMENT: pa.timestamp("us", "UTC"),
    }
    schema = pa.schema([(name, types[kind_of(name)]) for name in Row._fields], {"FOCUS version": VERSION})
    sink = _Sink()
    remaining = iter(rows)
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd") as writer:
        while batch := list(islice(remaining, ROWS)):
            columns = [pa.array(column, field.type) for column, field in zip(zip(*batch, strict=True), schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """A file that is only written to, and given away as it grows."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._kept.append(bytes(data))
        return len(self._kept[-1])

    def taken(self) -> bytes:
        kept, self._kept = b"".join(self._kept), []
        return kept
