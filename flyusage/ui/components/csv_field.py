"""A list for a form: typed, pasted, or read in the browser from a file that is dropped on it or chosen."""

import reflex as rx
from reflex.vars import Var


class CsvField(rx.Component):
    """A text called `name` in its form, of at most `most` characters."""

    library = "$/flyusage/csv_field"
    tag = "CsvField"
    name: Var[str]
    label: Var[str]
    most: Var[int]
    placeholder: Var[str]


def csv_field(label: str, name: str, *, most: int, placeholder: str = "") -> rx.Component:
    """The field, with `label` above it. No file leaves the browser but as the form's text."""
    return CsvField.create(name=name, label=label, most=most, placeholder=placeholder)
