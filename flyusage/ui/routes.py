"""Plain HTTP addresses that belong to pages: the way in, and downloads."""

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from flyusage.orgs.models import Role
from flyusage.ui import staff_layout
from flyusage.ui.session import first_organization


async def home(_request: Request) -> RedirectResponse:
    """The organization that matters most (its billing for whoever is there for that), else the choice, or how to get one."""
    opened = await run_in_threadpool(first_organization)
    if opened is None:
        return RedirectResponse("/welcome")
    return RedirectResponse(f"/orgs/{opened.slug}{'/billing' if opened.by.role is Role.BILLING else ''}")


async def invoices(request: Request) -> RedirectResponse:
    """The invoices are listed under Billing; an invoice's address without its number leads there."""
    return RedirectResponse(f"/orgs/{quote(request.path_params['slug'])}/billing")


async def staff(_request: Request) -> RedirectResponse:
    """The first of staff's pages."""
    return RedirectResponse(staff_layout.PRICES)


routes = [Route("/", home), Route("/orgs/{slug}/invoices", invoices), Route("/staff", staff)]
