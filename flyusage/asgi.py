"""The whole of flyusage as one ASGI application: the built frontend, its websocket, and the API."""

from starlette.types import ASGIApp

from flyusage.config import settings
from flyusage.front_door import FrontDoor
from flyusage.ui import bundle, failures


def create() -> ASGIApp:
    """The application to serve, on one port. Raises FrontendNotBuilt."""
    failures.hide_unknown_events()
    with bundle.serving():
        from flyusage.flyusage import app  # only now: importing it makes the App, which reads Reflex's configuration

        pages = app()
    return FrontDoor(pages, pages=bundle.client(), base_url=settings().base_url)
