"""`/invoices`: what was billed, line by line, with workings and documents."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from sqlmodel import Session
from starlette.responses import Response

from flyusage import clock, db
from flyusage.api.answers import After, Limit, Money, answer, content, cursor, money, parts_of, plain
from flyusage.api.auth import Caller, route
from flyusage.api.errors import CursorInvalid
from flyusage.api.forms import MOMENT, MONTH
from flyusage.api.noting import noted
from flyusage.invoices import queries
from flyusage.invoices.adjusting import draft_with_late_usage
from flyusage.invoices.breakdowns import By, breakdown
from flyusage.invoices.evidence import evidence, working
from flyusage.invoices.lines_csv import lines_csv
from flyusage.invoices.models import Kind, State
from flyusage.invoices.plain import statement_plain
from flyusage.invoices.queries import InvoiceEntry, InvoiceLine, Wanted
from flyusage.orgs.api_tokens import Bearer
from flyusage.orgs.permissions import Permission
from flyusage.pricing.errors import ViewInvalid
from flyusage.pricing.urls import parse_moment

router = APIRouter(tags=["invoices"])

READ = Permission.INVOICES_READ
LAST_LINE = 2**31 - 1
Number = Annotated[str, Path(max_length=60, description="As it is printed.", examples=["PRISM-000042"])]
Position = Annotated[int, Path(ge=1, le=LAST_LINE, description="The line, from 1.")]


class Invoice(BaseModel):
    """An invoice or credit note."""

    number: str = Field(examples=["PRISM-000042"])
    kind: Kind
    state: State
    month: date = Field(description="The first day of what it bills.")
    issued_at: datetime
    due_on: date | None
    buyer: str
    net: Money
    tax: Money
    gross: Money
    due: Money = Field(description="Gross less prepaid credits.")
    balance: Money = Field(description="Still to be paid.")
    is_overdue: bool


class Sum(BaseModel):
    """What the whole list adds up to in one currency; credit notes count against invoices, void ones not at all."""

    documents: int
    net: Money
    gross: Money
    balance: Money


class Invoices(BaseModel):
    """A page of the list, the newest first, and the sums of the whole of it."""

    data: list[Invoice]
    sums: list[Sum]
    next: str | None = Field(default=None, description="Pass it as `after` for what follows; null at the end.")


class Line(BaseModel):
    """A line as billed. `working` explains it down to the minor unit."""

    position: int
    kind: str
    key: str
    product: str
    region: str
    description: str
    starts_on: date
    ends_on: date = Field(description="Exclusive.")
    quantity: str
    unit: str
    unit_price: str | None
    amount: Money
    exact: str = Field(description="Before rounding: a decimal, or a fraction such as 1/3 where one does not end.")
    tax_category: str
    tax_percent: str
    view: str | None = Field(description="The query of exactly this usage, for /usage and the explorer.")


class Tax(BaseModel):
    """Tax of one category and rate."""

    category: str
    percent: str
    tax: Money


class Payment(BaseModel):
    """What arrived."""

    amount: Money
    received_on: date
    method: str
    reference: str


class AskedLine(BaseModel):
    """A question on a line, and its answer."""

    id: int
    position: int
    state: str
    note: str
    answer: str | None


class InvoiceDetail(Invoice):
    """One invoice with its lines and what happened to it."""

    lines: list[Line]
    taxes: list[Tax]
    prepaid: Money = Field(description="Taken from prepaid credits.")
    payments: list[Payment]
    questions: list[AskedLine]
    credit_notes: list[Invoice]
    snapshot_sha256: str = Field(description="Of all that is printed, as it was hashed when it was issued.")
    pdf_sha256: str | None = Field(description="Null while the document is being made.")
    xml_sha256: str | None


@route(router, "GET", "/invoices", needs=READ, problems=(422,), response_model=Invoices, summary="Invoices and credit notes")
def list_invoices(  # noqa: PLR0913 each is a parameter of the address
    request: Request,
    bearer: Caller,
    state: Annotated[State | None, Query(description="Only those in this state.")] = None,
    year: Annotated[int | None, Query(ge=2000, le=9998, description="Of the months billed.")] = None,
    search: Annotated[str, Query(max_length=200, description="Part of a number or of the buyer's name.")] = "",
    overdue: Annotated[bool, Query(description="Only what should have been paid by now.")] = False,
    kind: Annotated[Kind | None, Query(description="Invoices or credit notes alone.")] = None,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """Newest first."""
    wanted = Wanted((state,) if state else (), year, search, overdue, kind)
    kept = parts_of(after, [str])
    if kept and not queries.is_cursor(kept[0]):
        raise CursorInvalid
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        page = queries.invoices(session, bearer.org_id, wanted, limit=limit, after=kept[0] if kept else None)
    sums = [
        Sum(documents=one.documents, **{name: money(getattr(one, f"{name}_minor"), one.currency) for name in ("net", "gross", "balance")})
        for one in page.sums
    ]
    following = cursor(page.after) if page.after else None
    return answer(request, Invoices(data=[Invoice(**_entry(one)) for one in page.entries], sums=sums, next=following))


@route(router, "GET", "/invoices/{number}", needs=READ, problems=(404,), response_model=InvoiceDetail, summary="One invoice")
def one_invoice(request: Request, bearer: Caller, number: Number) -> Response:
    """With its lines, payments and credit notes."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = queries.detail(session, bearer.org_id, _id(session, bearer, number))
    code = found.entry.currency
    payments = [
        Payment(amount=money(one.amount_minor, code), received_on=one.received_on, method=str(one.method), reference=one.reference)
        for one in found.payments
    ]
    detail = InvoiceDetail(
        **_entry(found.entry),
        lines=[_line(one, code) for one in found.lines],
        taxes=[Tax(category=one.category, percent=f"{one.percent}", tax=money(one.tax_minor, code)) for one in found.document.taxes],
        prepaid=money(found.document.prepaid_minor, code),
        payments=payments,
        questions=[
            AskedLine(id=one.id, position=one.position, state=str(one.state), note=one.note, answer=one.answer) for one in found.questions
        ],
        credit_notes=[Invoice(**_entry(one)) for one in found.credit_notes],
        snapshot_sha256=found.snapshot_sha256,
        pdf_sha256=found.pdf_sha256,
        xml_sha256=found.xml_sha256,
    )
    return answer(request, detail)


def _document(ending: str, media_type: str, summary: str, read: Callable[[Session, int, int], bytes]) -> None:
    """A document of an invoice at its address with an ending."""

    def give(request: Request, bearer: Caller, number: Number) -> Response:
        with db.transaction(bearer.org_id, apps=bearer.apps) as session:
            found = queries.find(session, number, bearer.org_id)
            body = read(session, bearer.org_id, found.id)
        return _given(request, body, media_type, found.number, ending)

    give.__name__, give.__doc__ = f"invoice_{ending}", "As it was issued; `503` while it is being made."
    schema = {"type": "string", "format": "binary"}
    given = {200: {"content": {media_type.partition(";")[0]: {"schema": schema}}, "description": "The document."}}
    route(
        router, "GET", f"/invoices/{{number}}/{ending}", needs=READ, problems=(404,), summary=summary, response_class=Response,
        responses=given,
    )(give)  # fmt: skip


_document("pdf", "application/pdf", "Its PDF", queries.pdf_of)
_document("xml", "application/xml", "Its e-invoice (EN 16931, Factur-X)", queries.xml_of)
_document(
    "csv", "text/csv; charset=utf-8", "Its lines as CSV",
    lambda session, org_id, invoice_id: "".join(lines_csv(queries.detail(session, org_id, invoice_id))).encode(),
)  # fmt: skip


class Working(BaseModel):
    """A line with its working: steps down to the rounding, the price's version, the shares of a reduction."""

    model_config = {"extra": "allow"}

    invoice: str
    issued_at: datetime
    currency: str
    position: int
    amount_minor: int = Field(description="In minor units of `currency`.")
    working: dict[str, Any]


@route(
    router, "GET", "/invoices/{number}/lines/{position}/working", needs=READ, problems=(404,), response_model=Working,
    summary="Why a line is what it is",
)  # fmt: skip
def line_working(request: Request, bearer: Caller, number: Number, position: Position) -> Response:
    """Quantities, prices, tiers and rounding, as the invoice's page shows them."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        body = working(session, bearer.org_id, _id(session, bearer, number), position)
    return answer(request, Working.model_validate_json(body))


@route(
    router, "GET", "/invoices/{number}/lines/{position}/evidence", needs=READ, problems=(404,), summary="What a line rests on",
    response_class=Response,
    responses={200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}, "description": "The files."}},
)  # fmt: skip
def line_evidence(request: Request, bearer: Caller, number: Number, position: Position) -> Response:
    """Working, frozen quantities, intervals, events, price and their hashes, as a zip. It names machines, so `machines.read` too."""
    bearer.require(Permission.MACHINES_READ)
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = queries.find(session, number, bearer.org_id)
        body = evidence(session, bearer.org_id, found.id, position)
    return _given(request, body, "application/zip", f"{found.number}-line-{position}", "zip")


class Share(BaseModel):
    """A part of an invoice's net."""

    key: str = Field(description="What names it in filters; empty: it belongs to none.")
    label: str
    amount: Money


class Breakdown(BaseModel):
    """An invoice's net by one thing, the largest part first (days in their order); the parts add up to it, to the cent."""

    number: str = Field(examples=["PRISM-000042"])
    by: By
    net: Money
    data: list[Share]


@route(
    router, "GET", "/invoices/{number}/breakdown", needs=READ, problems=(404,), response_model=Breakdown,
    summary="An invoice's net by app, region, day and more",
)  # fmt: skip
def break_down(
    request: Request, bearer: Caller, number: Number, by: Annotated[By, Query(description="What to break it down by.")] = By.APP
) -> Response:
    """As its page shows it. Days and machines are split from the quantities that were frozen with the invoice.

    By machine needs `machines.read` too.
    """
    if by is By.MACHINE:
        bearer.require(Permission.MACHINES_READ)
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        entry = queries.find(session, number, bearer.org_id)
        parts = breakdown(session, bearer.org_id, entry.id, by)
    shares = [Share(key=one.key, label=one.label, amount=money(one.amount_minor, entry.currency)) for one in parts]
    return answer(request, Breakdown(number=entry.number, by=by, net=money(entry.net_minor, entry.currency), data=shares))


class Draft(BaseModel):
    """A month so far, line by line, with credits and taxes as they would be billed. Amounts are minor units of `currency`."""

    model_config = {"extra": "allow"}

    currency: str
    period: dict[str, datetime]
    as_of: datetime
    is_open: bool
    net_minor: int
    tax_minor: int
    gross_minor: int
    prepaid_minor: int
    due_minor: int
    lines: list[dict[str, Any]] = Field(description="With `working`, step by step, and `view`, the query of exactly this usage.")


@route(router, "GET", "/costs", needs=READ, problems=(422,), response_model=Draft, summary="Why a month costs what it does, so far")
def costs(
    request: Request,
    bearer: Caller,
    month: Annotated[str | None, Query(pattern=MONTH, description="2026-10; the present month without it.")] = None,
    as_of: Annotated[str | None, Query(pattern=MOMENT, max_length=30, description="The moment the numbers are complete to.")] = None,
) -> Response:
    """The draft of the month's invoice with the working of every line, as `flyusage invoices draft` and `costs why` print it."""
    found, complete_to = parse_moment(month) if month else clock.now(), parse_moment(as_of) if as_of else None
    if found is None or (as_of and complete_to is None):
        raise ViewInvalid("`as_of` is no moment there ever was. Write it as 2026-10-20T14:00:00Z.")
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        told = statement_plain(draft_with_late_usage(session, bearer.org_id, found.date().replace(day=1), as_of=complete_to))
    told.pop("org_id")
    return answer(request, Draft.model_validate(plain(told)))


def attached(name: str, ending: str) -> dict[str, str]:
    """The header of an answer that is a file to keep."""
    named = "".join(one if one.isalnum() and one.isascii() else "-" for one in name)
    return {"content-disposition": f'attachment; filename="{named}.{ending}"'}


def _given(request: Request, body: bytes, media_type: str, name: str, ending: str) -> Response:
    """A document as a file, told in the audit as the page's download of it."""
    given = content(request, body, media_type, attached(name, ending))
    return noted(request, given, "invoice", subject=f"invoice:{name}", format=ending)


def _id(session: Session, bearer: Bearer, number: str) -> int:
    return queries.find(session, number, bearer.org_id).id


def _entry(one: InvoiceEntry) -> dict[str, Any]:
    amounts = {name: money(getattr(one, f"{name}_minor"), one.currency) for name in ("net", "tax", "gross", "due", "balance")}
    kept = {name: getattr(one, name) for name in ("number", "kind", "state", "issued_at", "due_on", "buyer", "is_overdue")}
    return {**kept, **amounts, "month": one.starts_on}


def _line(one: InvoiceLine, currency: str) -> Line:
    kept = {
        name: getattr(one, name)
        for name in ("position", "kind", "key", "product", "region", "description", "unit", "exact", "tax_category")
    }
    return Line(
        **kept,
        starts_on=one.starts_on,
        ends_on=one.ends_on,
        quantity=f"{one.quantity:f}",
        unit_price=None if one.unit_price is None else f"{one.unit_price:f}",
        amount=money(one.amount_minor, currency),
        tax_percent=f"{one.tax_percent:f}",
        view=one.evidence,
    )
