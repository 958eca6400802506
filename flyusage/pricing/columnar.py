"""An answer as Parquet and Arrow: the rows of its JSON with exact decimals, for data frames. pyarrow is imported only when asked."""

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from flyusage.pricing.export import PLACES
from flyusage.pricing.plain_answer import answer_plain
from flyusage.pricing.view import Answer

AMOUNTS = ("total", "previous_total", "list_cost", "machine_hours")
ABOUT = ("view", "measure", "unit", "currency", "as_of", "rolled_through", "total", "previous_total", "notices")


def usage_parquet(answer: Answer) -> bytes:
    """A Parquet file: a row per value of the grouping, decimals at 12 places; what the numbers are is in its `flyusage` metadata."""
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(_table(answer), sink, compression="zstd")
    return sink.getvalue()


def usage_arrow(answer: Answer) -> bytes:
    """The same as an Arrow IPC stream."""
    import pyarrow as pa

    sink, table = io.BytesIO(), _table(answer)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _table(answer: Answer) -> Any:
    import pyarrow as pa

    told = answer_plain(answer)
    amount = pa.decimal128(38, PLACES)
    about = {name: told[name] for name in ABOUT}
    schema = pa.schema(
        [
            pa.field("key", pa.string(), nullable=False),
            pa.field("label", pa.string(), nullable=False),
            *(pa.field(name, amount) for name in AMOUNTS),
            pa.field("is_unpriced", pa.bool_(), nullable=False),
            pa.field("is_other", pa.bool_(), nullable=False),
        ],
        {"flyusage": json.dumps(about, default=_moment)},
    )
    rows = [
        {**one, **{name: None if one[name] is None else Decimal(one[name]) for name in AMOUNTS}}
        for one in told["series"]
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schema)


def _moment(moment: datetime) -> str:
    """As in the JSON: `2026-11-15T00:00:00Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
