"""The whole of flyusage as one ASGI application: the built frontend, its websocket, and the API."""

from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from flyusage.config import settings
from flyusage.front_door import FrontDoor
from flyusage.open_pages import OpenPages
from flyusage.ui import bundle, failures


def create() -> ASGIApp:
    """The application to serve, on one port. Raises FrontendNotBuilt."""
    failures.be_brief_of_clients()
    with bundle.serving():
        from flyusage.flyusage import app  # only now: importing it makes the App, which reads Reflex's configuration

        pages = app()
    chosen = settings()
    open_pages = OpenPages(chosen.most_pages, chosen.most_pages_per_address)
    return behind_proxies(FrontDoor(pages, pages=bundle.client(), base_url=chosen.base_url, open_pages=open_pages), chosen.proxies)


def behind_proxies(app: ASGIApp, proxies: tuple[str, ...]) -> ASGIApp:
    """`app`, told whom a trusted proxy was asked by: the rightmost address of X-Forwarded-For that is none of `proxies` (networks).

    What anybody else sends of those headers is not believed. The outermost layer, so that requests, websockets, throttles, the
    audit and the list of devices all see the same address.
    """
    return ProxyHeadersMiddleware(app, trusted_hosts=list(proxies)) if proxies else app  # type: ignore[arg-type]
