"""A secret that its page alone holds, shown until whoever made it has copied it (`browser.reveal`)."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.copy_button import copy_text_of


def shown_once(title: str, name: Var[str], says: str, shown_in: str, forget: rx.EventHandler) -> rx.Component:
    """Hidden while `name`, whose secret it is, is empty. `shown_in` is the id of the element that shows it; `forget` ends that."""
    return rx.el.section(
        rx.el.h2(title, rx.el.bdi(name), class_name="card-title"),
        rx.el.p(says),
        rx.el.div(rx.el.code(id=shown_in, class_name="token-secret"), copy_text_of(shown_in, "Copy the secret"), class_name="token-copy"),
        rx.el.div(rx.el.button("I have copied it", type="button", on_click=forget, class_name="button"), class_name="page-actions"),
        hidden=name == "",
        class_name="card token-made",
        role="status",
    )
