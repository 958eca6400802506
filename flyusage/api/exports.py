"""`/exports`: whole months as files, for what others' tools and finance read."""

from collections.abc import Iterator
from datetime import date
from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from flyusage import db
from flyusage.api.answers import content
from flyusage.api.auth import Caller, route
from flyusage.api.forms import MONTH
from flyusage.api.invoices import attached
from flyusage.api.noting import noted
from flyusage.invoices.cost_centre_month import centre_csv, month_by_cost_centre
from flyusage.invoices.cost_centre_page import render
from flyusage.invoices.focus.files import MEDIA_TYPES, Format, written
from flyusage.invoices.focus.portions import Unit, Width
from flyusage.invoices.focus.rows import Account, rows
from flyusage.invoices.yearly import year_zip
from flyusage.orgs.api_tokens import Bearer
from flyusage.orgs.permissions import Permission
from flyusage.spooling import spooled

router = APIRouter(tags=["exports"])

READ = Permission.INVOICES_READ
Month = Annotated[str, Query(pattern=MONTH, description="The month, UTC.", examples=["2026-10"])]
BINARY = {"schema": {"type": "string", "format": "binary"}}


@route(
    router, "GET", "/exports/focus", needs=READ, problems=(404,), summary="A month's bill in FOCUS 1.2", response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}, MEDIA_TYPES[Format.PARQUET]: BINARY}, "description": "The file."}},
)  # fmt: skip
def focus_export(
    request: Request,
    bearer: Caller,
    month: Month,
    by: Annotated[Unit, Query(description="Rows of apps, or of single machines, volumes and addresses.")] = Unit.APP,
    per: Annotated[Width, Query(description="The charge period of usage rows.")] = Width.DAY,
    format: Annotated[Format, Query(description="CSV, or Parquet with exact decimals.")] = Format.CSV,
) -> Response:
    """Cost and Usage rows of FOCUS 1.2, streamed. `BilledCost` sums, by `InvoiceId`, to what each document asks for.

    A month that is not issued is told as a draft (`x_InvoiceState`). Rows of machines need `machines.read` as well.
    """
    bearer.require(Permission.USAGE_EXPORT)
    if by is Unit.MACHINE:
        bearer.require(Permission.MACHINES_READ)
    named = f"{bearer.slug}-{month}-focus.{format.value}"
    headers = {"content-disposition": f'attachment; filename="{named}"', "cache-control": "private, no-store"}
    begun = _begun(spooled(_focus(bearer, _first(month), by, per, format)))
    given = StreamingResponse(begun, media_type=MEDIA_TYPES[format], headers=headers)
    return noted(request, given, "invoice", month=month, format=f"focus.{format.value}", by=by.value, per=per.value)


@route(
    router, "GET", "/exports/cost-centres.csv", needs=READ, problems=(404,), summary="A month by cost centre, as CSV",
    response_class=Response, responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "RFC 4180."}},
)  # fmt: skip
def cost_centres_csv(request: Request, bearer: Caller, month: Month) -> Response:
    """A line per cost centre and app; they sum to the net of the month's documents, to the cent."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        told = month_by_cost_centre(session, bearer.org_id, bearer.name, _first(month))
    given = content(request, "".join(centre_csv(told)).encode(), "text/csv; charset=utf-8")
    return noted(request, given, "invoice", month=month, format="cost-centres.csv")


@route(
    router, "GET", "/exports/cost-centres.pdf", needs=READ, problems=(404,), summary="A month by cost centre, as a page to file",
    response_class=Response, responses={200: {"content": {"application/pdf": BINARY}, "description": "One page, A4."}},
)  # fmt: skip
def cost_centres_pdf(request: Request, bearer: Caller, month: Month) -> Response:
    """The largest cost centres and the rest as one, with what they were billed for."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        told = month_by_cost_centre(session, bearer.org_id, bearer.name, _first(month))
    return noted(request, content(request, render(told), "application/pdf"), "invoice", month=month, format="cost-centres.pdf")


@route(
    router, "GET", "/exports/invoices.zip", needs=READ, problems=(404,), summary="A year's invoices, as PDFs", response_class=Response,
    responses={200: {"content": {"application/zip": BINARY}, "description": "The documents."}},
)  # fmt: skip
def invoices_zip(
    request: Request, bearer: Caller, year: Annotated[int, Query(ge=2000, le=9998, description="Of the months billed.", examples=[2026])]
) -> Response:
    """Every document of the year as it was issued, void ones too, named by number; `503` while one is being made."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        body = year_zip(session, bearer.org_id, year)
    name = f"{bearer.slug}-{year}"
    return noted(
        request, content(request, body, "application/zip", attached(name, "zip")), "invoice", subject=f"invoice:{name}", format="zip"
    )


def _focus(bearer: Bearer, month: date, by: Unit, per: Width, format: Format) -> Iterator[bytes]:
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        account = Account(bearer.org_id, bearer.slug, bearer.name)
        yield from written(rows(session, account, month, by=by, per=per), format)


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same, its first piece made already, so that what stands in the way is answered as what it is."""
    return chain([next(pieces, b"")], pieces)


def _first(month: str) -> date:
    return date.fromisoformat(f"{month}-01")
