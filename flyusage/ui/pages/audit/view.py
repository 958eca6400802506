"""The audit: who did what, when, filtered, in pages, and as files."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.copy_button import copy_button
from flyusage.ui.components.phases import failed, waiting
from flyusage.ui.layout import page
from flyusage.ui.pages.audit.rows import EntryRow, Option
from flyusage.ui.pages.audit.state import AuditPage

SCREEN = AuditPage.screen


def audit() -> rx.Component:
    """The whole page."""
    return page(
        rx.match(
            AuditPage.phase,
            ("ready", _ready()),
            ("failed", failed("The audit could not be read", AuditPage.problem, AuditPage.load)),
            waiting("Loading the audit", "row"),
        ),
        title="Audit",
        note="Who did what, when. Entries are only ever added. Times are UTC.",
        actions=rx.cond(
            AuditPage.phase == "ready",
            rx.fragment(_file("Download CSV", SCREEN.csv_href), _file("Download JSON lines", SCREEN.json_href)),
            rx.fragment(),
        ),
    )


def _file(label: str, href: Var[str]) -> rx.Component:
    return rx.el.a(label, href=href, download=True, reload_document=True, class_name="button")


def _ready() -> rx.Component:
    return rx.el.section(
        _filters(),
        rx.cond(SCREEN.rows.length() > 0, _table(), _nothing()),
        rx.cond(SCREEN.chain != "", _chain(), rx.fragment()),
        class_name="card dims",
    )


def _filters() -> rx.Component:
    return rx.el.form(
        _labelled("Who", _select("actor", "Anybody", SCREEN.actors, SCREEN.actor)),
        _labelled("Did what", _select("action", "Anything", SCREEN.actions, SCREEN.action)),
        _labelled("From", rx.el.input(type="date", name="from", default_value=SCREEN.since, class_name="field")),
        _labelled("To", rx.el.input(type="date", name="to", default_value=SCREEN.until, class_name="field")),
        rx.el.button("Show", type="submit", class_name="button"),
        rx.cond(
            SCREEN.is_filtered,
            rx.link("Show all", href=SCREEN.clear_href, underline="none", class_name="button button-quiet"),
            rx.fragment(),
        ),
        on_submit=AuditPage.choose,
        class_name="audit-filters",
        key=SCREEN.key,
        aria_label="Which entries",
    )


def _labelled(label: str, control: rx.Component) -> rx.Component:
    return rx.el.label(rx.el.span(label), control, class_name="what-if-field")


def _select(name: str, every: str, options: Var[list[Option]], chosen: Var[str]) -> rx.Component:
    return rx.el.select(
        rx.el.option(every, value=""),
        rx.foreach(options, lambda one: rx.el.option(one.label, value=one.value)),
        name=name,
        default_value=chosen,
        class_name="field",
    )


def _table() -> rx.Component:
    head = rx.el.tr(
        rx.el.th("When", scope="col"),
        rx.el.th("Who", scope="col"),
        rx.el.th("Did what", scope="col"),
        rx.el.th("To what", scope="col"),
        rx.el.th("From", scope="col"),
    )
    return rx.fragment(
        rx.el.div(
            rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(SCREEN.rows, _row)), class_name="table audit-table two-line"),
            class_name="table-box",
            tab_index=0,
            role="region",
            aria_label="Entries, the newest first",
        ),
        rx.el.footer(
            rx.el.span("Newest first.", class_name="muted"),
            rx.el.nav(
                _step("Newest", SCREEN.first_href),
                _step("Older", SCREEN.next_href),
                class_name="pager",
                aria_label="Pages of entries",
            ),
            class_name="table-foot",
        ),
    )


def _step(label: str, href: Var[str]) -> rx.Component:
    return rx.cond(
        href != "",
        rx.link(label, href=href, underline="none", class_name="button"),
        rx.el.button(label, type="button", disabled=True, class_name="button"),
    )


def _row(row: Var[EntryRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(rx.el.time(row.at, date_time=row.moment, title=row.moment), class_name="audit-when"),
        rx.el.th(rx.el.bdi(row.who), scope="row", class_name="audit-who"),
        rx.el.td(rx.el.span(row.action, title=row.name), class_name="audit-what"),
        rx.el.td(
            rx.el.bdi(row.subject),
            rx.cond(row.detail != "", rx.el.bdi(row.detail, class_name="muted tiny audit-detail"), rx.fragment()),
            class_name="audit-subject",
        ),
        rx.el.td(row.address, class_name="mono tiny audit-from"),
        key=row.id,
    )


def _nothing() -> rx.Component:
    return rx.el.div(rx.el.p(SCREEN.empty_title, class_name="strong"), rx.el.p(SCREEN.empty_next, class_name="muted"), class_name="empty")


def _chain() -> rx.Component:
    return rx.el.div(
        rx.el.p(
            SCREEN.chain,
            ". Each holds the hash of all before it: note this one somewhere else, and nothing up to it can change unnoticed. ",
            rx.el.code("flyusage audit verify"),
            " checks it; so can you, from the JSON lines.",
        ),
        rx.el.p(rx.el.code(SCREEN.head, class_name="audit-head"), copy_button(SCREEN.head, "Copy the hash")),
        class_name="muted small audit-chain",
    )
