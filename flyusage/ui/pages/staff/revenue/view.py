"""Revenue by month."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.empty import empty_state
from flyusage.ui.components.month_totals import month_totals_card
from flyusage.ui.pages.staff.queue.view import choice
from flyusage.ui.pages.staff.revenue.state import CHART, CohortRow, StaffRevenue
from flyusage.ui.staff_layout import REVENUE, phases, staff_page

SCREEN = StaffRevenue.screen
NOTHING = "Once a month is closed, what it came to stands here, exact at every moment."
NO_EXPERIMENT = "An experiment sells at another book's prices to some, for a time; then both cohorts stand here side by side."
COMMANDS = ("flyusage prices experiment start NAME BOOK DATE --percent 10",)


def revenue() -> rx.Component:
    """The whole page."""
    return staff_page(
        phases(StaffRevenue.phase, _ready(), StaffRevenue.problem, StaffRevenue.load),
        here=REVENUE,
        title="Revenue",
        note="what is billed, by month and currency; currencies are never added up",
    )


def _ready() -> rx.Component:
    choices = rx.el.div(rx.foreach(SCREEN.currencies, choice), class_name="segments", role="group", aria_label="Currency")
    months = rx.fragment(
        rx.cond(SCREEN.currencies.length() > 1, choices, rx.fragment()),
        month_totals_card(CHART, SCREEN.totals, is_loading=StaffRevenue.is_loading),
    )
    return rx.fragment(
        rx.cond(
            SCREEN.totals.rows.length() > 0,
            months,
            empty_state("Nothing is billed yet", NOTHING, commands=("flyusage bill close 2026-10",)),
        ),
        rx.cond(
            SCREEN.experiments.length() > 0,
            _cohorts(),
            empty_state("No experiment with prices yet", NO_EXPERIMENT, commands=COMMANDS, icon="flask-conical"),
        ),
    )


def _cohorts() -> rx.Component:
    head = rx.el.tr(
        rx.el.th("Month", scope="col"),
        rx.el.th(rx.el.span("Whether it is over", class_name="visually-hidden"), scope="col"),
        rx.el.th("Takes part", scope="col", class_name="number"),
        rx.el.th("each", scope="col", class_name="number"),
        rx.el.th("Does not", scope="col", class_name="number"),
        rx.el.th("each", scope="col", class_name="number"),
        rx.el.th("Difference of one", scope="col", class_name="number"),
    )
    table = rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(SCREEN.cohorts, _cohort)), class_name="table")
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Experiments with prices", class_name="card-title"),
            rx.el.span("revenue of those who take part beside the others'", class_name="card-note"),
            class_name="card-head",
        ),
        rx.el.div(rx.foreach(SCREEN.experiments, choice), class_name="segments", role="group", aria_label="Experiment"),
        rx.el.p(SCREEN.about, class_name="small"),
        rx.el.div(table, class_name="table-box", tab_index=0, role="region", aria_label="Cohorts by month, newest first"),
        class_name="card",
        aria_label="Experiments with prices",
    )


def _cohort(row: Var[CohortRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.th(row.month, scope="row"),
        rx.el.td(row.note, class_name="muted"),
        rx.el.td(row.part, class_name="number"),
        rx.el.td(row.part_mean, class_name="number strong"),
        rx.el.td(row.rest, class_name="number"),
        rx.el.td(row.rest_mean, class_name="number strong"),
        rx.el.td(row.difference, class_name="number"),
    )
