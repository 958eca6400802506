"""Downloads that belong to a page: the explorer's view as CSV, at the page's own address with `.csv` behind it."""

from collections.abc import Iterator

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from flyusage import clock, db
from flyusage.invoices.costs import export_csv
from flyusage.orgs.permissions import Permission
from flyusage.pricing import urls
from flyusage.pricing.explorer import history
from flyusage.pricing.view import Measure
from flyusage.ui.audit_downloads import note_export
from flyusage.ui.session import OpenOrganization, open_organization

LONGEST_NOTED = 500
INVOICED = frozenset(measure.value for measure in Measure if measure.is_invoiced)


async def usage_csv(request: Request) -> Response:
    """The view in the query, every value exact; 404 where there is no such organization. Raises NotPermitted."""
    org = await run_in_threadpool(open_organization, request.path_params["slug"], Permission.USAGE_EXPORT)
    if org is None:
        return PlainTextResponse("There is no organization at this address. Check its name and try again.\n", status_code=404)
    if request.query_params.get("show") in INVOICED:  # before anything of the answer is sent
        org.require(Permission.INVOICES_READ)
    await run_in_threadpool(note_export, org, "usage", view=request.url.query[:LONGEST_NOTED])
    name = f"{org.slug}-usage.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    lines = _lines(org, dict(request.query_params))
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def _lines(org: OpenOrganization, query: dict[str, str]) -> Iterator[str]:
    """Everything is read in one transaction, so that rows and total are of one moment."""
    with db.transaction(org.id) as session:
        now = clock.now()
        view, _ = urls.view_from_query(query, now=now, history=history(session, org.id))
        yield from export_csv(session, org.id, view, now=now)


routes = [Route("/orgs/{slug}/usage.csv", usage_csv)]
