"""The page of price books."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.confirm import confirm
from flyusage.ui.components.field import field, text_field
from flyusage.ui.pages.staff.prices.rows import ChangeRow, VersionRow
from flyusage.ui.pages.staff.prices.state import StaffPrices
from flyusage.ui.pages.staff.queue.view import choice
from flyusage.ui.staff_layout import PRICES, phases, staff_page

SCREEN = StaffPrices.screen
COMPARED = SCREEN.compared


def prices() -> rx.Component:
    """The whole page."""
    return staff_page(
        phases(StaffPrices.phase, _ready(), StaffPrices.problem, StaffPrices.load),
        here=PRICES,
        title="Price books",
        note="published versions stay for ever; drafts are nobody's prices yet",
    )


def _ready() -> rx.Component:
    return rx.fragment(rx.cond(COMPARED.name != "", _compared(), rx.fragment()), _versions(), _new(), _log())


def _versions() -> rx.Component:
    head = rx.el.tr(
        rx.el.th("Version", scope="col"),
        rx.el.th("State", scope="col"),
        rx.el.th("Prices", scope="col", class_name="number"),
        rx.el.th("Currency", scope="col", class_name="wide"),
        rx.el.th("Note", scope="col", class_name="wide"),
    )
    table = rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(SCREEN.versions, _version)), class_name="table version-table")
    return rx.el.section(
        rx.el.header(rx.el.h2("Versions", class_name="card-title"), class_name="card-head"),
        rx.el.div(table, class_name="table-box", tab_index=0, role="region", aria_label="Versions, the latest first"),
        class_name="card",
        aria_label="Versions",
    )


def _version(row: Var[VersionRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.th(rx.link(row.name, href=row.href, class_name="link", aria_current=rx.cond(row.is_current, "true", "false")), scope="row"),
        rx.el.td(rx.el.span(row.state, class_name="state", custom_attrs={"data-tone": row.tone})),
        rx.el.td(row.prices, class_name="number"),
        rx.el.td(row.currency, class_name="wide"),
        rx.el.td(rx.el.bdi(row.note), class_name="wide muted"),
        key=row.name,
    )


def _compared() -> rx.Component:
    head = rx.el.tr(
        rx.el.th("What", scope="col"),
        rx.el.th("Where", scope="col"),
        rx.el.th("Before", scope="col", class_name="number"),
        rx.el.th("After", scope="col", class_name="number"),
        rx.el.th("Change", scope="col", class_name="number"),
    )
    table = rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(COMPARED.rows, _change)), class_name="table money-table two-line")
    return rx.el.section(
        rx.el.header(
            rx.el.h2(COMPARED.title, class_name="card-title"),
            rx.link("Close", href=PRICES, underline="none", class_name="button button-quiet card-actions"),
            class_name="card-head",
        ),
        rx.cond(COMPARED.is_draft, _draft_work(), rx.fragment()),
        rx.cond(
            COMPARED.beside.length() > 1,
            rx.el.div(rx.foreach(COMPARED.beside, choice), class_name="segments", role="group", aria_label="Beside which version"),
            rx.fragment(),
        ),
        rx.el.p(COMPARED.summary, class_name="small"),
        rx.cond(
            COMPARED.rows.length() > 0,
            rx.el.div(table, class_name="table-box days-box", tab_index=0, role="region", aria_label="Prices that differ"),
            rx.fragment(),
        ),
        rx.cond(COMPARED.note != "", rx.el.p(COMPARED.note, class_name="muted small"), rx.fragment()),
        class_name="card",
        aria_label="Comparison",
    )


def _draft_work() -> rx.Component:
    scale = rx.el.form(
        text_field(
            "Raise amounts by, in percent", "percent", required=True, placeholder="5 or -2.5", input_mode="decimal", class_name="number"
        ),
        text_field("of what", "pattern", placeholder="machine.*, all without"),
        text_field("where", "scope", placeholder="gru, everywhere without"),
        rx.el.button("Change the draft", type="submit", class_name="button"),
        on_submit=StaffPrices.scale,
        reset_on_submit=True,
        class_name="what-if-form",
    )
    return rx.el.div(
        rx.el.div(
            rx.cond(
                COMPARED.what_if_href != "",
                rx.link("Try it: who wins, who loses", href=COMPARED.what_if_href, underline="none", class_name="button"),
                rx.fragment(),
            ),
            confirm("Publish …", COMPARED.publish_says, "Publish for ever", StaffPrices.publish(COMPARED.name)),
            confirm("Discard …", COMPARED.discard_says, "Delete the draft", StaffPrices.discard(COMPARED.name)),
            class_name="draft-ways",
        ),
        scale,
        class_name="draft-work",
    )


def _change(row: Var[ChangeRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.th(row.sku, scope="row", class_name="mono"),
        rx.el.td(row.scope),
        rx.el.td(row.before, class_name="number muted"),
        rx.el.td(row.after, class_name="number"),
        rx.el.td(row.change, class_name="number " + row.tone),
    )


def _new() -> rx.Component:
    form = rx.el.form(
        field("With the prices of", rx.el.select(rx.foreach(SCREEN.sources, _source), name="source", class_name="field")),
        text_field("to hold from (UTC)", "day", type="date", required=True, min=SCREEN.tomorrow),
        text_field("in the book", "book", max_length=63, placeholder="the same one"),
        text_field("note", "note", max_length=200, placeholder="what it is for"),
        rx.el.button("Draft it", type="submit", class_name="button button-primary"),
        on_submit=StaffPrices.draft,
        reset_on_submit=True,
        class_name="what-if-form",
    )
    return rx.el.section(
        rx.el.header(
            rx.el.h2("A new draft", class_name="card-title"),
            rx.el.span("a book that there is none of yet is made", class_name="card-note"),
            class_name="card-head",
        ),
        form,
        class_name="card",
        aria_label="A new draft",
    )


def _source(name: Var[str]) -> rx.Component:
    return rx.el.option(name, value=name)


def _log() -> rx.Component:
    return rx.el.section(
        rx.el.header(
            rx.el.h2("What was done", class_name="card-title"),
            rx.el.span("the newest first", class_name="card-note"),
            class_name="card-head",
        ),
        rx.cond(
            SCREEN.log.length() > 0,
            rx.el.ul(rx.foreach(SCREEN.log, lambda said: rx.el.li(rx.el.bdi(said))), class_name="staff-log small"),
            rx.el.p("Nothing yet beyond the published list prices.", class_name="muted small"),
        ),
        class_name="card",
        aria_label="What was done",
    )
