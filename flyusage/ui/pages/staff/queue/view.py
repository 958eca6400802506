"""The payment queue."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.pages.billing.rows import Choosing
from flyusage.ui.pages.staff.queue.state import DifferingRow, StaffQueue, TaskRow
from flyusage.ui.staff_layout import QUEUE, phases, staff_page

SCREEN = StaffQueue.screen


def queue() -> rx.Component:
    """The whole page."""
    return staff_page(
        phases(StaffQueue.phase, _ready(), StaffQueue.problem, StaffQueue.load),
        here=QUEUE,
        title="Payment queue",
        note="what is issued and waits to be made, sent or handed over",
    )


def _ready() -> rx.Component:
    return rx.fragment(_waiting(), rx.cond(SCREEN.differing.length() > 0, _differences(), rx.fragment()))


def _waiting() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.div(rx.foreach(SCREEN.kinds, choice), class_name="segments", role="group", aria_label="What waits"),
            rx.el.div(rx.foreach(SCREEN.only, choice), class_name="segments", role="group", aria_label="Which of it"),
            class_name="machine-tools",
        ),
        rx.cond(SCREEN.sentence != "", rx.el.p(SCREEN.sentence, class_name="small"), rx.fragment()),
        rx.cond(SCREEN.nothing != "", rx.el.p(SCREEN.nothing, class_name="muted"), _table()),
        class_name="card",
        aria_label="What waits",
    )


def _differences() -> rx.Component:
    """What was handed over and is shown otherwise there: for people, since no attempt mends it."""
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Differs at the processor", class_name="card-title"),
            rx.el.span("what `flyusage payments reconcile` found and could not mend", class_name="card-note"),
            class_name="card-head",
        ),
        rx.el.ul(rx.foreach(SCREEN.differing, _differing), class_name="receipts"),
        class_name="card",
        aria_label="Differs at the processor",
    )


def _differing(row: Var[DifferingRow]) -> rx.Component:
    return rx.el.li(
        rx.link(row.number, href=row.href, class_name="link mono"),
        rx.el.span(row.org, class_name="muted"),
        rx.el.bdi(row.said, class_name="tiny"),
    )


def choice(one: Var[Choosing]) -> rx.Component:
    """An entry of a group of choices."""
    return rx.link(one.label, href=one.href, title=one.title, aria_current=rx.cond(one.is_current, "true", "false"), underline="none")


def _table() -> rx.Component:
    head = rx.el.tr(
        rx.el.th("Invoice", scope="col"),
        rx.el.th("Organization", scope="col"),
        rx.el.th("Amount", scope="col", class_name="number"),
        rx.el.th("Age", scope="col"),
        rx.el.th("State", scope="col"),
        rx.el.th(rx.el.span("Try again", class_name="visually-hidden"), scope="col"),
    )
    table = rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(SCREEN.rows, _row)), class_name="table queue-table two-line")
    return rx.fragment(
        rx.el.div(table, class_name="table-box", tab_index=0, role="region", aria_label="What waits, what failed most often first"),
        rx.cond(SCREEN.note != "", rx.el.p(SCREEN.note, class_name="muted small"), rx.fragment()),
    )


def _row(row: Var[TaskRow]) -> rx.Component:
    number = rx.cond(row.href != "", rx.link(row.number, href=row.href, class_name="link mono"), rx.el.span(row.number, class_name="mono"))
    form = rx.el.form(
        rx.el.input(type="hidden", name="key", value=row.key),
        rx.el.button("Try now", type="submit", aria_label="Try now: " + row.number, class_name="button button-quiet"),
        on_submit=StaffQueue.try_now,
    )
    return rx.el.tr(
        rx.el.th(number, rx.el.span(" ", row.what, class_name="muted tiny"), scope="row"),
        rx.el.td(row.org),
        rx.el.td(row.amount, class_name="number"),
        rx.el.td(row.age, title=row.since),
        rx.el.td(
            rx.el.span(row.state, class_name="state", custom_attrs={"data-tone": row.tone}),
            rx.cond(row.error != "", rx.el.bdi(row.error, class_name="queue-error small"), rx.fragment()),
        ),
        rx.el.td(rx.cond(row.key != "", form, rx.fragment())),
        key=row.id,
    )
