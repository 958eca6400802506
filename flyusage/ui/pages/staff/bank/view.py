"""The page of bank payments."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.field import text_field
from flyusage.ui.pages.staff.bank.state import EnteredRow, OwedRow, StaffBank
from flyusage.ui.staff_layout import BANK, phases, staff_page

SCREEN = StaffBank.screen
OPENED = SCREEN.opened


def bank() -> rx.Component:
    """The whole page."""
    return staff_page(
        phases(StaffBank.phase, _ready(), StaffBank.problem, StaffBank.load),
        here=BANK,
        title="Bank payments",
        note="money that arrived at the bank, entered for its invoice; in part or too much",
    )


def _ready() -> rx.Component:
    return rx.fragment(rx.cond(OPENED.number != "", _entering(), rx.fragment()), _owed(), _entered())


def _entering() -> rx.Component:
    form = rx.el.form(
        rx.el.input(type="hidden", name="key", value=OPENED.key),
        text_field(
            "What arrived, in " + OPENED.currency,
            "amount",
            default_value=OPENED.amount,
            required=True,
            max_length=40,
            input_mode="decimal",
            class_name="number",
            auto_complete="off",
        ),
        text_field("The day it arrived", "day", type="date", default_value=SCREEN.today, max=SCREEN.today, required=True),
        text_field("The bank's reference", "reference", required=True, max_length=200, auto_complete="off"),
        rx.cond(StaffBank.refusal != "", rx.el.p(StaffBank.refusal, role="alert", class_name="form-refusal"), rx.fragment()),
        rx.el.button("Enter the payment", type="submit", class_name="button button-primary"),
        key=OPENED.number + " " + OPENED.key,
        on_submit=StaffBank.enter,
        class_name="what-if-form",
    )
    return rx.el.section(
        rx.el.header(
            rx.el.h2("A payment for ", OPENED.number, class_name="card-title"),
            rx.el.span(rx.el.bdi(OPENED.buyer), class_name="card-note"),
            rx.link("Close", href=BANK, underline="none", class_name="button button-quiet card-actions"),
            class_name="card-head",
        ),
        rx.el.p(OPENED.says, " What is too much becomes a prepaid credit. An entry stays: it is corrected by another.", class_name="small"),
        form,
        class_name="card",
        aria_label="A payment",
    )


def _owed() -> rx.Component:
    search = rx.el.form(
        text_field("Number or buyer", "search", default_value=SCREEN.search, max_length=200, auto_complete="off"),
        rx.el.button("Search", type="submit", class_name="button"),
        key=SCREEN.search,
        on_submit=StaffBank.search,
        class_name="settings-line",
    )
    head = rx.el.tr(
        rx.el.th("Invoice", scope="col"),
        rx.el.th("Buyer", scope="col"),
        rx.el.th("To pay", scope="col", class_name="number"),
        rx.el.th("Of", scope="col", class_name="number"),
        rx.el.th("Due", scope="col"),
    )
    table = rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(SCREEN.rows, _row)), class_name="table bank-table two-line")
    return rx.el.section(
        rx.el.header(
            rx.el.h2("To be paid", class_name="card-title"), rx.el.span(SCREEN.note, class_name="card-note"), class_name="card-head"
        ),
        search,
        rx.cond(
            SCREEN.rows.length() > 0,
            rx.el.div(table, class_name="table-box", tab_index=0, role="region", aria_label="Invoices to be paid, the longest due first"),
            rx.el.p(
                rx.cond(
                    SCREEN.search != "",
                    "No invoice that is to be paid is called so.",
                    "Nothing is to be paid. Issued invoices stand here until they are.",
                ),
                class_name="muted small",
            ),
        ),
        class_name="card bank-owed",
        aria_label="To be paid",
    )


def _row(row: Var[OwedRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.th(rx.link(row.number, href=row.href, class_name="link mono"), scope="row"),
        rx.el.td(rx.el.bdi(row.buyer)),
        rx.el.td(row.balance, class_name="number strong"),
        rx.el.td(row.amount, class_name="number muted"),
        rx.el.td(rx.el.span(row.due, class_name="state", custom_attrs={"data-tone": row.tone})),
        key=row.number,
    )


def _entered() -> rx.Component:
    head = rx.el.tr(
        rx.el.th("Invoice", scope="col"),
        rx.el.th("Reference", scope="col"),
        rx.el.th("Amount", scope="col", class_name="number"),
        rx.el.th("Arrived", scope="col"),
        rx.el.th("Entered", scope="col"),
    )
    table = rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(SCREEN.entered, _payment)), class_name="table bank-table two-line")
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Entered", class_name="card-title"), rx.el.span("the newest first", class_name="card-note"), class_name="card-head"
        ),
        rx.cond(
            SCREEN.entered.length() > 0,
            rx.el.div(table, class_name="table-box", tab_index=0, role="region", aria_label="Payments, the newest first"),
            rx.el.p("No payment yet, neither from the bank nor from the processor.", class_name="muted small"),
        ),
        class_name="card",
        aria_label="Entered",
    )


def _payment(row: Var[EnteredRow]) -> rx.Component:
    beyond = rx.cond(row.beyond != "", rx.el.span(row.beyond, class_name="muted tiny bank-beyond"), rx.fragment())
    return rx.el.tr(
        rx.el.th(rx.link(row.number, href=row.href, class_name="link mono"), scope="row"),
        rx.el.td(rx.el.bdi(row.reference)),
        rx.el.td(row.amount, beyond, class_name="number"),
        rx.el.td(row.received, class_name="nowrap"),
        rx.el.td(row.entered, class_name="muted small"),
        key=row.key,
    )
