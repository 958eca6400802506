"""A link to the first page, which the server chooses: no page of the browser's own stands there."""

import reflex as rx


def home_link(label: str, *, class_name: str) -> rx.Component:
    """A link that loads a page anew. One that the browser's router follows by itself would end on an empty page."""
    return rx.el.a(label, href="/", reload_document=True, class_name=class_name)
