"""Parquet and Arrow files by a process of their own: what it holds, what it is not told, and that it leaves nothing here."""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flyusage.columnar_files import Column, FileNotWritten, Holds, Layout, written

COLUMNS = [Column("name"), Column("count", Holds.AMOUNT, 2)]


@pytest.mark.parametrize("layout", Layout)
def test_a_file_is_not_written_by_halves(layout: Layout):
    def failing() -> Iterator[list[list[object]]]:
        yield [["a"], [None]]
        raise LookupError("the database is away")

    with pytest.raises(LookupError, match="away"):
        list(written(COLUMNS, {}, failing(), layout))
    with pytest.raises(FileNotWritten, match=f"writes {layout} files ended with 1"):
        list(written(COLUMNS, {}, [[["a"], ["no amount"]]], layout))
    much = [["a" * 100_000], [None]]  # more than a pipe holds: it is being told when it ends
    with pytest.raises(FileNotWritten, match=f"writes {layout} files ended with 1"):
        list(written(COLUMNS, {}, [[["a"], ["no amount"]], *[much] * 20], layout))


def test_the_library_stays_out_of_this_process():
    asked = "import sys; from flyusage.columnar_files import *; from test_columnar_files import COLUMNS"
    said = "print(len(b''.join(written(COLUMNS, {}, [[['a'], [None]]], Layout.PARQUET))) > 100, 'pyarrow' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", f"{asked}\n{said}"], capture_output=True, text=True, cwd=Path(__file__).parent)
    assert (run.stdout, run.stderr) == ("True False\n", "")


def test_a_parquet_file_is_packed_as_every_reader_can_unpack():
    import pyarrow.parquet  # the test beside this one asks that it is not imported here

    file = io.BytesIO(b"".join(written(COLUMNS, {}, [[["a"], [None]]], Layout.PARQUET)))
    group = pyarrow.parquet.ParquetFile(file).metadata.row_group(0)
    assert {group.column(number).compression for number in range(group.num_columns)} == {"SNAPPY"}
