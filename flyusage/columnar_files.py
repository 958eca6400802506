"""Parquet and Arrow files, each written by a process of its own that ends with it.

pyarrow takes 40 MB from its first use on, and a server would keep them for good; the process takes a quarter of a second instead. It
is told columns by its standard input, pickled, by us alone, and writes the file as its standard output.
"""

import pickle
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from tempfile import TemporaryFile
from threading import BoundedSemaphore
from typing import Any, BinaryIO, NamedTuple

PIECE = 1 << 16
_TURNS = BoundedSemaphore(4)  # processes at a time, of 60 MB each; others wait
CODEC = "snappy"  # every reader has it; some of JavaScript have no zstd, which is no smaller here
ROW_GROUP = 10_000  # rows, or a batch that is larger


class Layout(StrEnum):
    """How the columns become a file."""

    PARQUET = "parquet"
    ARROW = "arrow"


class Holds(StrEnum):
    """What a column holds."""

    TEXT = "text"
    FLAG = "flag"
    MOMENT = "moment"
    AMOUNT = "amount"


class Column(NamedTuple):
    """A column: `places` are an amount's decimals."""

    name: str
    holds: Holds = Holds.TEXT
    places: int = 0
    is_nullable: bool = True


class FileNotWritten(RuntimeError):
    """The process that was to write it ended without."""


def written(
    columns: Sequence[Column], about: Mapping[str, str], batches: Iterable[Sequence[Sequence[Any]]], layout: Layout
) -> Iterator[bytes]:
    """The file's bytes, once all of it is there. A batch is the values of each column; `about` stands beside the columns."""
    with TemporaryFile() as kept:
        command = [sys.executable, "-P", "-m", __name__]  # modules of ours and of our libraries, none of the folder we were started in
        with _TURNS, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=kept, start_new_session=True) as process:
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # it ended before it should: its exit code tells
                pickle.dump((list(columns), dict(about), layout), process.stdin)
                for batch in batches:
                    pickle.dump(batch, process.stdin)
                pickle.dump(None, process.stdin)
            with suppress(BrokenPipeError):  # closing writes what was not yet
                process.stdin.close()
        if process.returncode:
            raise FileNotWritten(f"The process that writes {layout} files ended with {process.returncode}.")
        kept.seek(0)
        while piece := kept.read(PIECE):
            yield piece


def write(told: BinaryIO, file: BinaryIO) -> None:
    """In that process: the file that is told by `told`. Raises EOFError where its teller ended in the middle."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns, about, layout = pickle.load(told)  # noqa: S301 its own parent's pipe
    kinds = {Holds.TEXT: pa.string(), Holds.FLAG: pa.bool_(), Holds.MOMENT: pa.timestamp("us", "UTC")}
    fields = [
        pa.field(one.name, pa.decimal128(38, one.places) if one.holds == Holds.AMOUNT else kinds[one.holds], nullable=one.is_nullable)
        for one in columns
    ]
    schema = pa.schema(fields, about)
    is_arrow = layout == Layout.ARROW  # by value: these are another module's here, where this one is __main__
    with pa.ipc.new_stream(file, schema) if is_arrow else pq.ParquetWriter(file, schema, compression=CODEC) as writer:
        waiting = [schema.empty_table()]
        while (batch := pickle.load(told)) is not None:  # noqa: S301
            values = [pa.array(column, field.type) for column, field in zip(batch, schema, strict=True)]
            waiting.append(pa.Table.from_arrays(values, schema=schema))
            if sum(one.num_rows for one in waiting) >= ROW_GROUP:
                writer.write_table(pa.concat_tables(waiting))
                waiting = [schema.empty_table()]
        writer.write_table(pa.concat_tables(waiting))


if __name__ == "__main__":
    try:
        write(sys.stdin.buffer, sys.stdout.buffer)
    except EOFError:  # whoever tells it has failed, and says so itself
        sys.exit(1)
