"""What stands where there is nothing to show: why, and what would fill it."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.copy_button import command_line


def empty_state(
    title: str | Var[str],
    explanation: str | Var[str],
    *ways_on: rx.Component,
    commands: tuple[str, ...] = (),
    icon: str = "inbox",
    more: rx.Component | None = None,
) -> rx.Component:
    """A card that says what is missing, why (and `more`, below), and the commands or links that lead on."""
    return rx.el.section(
        rx.icon(icon, size=28, aria_hidden="true"),
        rx.el.h2(title),
        rx.el.p(explanation),
        more or rx.fragment(),
        *[command_line(command) for command in commands],
        rx.el.div(*ways_on, class_name="empty-ways") if ways_on else rx.fragment(),
        class_name="card empty",
    )
