"""The settings' cost centres: the apps of a month, what changes them, and a pasted list."""

import reflex as rx
from reflex.vars import Var

from flyusage.metering.cost_centres_csv import COLUMNS, LONGEST_NAME
from flyusage.ui.components.csv_field import csv_field
from flyusage.ui.components.field import field
from flyusage.ui.components.phases import failed, waiting
from flyusage.ui.components.settings_card import settings_card
from flyusage.ui.pages.cost_centres.question import LONGEST_PASTE
from flyusage.ui.pages.cost_centres.rows import AppRow
from flyusage.ui.pages.cost_centres.state import CostCentres

SCREEN = CostCentres.screen
NAMES = "cost-centre-names"


def section() -> rx.Component:
    """The card."""
    shown = rx.match(
        CostCentres.phase,
        ("ready", rx.cond(SCREEN.month != "", _card(), rx.fragment())),
        ("failed", failed("Cost centres cannot be shown", CostCentres.problem, CostCentres.load, icon="folder-tree")),
        waiting("Loading the cost centres", "part"),
    )
    return rx.fragment(shown)


def _card() -> rx.Component:
    nothing = rx.el.div(rx.el.p(SCREEN.empty, class_name="muted"), class_name="empty is-small")
    return settings_card(
        "Cost centres",
        rx.cond(
            SCREEN.can_edit,
            "A change holds from the month chosen until the app's next one. Issued invoices keep theirs.",
            "What each app's costs count for, by month.",
        ),
        _tools(),
        rx.cond(SCREEN.can_edit & (CostCentres.chosen.length() > 0), _bulk(), rx.fragment()),
        rx.cond(SCREEN.rows.length() > 0, _table(), nothing),
        rx.cond(SCREEN.can_edit, _paste(), rx.fragment()),
    )


def _tools() -> rx.Component:
    month = rx.el.select(
        rx.foreach(SCREEN.months, lambda one: rx.el.option(one.label, value=one.value)),
        value=SCREEN.month,
        on_change=CostCentres.choose_month,
        class_name="field",
    )
    find = rx.el.input(
        type="search",
        placeholder="Search app or cost centre",
        default_value=CostCentres.find,
        on_change=CostCentres.search.debounce(200),
        custom_attrs={"data-search": ""},
        max_length=200,
        class_name="field",
    )
    return rx.el.div(
        field("Month", month), field("Apps", find), rx.el.span(SCREEN.count, class_name="count", role="status"), class_name="settings-line"
    )


def _bulk() -> rx.Component:
    names = rx.el.datalist(rx.foreach(SCREEN.centres, lambda one: rx.el.option(value=one)), id=NAMES)
    form = rx.el.form(
        rx.el.input(
            name="centre", list=NAMES, placeholder="A cost centre, or a new one", aria_label="Cost centre of those chosen", required=True,
            max_length=LONGEST_NAME, auto_complete="off", class_name="field",
        ),
        names,
        rx.el.button("Assign", type="submit", class_name="button button-primary"),
        on_submit=CostCentres.assign,
        reset_on_submit=False,
        class_name="centre-form",
    )  # fmt: skip
    return rx.el.div(
        rx.el.span(CostCentres.chosen.length(), " chosen, from ", SCREEN.month_text, " on", class_name="strong", role="status"),
        form,
        rx.el.button("Unassign", type="button", on_click=CostCentres.unassign, class_name="button"),
        rx.el.button("Choose none", type="button", on_click=CostCentres.choose_none, class_name="button button-quiet"),
        class_name="bulk centre-bulk",
    )


def _table() -> rx.Component:
    every = rx.el.input(
        type="checkbox",
        checked=CostCentres.is_page_chosen,
        on_change=lambda _: CostCentres.choose_page(),
        aria_label="Choose every app of this page",
    )
    head = rx.el.tr(
        rx.cond(SCREEN.can_edit, rx.el.th(every, scope="col", class_name="tick"), rx.fragment()),
        rx.el.th("App", scope="col"),
        rx.el.th("Cost centre in ", SCREEN.month_text, scope="col"),
    )
    table = rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(SCREEN.rows, _row)), class_name="table centre-table")
    return rx.fragment(
        rx.el.div(table, class_name="table-box centre-box", tab_index=0, role="region", aria_label="Apps and their cost centres"),
        rx.cond(
            SCREEN.pages != "",
            rx.el.nav(
                _way("Previous", SCREEN.page - 1, SCREEN.page > 1),
                rx.el.span(SCREEN.pages, role="status"),
                _way("Next", SCREEN.page + 1, SCREEN.has_next),
                class_name="pager",
                aria_label="Pages of apps",
            ),
            rx.fragment(),
        ),
    )


def _way(label: str, page: Var[int], is_there: Var[bool]) -> rx.Component:
    return rx.el.button(label, type="button", disabled=~is_there, on_click=CostCentres.turn(page), class_name="button")


def _row(row: Var[AppRow]) -> rx.Component:
    tick = rx.el.input(
        type="checkbox",
        checked=CostCentres.chosen.contains(row.id),
        on_change=lambda _: CostCentres.choose(row.id),
        aria_label=f"Choose {row.app}",
    )
    return rx.el.tr(
        rx.cond(SCREEN.can_edit, rx.el.td(tick, class_name="tick"), rx.fragment()),
        rx.el.th(rx.el.bdi(row.app), scope="row"),
        rx.el.td(
            rx.el.bdi(row.centre, class_name=rx.cond(row.is_assigned, "strong", "muted")),
            rx.cond(row.note != "", rx.el.span(row.note, class_name="muted small centre-note"), rx.fragment()),
        ),
        key=row.id,
    )


def _paste() -> rx.Component:
    form = rx.el.form(
        csv_field(
            f"CSV, its first line {','.join(COLUMNS)}; a month as 2026-10, an empty cost centre for none",
            "csv",
            most=LONGEST_PASTE,
            placeholder="app,cost_centre,from_month\nweb,Shop,2026-10",
        ),
        rx.el.div(rx.el.button("Assign as listed", type="submit", class_name="button")),
        on_submit=CostCentres.take_in,
        reset_on_submit=False,
        class_name="invite-form",
    )
    told = CostCentres.imported
    said = rx.fragment(
        rx.el.p(told.says, class_name="strong"),
        rx.el.ul(rx.foreach(told.refused, lambda one: rx.el.li(rx.el.bdi(one), custom_attrs={"data-tone": "bad"})), class_name="outcomes"),
    )
    return rx.el.details(
        rx.el.summary("Take in a list …", class_name="button"),
        form,
        rx.el.div(rx.cond(told.says != "", said, rx.fragment()), role="status"),
        class_name="centre-paste",
    )
