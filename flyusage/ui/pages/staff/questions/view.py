"""The questions page."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.empty import empty_state
from flyusage.ui.components.statement import MOST_WRITTEN
from flyusage.ui.pages.staff.questions.state import QuestionRow, StaffQuestions
from flyusage.ui.staff_layout import QUESTIONS, phases, staff_page


def questions() -> rx.Component:
    """The whole page."""
    listed = rx.el.ul(rx.foreach(StaffQuestions.rows, _question), class_name="staff-questions", aria_label="Questions to answer")
    nothing = empty_state("No question waits", "Members question a line of an invoice where its working is. What they ask comes here.")
    ready = rx.cond(StaffQuestions.rows.length() > 0, listed, nothing)
    return staff_page(
        phases(StaffQuestions.phase, ready, StaffQuestions.problem, StaffQuestions.load),
        here=QUESTIONS,
        title="Questions",
        note=StaffQuestions.note,
    )


def _question(row: Var[QuestionRow]) -> rx.Component:
    """The form says its question itself: a handler of each would be a hook of each."""
    form = rx.el.form(
        rx.el.input(type="hidden", name="id", value=row.id),
        rx.el.textarea(
            name="text",
            required=True,
            max_length=MOST_WRITTEN,
            rows=3,
            placeholder="Your answer",
            aria_label="Your answer",
            class_name="field",
        ),
        rx.el.div(rx.el.button("Answer", type="submit", class_name="button button-primary"), class_name="form-foot"),
        on_submit=StaffQuestions.answer,
        reset_on_submit=True,
        class_name="question-form",
    )
    return rx.el.li(
        rx.el.header(
            rx.link(row.number, ", ", row.line, href=row.href, class_name="link strong"),
            rx.el.span(row.org, class_name="muted"),
            rx.el.span(row.asked, class_name="muted small"),
            class_name="card-head",
        ),
        rx.el.bdi(row.note, class_name="written"),
        form,
        key=row.id,
        class_name="card",
    )
