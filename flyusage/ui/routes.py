"""Plain HTTP addresses that belong to pages: the way in, and downloads."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from flyusage.orgs.models import Role
from flyusage.ui.session import first_organization


async def home(_request: Request) -> RedirectResponse:
    """The organization that matters most (its billing for whoever is there for that), else the choice, or how to get one."""
    opened = await run_in_threadpool(first_organization)
    if opened is None:
        return RedirectResponse("/welcome")
    return RedirectResponse(f"/orgs/{opened.slug}{'/billing' if opened.by.role is Role.BILLING else ''}")


routes = [Route("/", home)]
