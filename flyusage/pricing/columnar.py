"""An answer as Parquet and Arrow: the rows of its JSON with exact decimals, for data frames."""

import json
from datetime import UTC, datetime
from decimal import Decimal

from flyusage import columnar_files
from flyusage.columnar_files import Column, Holds, Layout
from flyusage.pricing.export import PLACES
from flyusage.pricing.plain_answer import answer_plain
from flyusage.pricing.view import Answer

AMOUNTS = ("total", "previous_total", "list_cost", "machine_hours")
COLUMNS = (
    Column("key", is_nullable=False),
    Column("label", is_nullable=False),
    *(Column(name, Holds.AMOUNT, PLACES) for name in AMOUNTS),
    Column("is_unpriced", Holds.FLAG, is_nullable=False),
    Column("is_other", Holds.FLAG, is_nullable=False),
)
ABOUT = ("view", "measure", "unit", "currency", "as_of", "rolled_through", "total", "previous_total", "notices")


def usage_parquet(answer: Answer) -> bytes:
    """A Parquet file: a row per value of the grouping, decimals at 12 places; what the numbers are is in its `flyusage` metadata."""
    return _file(answer, Layout.PARQUET)


def usage_arrow(answer: Answer) -> bytes:
    """The same as an Arrow IPC stream."""
    return _file(answer, Layout.ARROW)


def _file(answer: Answer, layout: Layout) -> bytes:
    told = answer_plain(answer)
    about = {"flyusage": json.dumps({name: told[name] for name in ABOUT}, default=_moment)}
    series = told["series"]
    amounts = ([None if one[name] is None else Decimal(one[name]) for one in series] for name in AMOUNTS)
    plain = {name: [one[name] for one in series] for name in ("key", "label", "is_unpriced", "is_other")}
    values = [plain["key"], plain["label"], *amounts, plain["is_unpriced"], plain["is_other"]]
    return b"".join(columnar_files.written(COLUMNS, about, [values], layout))


def _moment(moment: datetime) -> str:
    """As in the JSON: `2026-11-15T00:00:00Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
