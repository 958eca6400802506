"""The page of saved views, and the explorer's menu of them."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.confirm import confirm
from flyusage.ui.components.empty import empty_state
from flyusage.ui.components.field import text_field
from flyusage.ui.components.phases import failed, waiting
from flyusage.ui.components.view_link import view_link
from flyusage.ui.layout import OrganizationLink, page
from flyusage.ui.pages.views.question import ViewRow
from flyusage.ui.pages.views.state import SavedViews

SCREEN = SavedViews.screen


def views() -> rx.Component:
    """The whole page."""
    nothing = empty_state(
        "No saved view yet",
        "Open the explorer, choose what to see, and keep it under a name: for yourself, or for everybody here. "
        "A pinned one stands on the overview.",
        OrganizationLink.create("Open the explorer", to="/usage", class_name="button button-primary"),
        icon="bookmark",
    )
    listed = rx.el.ul(rx.foreach(SCREEN.rows, _row), class_name="views", aria_label="Saved views")
    return page(
        rx.match(
            SavedViews.phase,
            ("ready", rx.cond(SCREEN.rows.length() > 0, listed, nothing)),
            ("failed", failed("Saved views cannot be shown", SavedViews.problem, SavedViews.load)),
            waiting("Loading the saved views", "row", "row"),
        ),
        title="Saved views",
        note="of the explorer, by name",
    )


def _row(row: Var[ViewRow]) -> rx.Component:
    rename = rx.el.details(
        rx.el.summary("Rename", class_name="button"),
        rx.el.form(
            rx.el.input(type="hidden", name="id", value=row.id),
            text_field("New name", "name", required=True, max_length=100, default_value=row.given, key=row.given),
            rx.el.button("Rename", type="submit", class_name="button button-primary"),
            on_submit=SavedViews.rename,
            class_name="confirm-says",
        ),
        key=row.given,  # closed again once it has its new name
        class_name="confirm",
    )
    pin = _switch("On the overview", row.is_pinned, SavedViews.pin(row.id, ~row.is_pinned))
    share = _switch("Shared", row.is_shared, SavedViews.share(row.id, ~row.is_shared))
    marks = rx.fragment(
        rx.cond(
            row.is_pinned, rx.el.span(rx.icon("pin", size=12, aria_hidden="true"), "On the overview", class_name="state"), rx.fragment()
        )
    )
    return rx.el.li(
        rx.el.div(
            rx.el.h2(rx.link(rx.el.bdi(row.name), href=row.href, class_name="link"), class_name="card-title"),
            rx.el.p(rx.el.bdi(row.shows), class_name="muted small"),
            class_name="view-text",
        ),
        rx.el.span(row.whose, class_name="small muted view-whose"),
        rx.cond(
            row.may_change,
            rx.el.div(
                pin,
                rx.cond(row.may_share, share, rx.fragment()),
                rename,
                confirm("Delete", row.gone, "Delete this view", SavedViews.delete(row.id)),
                class_name="view-ways",
            ),
            marks,
        ),
        key=row.id,
        class_name="card view-row",
    )


def _switch(label: str, is_on: Var[bool], on_click: rx.event.EventType) -> rx.Component:
    return rx.el.button(
        rx.cond(is_on, rx.icon("square-check", size=14, aria_hidden="true"), rx.icon("square", size=14, aria_hidden="true")),
        label,
        type="button",
        on_click=on_click,
        aria_pressed=rx.cond(is_on, "true", "false"),
        class_name="button",
    )


def views_menu() -> rx.Component:
    """The explorer's: what is saved, and a form to save what is shown."""
    return rx.popover.root(
        rx.popover.trigger(rx.el.button(rx.icon("bookmark", size=14, aria_hidden="true"), "Views", type="button", class_name="button")),
        rx.popover.content(
            rx.cond(
                SCREEN.rows.length() > 0,
                rx.fragment(
                    rx.el.ul(rx.foreach(SCREEN.rows, _choice), class_name="presets view-choices", aria_label="Saved views"),
                    OrganizationLink.create("Rename, share, pin or delete", to="/views", class_name="link small"),
                ),
                rx.el.p("Nothing is saved yet. A saved view is this page's address under a name.", class_name="muted small"),
            ),
            rx.cond(SCREEN.may_save, _save_form(), rx.fragment()),
            class_name="range-menu views-menu",
            aria_label="Saved views",
        ),
        open=SavedViews.is_open,
        on_open_change=SavedViews.open_menu,
    )


def _choice(row: Var[ViewRow]) -> rx.Component:
    return rx.el.li(
        rx.popover.close(
            view_link(
                rx.el.bdi(row.name, class_name="cut"),
                rx.el.span(rx.cond(row.is_shared, "shared", "yours"), class_name="choice-hint"),
                href=row.href,
                title=row.shows,
                class_name="preset",
            )
        )
    )


def _save_form() -> rx.Component:
    return rx.el.form(
        text_field("Save what is shown as", "name", required=True, max_length=100, default_value=SCREEN.suggested, key=SCREEN.suggested),
        rx.cond(SCREEN.moves != "", _tick("moves", rx.fragment("Move on with time: always ", SCREEN.moves), is_on=True), rx.fragment()),
        _tick("is_pinned", "On the overview"),
        rx.cond(SCREEN.may_share, _tick("is_shared", "For everybody in this organization"), rx.fragment()),
        rx.cond(SavedViews.refusal != "", rx.el.p(SavedViews.refusal, role="alert", class_name="form-problem"), rx.fragment()),
        rx.el.button("Save view", type="submit", class_name="button button-primary"),
        on_submit=SavedViews.save,
        class_name="save-view",
    )


def _tick(name: str, words: str | rx.Component, *, is_on: bool = False) -> rx.Component:
    return rx.el.label(
        rx.el.input(type="checkbox", name=name, value="on", default_checked=is_on), rx.el.span(words), class_name="budget-cap"
    )
