"""Work that cannot be undone asks once: a button that opens what will happen, and the button that does it."""

import reflex as rx
from reflex.event import EventType
from reflex.vars import Var


def confirm(
    label: str, says: str | Var[str], does: str | Var[str], on_click: EventType, *, is_busy: Var[bool] | bool = False
) -> rx.Component:
    """`label` opens `says`; `does` names the button that calls `on_click`. Closing it again changes nothing."""
    return rx.el.details(
        rx.el.summary(label, class_name="button"),
        rx.el.div(
            rx.el.p(says),
            rx.el.button(does, type="button", on_click=on_click, disabled=is_busy, class_name="button button-primary"),
            class_name="confirm-says",
        ),
        class_name="confirm",
    )
