"""An invoice's page."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.crumbs import way_down
from flyusage.ui.components.month_files import month_files_card
from flyusage.ui.components.phases import failed, waiting
from flyusage.ui.components.statement import reckoning, statement_lines
from flyusage.ui.layout import not_found, page
from flyusage.ui.pages.billing.rows import Choosing, InvoiceRow
from flyusage.ui.pages.billing.view import phrase
from flyusage.ui.pages.invoice.rows import FactRow, PartRow, PaymentRow
from flyusage.ui.pages.invoice.state import InvoicePage

SCREEN = InvoicePage.screen


def invoice() -> rx.Component:
    """The whole page."""
    is_ready = InvoicePage.phase == "ready"
    return page(
        rx.match(
            InvoicePage.phase,
            ("ready", _ready()),
            ("missing", _missing()),
            ("failed", failed("The invoice cannot be shown", InvoicePage.problem, InvoicePage.load)),
            waiting("Loading the invoice", "part", "part", "part"),
        ),
        title=rx.cond(is_ready, SCREEN.title, "Invoice"),
        actions=rx.cond(is_ready, _downloads(), rx.fragment()),
    )


def _downloads() -> rx.Component:
    """Whole page loads: the browser saves what it gets and stays where it is."""
    pdf = rx.el.a(
        rx.icon("download", aria_hidden="true"),
        SCREEN.pdf_label,
        href=SCREEN.pdf_href,
        download=True,
        reload_document=True,
        class_name="button button-primary",
    )
    return rx.fragment(
        rx.cond(
            SCREEN.staff_href != "",
            rx.link("Correct it (staff)", href=SCREEN.staff_href, underline="none", class_name="button"),
            rx.fragment(),
        ),
        rx.el.a("All lines (CSV)", href=SCREEN.csv_href, download=True, reload_document=True, class_name="button"),
        rx.cond(
            SCREEN.xml_href != "",
            rx.el.a("E-invoice (XML)", href=SCREEN.xml_href, download=True, reload_document=True, class_name="button"),
            rx.fragment(),
        ),
        rx.cond(SCREEN.pdf_href != "", pdf, rx.el.span("The PDF is being made", class_name="muted small", role="status")),
    )


def _ready() -> rx.Component:
    return rx.fragment(
        way_down(SCREEN.crumbs),
        rx.cond(SCREEN.news != "", _news(), rx.fragment()),
        _answer(),
        rx.el.div(_parts(), rx.el.div(_money(), _printed(), class_name="invoice-aside"), class_name="columns-wide invoice-middle"),
        rx.el.section(
            rx.el.header(
                rx.el.h2("Lines", class_name="card-title"),
                rx.el.span("each opens its working", class_name="card-note"),
                class_name="card-head",
            ),
            statement_lines(SCREEN.products, on_question=InvoicePage.ask),
            class_name="card",
            aria_label="Lines",
        ),
        month_files_card(SCREEN.files, SCREEN.files_month),
    )


def _printed() -> rx.Component:
    return rx.el.section(
        rx.el.header(rx.el.h2("As printed", class_name="card-title"), class_name="card-head"),
        rx.el.dl(rx.foreach(SCREEN.facts, _fact), class_name="printed-facts"),
        class_name="card",
        aria_label="As printed",
    )


def _news() -> rx.Component:
    """What is the matter with its payment, though the invoice is right."""
    return rx.el.div(rx.icon("clock-alert", aria_hidden="true"), rx.el.bdi(SCREEN.news), class_name="notice", role="status")


def _answer() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.span(SCREEN.state, class_name="state invoice-state", custom_attrs={"data-tone": SCREEN.tone}),
            rx.el.h2(
                rx.el.span(SCREEN.lead, class_name="figure-label"),
                rx.el.span(SCREEN.figure, class_name="figure"),
                class_name="answer-figure",
            ),
            rx.el.p(rx.foreach(SCREEN.sentence, phrase), class_name="answer-sentence"),
        ),
        reckoning(SCREEN.by_product),
        reckoning(SCREEN.totals),
        class_name="card billing-top",
        aria_label="What it comes to",
    )


def _parts() -> rx.Component:
    table = rx.el.table(
        rx.el.thead(
            rx.el.tr(
                rx.el.th(SCREEN.parts_head, scope="col"),
                rx.el.th("", scope="col", class_name="bar wide", aria_hidden="true"),
                rx.el.th("Share", scope="col", class_name="number wide"),
                rx.el.th("Amount", scope="col", class_name="number"),
            )
        ),
        rx.el.tbody(rx.foreach(SCREEN.parts, _part)),
        rx.el.tfoot(
            rx.el.tr(
                rx.el.th("Net", scope="row"),
                rx.el.td(class_name="wide"),
                rx.el.td(class_name="wide"),
                rx.el.td(SCREEN.parts_total, class_name="number"),
            )
        ),
        class_name="table parts-table",
    )
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Where it belongs", class_name="card-title"),
            rx.el.span(SCREEN.parts_note, class_name="card-note"),
            class_name="card-head",
        ),
        rx.el.div(rx.foreach(SCREEN.ways, _way), class_name="segments", role="group", aria_label="Broken down by"),
        rx.el.div(table, class_name="table-box parts-box days-box", tab_index=0, role="region", aria_label="Parts of the invoice"),
        class_name="card",
        aria_label="Where it belongs",
    )


def _way(choice: Var[Choosing]) -> rx.Component:
    return rx.link(choice.label, href=choice.href, aria_current=rx.cond(choice.is_current, "true", "false"), underline="none")


def _part(part: Var[PartRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.th(
            rx.el.bdi(part.label),
            rx.cond(part.detail != "", rx.el.span(part.detail, class_name="ranked-detail")),
            scope="row",
            title=part.title,
        ),
        rx.el.td(rx.el.span(rx.el.span(style={"width": part.width}), class_name="ranked-bar"), class_name="bar wide", aria_hidden="true"),
        rx.el.td(part.share, class_name="number wide muted"),
        rx.el.td(part.amount, class_name=rx.cond(part.is_negative, "number down", "number")),
    )


def _money() -> rx.Component:
    return rx.el.section(
        rx.el.header(rx.el.h2("Payments and credit notes", class_name="card-title"), class_name="card-head"),
        rx.cond(
            SCREEN.payments.length() > 0,
            rx.el.ul(rx.foreach(SCREEN.payments, _payment), class_name="receipts", aria_label="Payments"),
            rx.el.p("No payment has been entered.", class_name="muted small"),
        ),
        rx.cond(
            SCREEN.notes.length() > 0,
            rx.el.ul(rx.foreach(SCREEN.notes, _note), class_name="receipts", aria_label="Credit notes"),
            rx.el.p("Nothing has been credited.", class_name="muted small"),
        ),
        class_name="card",
        aria_label="Payments and credit notes",
    )


def _payment(payment: Var[PaymentRow]) -> rx.Component:
    return rx.el.li(
        rx.el.span(payment.received, " · ", payment.method),
        rx.el.span(payment.amount, class_name="number strong"),
        rx.el.bdi(payment.reference, class_name="muted tiny"),
    )


def _note(note: Var[InvoiceRow]) -> rx.Component:
    return rx.el.li(
        rx.link(note.number, href=note.href, class_name="link mono"),
        rx.el.span(note.total, class_name="number strong down"),
        rx.el.span("Credit note of ", note.issued, class_name="muted tiny"),
    )


def _fact(fact: Var[FactRow]) -> rx.Component:
    return rx.el.div(rx.el.dt(fact.label), rx.el.dd(rx.el.bdi(fact.value)))


def _missing() -> rx.Component:
    missing = InvoicePage.missing
    all_of_them = rx.link("All invoices", href=missing.billing_href, underline="none", class_name="button button-primary")
    return not_found("There is no such invoice", missing.explanation, all_of_them)
