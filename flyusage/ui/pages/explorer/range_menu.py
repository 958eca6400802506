"""The sentence's range: presets, or two days of one's own."""

import reflex as rx

from flyusage.ui.components.view_link import view_link
from flyusage.ui.pages.explorer.state import Explorer


def range_menu() -> rx.Component:
    """A popover under the range's words. Days are UTC; the last day is included."""
    return rx.popover.root(
        rx.popover.trigger(
            rx.el.button(
                rx.el.span("Range:", class_name="sr-only"),
                rx.el.span(Explorer.span.label),
                rx.icon("chevron-down", size=14, aria_hidden="true"),
                class_name="word",
                type="button",
            )
        ),
        rx.popover.content(
            rx.el.ul(
                rx.foreach(
                    Explorer.span.choices,
                    lambda choice: rx.el.li(
                        rx.popover.close(
                            view_link(
                                rx.el.span(choice.label),
                                rx.el.span(choice.hint, class_name="choice-hint"),
                                href=choice.href,
                                class_name=rx.cond(choice.is_current, "preset is-current", "preset"),
                            )
                        )
                    ),
                ),
                class_name="presets",
            ),
            rx.el.form(
                _day("First day", "first_day", Explorer.first_day),
                _day("Last day", "last_day", Explorer.last_day),
                rx.popover.close(rx.el.button("Show these days", type="submit", class_name="button button-primary")),
                on_submit=Explorer.choose_days,
                class_name="range-form",
            ),
            class_name="range-menu",
            aria_label="Choose a range",
        ),
    )


def _day(label: str, name: str, value: rx.Var[str]) -> rx.Component:
    return rx.el.label(label, rx.el.input(type="date", name=name, default_value=value, key=value, required=True), class_name="range-field")
