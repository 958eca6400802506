"""`/usage`: exactly the explorer's view, by the explorer's own words."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from flyusage import clock, db
from flyusage.api.answers import answer, content
from flyusage.api.auth import Caller, route
from flyusage.api.forms import MOMENT, RANGE, ZONE
from flyusage.api.noting import noted
from flyusage.invoices.costs import explore
from flyusage.orgs.api_tokens import Bearer
from flyusage.orgs.permissions import Permission
from flyusage.pricing.columnar import usage_arrow, usage_parquet
from flyusage.pricing.explorer import history
from flyusage.pricing.export import csv_lines
from flyusage.pricing.permitted import needed_for
from flyusage.pricing.plain_answer import answer_plain, series_plain
from flyusage.pricing.urls import view_as_written
from flyusage.pricing.view import Answer, Comparison, Dimension, Granularity, Measure

router = APIRouter(tags=["usage"])

NDJSON, PARQUET, ARROW = "application/x-ndjson", "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream"
BINARY = {"type": "string", "format": "binary"}
_encode = msgspec.json.Encoder().encode
_VALUES = "Only these, separated by commas; `!` before one leaves it out, a backslash marks a comma that belongs to a name."


class Asked(BaseModel):
    """The explorer's parameters; what they leave out is as on the page."""

    model_config = {"populate_by_name": True}  # a parameter that is unknown is refused where requests come in

    show: Measure | None = Field(
        default=None, description="What is counted: money at list or contracted prices, or as invoices tell it; or a quantity."
    )
    by: Dimension | Literal["nothing"] | None = Field(default=None, description="What it is grouped by; region where nothing is said.")
    range: str | None = Field(
        default=None,
        pattern=RANGE,
        description="A named range, or a month. The last month with events where nothing is said.",
    )
    from_: str | None = Field(
        default=None, alias="from", pattern=MOMENT, max_length=30, description="The first moment, UTC, on a full hour."
    )
    to: str | None = Field(default=None, pattern=MOMENT, max_length=30, description="The moment after the last.")
    per: Granularity | None = Field(default=None, description="The width of a bucket of `drawn`; hours for ranges up to 62 days.")
    vs: Comparison | None = Field(default=None, description="What it is held against.")
    as_of: str | None = Field(
        default=None, pattern=MOMENT, max_length=30, description="The moment the numbers are complete to; repeats them exactly."
    )
    continent: str | None = Field(default=None, max_length=2000, description=_VALUES)
    region: str | None = Field(default=None, max_length=2000, description=_VALUES)
    app: str | None = Field(default=None, max_length=2000, description=_VALUES)
    cost_centre: str | None = Field(default=None, max_length=2000, description=_VALUES)
    vm_size: str | None = Field(default=None, max_length=2000, description=_VALUES)
    sku: str | None = Field(default=None, max_length=2000, description=_VALUES)
    machine: str | None = Field(default=None, max_length=2000, description=_VALUES)
    as_: Literal["area", "bars", "lines", "share", "treemap", "heatmap", "map"] | None = Field(
        default=None, alias="as", description="Taken from a page's address; no number depends on it."
    )
    zone: str | None = Field(default=None, max_length=20, pattern=ZONE, description="As `as`.")


class UsageSeries(BaseModel):
    """One value of the grouping."""

    key: str = Field(description="Stable: a region's code, an app's name, a machine's id.")
    label: str = Field(description="What people read.")
    total: str | None = Field(description="In `unit`, 12 decimals; rows add up to `total` exactly. Null: it has no price.")
    previous_total: str | None = Field(description="The same of the period compared with.")
    list_cost: str = Field(description="In `currency`.")
    machine_hours: str
    is_unpriced: bool = Field(description="Part of it has no price.")
    is_other: bool = Field(description="Everything beyond the first 100 machines, as one.")


class Drawn(BaseModel):
    """A series as it is drawn: the top 20, and the rest as one."""

    key: str
    label: str
    points: list[float] = Field(description="One per bucket; for drawing, not for adding up.")


class Usage(BaseModel):
    """What a view shows."""

    view: dict[str, str] = Field(description="The view as it was taken: the page's address has the same parameters.")
    measure: Measure
    unit: str = Field(description="Of every total: the currency, or what is counted.", examples=["USD"])
    currency: str
    granularity: Granularity
    as_of: datetime = Field(description="Pass it as `as_of` to get these numbers again.")
    rolled_through: datetime
    total: str
    previous_total: str | None
    series: list[UsageSeries] = Field(description="All of them, the largest first.")
    buckets: list[datetime] = Field(description="The starts of the time buckets, UTC.")
    drawn: list[Drawn]
    notices: list[str] = Field(description="What to know about the numbers.")


@route(
    router, "GET", "/usage", needs=Permission.USAGE_READ, problems=(422,), response_model=Usage, summary="Usage, as the explorer shows it"
)
def usage(request: Request, bearer: Caller, asked: Annotated[Asked, Query()]) -> Response:
    """The same numbers as the page, its CSV and `flyusage usage`, to the last decimal.

    What invoices tell (`billed_cost`, `effective_cost`) needs `invoices.read` as well.
    """
    return answer(request, Usage.model_validate(answer_plain(_answer(bearer, asked))))


@route(
    router, "GET", "/usage.csv", needs=Permission.USAGE_EXPORT, problems=(422,), summary="The same as CSV",
    response_class=Response, responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "RFC 4180."}},
)  # fmt: skip
def usage_csv(request: Request, bearer: Caller, asked: Annotated[Asked, Query()]) -> Response:
    """As the explorer's download, byte for byte."""
    return _given(request, "".join(csv_lines(_answer(bearer, asked))).encode(), "text/csv; charset=utf-8")


@route(
    router, "GET", "/usage.ndjson", needs=Permission.USAGE_EXPORT, problems=(422,), summary="The same, a JSON object per line",
    response_class=Response, responses={200: {"content": {NDJSON: {"schema": {"type": "string"}}}, "description": "A series per line."}},
)  # fmt: skip
def usage_ndjson(request: Request, bearer: Caller, asked: Annotated[Asked, Query()]) -> Response:
    """For programs that read line by line."""
    lines = [_encode(one) + b"\n" for one in series_plain(_answer(bearer, asked))]
    return _given(request, b"".join(lines), NDJSON)


@route(
    router, "GET", "/usage.parquet", needs=Permission.USAGE_EXPORT, problems=(422,), summary="The same as Parquet",
    response_class=Response, responses={200: {"content": {PARQUET: {"schema": BINARY}}, "description": "Exact decimals."}},
)  # fmt: skip
def usage_as_parquet(request: Request, bearer: Caller, asked: Annotated[Asked, Query()]) -> Response:
    """A row per value of the grouping, with exact decimals; what the numbers are is in the file's `flyusage` metadata."""
    return _given(request, usage_parquet(_answer(bearer, asked)), PARQUET)


@route(
    router, "GET", "/usage.arrow", needs=Permission.USAGE_EXPORT, problems=(422,), summary="The same as an Arrow stream",
    response_class=Response, responses={200: {"content": {ARROW: {"schema": BINARY}}, "description": "Arrow IPC, streaming format."}},
)  # fmt: skip
def usage_as_arrow(request: Request, bearer: Caller, asked: Annotated[Asked, Query()]) -> Response:
    """As the Parquet file, for data frames that read it in place."""
    return _given(request, usage_arrow(_answer(bearer, asked)), ARROW)


def _given(request: Request, body: bytes, media_type: str) -> Response:
    """A view as a file, told in the audit as the page's download of it."""
    ending = request.url.path.rpartition(".")[2]
    return noted(request, content(request, body, media_type), "usage", view=request.url.query, format=ending)


def _answer(bearer: Bearer, asked: Asked) -> Answer:
    """Raises ViewInvalid for what the page would have corrected, and NotPermitted."""
    query = asked.model_dump(mode="json", by_alias=True, exclude_none=True)
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        now = clock.now()
        view = view_as_written(query, now=now, history=history(session, bearer.org_id))
        for permission in needed_for(view):
            bearer.require(permission)
        return explore(session, bearer.org_id, view, now=now)
