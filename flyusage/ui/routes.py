"""Plain HTTP addresses that belong to pages: the way in, and downloads."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from flyusage.ui.session import open_organizations


async def home(_request: Request) -> RedirectResponse:
    """The reader's first organization, or how to get one."""
    organizations = await run_in_threadpool(open_organizations)
    return RedirectResponse(f"/orgs/{organizations[0].slug}" if organizations else "/welcome")


routes = [Route("/", home)]
