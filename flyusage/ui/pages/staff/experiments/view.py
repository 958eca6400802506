"""The page of experiments with prices."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.confirm import confirm
from flyusage.ui.components.empty import empty_state
from flyusage.ui.components.field import field, text_field
from flyusage.ui.pages.staff.experiments.state import ExperimentRow, StaffExperiments
from flyusage.ui.staff_layout import EXPERIMENTS, phases, staff_page

SCREEN = StaffExperiments.screen
NOTHING = (
    "A published version of another book is then sold to some of a book's buyers, for a time, and both cohorts are held beside each other."
)


def experiments() -> rx.Component:
    """The whole page."""
    return staff_page(
        phases(StaffExperiments.phase, _ready(), StaffExperiments.problem, StaffExperiments.load),
        here=EXPERIMENTS,
        title="Experiments",
        note="other prices for some, for a time; days that have begun keep their prices",
    )


def _ready() -> rx.Component:
    listed = rx.el.ul(rx.foreach(SCREEN.rows, _row), class_name="staff-questions", aria_label="Experiments, the latest first")
    return rx.fragment(
        rx.cond(SCREEN.rows.length() > 0, listed, empty_state("No experiment with prices yet", NOTHING, icon="flask-conical")), _new()
    )


def _row(row: Var[ExperimentRow]) -> rx.Component:
    facts = rx.el.dl(
        _fact("Prices", row.books),
        _fact("Who", row.who),
        _fact("From", row.since),
        _fact("Until", row.until),
        _fact("Organizations", row.cohorts),
        class_name="experiment-facts",
    )
    return rx.el.li(
        rx.el.header(
            rx.el.h2(row.slug, class_name="card-title"),
            rx.el.span(row.state, class_name="state", custom_attrs={"data-tone": row.tone}),
            rx.link("Revenue of both cohorts", href=row.revenue_href, class_name="link small card-actions"),
            class_name="card-head",
        ),
        rx.cond(row.note != "", rx.el.p(rx.el.bdi(row.note), class_name="muted small"), rx.fragment()),
        facts,
        rx.cond(row.end != "", confirm("End …", row.end_says, row.end, StaffExperiments.end(row.slug)), rx.fragment()),
        key=row.slug,
        class_name="card",
    )


def _fact(name: str, value: Var[str]) -> rx.Component:
    return rx.el.div(rx.el.dt(name), rx.el.dd(value))


def _new() -> rx.Component:
    form = rx.el.form(
        text_field("Name, for ever: it decides who takes part", "name", required=True, max_length=63, placeholder="spring-trial"),
        field("Among those who buy from", _books("base", SCREEN.base)),
        field("Sell at the prices of", _books("book", "")),
        text_field("From (UTC)", "starts_on", type="date", required=True, min=SCREEN.tomorrow),
        text_field("Until, that day left out", "ends_on", type="date", min=SCREEN.tomorrow),
        text_field(
            "Percent of them, by a stable hash", "percent", max_length=10, input_mode="decimal", placeholder="10", class_name="number"
        ),
        text_field("And these, by commas", "orgs", max_length=4000, placeholder="prism, rival"),
        text_field("But not these", "left_out", max_length=4000),
        text_field(
            "Days of notice by mail", "notice", default_value=SCREEN.notice, max_length=3, input_mode="numeric", class_name="number"
        ),
        text_field("Note", "note", max_length=200, placeholder="what it is to show"),
        rx.cond(StaffExperiments.refusal != "", rx.el.p(StaffExperiments.refusal, role="alert", class_name="form-refusal"), rx.fragment()),
        rx.el.button("Start it", type="submit", class_name="button button-primary"),
        key=StaffExperiments.started.to_string(),
        on_submit=StaffExperiments.start,
        class_name="what-if-form",
    )
    return rx.el.section(
        rx.el.header(
            rx.el.h2("A new experiment", class_name="card-title"),
            rx.el.span("who takes part is told by mail before their prices change", class_name="card-note"),
            class_name="card-head",
        ),
        form,
        class_name="card",
        aria_label="A new experiment",
    )


def _books(name: str, value: str | Var[str]) -> rx.Component:
    return rx.el.select(
        rx.foreach(SCREEN.books, lambda one: rx.el.option(one, value=one)), name=name, default_value=value, class_name="field"
    )
