"""Downloads that belong to a page, at its own address with `.csv` behind it: the explorer's view, and the members."""

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
from flyusage.spooling import spooled
from flyusage.ui.audit_downloads import count_download, note_download
from flyusage.ui.pages.members.question import members_csv
from flyusage.ui.permitted import require_for
from flyusage.ui.session import OpenOrganization, open_organization

NONE = "There is no organization at this address. Check its name and try again.\n"


async def members(request: Request) -> Response:
    """Everybody in the organization; 404 where there is no such organization. Raises NotPermitted."""
    org = await run_in_threadpool(open_organization, request.path_params["slug"], Permission.MEMBERS_READ)
    if org is None:
        return PlainTextResponse(NONE, status_code=404)
    await run_in_threadpool(count_download, org)
    await run_in_threadpool(note_download, request, org, "members")
    return _csv(members_csv(org), f"{org.slug}-members.csv")


async def usage_csv(request: Request) -> Response:
    """The view in the query, every value exact; 404 where there is no such organization. Raises NotPermitted."""
    org = await run_in_threadpool(open_organization, request.path_params["slug"], Permission.USAGE_EXPORT)
    if org is None:
        return PlainTextResponse(NONE, status_code=404)
    await run_in_threadpool(count_download, org)
    await run_in_threadpool(_require, org, dict(request.query_params))  # before anything of the answer is sent
    await run_in_threadpool(note_download, request, org, "usage", view=request.url.query, format="csv")
    return _csv(_lines(org, dict(request.query_params)), f"{org.slug}-usage.csv")


def _csv(lines: Iterator[str], name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(spooled(line.encode() for line in lines), media_type="text/csv; charset=utf-8", headers=headers)


def _require(org: OpenOrganization, query: dict[str, str]) -> None:
    with db.transaction(org.id, apps=org.apps) as session:
        view, _ = urls.view_from_query(query, now=clock.now(), history=history(session, org.id))
    require_for(org, view)


def _lines(org: OpenOrganization, query: dict[str, str]) -> Iterator[str]:
    """Everything is read in one transaction, so that rows and total are of one moment."""
    with db.transaction(org.id, apps=org.apps) as session:
        now = clock.now()
        view, _ = urls.view_from_query(query, now=now, history=history(session, org.id))
        yield from export_csv(session, org.id, view, now=now)


routes = [Route("/orgs/{slug}/usage.csv", usage_csv), Route("/orgs/{slug}/members.csv", members)]
