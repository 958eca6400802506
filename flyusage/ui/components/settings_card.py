"""A card of settings: what they are about, how it stands, and the forms."""

import reflex as rx
from reflex.vars import Var


def settings_card(title: str, note: str | Var[str], *content: rx.Component) -> rx.Component:
    """A region called `title`, with `note` beside it."""
    return rx.el.section(
        rx.el.header(rx.el.h2(title, class_name="card-title"), rx.el.span(note, class_name="card-note"), class_name="card-head"),
        *content,
        class_name="card settings-card",
        aria_label=title,
    )
