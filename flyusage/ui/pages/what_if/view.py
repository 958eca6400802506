"""The what-if page: the answer in a sentence, what is asked, and the difference by line."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.copy_button import copy_button
from flyusage.ui.components.field import field
from flyusage.ui.components.phases import failed, waiting
from flyusage.ui.layout import page
from flyusage.ui.pages.what_if.rows import Change, LineRow, Option, OutcomeRow
from flyusage.ui.pages.what_if.state import WhatIfPage

SCREEN = WhatIfPage.screen
EVERYONE = SCREEN.everyone


def what_if() -> rx.Component:
    """The whole page."""
    is_ready = WhatIfPage.phase == "ready"
    return page(
        rx.match(
            WhatIfPage.phase,
            ("ready", _ready()),
            ("failed", failed("Prices cannot be tried", WhatIfPage.problem, WhatIfPage.load)),
            waiting("Loading", "part", "row"),
        ),
        title="What if",
        note=rx.cond(is_ready, SCREEN.note, ""),
        actions=rx.cond(is_ready & (SCREEN.command != ""), copy_button(SCREEN.command, "Copy as command"), rx.fragment()),
    )


def _ready() -> rx.Component:
    return rx.fragment(
        rx.cond(SCREEN.problem != "", _problem(SCREEN.problem), _answer()),
        rx.foreach(SCREEN.notices, _notice),
        _form(),
        rx.cond(SCREEN.problem == "", _lines(), rx.fragment()),
        rx.cond((EVERYONE.href != "") | (EVERYONE.sentence != ""), _everyone(), rx.fragment()),
    )


def _dims(class_name: str) -> Var[str]:
    return rx.cond(WhatIfPage.is_loading, f"{class_name} dims is-loading", f"{class_name} dims")


def _problem(sentence: Var[str]) -> rx.Component:
    return rx.el.div(rx.icon("triangle-alert", aria_hidden="true"), rx.el.bdi(sentence), class_name="notice", role="alert")


def _notice(sentence: Var[str]) -> rx.Component:
    return rx.el.div(rx.icon("info", aria_hidden="true"), rx.el.bdi(sentence), class_name="notice is-quiet", role="status")


def _answer() -> rx.Component:
    return rx.el.section(
        rx.el.h2(
            rx.el.span(SCREEN.lead, class_name="figure-label"), rx.el.span(SCREEN.figure, class_name="figure"), class_name="answer-figure"
        ),
        rx.el.p(SCREEN.sentence, class_name="answer-sentence"),
        class_name=_dims("card what-if-answer"),
        aria_label="The answer",
    )


def _form() -> rx.Component:
    """Uncontrolled fields; the key makes them anew whenever the answer is another's."""
    form = rx.el.form(
        field("Re-price", _select("range", SCREEN.ranges, SCREEN.range_value)),
        field("or from", rx.el.input(type="date", name="from", default_value=SCREEN.starts_on, class_name="field")),
        field("to (the day after the last)", rx.el.input(type="date", name="to", default_value=SCREEN.ends_on, class_name="field")),
        field("at the prices", _select("version", SCREEN.versions, SCREEN.version)),
        _pair("Move a region", "move", SCREEN.regions),
        _pair("Change a size", "resize", SCREEN.sizes),
        _reservation(),
        rx.el.button("Work it out", type="submit", class_name="button button-primary what-if-go"),
        on_submit=WhatIfPage.ask,
        key=SCREEN.command,
        class_name="what-if-form",
    )
    return rx.el.section(
        rx.el.header(rx.el.h2("What is to be otherwise", class_name="card-title"), class_name="card-head"),
        rx.cond(
            SCREEN.changes.length() > 0,
            rx.el.ul(rx.foreach(SCREEN.changes, _change), class_name="chips", aria_label="Asked for"),
            rx.fragment(),
        ),
        form,
        class_name="card",
        aria_label="What is to be otherwise",
    )


def _select(name: str, options: Var[list[Option]], value: Var[str] | str, first: str = "") -> rx.Component:
    chosen = [rx.el.option(first, value="")] if first else []
    return rx.el.select(*chosen, rx.foreach(options, _option), name=name, default_value=value, class_name="field")


def _option(option: Var[Option]) -> rx.Component:
    return rx.el.option(option.label, value=option.value)


def _pair(title: str, name: str, options: Var[list[Option]]) -> rx.Component:
    return rx.el.fieldset(
        rx.el.legend(title),
        field("from", _select(f"{name}_from", options, "", "–")),
        field("to", _select(f"{name}_to", options, "", "–")),
    )


def _reservation() -> rx.Component:
    kinds = rx.el.select(
        rx.el.option("performance", value="performance"), rx.el.option("shared", value="shared"), name="kind", class_name="field"
    )
    return rx.el.fieldset(
        rx.el.legend("Add a reservation"),
        field("region", _select("reserve_in", SCREEN.regions, "", "–")),
        field("CPU", kinds),
        field(
            "paid for 12 months",
            rx.el.input(type="text", name="upfront", input_mode="decimal", placeholder="144", class_name="field number"),
        ),
        field(
            "credit a month", rx.el.input(type="text", name="monthly", input_mode="decimal", placeholder="20", class_name="field number")
        ),
        class_name="is-wide",
    )


def _change(change: Var[Change]) -> rx.Component:
    return rx.el.li(
        rx.el.span(change.label),
        rx.link(rx.icon("x", size=12, aria_hidden="true"), href=change.href, aria_label="Leave out: " + change.label, underline="none"),
        class_name="chip",
    )


def _lines() -> rx.Component:
    head = rx.el.tr(
        rx.el.th("What", scope="col"),
        rx.el.th("Region", scope="col"),
        rx.el.th("As it was", scope="col", class_name="number"),
        rx.el.th("As asked", scope="col", class_name="number"),
        rx.el.th("Difference", scope="col", class_name="number"),
    )
    table = rx.el.table(
        rx.el.thead(head),
        rx.el.tbody(rx.foreach(SCREEN.lines, _line)),
        rx.el.tfoot(_line(SCREEN.total)),
        class_name="table money-table two-line",
    )
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Difference by line", class_name="card-title"),
            rx.el.span(SCREEN.lines_note, class_name="card-note"),
            class_name="card-head",
        ),
        rx.cond(
            SCREEN.nothing != "",
            rx.el.p(SCREEN.nothing, class_name="muted small"),
            rx.el.div(table, class_name="table-box", tab_index=0, role="region", aria_label="Lines that would change"),
        ),
        class_name=_dims("card"),
        aria_label="Difference by line",
    )


def _line(line: Var[LineRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.th(
            line.title,
            rx.cond(line.sku != "", rx.el.span(line.sku, class_name="mono tiny muted price-sku"), rx.fragment()),
            scope="row",
        ),
        rx.el.td(line.region),
        rx.el.td(line.before, class_name="number muted"),
        rx.el.td(line.after, class_name="number"),
        rx.el.td(line.difference, class_name="number " + line.tone),
    )


def _everyone() -> rx.Component:
    head = rx.el.tr(
        rx.el.th("Organization", scope="col"),
        rx.el.th("", scope="col"),
        rx.el.th("As it was", scope="col", class_name="number"),
        rx.el.th("As asked", scope="col", class_name="number"),
        rx.el.th("Difference", scope="col", class_name="number"),
    )
    table = rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(EVERYONE.rows, _outcome)), class_name="table money-table two-line")
    told = rx.fragment(
        rx.el.p(EVERYONE.sentence, class_name="small"),
        rx.cond(
            EVERYONE.rows.length() > 0,
            rx.fragment(
                rx.el.div(
                    table, class_name="table-box days-box", tab_index=0, role="region", aria_label="Organizations, the largest change first"
                ),
                rx.el.p(EVERYONE.note, class_name="muted small"),
            ),
            rx.fragment(),
        ),
    )
    asking = rx.link("Compare all organizations under these prices", href=EVERYONE.href, underline="none", class_name="button")
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Who wins, who loses", class_name="card-title"),
            rx.el.span("for staff: every organization's whole days", class_name="card-note"),
            class_name="card-head",
        ),
        rx.cond(EVERYONE.href != "", asking, told),
        class_name=_dims("card"),
        aria_label="Who wins, who loses",
    )


def _outcome(row: Var[OutcomeRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.th(rx.link(rx.el.bdi(row.name), href=row.href, class_name="link"), scope="row"),
        rx.el.td(row.percent, class_name="muted"),
        rx.el.td(row.before, class_name="number muted"),
        rx.el.td(row.after, class_name="number"),
        rx.el.td(row.difference, class_name="number " + row.tone),
    )
