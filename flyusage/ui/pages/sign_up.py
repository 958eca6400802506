"""Making an account by oneself: the address that a link is sent to, and the page that the link leads to."""

import asyncio

import reflex as rx

from flyusage import db
from flyusage.auth import accounts
from flyusage.auth import sign_up as signing_up
from flyusage.auth.errors import LinkSpent
from flyusage.config import settings
from flyusage.orgs import organizations
from flyusage.ui.components.door_card import account_fields, door_card, door_field, door_form
from flyusage.ui.pages.door import LONGEST_SHOWN, said_of

CLOSED = "Accounts are made by invitation here: ask an owner of your organization for one. The mail it sends leads on."


class SignUpPage(rx.State):
    """What the forms show: why one came back, what was typed, and which address a link is for. Passwords are never among it."""

    is_known: bool = False
    is_open: bool = False
    note: str = ""
    problem: str = ""
    is_good: bool = False
    is_spent: bool = False
    email: str = ""
    link: str = ""
    name: str = ""
    organization: str = ""

    @rx.event
    async def load(self):
        """Read the address, and who may sign up."""
        given = dict(self.router.url.query_parameters)
        self.problem, self.is_good = said_of(given.get("problem", ""))
        self.email = given.get("email", "")[: accounts.LONGEST_ADDRESS]
        self.is_open, self.note = await asyncio.to_thread(_who_may)
        self.is_known = True

    @rx.event
    async def load_link(self):
        """Read the address: which link it is, and what was typed."""
        given = dict(self.router.url.query_parameters)
        self.problem, self.is_good = said_of(given.get("problem", ""))
        self.link = given.get("link", "")[:LONGEST_SHOWN]
        self.name = given.get("name", "")[: accounts.LONGEST_NAME]
        self.organization = given.get("organization", "")[: organizations.LONGEST_NAME]
        self.email, spent = await asyncio.to_thread(_address, self.link)
        self.is_spent, self.problem = spent != "", spent or self.problem
        self.note = "Have a new one sent, or sign in." if spent else f"For {self.email}. You sign in with this address and the password."
        self.is_known = True


def _who_may() -> tuple[bool, str]:
    chosen = settings()
    with db.lookup_transaction() as session:
        is_open = signing_up.is_open(chosen) and accounts.is_anybody(session)
    if not is_open:
        return False, CLOSED
    allowed = signing_up.domains(chosen)
    whose = f"For addresses of {' and '.join(allowed)}. " if allowed else ""
    return True, f"{whose}A link comes by mail; it leads to your name and a password."


def _address(link: str) -> tuple[str, str]:
    """The address that the link makes an account for, or why it makes none."""
    with db.platform_transaction() as session:
        try:
            return signing_up.offered(session, link), ""
        except LinkSpent as error:
            return "", error.sentence


def sign_up() -> rx.Component:
    """The address to send a link to."""
    of = SignUpPage
    form = door_form(
        "/auth/sign-up",
        door_field("Mail address", name="email", type="email", auto_complete="username", default_value=of.email, auto_focus=True),
        submit="Send the link",
    )
    return door_card(
        "Make an account",
        of.note,
        rx.cond(of.is_open & ~of.is_good, form, rx.fragment()),
        rx.el.p(rx.el.a("Back to sign-in", href="/sign-in"), class_name="door-foot"),
        problem=of.problem,
        is_good=of.is_good,
        is_known=of.is_known,
    )


def new_account() -> rx.Component:
    """Name and password of whoever has the link, and an organization if they want one."""
    of = SignUpPage
    form = door_form(
        "/auth/new-account",
        rx.el.input(type="hidden", name="link", value=of.link, read_only=True),
        *account_fields(of.email, of.name),
        door_field(
            "Name of your organization, if you begin one",
            name="organization",
            auto_complete="organization",
            default_value=of.organization,
            max_length=organizations.LONGEST_NAME,
            required=False,
        ),
        rx.el.p("Leave it empty where somebody else's takes you in: an owner there invites this address.", class_name="muted small"),
        submit="Make the account and sign in",
    )
    ways = rx.el.p(
        rx.el.a("Have a new link sent", href="/sign-up", reload_document=True),
        " · ",
        rx.el.a("Sign in", href="/sign-in", reload_document=True),
        class_name="door-foot",
    )
    return door_card(
        "Make your account", of.note, rx.cond(of.is_spent, ways, form), problem=of.problem, is_good=of.is_good, is_known=of.is_known
    )
