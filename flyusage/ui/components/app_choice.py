"""Which apps somebody sees: every one, or some of them, found by a part of their names."""

from collections.abc import Iterable

import reflex as rx
from reflex.event import EventType
from reflex.vars import Var
from reflex_base.event import passthrough_event_spec

LONGEST_CHOICE = 12_000  # a thousand ids of ten digits, and commas
NONE = "none"


class AppChoice(rx.Component):
    """A group of fields; `apps` are (id, name) pairs by name, `chosen` the ids to begin with, None for every app.

    Its form sends the choice as the field `apps` (see `apps_chosen`); without a form, `on_done` gets it from a button.
    """

    library = "$/flyusage/apps"
    tag = "AppChoice"
    apps: Var[list[tuple[int, str]]]
    chosen: Var[list[int] | None]
    legend: Var[str]
    every_label: Var[str]
    done_label: Var[str]
    on_done: rx.EventHandler[passthrough_event_spec(str)]


def app_choice(apps: Var[list[tuple[int, str]]], *, legend: str = "Sees", every: str = "every app") -> rx.Component:
    """The fields in a form, beginning with every app, which is called `every`."""
    return AppChoice.create(apps=apps, legend=legend, every_label=every)


def app_editor(apps: Var[list[tuple[int, str]]], chosen: Var[list[int] | None], legend: Var[str], on_done: EventType) -> rx.Component:
    """The fields with a button that says the choice to `on_done`."""
    return AppChoice.create(apps=apps, chosen=chosen, legend=legend, done_label="Save", on_done=on_done)


def apps_chosen(written: object) -> frozenset[int] | None:
    """The choice that a browser sent, None for every app; what is no choice is none of the apps, never all. Pure."""
    if written == "":
        return None
    if not isinstance(written, str) or len(written) > LONGEST_CHOICE:
        return frozenset()
    return frozenset(_ids(written.split(",")))


def _ids(parts: Iterable[str]) -> Iterable[int]:
    return (int(part) for part in parts if part.isascii() and part.isdecimal() and 0 < len(part) < 10)
