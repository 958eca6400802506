"""The page of closing a month."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.confirm import confirm
from flyusage.ui.components.copy_button import command_line, copy_button
from flyusage.ui.components.statement import reckoning
from flyusage.ui.pages.staff.close.rows import ExceptionRow
from flyusage.ui.pages.staff.close.state import StaffClose
from flyusage.ui.pages.staff.queue.view import choice
from flyusage.ui.staff_layout import CLOSE, phases, staff_page

SCREEN = StaffClose.screen
MOST_SAID = 500  # characters of a reason


def close() -> rx.Component:
    """The whole page."""
    return staff_page(
        rx.cond(StaffClose.is_loading & (StaffClose.total > 0), _progress("Rehearsing"), rx.fragment()),
        phases(StaffClose.phase, _ready(), StaffClose.problem, StaffClose.load),
        here=CLOSE,
        title="Close a month",
        note="rehearsed just now; nothing is issued until you say so",
        actions=copy_button(SCREEN.command, "Copy as command"),
    )


def _ready() -> rx.Component:
    return rx.fragment(
        rx.el.nav(rx.foreach(SCREEN.months, choice), aria_label="Month", class_name="months"),
        rx.cond(SCREEN.early != "", _notice(SCREEN.early), rx.fragment()),
        rx.foreach(SCREEN.failures, _failure),
        rx.cond(SCREEN.too_many != "", _elsewhere(), rx.fragment(_answer(), _exceptions())),
    )


def _notice(sentence: Var[str]) -> rx.Component:
    return rx.el.div(rx.icon("clock", aria_hidden="true"), rx.el.span(sentence), class_name="notice is-quiet", role="status")


def _failure(sentence: Var[str]) -> rx.Component:
    return rx.el.div(rx.icon("triangle-alert", aria_hidden="true"), rx.el.bdi(sentence), class_name="notice", role="alert")


def _elsewhere() -> rx.Component:
    return rx.el.section(rx.el.p(SCREEN.too_many), command_line(SCREEN.command), class_name="card empty", aria_label="By the command")


def _progress(doing: str) -> rx.Component:
    return rx.el.div(
        rx.el.progress(value=StaffClose.done, max=rx.cond(StaffClose.total > 0, StaffClose.total, 1), aria_label=doing),
        rx.el.span(doing, ": ", StaffClose.done, " of ", StaffClose.total, " organizations", class_name="muted small", role="status"),
        class_name="close-progress",
    )


def _answer() -> rx.Component:
    closing = _progress("Closing")
    asking = rx.cond(
        SCREEN.close_label != "",
        rx.el.div(_ask(), class_name="close-ask"),
        rx.fragment(),
    )
    return rx.el.section(
        rx.el.div(
            rx.el.h2(
                rx.el.span(SCREEN.lead, class_name="figure-label"),
                rx.el.span(SCREEN.figure, class_name="figure"),
                class_name="answer-figure",
            ),
            rx.el.p(SCREEN.sentence, class_name="answer-sentence"),
            rx.cond(StaffClose.is_closing, closing, asking),
        ),
        reckoning(SCREEN.counts),
        reckoning(SCREEN.totals),
        class_name=rx.cond(StaffClose.is_loading, "card dims is-loading billing-top", "card dims billing-top"),
        aria_label="What it would come to",
    )


def _ask() -> rx.Component:
    """Asks once, and says what it will do."""
    return confirm(SCREEN.close_label, SCREEN.close_says, SCREEN.close_does, StaffClose.close(SCREEN.month), is_busy=StaffClose.is_closing)


def _exceptions() -> rx.Component:
    listed = rx.el.ul(rx.foreach(SCREEN.rows, _exception), class_name="exceptions", aria_label="Exceptions")
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Out of the ordinary", class_name="card-title"),
            rx.el.span(SCREEN.rows_note, class_name="card-note"),
            class_name="card-head",
        ),
        rx.cond(SCREEN.nothing != "", rx.el.p(SCREEN.nothing, class_name="muted small"), listed),
        class_name=rx.cond(StaffClose.is_loading, "card dims is-loading", "card dims"),
        aria_label="Out of the ordinary",
    )


def _exception(row: Var[ExceptionRow]) -> rx.Component:
    """The form says its exception itself: a handler of each would be a hook of each."""
    form = rx.el.form(
        rx.el.input(type="hidden", name="key", value=row.key),
        rx.el.select(
            rx.el.option("Bill it all the same", value="release"),
            rx.el.option("Hold the month back", value="hold"),
            name="decision",
            aria_label="Decision",
            class_name="field",
        ),
        rx.el.input(
            type="text", name="reason", required=True, max_length=MOST_SAID, placeholder="Why", aria_label="Why", class_name="field"
        ),
        rx.el.button("Decide", type="submit", class_name="button"),
        on_submit=StaffClose.decide,
        reset_on_submit=True,
        class_name="decision",
    )
    return rx.el.li(
        rx.el.div(
            rx.link(row.org, href=row.href, class_name="link strong"),
            rx.el.span(row.state, class_name="state", custom_attrs={"data-tone": row.tone}),
            rx.cond(row.code != "", rx.el.span(row.code, class_name="mono tiny muted"), rx.fragment()),
            class_name="exception-head",
        ),
        rx.el.bdi(row.what, class_name="small"),
        form,
        key=row.key,
    )
