"""A form's field with its name above it."""

import reflex as rx


def field(label: str, control: rx.Component) -> rx.Component:
    """`control` named `label`."""
    return rx.el.label(rx.el.span(label), control, class_name="what-if-field")


def text_field(label: str, name: str, **props: object) -> rx.Component:
    """A text called `name` in its form."""
    return field(
        label, rx.el.input(type=props.pop("type", "text"), name=name, class_name=f"field {props.pop('class_name', '')}".strip(), **props)
    )
