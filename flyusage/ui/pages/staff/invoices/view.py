"""The page of staff's invoices."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.field import text_field
from flyusage.ui.pages.staff.invoices.question import ALL, AMOUNT, LINES, LONGEST_REASON, MOST_LINES, LineRow, ListedRow
from flyusage.ui.pages.staff.invoices.state import StaffInvoices
from flyusage.ui.staff_layout import INVOICES, phases, staff_page

SCREEN = StaffInvoices.screen
OPENED = SCREEN.opened
PLANNED = StaffInvoices.planned


def invoices() -> rx.Component:
    """The whole page."""
    return staff_page(
        phases(StaffInvoices.phase, _ready(), StaffInvoices.problem, StaffInvoices.load),
        here=INVOICES,
        title="Invoices",
        note="credit notes, void, given up; an issued invoice itself never changes",
    )


def _ready() -> rx.Component:
    return rx.fragment(rx.cond(OPENED.number != "", _open(), rx.fragment()), _list())


def _open() -> rx.Component:
    return rx.el.section(
        rx.el.header(
            rx.el.h2(OPENED.number, class_name="card-title"),
            rx.el.span(rx.el.bdi(OPENED.buyer), class_name="card-note"),
            rx.el.span(OPENED.state, class_name="state", custom_attrs={"data-tone": OPENED.tone}),
            rx.el.div(
                rx.link("As they see it", href=OPENED.href, underline="none", class_name="button"),
                rx.cond(
                    OPENED.bank_href != "",
                    rx.link("Enter a payment", href=OPENED.bank_href, underline="none", class_name="button"),
                    rx.fragment(),
                ),
                rx.link("Close", href=INVOICES, underline="none", class_name="button button-quiet"),
                class_name="card-actions correct-ways",
            ),
            class_name="card-head",
        ),
        rx.cond(OPENED.says != "", rx.el.p(OPENED.says, class_name="small"), rx.fragment()),
        rx.cond(OPENED.closed != "", rx.el.p(OPENED.closed, class_name="small muted"), rx.fragment()),
        rx.cond(OPENED.left != "", rx.cond(PLANNED.number != "", _planned(), _credit()), rx.fragment()),
        rx.cond(
            PLANNED.number == "",
            rx.fragment(
                rx.cond(
                    OPENED.void_says != "",
                    _settle("Void it", OPENED.void_says, "Void ", StaffInvoices.void, StaffInvoices.void_refusal),
                    rx.fragment(),
                ),
                rx.cond(
                    OPENED.give_up_says != "",
                    _settle("Give it up", OPENED.give_up_says, "Give up ", StaffInvoices.give_up, StaffInvoices.give_up_refusal),
                    rx.fragment(),
                ),
            ),
            rx.fragment(),
        ),
        class_name="card correct",
        aria_label="An invoice",
    )


def _credit() -> rx.Component:
    ways = rx.el.fieldset(
        rx.el.legend("Give back"),
        _way(ALL, "All that is left, ", OPENED.left, " net", default_checked=True),
        _way(AMOUNT, "An amount, shared over all of it"),
        text_field("Net, in " + OPENED.currency, "amount", max_length=40, input_mode="decimal", class_name="number", auto_complete="off"),
        _way(LINES, "Of single lines"),
        _lines(),
        class_name="correct-what",
    )
    form = rx.el.form(
        ways,
        text_field("Why; it is printed on the credit note", "reason", required=True, max_length=LONGEST_REASON, auto_complete="off"),
        rx.cond(
            StaffInvoices.credit_refusal != "",
            rx.el.p(StaffInvoices.credit_refusal, role="alert", class_name="form-refusal"),
            rx.fragment(),
        ),
        rx.el.div(rx.el.button("See what it comes to", type="submit", class_name="button button-primary"), class_name="form-foot"),
        key=OPENED.key,
        on_submit=StaffInvoices.plan,
        class_name="correct-form",
    )
    return rx.el.details(rx.el.summary("Credit it", class_name="button"), rx.el.div(form, class_name="confirm-says"), class_name="confirm")


def _way(value: str, *said: str | Var[str], **props: object) -> rx.Component:
    return rx.el.label(rx.el.input(type="radio", name="what", value=value, **props), rx.el.span(*said), class_name="correct-way")


def _lines() -> rx.Component:
    head = rx.el.tr(
        rx.el.th("Line", scope="col"),
        rx.el.th("Billed", scope="col", class_name="number"),
        rx.el.th("Left", scope="col", class_name="number"),
        rx.el.th("Give back", scope="col", class_name="number"),
    )
    table = rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(OPENED.lines, _line)), class_name="table correct-table")
    return rx.fragment(
        rx.el.div(table, class_name="table-box", tab_index=0, role="region", aria_label="Lines that something is left of"),
        rx.cond(
            OPENED.has_more_lines,
            rx.el.p(f"The first {MOST_LINES} lines; `flyusage invoices credit --line` reaches all.", class_name="muted small"),
            rx.fragment(),
        ),
    )


def _line(row: Var[LineRow]) -> rx.Component:
    given = rx.el.input(
        type="text",
        name=row.field,
        max_length=40,
        input_mode="decimal",
        auto_complete="off",
        aria_label=row.label,
        class_name="field number",
    )
    return rx.el.tr(
        rx.el.th(rx.el.span(row.position, ". ", class_name="muted"), rx.el.bdi(row.text), scope="row"),
        rx.el.td(row.amount, class_name="number muted"),
        rx.el.td(row.left, class_name="number"),
        rx.el.td(given, class_name="number"),
        key=row.field,
    )


def _sentence(said: Var[str]) -> rx.Component:
    return rx.el.li(said)


def _planned() -> rx.Component:
    return rx.el.div(
        rx.el.p(PLANNED.title, class_name="strong"),
        rx.el.ul(rx.foreach(PLANNED.says, _sentence)),
        rx.el.p("It gets the next number of its series, goes to the billing contacts, and stays as it is. It is not issued yet."),
        rx.el.div(
            rx.el.button("Issue the credit note", type="button", on_click=StaffInvoices.issue, class_name="button button-primary"),
            rx.el.button("Change it", type="button", on_click=StaffInvoices.drop, class_name="button"),
            class_name="correct-ways",
        ),
        role="status",
        class_name="confirm-says correct-plan",
    )


def _settle(label: str, says: Var[str], does: str, on_submit: rx.EventHandler, refusal: Var[str]) -> rx.Component:
    form = rx.el.form(
        rx.el.p(says),
        text_field("Why; the reason stays with the invoice", "reason", required=True, max_length=LONGEST_REASON, auto_complete="off"),
        rx.cond(refusal != "", rx.el.p(refusal, role="alert", class_name="form-refusal"), rx.fragment()),
        rx.el.div(rx.el.button(does, OPENED.number, type="submit", class_name="button button-primary"), class_name="form-foot"),
        key=OPENED.key,
        on_submit=on_submit,
        class_name="correct-form",
    )
    return rx.el.details(rx.el.summary(label, class_name="button"), rx.el.div(form, class_name="confirm-says"), class_name="confirm")


def _list() -> rx.Component:
    search = rx.el.form(
        text_field("Number or buyer", "search", default_value=SCREEN.search, max_length=200, auto_complete="off"),
        rx.el.button("Search", type="submit", class_name="button"),
        key=SCREEN.search,
        on_submit=StaffInvoices.search,
        class_name="settings-line",
    )
    head = rx.el.tr(
        rx.el.th("Document", scope="col"),
        rx.el.th("Buyer", scope="col"),
        rx.el.th("Total", scope="col", class_name="number"),
        rx.el.th("To pay", scope="col", class_name="number"),
        rx.el.th("State", scope="col"),
        rx.el.th("Month", scope="col"),
    )
    table = rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(SCREEN.rows, _row)), class_name="table bank-table two-line listed-table")
    return rx.el.section(
        rx.el.header(rx.el.h2("Issued", class_name="card-title"), rx.el.span(SCREEN.note, class_name="card-note"), class_name="card-head"),
        search,
        rx.cond(
            SCREEN.rows.length() > 0,
            rx.el.div(table, class_name="table-box", tab_index=0, role="region", aria_label="Documents, the newest first"),
            rx.el.p(
                rx.cond(
                    SCREEN.search != "",
                    "No invoice and no credit note is called so.",
                    "Nothing is issued yet. Closing a month issues its invoices.",
                ),
                class_name="muted small",
            ),
        ),
        class_name="card bank-owed",
        aria_label="Issued",
    )


def _row(row: Var[ListedRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.th(rx.link(row.paper.number, href=row.href, class_name="link mono"), scope="row"),
        rx.el.td(rx.el.bdi(row.buyer)),
        rx.el.td(row.paper.total, class_name="number strong"),
        rx.el.td(row.paper.balance, class_name="number muted"),
        rx.el.td(rx.el.span(row.paper.state, class_name="state", custom_attrs={"data-tone": row.paper.tone})),
        rx.el.td(row.paper.month, class_name="nowrap"),
        key=row.paper.number,
    )
