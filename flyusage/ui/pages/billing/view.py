"""The billing page: what is owed in a sentence, the statement behind it, and the invoices before it."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.copy_button import command_line, copy_button
from flyusage.ui.components.month_files import month_files_card
from flyusage.ui.components.month_totals import month_totals_card
from flyusage.ui.components.phases import failed, waiting
from flyusage.ui.components.statement import reckoning, statement_lines
from flyusage.ui.layout import page
from flyusage.ui.pages.billing.rows import Choosing, InvoiceRow, Phrase, Standing, Trouble
from flyusage.ui.pages.billing.state import MONTHS_CHART, Billing

SCREEN = Billing.screen
INVOICES = SCREEN.invoices


def billing() -> rx.Component:
    """The whole page."""
    is_ready = Billing.phase == "ready"
    return page(
        rx.match(
            Billing.phase,
            ("ready", _ready()),
            ("failed", failed("Billing cannot be shown", Billing.problem, Billing.load)),
            waiting("Loading what you owe", "part", "row"),
        ),
        title="Billing",
        note=rx.cond(is_ready, SCREEN.note, ""),
        actions=rx.cond(is_ready & (SCREEN.command != ""), copy_button(SCREEN.command, "Copy as command"), rx.fragment()),
    )


def _ready() -> rx.Component:
    return rx.fragment(
        rx.cond(
            SCREEN.standing.length() > 0,
            rx.el.section(rx.foreach(SCREEN.standing, _standing), class_name="card tiles", aria_label="Where you stand"),
            rx.fragment(),
        ),
        rx.el.nav(rx.foreach(SCREEN.months, _choice), aria_label="Month", class_name="months"),
        rx.foreach(SCREEN.troubles, _trouble),
        _answer(),
        _statement(),
        rx.cond(SCREEN.files.length() > 0, month_files_card(SCREEN.files, SCREEN.files_month), rx.fragment()),
        _invoices(),
        rx.cond(
            SCREEN.months_billed.rows.length() > 0,
            month_totals_card(MONTHS_CHART, SCREEN.months_billed, is_loading=Billing.is_loading),
            rx.fragment(),
        ),
    )


def _standing(one: Var[Standing]) -> rx.Component:
    return rx.el.div(
        rx.el.p(one.label, class_name="tile-label"),
        rx.el.p(one.value, class_name="tile-value"),
        rx.el.p(one.note, class_name="tile-note"),
        rx.cond(
            one.href != "",
            rx.el.a(one.link, href=one.href, download=True, reload_document=True, class_name="link small"),
            rx.fragment(),
        ),
        class_name="tile",
    )


def _choice(choice: Var[Choosing]) -> rx.Component:
    return rx.link(
        choice.label,
        href=choice.href,
        title=choice.title,
        aria_current=rx.cond(choice.is_current, "true", "false"),
        underline="none",
    )


def _trouble(trouble: Var[Trouble]) -> rx.Component:
    return rx.el.div(
        rx.icon("triangle-alert", aria_hidden="true"),
        rx.el.span(
            rx.el.bdi(trouble.text),
            rx.cond(trouble.href != "", rx.fragment(" ", rx.link(trouble.link, href=trouble.href, class_name="link")), rx.fragment()),
        ),
        class_name="notice",
        role="status",
    )


def _answer() -> rx.Component:
    """The answer, and at its right how it adds up."""
    answer = rx.el.div(
        rx.el.h2(
            rx.el.span(SCREEN.lead, class_name="figure-label"), rx.el.span(SCREEN.owed, class_name="figure"), class_name="answer-figure"
        ),
        rx.el.p(rx.foreach(SCREEN.sentence, phrase), class_name="answer-sentence"),
        rx.cond(SCREEN.method != "", rx.el.p(SCREEN.method, class_name="answer-method"), rx.fragment()),
    )
    return rx.el.section(
        answer,
        rx.cond(SCREEN.by_product.length() > 0, reckoning(SCREEN.by_product), rx.el.div()),
        reckoning(SCREEN.totals),
        class_name=rx.cond(Billing.is_loading, "card dims is-loading billing-top", "card dims billing-top"),
        aria_label="What you owe",
        custom_attrs={"data-month": SCREEN.month, "data-as-of": SCREEN.as_of},
    )


def phrase(part: Var[Phrase]) -> rx.Component:
    """A piece of a sentence."""
    return rx.cond(part.href != "", rx.link(rx.el.bdi(part.text), href=part.href, class_name="link"), rx.el.span(part.text))


def _statement() -> rx.Component:
    return rx.el.section(
        rx.el.header(
            rx.el.h2(SCREEN.statement_title, class_name="card-title"),
            rx.el.span(SCREEN.statement_note, class_name="card-note"),
            class_name="card-head",
        ),
        rx.cond(SCREEN.nothing != "", rx.el.p(SCREEN.nothing, class_name="muted"), statement_lines(SCREEN.products)),
        class_name=rx.cond(Billing.is_loading, "card dims is-loading", "card dims"),
        aria_label="Statement",
    )


def _invoices() -> rx.Component:
    return rx.el.section(
        rx.el.header(rx.el.h2("Invoices", class_name="card-title"), class_name="card-head"),
        rx.cond(INVOICES.has_any, _listed(), _no_invoice()),
        class_name="card",
        aria_label="Invoices",
    )


def _listed() -> rx.Component:
    tools = rx.el.div(
        rx.el.input(
            type="search",
            placeholder="Search number or buyer",
            aria_label="Search invoices",
            default_value=INVOICES.find,
            on_change=Billing.search.debounce(200),
            custom_attrs={"data-search": ""},
            max_length=200,
            class_name="field",
        ),
        rx.el.div(rx.foreach(INVOICES.states, _choice), class_name="segments", role="group", aria_label="State"),
        rx.cond(
            INVOICES.years.length() > 0,
            rx.el.div(rx.foreach(INVOICES.years, _choice), class_name="segments", role="group", aria_label="Year"),
            rx.fragment(),
        ),
        rx.cond(
            INVOICES.year_href != "",
            rx.el.a(INVOICES.year_label, href=INVOICES.year_href, download=True, reload_document=True, class_name="button"),
            rx.fragment(),
        ),
        rx.el.span(INVOICES.count, class_name="count", role="status"),
        class_name="machine-tools",
    )
    return rx.fragment(tools, rx.cond(INVOICES.rows.length() > 0, _table(), _no_match()))


def _table() -> rx.Component:
    head = rx.el.tr(
        rx.el.th("Number", scope="col"),
        rx.el.th("Month", scope="col"),
        rx.el.th("State", scope="col"),
        rx.el.th("Issued", scope="col", class_name="wide"),
        rx.el.th("Due", scope="col", class_name="wide"),
        rx.el.th("Total", scope="col", class_name="number"),
        rx.el.th("Still to pay", scope="col", class_name="number wide"),
    )
    table = rx.el.table(
        rx.el.thead(head), rx.el.tbody(rx.foreach(INVOICES.rows, _row)), rx.el.tfoot(rx.foreach(INVOICES.sums, _sum)),
        class_name="table invoice-table two-line",
    )  # fmt: skip
    return rx.fragment(
        rx.el.div(table, class_name="table-box", tab_index=0, role="region", aria_label="Invoices, newest first"),
        rx.cond(
            (INVOICES.older_href != "") | (INVOICES.newest_href != ""),
            rx.el.nav(
                _way("Newest", INVOICES.newest_href), _way("Older", INVOICES.older_href), class_name="pager", aria_label="Pages of invoices"
            ),
            rx.fragment(),
        ),
    )


def _way(label: str, href: Var[str]) -> rx.Component:
    return rx.cond(href != "", rx.link(label, href=href, underline="none", class_name="button"), rx.fragment())


def _row(row: Var[InvoiceRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.th(
            rx.link(row.number, href=row.href, underline="none", class_name="mono"),
            rx.cond(row.kind != "", rx.el.span(" ", row.kind, class_name="muted tiny")),
            scope="row",
        ),
        rx.el.td(row.month),
        rx.el.td(rx.el.span(row.state, class_name="state", custom_attrs={"data-tone": row.tone})),
        rx.el.td(row.issued, class_name="wide"),
        rx.el.td(row.due, class_name="wide"),
        rx.el.td(row.total, class_name="number"),
        rx.el.td(row.balance, class_name="number wide"),
    )


def _sum(row: Var[InvoiceRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.th(row.number, scope="row"),
        rx.el.td(row.month),
        rx.el.td(class_name="wide"),
        rx.el.td(class_name="wide"),
        rx.el.td(class_name="wide"),
        rx.el.td(row.total, class_name="number"),
        rx.el.td(row.balance, class_name="number wide"),
    )


def _no_match() -> rx.Component:
    return rx.el.div(
        rx.el.p(INVOICES.empty_title, class_name="strong"), rx.el.p(INVOICES.empty_next, class_name="muted"), class_name="empty is-small"
    )


def _no_invoice() -> rx.Component:
    return rx.el.div(
        rx.el.p("No invoice yet", class_name="strong"),
        rx.el.p(
            "A month's invoice is issued when the month is over and late events have had their time. Until then it is the statement above. "
            "Whoever runs this installation closes a month with:",
            class_name="muted",
        ),
        command_line(INVOICES.empty_command),
        class_name="empty is-small",
    )
