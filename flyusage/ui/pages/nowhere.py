"""What stands at an address that is none of ours. It knows nobody, so that it tells nothing."""

import reflex as rx

from flyusage.ui.components.home_link import home_link


def nowhere() -> rx.Component:
    """The whole page, in the frame of the pages before any organization."""
    return rx.el.main(
        rx.el.section(
            rx.el.p(rx.el.span("f", class_name="org-mark", aria_hidden="true"), "flyusage", class_name="door-mark"),
            rx.el.h1("There is nothing at this address", class_name="door-title"),
            rx.el.p(
                "It may have a slip in it, or belong to another version. Everything there is can be reached from the first page.",
                class_name="muted",
            ),
            home_link("Open the first page", class_name="button button-primary"),
            class_name="card door-card",
        ),
        id="content",
        class_name="door-page",
    )
