"""The Reflex app: its pages, its look, and the plain HTTP routes beside them. No logic."""

import reflex as rx
from starlette.applications import Starlette

from flyusage.api import health, webhooks
from flyusage.ui import downloads, failures, invoice_downloads, live, routes
from flyusage.ui.frame import Frame
from flyusage.ui.pages.billing.state import Billing
from flyusage.ui.pages.billing.view import billing
from flyusage.ui.pages.explorer.state import Explorer
from flyusage.ui.pages.explorer.view import explorer
from flyusage.ui.pages.invoice.state import InvoicePage
from flyusage.ui.pages.invoice.view import invoice
from flyusage.ui.pages.machine.state import MachinePage
from flyusage.ui.pages.machine.view import machine
from flyusage.ui.pages.machines.state import MachineList
from flyusage.ui.pages.machines.view import machines
from flyusage.ui.pages.overview.state import Overview
from flyusage.ui.pages.overview.view import overview
from flyusage.ui.pages.prices.state import Prices
from flyusage.ui.pages.prices.view import prices
from flyusage.ui.pages.welcome import Welcome, welcome

app = rx.App(
    stylesheets=["tokens.css", "app.css", "pages.css", "explorer.css", "billing.css"],
    head_components=[rx.el.link(rel="icon", type="image/svg+xml", href="/favicon.svg")],
    backend_exception_handler=failures.report,
    api_transformer=Starlette(routes=[*health.routes, *webhooks.routes, *routes.routes, *downloads.routes, *invoice_downloads.routes]),
)
app.register_lifespan_task(live.while_serving)
app.add_page(welcome, route="/welcome", title="flyusage", on_load=Welcome.load)
app.add_page(overview, route="/orgs/[slug]", title="Overview · flyusage", on_load=[Frame.load, Overview.load])
app.add_page(explorer, route="/orgs/[slug]/usage", title="Explorer · flyusage", on_load=[Frame.load, Explorer.load])
app.add_page(machines, route="/orgs/[slug]/machines", title="Machines · flyusage", on_load=[Frame.load, MachineList.load])
app.add_page(machine, route="/orgs/[slug]/machines/[machine]", title="Machine · flyusage", on_load=[Frame.load, MachinePage.load])
app.add_page(billing, route="/orgs/[slug]/billing", title="Billing · flyusage", on_load=[Frame.load, Billing.load])
app.add_page(invoice, route="/orgs/[slug]/invoices/[number]", title="Invoice · flyusage", on_load=[Frame.load, InvoicePage.load])
app.add_page(prices, route="/orgs/[slug]/prices", title="Prices · flyusage", on_load=[Frame.load, Prices.load])
