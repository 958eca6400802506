"""Where a reader arrives who has not chosen an organization: those there are, or the commands that make the first."""

import asyncio
from dataclasses import dataclass
from typing import Any

import reflex as rx
import sqlalchemy as sa
from reflex.vars import Var

from flyusage import db
from flyusage.auth import throttle
from flyusage.errors import FlyusageError
from flyusage.orgs import organizations
from flyusage.orgs.acting import Actor
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.permissions import Permission
from flyusage.ui import browser, staff_layout
from flyusage.ui.addresses import text_in
from flyusage.ui.components.copy_button import command_line
from flyusage.ui.components.field import text_field
from flyusage.ui.components.home_link import home_link
from flyusage.ui.session import OpenOrganization, open_organizations, present_person

MADE = throttle.Limit(5, 24 * 60 * 60)  # organizations of one account
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
    is_staff: bool = False
    refusal: str = ""

    @rx.event
    async def load(self):
        """List the organizations."""
        person = await asyncio.to_thread(present_person)
        self.reader, self.is_staff = person.name, bool(person.name and person.staff_roles)
        known = await asyncio.to_thread(open_organizations)
        self.is_known = True
        self.doors = [_door_to(each) for each in known]

    @rx.event
    async def create(self, form: dict[str, Any]):
        """Make an organization of the form's `name` and `slug`, owned by the reader, and open it."""
        try:
            slug = await asyncio.to_thread(_create, text_in(form, "name"), text_in(form, "slug"))
        except FlyusageError as error:
            self.refusal = error.sentence
            return
        self.refusal = ""
        yield browser.leave(f"/orgs/{slug}")


def _door_to(org: OpenOrganization) -> Door:
    """The way in; where all that is left to an owner is to undo the deletion, the way there."""
    if Permission.USAGE_READ not in org.permissions:
        return Door(org.name, "deleted; you can bring it back", f"/orgs/{org.slug}/settings")
    return Door(org.name, "synthetic data" if org.is_synthetic else org.slug, f"/orgs/{org.slug}")


def _create(name: str, slug: str) -> str:
    """The new organization's slug. Raises SignInNeeded, NotPermitted, SlugInvalid, SlugTaken, NameInvalid, TooManyAttempts."""
    person = present_person()
    if not person.name or person.by.user_id is None:
        raise NotPermitted("Until anybody can sign in, organizations are made by `flyusage orgs create`.")
    by = Actor(f"user:{person.by.user_id}")
    with db.platform_transaction() as session:
        throttle.count(session, "organizations-of", by.name, MADE)
    with db.platform_transaction() as session:
        org_id = organizations.create(session, slug, name, owner=by.user_id, by=by)
        return session.scalars(sa.text("SELECT slug FROM organization WHERE id = :org"), {"org": org_id}).one()


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
        _staffs(),
        rx.cond(Welcome.reader != "", _new(), rx.fragment()),
        class_name="card empty",
    )


def _staffs() -> rx.Component:
    """The way on for the platform's staff, who need belong to no organization."""
    link = rx.el.a("Staff's pages", href=staff_layout.PRICES, class_name="button button-primary")
    return rx.cond(Welcome.is_staff, rx.el.p("You are of the platform's staff. ", link), rx.fragment())


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
            home_link("Look again", class_name="button button-primary"),
            " ",
            rx.el.a("Your account", href="/account", class_name="button"),
        ),
        _staffs(),
        _new(),
        class_name="card empty",
    )


def _new() -> rx.Component:
    """An organization of one's own."""
    form = rx.el.form(
        text_field("Name", "name", required=True, max_length=organizations.LONGEST_NAME, auto_complete="off"),
        text_field(
            "Slug, as in its addresses and events",
            "slug",
            required=True,
            max_length=63,
            pattern="[a-z0-9][a-z0-9\\-]*",
            title="Small letters, digits and -",
            auto_complete="off",
        ),
        rx.cond(Welcome.refusal != "", rx.el.p(Welcome.refusal, role="alert", class_name="token-refusal"), rx.fragment()),
        rx.el.button("Make it", type="submit", class_name="button button-primary"),
        on_submit=Welcome.create,
        reset_on_submit=False,
        class_name="new-organization",
    )
    return rx.el.details(rx.el.summary("Make a new organization …", class_name="button"), form, class_name="confirm new-organization-box")


def _fill() -> rx.Component:
    return rx.el.section(
        rx.icon("inbox", size=28, aria_hidden="true"),
        rx.el.h1("Nothing has been metered yet", class_name="card-title"),
        rx.el.p("Fill it with a synthetic company of 10,000 machines, with the public trace, or with your own events:"),
        *[command_line(line) for line in COMMANDS],
        rx.el.p(home_link("Look again", class_name="button button-primary")),
        class_name="card empty",
    )
