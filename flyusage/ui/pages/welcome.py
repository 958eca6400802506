"""Where a reader arrives who has not chosen an organization: those there are, or the commands that make the first."""

import asyncio
from dataclasses import dataclass

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.copy_button import command_line
from flyusage.ui.session import open_organizations, present_person

COMMANDS = ("flyusage demo", "flyusage demo --trace FILE", "flyusage ingest events.ndjson")


@dataclass(frozen=True)
class Door:
    """An organization to enter."""

    name: str
    note: str
    href: str


class Welcome(rx.State):
    """The organizations that the reader may open, once they are known."""

    doors: list[Door] = []
    is_known: bool = False
    reader: str = ""

    @rx.event
    async def load(self):
        """List the organizations."""
        self.reader = (await asyncio.to_thread(present_person)).name
        known = await asyncio.to_thread(open_organizations)
        self.is_known = True
        self.doors = [
            Door(each.name, "synthetic demonstration" if each.is_synthetic else each.slug, f"/orgs/{each.slug}") for each in known
        ]


def welcome() -> rx.Component:
    """The organizations, or three ways to the first figures."""
    waiting = rx.el.section(rx.el.h1("Organizations", class_name="card-title"), class_name="card empty waiting")
    return rx.el.main(
        rx.cond(Welcome.is_known, rx.cond(Welcome.doors.length() > 0, _choose(), rx.cond(Welcome.reader, _alone(), _fill())), waiting),
        id="content",
        class_name="welcome",
    )


def _choose() -> rx.Component:
    return rx.el.section(
        rx.el.h1("Choose an organization", class_name="card-title"),
        rx.el.ul(rx.foreach(Welcome.doors, _door), class_name="doors"),
        class_name="card empty",
    )


def _door(door: Var[Door]) -> rx.Component:
    # A whole page load: the organization's pages are another world, with a session of their own to come.
    return rx.el.li(
        rx.el.a(
            rx.el.bdi(door.name, class_name="strong"), rx.el.span(door.note, class_name="muted small"), href=door.href, class_name="door"
        )
    )


def _alone() -> rx.Component:
    return rx.el.section(
        rx.icon("users", size=28, aria_hidden="true"),
        rx.el.h1("You belong to no organization yet", class_name="card-title"),
        rx.el.p("You are signed in as ", rx.el.bdi(Welcome.reader), ". Ask an organization's owner to take you in; then it opens here."),
        rx.el.p(
            rx.el.a("Look again", href="/", class_name="button button-primary"),
            " ",
            rx.el.a("Your account", href="/account", class_name="button"),
        ),
        class_name="card empty",
    )


def _fill() -> rx.Component:
    return rx.el.section(
        rx.icon("inbox", size=28, aria_hidden="true"),
        rx.el.h1("Nothing has been metered yet", class_name="card-title"),
        rx.el.p("Fill it with a synthetic company of 10,000 machines, with the public trace, or with your own events:"),
        *[command_line(line) for line in COMMANDS],
        rx.el.p(rx.el.a("Look again", href="/", class_name="button button-primary")),
        class_name="card empty",
    )
