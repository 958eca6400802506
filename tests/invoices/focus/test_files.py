"""FOCUS as files: CSV and Parquet hold the same rows; `make conformance` gives these files to the official validator."""

import csv
import io
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from billing_world import OCTOBER, bill_to, bill_world
from conftest import Database
from usage_world import NOW as WORLD_NOW
from usage_world import make_world

from flyusage import clock, db
from flyusage.columnar_files import ROW_GROUP
from flyusage.invoices.focus import files
from flyusage.invoices.focus.columns import Row, kind_of
from flyusage.invoices.focus.files import Format, written
from flyusage.invoices.focus.portions import Unit
from flyusage.invoices.focus.rows import Account, rows
from flyusage.spreadsheets import unguarded

SEPTEMBER = date(2026, 9, 1)


@pytest.fixture(scope="module")
def told(shared_database: Database) -> Iterator[dict[date, list[Row]]]:
    """September, October and November's draft, by machine."""
    made = make_world()
    bill_to(made.org_id)
    bill_world(made)
    with clock.freeze(WORLD_NOW), db.transaction(made.org_id) as session:
        account = Account(made.org_id, "prism", "Prism Inc.")
        yield {month: list(rows(session, account, month, by=Unit.MACHINE)) for month in (SEPTEMBER, OCTOBER, date(2026, 11, 1))}


def test_both_files_hold_the_rows(told: dict[date, list[Row]], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "ROWS", 7)  # so that it is told in many pieces
    found = [row for month in told.values() for row in month]
    file = pq.ParquetFile(io.BytesIO(b"".join(written(found, Format.PARQUET))))
    assert file.num_row_groups <= len(found) / ROW_GROUP + 1
    table = file.read()
    assert [tuple(row.values()) for row in table.to_pylist()] == [tuple(row) for row in found]
    lines = list(csv.DictReader(io.StringIO(b"".join(written(found, Format.CSV)).decode(), newline="")))
    assert len(lines) == len(found)
    assert all(_read(line) == row._asdict() for line, row in zip(lines, found, strict=True))
    if folder := os.environ.get("FOCUS_SAMPLES"):
        for format in Format:
            Path(folder, f"focus.{format.value}").write_bytes(b"".join(written(found, format)))


def _read(line: dict[str, str]) -> dict[str, object]:
    def value(name: str, cell: str) -> object:
        if cell == "":
            return None
        kind = kind_of(name)
        if kind in ("cost", "price"):
            return Decimal(cell)
        return datetime.strptime(cell, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) if kind == "moment" else unguarded(cell)

    return {name: value(name, cell) for name, cell in line.items()}


def test_no_text_is_a_formula(told: dict[date, list[Row]]):
    hostile = told[OCTOBER][0]._replace(SubAccountName="=cmd()", ResourceName="@x")
    (line,) = csv.DictReader(io.StringIO(b"".join(written([hostile], Format.CSV)).decode(), newline=""))
    assert (line["SubAccountName"], line["ResourceName"]) == ("'=cmd()", "'@x")


def test_an_empty_month_is_a_header():
    assert b"".join(written([], Format.CSV)).decode().strip().split(",") == list(Row._fields)
    assert pq.read_table(io.BytesIO(b"".join(written([], Format.PARQUET)))).num_rows == 0
