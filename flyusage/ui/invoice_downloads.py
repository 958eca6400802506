"""An invoice's documents at its page's own address with `.pdf`, `.xml` or `.csv` behind it: the stored bytes, never made anew.

Below it each line's working (`/lines/3.json`) and evidence (`/lines/3.zip`); at the billing page's, a year's PDFs (`/2026.zip`).
"""

import re
from collections.abc import Callable

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from flyusage import db
from flyusage.auth.errors import SignInNeeded, TooManyAttempts
from flyusage.errors import FlyusageError
from flyusage.invoices import queries
from flyusage.invoices.errors import InvoiceUnknown
from flyusage.invoices.evidence import evidence, working
from flyusage.invoices.lines_csv import lines_csv
from flyusage.invoices.yearly import year_zip
from flyusage.orgs.permissions import Permission
from flyusage.ui.audit_downloads import count_download, note_download
from flyusage.ui.session import OpenOrganization, open_organization

NONE = "There is no such document at this address. Check its number and try again.\n"
FIRST_YEAR, LAST_YEAR, LAST_LINE = 2000, 9998, 2**31 - 1
Read = Callable[[Session, int, int], bytes]
Make = Callable[[Session, OpenOrganization], tuple[str, bytes]]


async def invoice_pdf(request: Request) -> Response:
    """The PDF, byte for byte as it was issued."""
    return await _answer(request, queries.pdf_of, "application/pdf", "pdf")


async def invoice_xml(request: Request) -> Response:
    """The e-invoice that the PDF carries (Factur-X, EN 16931)."""
    return await _answer(request, queries.xml_of, "application/xml", "xml")


async def invoice_csv(request: Request) -> Response:
    """Every line with its exact amount."""
    return await _answer(request, _lines, "text/csv; charset=utf-8", "csv")


async def line_json(request: Request) -> Response:
    """One line with its working, down to the rounding."""
    return await _answer(request, _of_line(working, request), "application/json", "json")


async def line_zip(request: Request) -> Response:
    """All that one line rests on, machine by machine: for those who see machines."""
    return await _answer(request, _of_line(evidence, request), "application/zip", "zip", Permission.MACHINES_READ)


async def year_pdfs(request: Request) -> Response:
    """The PDFs of a year's invoices and credit notes, as they were issued."""
    year = request.path_params["year"]
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return _said(NONE, 404)
    return await _given(request, lambda session, org: (f"{org.slug}-{year}", year_zip(session, org.id, year)), "application/zip", "zip")


async def _answer(request: Request, read: Read, media_type: str, ending: str, needs: Permission = Permission.INVOICES_READ) -> Response:
    """What `read` gives of the invoice in the address, to whoever reads invoices and `needs`."""

    def of_invoice(session: Session, org: OpenOrganization) -> tuple[str, bytes]:
        org.require(needs)
        entry = queries.find(session, request.path_params["number"], org.id)
        line = f"-line-{request.path_params['position']}" if "position" in request.path_params else ""
        return f"{entry.number}{line}", read(session, org.id, entry.id)

    return await _given(request, of_invoice, media_type, ending)


async def _given(request: Request, make: Make, media_type: str, ending: str) -> Response:
    """404 for what is not this organization's, 403 for those who may not read invoices, 503 while the document is being made."""
    try:
        found = await run_in_threadpool(_made, request, make, ending)
    except InvoiceUnknown:
        found = None
    except (SignInNeeded, TooManyAttempts):
        raise  # a browser is led to the sign-in page, or told when to come back
    except FlyusageError as error:
        return _said(f"{error.sentence}\n", error.status)
    if found is None:
        return _said(NONE, 404)
    name = f"{re.sub(r'[^A-Za-z0-9_-]+', '-', found[0])}.{ending}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(found[1], media_type=media_type, headers=headers)


def _said(sentence: str, status: int) -> Response:
    return PlainTextResponse(sentence, status_code=status, headers={"Cache-Control": "no-store"})


def _made(request: Request, make: Make, ending: str) -> tuple[str, bytes] | None:
    org = open_organization(request.path_params["slug"], Permission.INVOICES_READ)
    if org is None:
        return None
    count_download(org)
    with db.transaction(org.id, apps=org.apps) as session:
        name, content = make(session, org)
    note_download(request, org, "invoice", subject=f"invoice:{name}", format=ending)
    return name, content


def _of_line(read: Callable[[Session, int, int, int], bytes], request: Request) -> Read:
    position = min(request.path_params["position"], LAST_LINE)
    return lambda session, org_id, invoice_id: read(session, org_id, invoice_id, position)


def _lines(session: Session, org_id: int, invoice_id: int) -> bytes:
    return "".join(lines_csv(queries.detail(session, org_id, invoice_id))).encode()


routes = [
    Route("/orgs/{slug}/invoices/{number}.pdf", invoice_pdf),
    Route("/orgs/{slug}/invoices/{number}.xml", invoice_xml),
    Route("/orgs/{slug}/invoices/{number}.csv", invoice_csv),
    Route("/orgs/{slug}/invoices/{number}/lines/{position:int}.json", line_json),
    Route("/orgs/{slug}/invoices/{number}/lines/{position:int}.zip", line_zip),
    Route("/orgs/{slug}/billing/{year:int}.zip", year_pdfs),
]
