"""The prices page."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.copy_button import copy_button
from flyusage.ui.components.phases import failed, waiting
from flyusage.ui.layout import page
from flyusage.ui.pages.billing.rows import Choosing
from flyusage.ui.pages.prices.rows import PriceGroup, PriceRow, RegionOption, SpanRow
from flyusage.ui.pages.prices.state import Prices

SCREEN = Prices.screen
HISTORY = SCREEN.history


def prices() -> rx.Component:
    """The whole page."""
    is_ready = Prices.phase == "ready"
    return page(
        rx.match(
            Prices.phase,
            ("ready", _ready()),
            ("failed", failed("Prices cannot be shown", Prices.problem, Prices.load)),
            waiting("Loading the prices", "row"),
        ),
        title="Prices",
        note=rx.cond(is_ready, SCREEN.note, ""),
        actions=rx.cond(is_ready & (SCREEN.command != ""), copy_button(SCREEN.command, "Copy as command"), rx.fragment()),
    )


def _ready() -> rx.Component:
    return rx.fragment(
        rx.foreach(SCREEN.agreed, _agreed),
        rx.cond(HISTORY.sku != "", _history(), rx.fragment()),
        rx.el.section(
            _tools(),
            rx.cond(SCREEN.version_note != "", rx.el.p(SCREEN.version_note, class_name="muted small price-version"), rx.fragment()),
            rx.cond(SCREEN.groups.length() > 0, _table(), _no_match()),
            class_name=rx.cond(Prices.is_loading, "card dims is-loading", "card dims"),
            aria_label="Prices",
        ),
    )


def _agreed(sentence: Var[str]) -> rx.Component:
    return rx.el.div(rx.icon("handshake", aria_hidden="true"), rx.el.bdi(sentence), class_name="notice is-quiet", role="status")


def _tools() -> rx.Component:
    return rx.el.div(
        rx.el.input(
            type="search",
            placeholder="Search what is sold",
            aria_label="Search prices",
            default_value=SCREEN.find,
            on_change=Prices.search.debounce(200),
            custom_attrs={"data-search": ""},
            max_length=100,
            class_name="field",
        ),
        rx.el.select(
            rx.foreach(SCREEN.regions, _region),
            value=SCREEN.region,
            on_change=Prices.choose_region,
            aria_label="Region",
            class_name="field price-region",
        ),
        rx.el.div(rx.foreach(SCREEN.versions, _version), class_name="segments", role="group", aria_label="Price version in force from"),
        rx.el.span(SCREEN.count, class_name="count", role="status"),
        class_name="machine-tools",
    )


def _region(option: Var[RegionOption]) -> rx.Component:
    return rx.el.option(option.label, value=option.code)


def _version(choice: Var[Choosing]) -> rx.Component:
    return rx.link(
        choice.label,
        href=choice.href,
        title=choice.title,
        aria_current=rx.cond(choice.is_current, "true", "false"),
        underline="none",
    )


def _table() -> rx.Component:
    head = rx.el.tr(
        rx.el.th("What", scope="col"),
        rx.el.th("", scope="col", class_name="wide", aria_hidden="true"),
        rx.el.th("Price", scope="col", class_name="number"),
        rx.el.th("for 30 days", scope="col", class_name="number"),
    )
    return rx.el.div(
        rx.el.table(rx.el.thead(head), rx.foreach(SCREEN.groups, _group), class_name="table price-table two-line"),
        class_name="table-box",
        tab_index=0,
        role="region",
        aria_label="What each thing costs",
    )


def _group(group: Var[PriceGroup]) -> rx.Component:
    return rx.el.tbody(
        rx.el.tr(rx.el.th(group.name, scope="rowgroup", col_span=4), class_name="price-group"), rx.foreach(group.rows, _row), key=group.name
    )


def _row(row: Var[PriceRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.th(
            rx.link(row.title, href=row.href, title="Since when", underline="none", aria_current=rx.cond(row.is_current, "true", "false")),
            rx.el.span(row.sku, class_name="mono tiny muted price-sku"),
            scope="row",
        ),
        rx.el.td(row.more, class_name="muted small wide price-more"),
        rx.el.td(row.price, class_name="number", title=row.exact),
        rx.el.td(row.month, class_name="number muted"),
        key=row.sku,
        custom_attrs={"data-sku": row.sku},
    )


def _history() -> rx.Component:
    head = rx.el.tr(
        rx.el.th("From", scope="col"),
        rx.el.th("Until", scope="col", class_name="wide"),
        rx.el.th("Where", scope="col"),
        rx.el.th("Price", scope="col", class_name="number"),
        rx.el.th("Change", scope="col", class_name="number wide"),
    )
    return rx.el.section(
        rx.el.header(
            rx.el.h2("What ", HISTORY.title, " cost since when", class_name="card-title"),
            rx.el.span(HISTORY.note, class_name="card-note"),
            rx.link("Close", href=HISTORY.close_href, underline="none", class_name="button button-quiet card-actions"),
            class_name="card-head",
        ),
        rx.cond(
            HISTORY.rows.length() > 0,
            rx.el.div(
                rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(HISTORY.rows, _span)), class_name="table history-table two-line"),
                class_name="table-box days-box",
                tab_index=0,
                role="region",
                aria_label="History of the price",
            ),
            rx.el.p("It has no price of its own in any region.", class_name="muted small"),
        ),
        class_name="card",
        aria_label="History",
    )


def _span(span: Var[SpanRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.th(span.since, rx.cond(span.is_now, rx.el.span("now", class_name="tag"), rx.fragment()), scope="row"),
        rx.el.td(span.until, class_name="wide muted"),
        rx.el.td(span.regions, title=span.regions_title),
        rx.el.td(
            span.price, rx.cond(span.more != "", rx.el.div(span.more, class_name="muted tiny")), class_name="number", title=span.exact
        ),
        rx.el.td(span.change, class_name="number wide " + span.tone),
    )


def _no_match() -> rx.Component:
    return rx.el.div(
        rx.el.p(SCREEN.empty_title, class_name="strong"), rx.el.p(SCREEN.empty_next, class_name="muted"), class_name="empty is-small"
    )
