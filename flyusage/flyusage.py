"""The Reflex app: its pages, its look, and the plain HTTP routes beside them. No logic."""

import reflex as rx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect

from flyusage.api import application, health, metrics, webhooks
from flyusage.api.scim import routes as scim
from flyusage.auth.errors import AccountDisabled, SecondFactorNeeded, SignInNeeded
from flyusage.errors import FlyusageError
from flyusage.ui import (
    accepting,
    audit_downloads,
    downloads,
    failures,
    gone_tabs,
    invoice_downloads,
    live,
    mail_stop,
    month_downloads,
    new_password,
    routes,
    sign_in,
    sign_up,
    single_sign_on,
    staff_layout,
)
from flyusage.ui.frame import Frame
from flyusage.ui.pages import door
from flyusage.ui.pages.account import Account, account
from flyusage.ui.pages.alerts.state import Alerts
from flyusage.ui.pages.alerts.view import alerts
from flyusage.ui.pages.audit.state import AuditPage
from flyusage.ui.pages.audit.view import audit
from flyusage.ui.pages.billing.state import Billing
from flyusage.ui.pages.billing.view import billing
from flyusage.ui.pages.budgets.state import Budgets
from flyusage.ui.pages.budgets.view import budgets
from flyusage.ui.pages.cost_centres.state import CostCentres
from flyusage.ui.pages.door import Door
from flyusage.ui.pages.explorer.state import Explorer
from flyusage.ui.pages.explorer.view import explorer
from flyusage.ui.pages.invitation import InvitationPage, invitation
from flyusage.ui.pages.invoice.state import InvoicePage
from flyusage.ui.pages.invoice.view import invoice
from flyusage.ui.pages.machine.state import MachinePage
from flyusage.ui.pages.machine.view import machine
from flyusage.ui.pages.machines.state import MachineList
from flyusage.ui.pages.machines.view import machines
from flyusage.ui.pages.members.state import Members
from flyusage.ui.pages.members.view import members
from flyusage.ui.pages.nowhere import nowhere
from flyusage.ui.pages.overview.state import Overview
from flyusage.ui.pages.overview.view import overview
from flyusage.ui.pages.prices.state import Prices
from flyusage.ui.pages.prices.view import prices
from flyusage.ui.pages.provisioning.state import ProvisioningPage
from flyusage.ui.pages.provisioning.view import provisioning
from flyusage.ui.pages.second_factor.state import SecondFactorPage
from flyusage.ui.pages.settings.state import OrganizationSettings
from flyusage.ui.pages.settings.view import settings
from flyusage.ui.pages.sign_up import SignUpPage, new_account
from flyusage.ui.pages.sign_up import sign_up as sign_up_page
from flyusage.ui.pages.sso.state import SingleSignOn
from flyusage.ui.pages.sso.view import sso
from flyusage.ui.pages.staff.bank.state import StaffBank
from flyusage.ui.pages.staff.bank.view import bank as staff_bank
from flyusage.ui.pages.staff.close.state import StaffClose
from flyusage.ui.pages.staff.close.view import close as staff_close
from flyusage.ui.pages.staff.experiments.state import StaffExperiments
from flyusage.ui.pages.staff.experiments.view import experiments as staff_experiments
from flyusage.ui.pages.staff.invoices.state import StaffInvoices
from flyusage.ui.pages.staff.invoices.view import invoices as staff_invoices
from flyusage.ui.pages.staff.prices.state import StaffPrices
from flyusage.ui.pages.staff.prices.view import prices as staff_prices
from flyusage.ui.pages.staff.questions.state import StaffQuestions
from flyusage.ui.pages.staff.questions.view import questions as staff_questions
from flyusage.ui.pages.staff.queue.state import StaffQueue
from flyusage.ui.pages.staff.queue.view import queue as staff_queue
from flyusage.ui.pages.staff.revenue.state import StaffRevenue
from flyusage.ui.pages.staff.revenue.view import revenue as staff_revenue
from flyusage.ui.pages.staff.seller.state import StaffSeller
from flyusage.ui.pages.staff.seller.view import seller as staff_seller
from flyusage.ui.pages.staff.terms.state import StaffTerms
from flyusage.ui.pages.staff.terms.view import terms as staff_terms
from flyusage.ui.pages.terminal import TerminalSignIn, terminal
from flyusage.ui.pages.tokens.state import Tokens
from flyusage.ui.pages.tokens.view import tokens
from flyusage.ui.pages.views.state import SavedViews
from flyusage.ui.pages.views.view import views
from flyusage.ui.pages.welcome import Welcome, welcome
from flyusage.ui.pages.what_if.state import WhatIfPage
from flyusage.ui.pages.what_if.view import what_if
from flyusage.ui.presence import Presence
from flyusage.ui.reader import KnowReader, KnowsReader, time_handlers

app = rx.App(
    stylesheets=[
        "tokens.css",
        "app.css",
        "pages.css",
        "explorer.css",
        "billing.css",
        "budgets.css",
        "alerts.css",
        "views.css",
        "door.css",
        "members.css",
        "tokens-page.css",
        "sso.css",
    ],
    head_components=[rx.el.link(rel="icon", type="image/svg+xml", href="/favicon.svg")],
    backend_exception_handler=failures.report,
    frontend_exception_handler=failures.browser_failed,
    api_transformer=Starlette(
        routes=[
            *health.routes,
            *metrics.routes,
            *webhooks.routes,
            *application.routes,
            *scim.routes,
            *routes.routes,
            *downloads.routes,
            *audit_downloads.routes,
            *invoice_downloads.routes,
            *mail_stop.routes,
            *month_downloads.routes,
            *sign_in.routes,
            *new_password.routes,
            *accepting.routes,
            *sign_up.routes,
            *single_sign_on.routes,
        ],
        middleware=[Middleware(KnowsReader)],
        exception_handlers={
            AccountDisabled: sign_in.tell_disabled,
            SignInNeeded: sign_in.ask_to_sign_in,
            SecondFactorNeeded: sign_in.ask_for_second_factor,
            FlyusageError: failures.answer,
            ClientDisconnect: failures.gone,
        },
    ),
)
app.add_middleware(KnowReader())
time_handlers()
app.register_lifespan_task(live.while_serving)
app.register_lifespan_task(gone_tabs.while_serving, pages=app)
app.add_page(nowhere, route="404", title="Not found · flyusage")
app.add_page(door.sign_in, route="/sign-in", title="Sign in · flyusage", on_load=Door.load)
app.add_page(door.forgot, route="/forgot", title="New password · flyusage", on_load=Door.load)
app.add_page(door.set_password, route="/set-password", title="New password · flyusage", on_load=Door.load)
app.add_page(sign_up_page, route="/sign-up", title="Make an account · flyusage", on_load=SignUpPage.load)
app.add_page(new_account, route="/new-account", title="Make an account · flyusage", on_load=SignUpPage.load_link)
app.add_page(door.second_factor, route="/second-factor", title="Sign in · flyusage", on_load=Door.load)
app.add_page(account, route="/account", title="Account · flyusage", on_load=[Account.load, SecondFactorPage.load, Presence.load])
app.add_page(invitation, route="/invitation", title="Invitation · flyusage", on_load=InvitationPage.load)
app.add_page(terminal, route="/terminal", title="Sign in a terminal · flyusage", on_load=[Presence.load, TerminalSignIn.load])
app.add_page(welcome, route="/welcome", title="flyusage", on_load=[Welcome.load, Presence.load])
app.add_page(overview, route="/orgs/[slug]", title="Overview · flyusage", on_load=[Frame.load, Overview.load])
app.add_page(explorer, route="/orgs/[slug]/usage", title="Explorer · flyusage", on_load=[Frame.load, Explorer.load])
app.add_page(views, route="/orgs/[slug]/views", title="Saved views · flyusage", on_load=[Frame.load, SavedViews.load])
app.add_page(machines, route="/orgs/[slug]/machines", title="Machines · flyusage", on_load=[Frame.load, MachineList.load])
app.add_page(machine, route="/orgs/[slug]/machines/[machine]", title="Machine · flyusage", on_load=[Frame.load, MachinePage.load])
app.add_page(billing, route="/orgs/[slug]/billing", title="Billing · flyusage", on_load=[Frame.load, Billing.load])
app.add_page(invoice, route="/orgs/[slug]/invoices/[number]", title="Invoice · flyusage", on_load=[Frame.load, InvoicePage.load])
app.add_page(audit, route="/orgs/[slug]/audit", title="Audit · flyusage", on_load=[Frame.load, AuditPage.load])
app.add_page(prices, route="/orgs/[slug]/prices", title="Prices · flyusage", on_load=[Frame.load, Prices.load])
app.add_page(budgets, route="/orgs/[slug]/budgets", title="Budgets · flyusage", on_load=[Frame.load, Budgets.load])
app.add_page(alerts, route="/orgs/[slug]/alerts", title="Alerts · flyusage", on_load=[Frame.load, Alerts.load])
app.add_page(what_if, route="/orgs/[slug]/what-if", title="What if · flyusage", on_load=[Frame.load, WhatIfPage.load])
app.add_page(members, route="/orgs/[slug]/members", title="Members · flyusage", on_load=[Frame.load, Members.load])
app.add_page(provisioning, route="/orgs/[slug]/provisioning", title="Provisioning · flyusage", on_load=[Frame.load, ProvisioningPage.load])
app.add_page(
    settings, route="/orgs/[slug]/settings", title="Settings · flyusage", on_load=[Frame.load, OrganizationSettings.load, CostCentres.load]
)
app.add_page(sso, route="/orgs/[slug]/sso", title="Single sign-on · flyusage", on_load=[Frame.load, SingleSignOn.load])
app.add_page(tokens, route="/orgs/[slug]/tokens", title="API tokens · flyusage", on_load=[Frame.load, Tokens.load])
app.add_page(staff_prices, route=staff_layout.PRICES, title="Price books · flyusage", on_load=[StaffPrices.load, Presence.load])
app.add_page(staff_close, route=staff_layout.CLOSE, title="Close a month · flyusage", on_load=[StaffClose.load, Presence.load])
app.add_page(staff_queue, route=staff_layout.QUEUE, title="Payment queue · flyusage", on_load=[StaffQueue.load, Presence.load])
app.add_page(staff_revenue, route=staff_layout.REVENUE, title="Revenue · flyusage", on_load=[StaffRevenue.load, Presence.load])
app.add_page(staff_questions, route=staff_layout.QUESTIONS, title="Questions · flyusage", on_load=[StaffQuestions.load, Presence.load])
app.add_page(staff_terms, route=staff_layout.TERMS, title="Terms · flyusage", on_load=[StaffTerms.load, Presence.load])
app.add_page(
    staff_experiments, route=staff_layout.EXPERIMENTS, title="Experiments · flyusage", on_load=[StaffExperiments.load, Presence.load]
)
app.add_page(staff_bank, route=staff_layout.BANK, title="Bank payments · flyusage", on_load=[StaffBank.load, Presence.load])
app.add_page(staff_invoices, route=staff_layout.INVOICES, title="Invoices · flyusage", on_load=[StaffInvoices.load, Presence.load])
app.add_page(staff_seller, route=staff_layout.SELLER, title="Seller · flyusage", on_load=[StaffSeller.load, Presence.load])
