"""A button that copies a text, and a command line with one beside it."""

import reflex as rx
from reflex.vars import Var


class CopyButton(rx.Component):
    """Copies `text` in the browser and says "Copied" in place of its label for two seconds."""

    library = "$/flyusage/copy"
    tag = "CopyButton"
    text: Var[str]
    text_of: Var[str]
    label: Var[str]


class CommandText(rx.Component):
    """A command's text, broken between its words, never at the hyphens of an option."""

    library = "$/flyusage/copy"
    tag = "CommandText"
    text: Var[str]


def copy_button(text: str | Var[str], label: str | Var[str] = "Copy") -> rx.Component:
    """A button named `label` that puts `text` on the clipboard."""
    return CopyButton.create(text=text, label=label, class_name="button")


def copy_text_of(element_id: str, label: str) -> rx.Component:
    """The same of what stands in the element with this id: a text that no state holds."""
    return CopyButton.create(text_of=element_id, label=label, class_name="button")


def command_line(line: str | Var[str]) -> rx.Component:
    """A shell command, ready to copy."""
    return rx.el.div(
        CommandText.create(text=line),
        CopyButton.create(text=line, label="Copy", class_name="button button-quiet"),
        class_name="command",
    )


def command_block(lines: str | Var[str], label: str) -> rx.Component:
    """A command of several lines as they were broken, which scrolls within its box; `label` says what it does."""
    return rx.el.div(
        rx.el.pre(rx.el.code(lines), tab_index=0, role="region", aria_label=label),
        CopyButton.create(text=lines, label="Copy", class_name="button button-quiet"),
        class_name="command command-block",
    )
