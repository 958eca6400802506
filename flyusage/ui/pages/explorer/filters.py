"""Filters: chips for those in force, and a popover with a searchable list to add or change one."""

import reflex as rx

from flyusage.ui.components.view_link import view_link
from flyusage.ui.pages.explorer.state import Explorer


def filter_bar() -> rx.Component:
    """Chips, then the button that adds (`/` opens it)."""
    return rx.el.div(
        rx.foreach(
            Explorer.chips,
            lambda chip: rx.el.span(
                rx.el.button(
                    rx.el.span(chip.dimension, class_name="chip-dimension"),
                    rx.cond(chip.is_exclusion, "is not ", "is "),
                    rx.el.bdi(chip.text),
                    title=chip.title,
                    type="button",
                    on_click=Explorer.edit_filter(chip.edit),
                ),
                view_link(
                    rx.icon("x", size=12, aria_hidden="true"),
                    rx.el.span("Remove the filter on ", chip.dimension, class_name="sr-only"),
                    href=chip.remove_href,
                    class_name="chip-remove",
                ),
                class_name="chip",
            ),
        ),
        rx.popover.root(
            rx.popover.trigger(
                rx.el.button("+ filter ", rx.el.kbd("/"), class_name="chip is-add", id="add-filter", type="button"),
            ),
            rx.popover.content(_chooser(), class_name="filter-menu", aria_label="Filters"),
            open=Explorer.is_filtering,
            on_open_change=Explorer.open_filters,
        ),
        class_name="chips",
        role="group",
        aria_label="Filters",
    )


def _chooser() -> rx.Component:
    return rx.fragment(
        rx.el.div(
            rx.foreach(
                Explorer.filter_dimensions,
                lambda choice: rx.el.button(
                    choice.label,
                    type="button",
                    aria_pressed=choice.is_current,
                    class_name=rx.cond(choice.is_current, "tab is-current", "tab"),
                    on_click=Explorer.edit_filter(choice.href),
                ),
            ),
            class_name="filter-tabs",
            role="group",
            aria_label="Filter on",
        ),
        rx.el.div(
            rx.el.input(
                type="search",
                placeholder=Explorer.filter_placeholder,
                aria_label=Explorer.filter_placeholder,
                on_change=Explorer.search_values.debounce(120),
                key=Explorer.filter_dimension,
                auto_focus=True,
                class_name="filter-search",
            ),
            rx.el.label(
                rx.el.input(type="checkbox", checked=Explorer.filter_excludes, on_change=Explorer.set_exclusion),
                " all but these",
                class_name="filter-exclude",
            ),
            class_name="filter-head",
        ),
        rx.el.ul(
            rx.foreach(
                Explorer.filter_values,
                lambda value: rx.el.li(
                    rx.el.label(
                        rx.el.input(type="checkbox", checked=value.is_current, on_change=lambda _on: Explorer.toggle_value(value.href)),
                        rx.el.bdi(value.label, title=value.href),
                        rx.el.span(value.hint, class_name="choice-hint"),
                    )
                ),
            ),
            class_name="filter-values",
        ),
        rx.el.p(Explorer.filter_note, class_name="muted", role="status"),
    )
