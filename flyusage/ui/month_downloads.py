"""A month as files, at the billing page's address: `/billing/2026-10/focus.csv`, `focus.parquet`, `cost-centres.csv`, `cost-centres.pdf`."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from itertools import chain

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from flyusage import db
from flyusage.invoices.cost_centre_month import centre_csv, month_by_cost_centre
from flyusage.invoices.cost_centre_page import render
from flyusage.invoices.focus.files import MEDIA_TYPES, Format, written
from flyusage.invoices.focus.rows import Account, rows
from flyusage.orgs.permissions import Permission
from flyusage.spooling import spooled
from flyusage.ui.addresses import month_in
from flyusage.ui.audit_downloads import count_download, note_download
from flyusage.ui.session import OpenOrganization, open_organization

NONE = "There is no such file at this address. Check the month (2026-10) and try again.\n"
Make = Callable[[OpenOrganization, date], Iterator[bytes]]


async def focus(request: Request) -> Response:
    """The month in FOCUS 1.2, by app and day. Raises NotPermitted and NothingBilled."""

    def make(org: OpenOrganization, month: date) -> Iterator[bytes]:
        with db.transaction(org.id, apps=org.apps) as session:
            yield from written(rows(session, Account(org.id, org.slug, org.name), month), Format(request.path_params["ending"]))

    return await _given(request, "focus", {str(one): MEDIA_TYPES[one] for one in Format}, make)


async def cost_centres(request: Request) -> Response:
    """The month by cost centre. Raises NotPermitted and NothingBilled."""

    def make(org: OpenOrganization, month: date) -> Iterator[bytes]:
        with db.transaction(org.id, apps=org.apps) as session:
            told = month_by_cost_centre(session, org.id, org.name, month)
        yield render(told) if request.path_params["ending"] == "pdf" else "".join(centre_csv(told)).encode()

    return await _given(request, "cost-centres", {"csv": MEDIA_TYPES[Format.CSV], "pdf": "application/pdf"}, make)


async def _given(request: Request, what: str, media_types: Mapping[str, str], make: Make) -> Response:
    """Noted in the audit before its first byte; what stands in the way is said as what it is. Who asks is looked at first."""
    org = await run_in_threadpool(open_organization, request.path_params["slug"], Permission.INVOICES_READ)
    month, ending = month_in(request.path_params["month"]), request.path_params["ending"]
    if org is None or month is None or ending not in media_types:
        return PlainTextResponse(NONE, status_code=404)
    await run_in_threadpool(count_download, org)
    pieces = spooled(make(org, month))
    first = await run_in_threadpool(next, pieces, b"")
    await run_in_threadpool(lambda: note_download(request, org, "invoice", month=f"{month:%Y-%m}", format=f"{what}.{ending}"))
    headers = {
        "Content-Disposition": f'attachment; filename="{org.slug}-{month:%Y-%m}-{what}.{ending}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(chain([first], pieces), media_type=media_types[ending], headers=headers)


routes = [
    Route("/orgs/{slug}/billing/{month}/focus.{ending}", focus),
    Route("/orgs/{slug}/billing/{month}/cost-centres.{ending}", cost_centres),
]
