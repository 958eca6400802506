"""The budgets page."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.confirm import confirm
from flyusage.ui.components.empty import empty_state
from flyusage.ui.components.field import field, text_field
from flyusage.ui.components.phases import failed, waiting
from flyusage.ui.layout import page
from flyusage.ui.pages.budgets.question import AlertRow, BudgetRow
from flyusage.ui.pages.budgets.state import Budgets

SCREEN = Budgets.screen


def budgets() -> rx.Component:
    """The whole page."""
    return page(
        rx.match(
            Budgets.phase,
            ("ready", _ready()),
            ("failed", failed("Budgets cannot be shown", Budgets.problem, Budgets.load)),
            waiting("Loading the budgets", "row", "row"),
        ),
        title="Budgets",
        note=rx.cond(SCREEN.month != "", rx.fragment(SCREEN.month, ", UTC, at your own prices"), ""),
    )


def _ready() -> rx.Component:
    listed = rx.el.ul(rx.foreach(SCREEN.rows, _row), class_name="budgets", aria_label="Budgets")
    nothing = empty_state(
        "No budget yet",
        "Set an amount for a month, of everything or of a team's apps, and hear of it before it is spent.",
        icon="piggy-bank",
    )
    return rx.fragment(
        rx.cond(SCREEN.rows.length() > 0, listed, nothing),
        rx.cond(SCREEN.may_edit, _new(), rx.fragment()),
        rx.cond(SCREEN.alerts.length() > 0, _told(), rx.fragment()),
    )


def _row(row: Var[BudgetRow]) -> rx.Component:
    bar = rx.el.div(
        rx.el.div(class_name="budget-fill", style={"width": row.fill}),
        rx.cond(row.expected_at != "", rx.el.div(class_name="budget-expected", style={"left": row.expected_at}), rx.fragment()),
        class_name="budget-bar",
        role="img",
        aria_label=rx.Var.create("") + row.percent + " of " + row.amount + " spent. " + row.expected,
    )
    return rx.el.li(
        rx.el.header(
            rx.el.h2(rx.link(rx.el.bdi(row.name), href=row.href, class_name="link"), class_name="card-title"),
            rx.el.span(rx.el.bdi(row.scope), class_name="card-note"),
            rx.el.span(row.percent, class_name="state", custom_attrs={"data-tone": row.tone}),
            class_name="card-head",
        ),
        rx.el.p(
            rx.el.span(row.spent, class_name="budget-spent"),
            rx.el.span(" of ", row.amount, class_name="muted"),
            class_name="budget-amounts",
        ),
        bar,
        rx.cond(
            row.expected != "",
            rx.el.p(row.expected, rx.el.span(row.between, class_name="muted"), class_name="small budget-words"),
            rx.el.p("Too little is known yet to expect anything.", class_name="small muted"),
        ),
        rx.el.footer(
            rx.el.span(row.tells, class_name="muted small"),
            rx.cond(SCREEN.may_edit, confirm("End", row.ends, "End the budget", Budgets.end(row.id)), rx.fragment()),
            class_name="budget-foot",
        ),
        key=row.id,
        class_name="card budget",
        custom_attrs={"data-tone": row.tone},
    )


def _new() -> rx.Component:
    dimension = rx.el.select(
        rx.el.option("everything", value=""),
        rx.foreach(SCREEN.dimensions, lambda one: rx.el.option(one[1], value=one[0])),
        rx.cond(
            SCREEN.views.length() > 0,
            rx.el.optgroup(rx.foreach(SCREEN.views, lambda one: rx.el.option(one[1], value=one[0])), label="what a saved view leaves"),
            rx.fragment(),
        ),
        name="dimension",
        class_name="field",
    )
    recipients = rx.el.textarea(
        name="recipients", rows=2, max_length=2000, placeholder="ann@example.com, team@example.com", class_name="field"
    )
    form = rx.el.form(
        text_field("Name", "name", required=True, max_length=100),
        text_field("Amount for a month", "amount", required=True, max_length=20, placeholder="50000", input_mode="decimal"),
        field("Of", dimension),
        text_field("Which, by commas", "values", max_length=1000, placeholder="web, api"),
        text_field("Tell when spent, %", "percents", max_length=60, default_value="50, 80, 100"),
        text_field("Tell when expected, %", "expected", max_length=60, default_value="100"),
        field("Write to", recipients),
        rx.el.label(
            rx.el.input(type="checkbox", name="cap", value="on"),
            rx.el.span("Once all of it is spent, ask the endpoints that hear of stops (see Alerts) to stop its running machines"),
            class_name="budget-cap",
        ),
        rx.el.div(
            rx.cond(Budgets.refusal != "", rx.el.p(Budgets.refusal, role="alert", class_name="form-problem"), rx.fragment()),
            rx.el.button("Set budget", type="submit", class_name="button button-primary"),
            class_name="form-foot",
        ),
        on_submit=Budgets.create,
        class_name="budget-form",
    )
    return rx.el.details(
        rx.el.summary(rx.icon("plus", size=16, aria_hidden="true"), "New budget", class_name="button"),
        form,
        class_name="card budget-new",
    )


def _told() -> rx.Component:
    head = rx.el.tr(
        rx.el.th("When", scope="col"),
        rx.el.th("Budget", scope="col"),
        rx.el.th("Reached", scope="col"),
        rx.el.th("Amount", scope="col", class_name="number"),
        rx.el.th("Mail", scope="col", class_name="wide"),
    )
    return rx.el.section(
        rx.el.header(rx.el.h2("Told", class_name="card-title"), rx.el.span("newest first", class_name="card-note"), class_name="card-head"),
        rx.el.div(
            rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(SCREEN.alerts, _alert)), class_name="table"),
            class_name="table-box",
            tab_index=0,
            role="region",
            aria_label="What budgets told",
        ),
        class_name="card",
        aria_label="Told",
    )


def _alert(row: Var[AlertRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(row.at, class_name="nowrap"),
        rx.el.th(rx.el.bdi(row.name), scope="row"),
        rx.el.td(row.what, class_name="nowrap"),
        rx.el.td(row.amount, class_name="number"),
        rx.el.td(row.mail, class_name="wide muted small"),
    )
