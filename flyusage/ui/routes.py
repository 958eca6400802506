"""Plain HTTP addresses that belong to pages: the way in, and downloads."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from flyusage.ui.session import first_organization


async def home(_request: Request) -> RedirectResponse:
    """The organization that matters most, else the choice (or how to get one)."""
    opened = await run_in_threadpool(first_organization)
    return RedirectResponse(f"/orgs/{opened.slug}" if opened else "/welcome")


routes = [Route("/", home)]
