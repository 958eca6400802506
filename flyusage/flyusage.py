"""The Reflex app: its pages, its look, and the plain HTTP routes beside them. No logic."""

import reflex as rx
from starlette.applications import Starlette

from flyusage.api import health
from flyusage.ui import failures, routes
from flyusage.ui.frame import Frame
from flyusage.ui.pages.overview import Overview, overview
from flyusage.ui.pages.welcome import welcome

app = rx.App(
    stylesheets=["tokens.css", "app.css"],
    head_components=[rx.el.link(rel="icon", type="image/svg+xml", href="/favicon.svg")],
    backend_exception_handler=failures.report,
    api_transformer=Starlette(routes=[*health.routes, *routes.routes]),
)
app.add_page(welcome, route="/welcome", title="flyusage")
app.add_page(overview, route="/orgs/[slug]", title="Overview · flyusage", on_load=[Frame.load, Overview.load])
