"""The list of machines."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.copy_button import copy_button
from flyusage.ui.components.empty import empty_state
from flyusage.ui.components.phases import failed, waiting
from flyusage.ui.layout import OrganizationLink, page
from flyusage.ui.pages.machines.rows import MachineRow, StateLink
from flyusage.ui.pages.machines.state import MachineList

SCREEN = MachineList.screen


def machines() -> rx.Component:
    """The whole page."""
    return page(
        rx.match(
            MachineList.phase,
            ("ready", _ready()),
            ("empty", _none()),
            ("failed", failed("The machines could not be read", MachineList.problem, MachineList.load)),
            waiting("Loading the machines", "row"),
        ),
        title="Machines",
        note=SCREEN.note,
        actions=rx.cond(SCREEN.rows.length() > 0, copy_button(SCREEN.ids, SCREEN.ids_label), rx.fragment()),
    )


def _ready() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.input(
                type="search",
                placeholder="Search id, app, region or size",
                aria_label="Search machines",
                default_value=SCREEN.find,
                on_change=MachineList.search.debounce(200),
                custom_attrs={"data-search": ""},
                max_length=200,
                class_name="field",
            ),
            rx.el.div(rx.foreach(SCREEN.states, _state), class_name="segments", role="group", aria_label="State"),
            rx.el.span(SCREEN.count, class_name="count", role="status"),
            class_name="machine-tools",
        ),
        rx.cond(SCREEN.rows.length() > 0, _table(), _no_match()),
        class_name="card dims",
    )


def _state(link: Var[StateLink]) -> rx.Component:
    return rx.link(link.label, href=link.href, aria_current=rx.cond(link.is_current, "true", "false"), underline="none")


def _table() -> rx.Component:
    head = rx.el.tr(
        rx.el.th("Machine", scope="col"),
        rx.el.th("App", scope="col", class_name="wide"),
        rx.el.th("Region", scope="col", class_name="wide"),
        rx.el.th("Size", scope="col"),
        rx.el.th("State", scope="col", class_name="wide"),
        rx.el.th("Hours", scope="col", class_name="number wide"),
        rx.el.th(SCREEN.cost_title, scope="col", class_name="number"),
    )
    return rx.fragment(
        rx.el.div(
            rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(SCREEN.rows, _row)), class_name="table machine-table two-line"),
            class_name="table-box",
            tab_index=0,
            role="region",
            aria_label="Machines",
        ),
        rx.el.footer(
            rx.el.span(SCREEN.order, class_name="muted"),
            rx.el.nav(
                _step("Previous", SCREEN.previous_href),
                rx.el.span(SCREEN.pages),
                _step("Next", SCREEN.next_href),
                class_name="pager",
                aria_label="Pages of machines",
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


def _row(row: Var[MachineRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.th(
            rx.link(rx.el.bdi(row.label), href=row.href, underline="none", class_name="mono"),
            scope="row",
            title=row.label,
        ),
        rx.el.td(rx.el.bdi(row.app), title=row.app, class_name="name"),
        rx.el.td(row.region, class_name="wide"),
        rx.el.td(row.size, class_name="wide"),
        rx.el.td(rx.el.span(row.state, class_name="state", custom_attrs={"data-state": row.state}), class_name="wide"),
        rx.el.td(row.hours, class_name="number wide"),
        rx.el.td(row.cost, class_name="number"),
    )


def _no_match() -> rx.Component:
    return rx.el.div(
        rx.el.p(SCREEN.empty_title, class_name="strong"),
        rx.el.p(SCREEN.empty_next, class_name="muted"),
        class_name="empty",
    )


def _none() -> rx.Component:
    return empty_state(
        "No machines yet",
        "Machines appear here with their first event.",
        OrganizationLink.create("How to send it", to="", class_name="button"),
    )
