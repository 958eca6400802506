"""The audit as files, at its page's own address with `.csv` (as the page is filtered) or `.jsonl` (the whole chain) behind it."""

from collections.abc import Callable, Iterator

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from flyusage import db
from flyusage.auth import throttle
from flyusage.orgs import audit
from flyusage.orgs.audit_export import audit_csv, audit_json_lines
from flyusage.orgs.exports import note_export
from flyusage.orgs.permissions import Permission
from flyusage.spooling import spooled
from flyusage.ui.pages.audit.address import choice_in
from flyusage.ui.session import OpenOrganization, open_organization


async def csv(request: Request) -> Response:
    """The entries that the query chooses, oldest first. Raises NotPermitted."""
    wanted = choice_in(request.query_params).wanted
    return await _given(
        request, "csv", "text/csv; charset=utf-8", lambda session, org_id: audit_csv(audit.all_entries(session, org_id, wanted))
    )


async def json_lines(request: Request) -> Response:
    """Every entry with its place in the chain. Raises NotPermitted."""
    return await _given(request, "jsonl", "application/jsonl", lambda session, org_id: audit_json_lines(audit.chained(session, org_id)))


async def _given(request: Request, ending: str, media_type: str, read: Callable[[Session, int], Iterator[str]]) -> Response:
    org = await run_in_threadpool(open_organization, request.path_params["slug"], Permission.AUDIT_READ)
    if org is None:
        return PlainTextResponse("There is no organization at this address. Check its name and try again.\n", status_code=404)
    await run_in_threadpool(count_download, org)
    await run_in_threadpool(note_download, request, org, "audit", format=ending)
    headers = {"Content-Disposition": f'attachment; filename="{org.slug}-audit.{ending}"', "Cache-Control": "private, no-store"}
    return StreamingResponse(spooled(line.encode() for line in _lines(org, read)), media_type=media_type, headers=headers)


def count_download(org: OpenOrganization) -> None:
    """Count one more download by the present reader, before anything is read for it. Raises TooManyAttempts."""
    with db.platform_transaction() as session:
        throttle.count(session, "download", f"{org.id}:{org.by.name}", throttle.DOWNLOADS)


def note_download(request: Request, org: OpenOrganization, what: str, *, subject: str = "", **detail: str) -> None:
    """Keep in the audit that the present reader takes `what` away (`note_export`); who asks for its headers alone does not."""
    if request.method == "GET":
        note_export(org.id, what, detail, by=org.by, subject=subject, apps=org.apps)


def _lines(org: OpenOrganization, read: Callable[[Session, int], Iterator[str]]) -> Iterator[str]:
    with db.transaction(org.id, apps=org.apps) as session:
        yield from read(session, org.id)


routes = [Route("/orgs/{slug}/audit.csv", csv), Route("/orgs/{slug}/audit.jsonl", json_lines)]
