"""A form that the browser itself posts, answered by a whole page: Reflex's own is kept from ever reaching the server."""

from typing import Literal

import reflex as rx
from reflex.vars import Var
from reflex_components_core.el.elements.base import BaseHTML


class PlainForm(BaseHTML):
    """Posts its fields to `action`, scripts or not."""

    tag = "form"
    action: Var[str]
    method: Var[Literal["post"]]


def plain_form(*children: rx.Component, action: str, class_name: str = "") -> rx.Component:
    """`children` with names are the fields; a submit button must be among them."""
    return PlainForm.create(*children, action=action, method="post", class_name=class_name)
