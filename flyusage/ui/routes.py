"""Plain HTTP addresses that belong to pages: the way in, and downloads."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from flyusage.ui.session import open_organizations


async def home(_request: Request) -> RedirectResponse:
    """The demonstration, else the only organization there is, else the choice (or how to get one)."""
    organizations = await run_in_threadpool(open_organizations)
    demonstrations = [each for each in organizations if each.is_synthetic]
    opened = demonstrations[:1] or (organizations if len(organizations) == 1 else [])
    return RedirectResponse(f"/orgs/{opened[0].slug}" if opened else "/welcome")


routes = [Route("/", home)]
