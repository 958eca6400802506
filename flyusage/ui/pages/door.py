"""The pages before anything else: sign in, have a link sent, set a password. Plain forms, which post to `ui/sign_in.py` and `ui/new_password.py`."""

import asyncio
from dataclasses import dataclass

import reflex as rx
from reflex.vars import Var

from flyusage import db
from flyusage.auth import accounts, halfway, passwords, sign_up
from flyusage.auth.errors import SignInOver
from flyusage.config import settings
from flyusage.demo import people
from flyusage.ui.components.door_card import door_card, door_field, door_form
from flyusage.ui.components.passkey import enter_by_passkey, use_passkey
from flyusage.ui.components.plain_form import plain_form
from flyusage.ui.forms import HALFWAY_COOKIE, own_path
from flyusage.ui.reader import secret_in
from flyusage.ui.sign_in import is_demo_at_hand
from flyusage.ui.single_sign_on import refusal

PROBLEMS = {  # by what stands in the address; nothing else of the address is shown as ours
    "sign_in_refused": ("That address and password do not belong together. Check both, or have a new password sent.", False),
    "too_many_attempts": (
        "That was tried too often. Wait a quarter of an hour, then try again, or use a browser you have signed in with.",
        False,
    ),
    "link_spent": ("That link has been used, or its time is over. Have a new one sent.", False),
    "address_invalid": ("That is no mail address. It should look like name@example.com.", False),
    "password_too_weak": ("That password is too easy to guess. Four unrelated words make a good one.", False),
    "password_breached": (
        "That password is known from a breach, and guessers try those first. Four unrelated words make a good one.",
        False,
    ),
    "account_disabled": ("This account is disabled. Ask whoever runs this installation, if you should be let in.", False),
    "code_wrong": (
        "That code is not the one the app shows now, or it has been used. Wait for the next one, and check the phone's clock.",
        False,
    ),
    "passkey_refused": ("That passkey was not taken. Try again, or enter a code.", False),
    "passkey_unknown": (
        "That passkey signs nobody in here. Use your password; then add the passkey on your account's page, and it will.",
        False,
    ),
    "sign_in_over": ("That sign-in took too long, or is finished. Begin again with your password.", False),
    "sso_needed": ("Your organization signs its people in by its own provider. Continue with single sign-on.", False),
    "sso_unknown": (
        "No organization signs that address in by a provider of its own. Use your password, or ask whoever runs your organization here.",
        False,
    ),
    "sso_unreachable": (
        "Your organization's provider does not answer as it should. Try again in a minute; if it stays so, tell an owner of it.",
        False,
    ),
    "sso_over": ("That sign-in took too long, was finished already, or began in another browser. Begin again.", False),
    "sso_refused": ("You were not signed in. Try once more; if it stays so, ask whoever runs your organization here.", False),
    "sign_up_closed": ("That address makes no account here by itself. Ask an owner of your organization to invite it.", False),
    "name_invalid": ("An organization's name has 1 to 100 characters. Shorten it, or leave it empty.", False),
    "slug_taken": ("Somebody took that organization's address a moment ago. Try again.", False),
    "signed_out_here": (
        "You are signed out here. Your provider was not reached, or offers no way to sign out of it from here: do that there.",
        True,
    ),
    "signed_out": ("You are signed out.", True),
    "sign_up_sent": ("A link is on its way to that address. It works once, for a day.", True),
    "link_sent": ("If that address has an account, a link is on its way. It is good for a day.", True),
}
UNSENT = {  # the same where there is no mail server
    "sign_up_sent": "A link for that address is in the server's log, as no mail server is set up. Ask whoever runs this installation for it.",
    "link_sent": "If that address has an account, its link is in the server's log, as no mail server is set up. "
    "Ask whoever runs this installation for it.",
}
LONGEST_SHOWN = 300


@dataclass(frozen=True)
class Entrance:
    """One of the demonstration's people, to look around as."""

    email: str
    name: str
    role: str
    note: str


class Door(rx.State):
    """What a form shows again: why it came back, and what was typed. Passwords are never among it."""

    problem: str = ""
    is_good: bool = False
    email: str = ""
    onward: str = ""
    link: str = ""
    is_spent: bool = False
    is_known: bool = False
    has_app: bool = False
    has_passkey: bool = False
    is_sign_up_open: bool = False
    entrances: list[Entrance] = []

    @rx.event
    async def load(self):
        """Read the address; where this is a demonstration, find out who may be entered as."""
        given = dict(self.router.url.query_parameters)
        self.problem, self.is_good = said_of(given.get("problem", ""))
        self.email = given.get("email", "")[: accounts.LONGEST_ADDRESS]
        self.onward = own_path(given.get("next", ""))
        self.link = given.get("link", "")[:LONGEST_SHOWN]
        self.is_spent = self.router.url.path == "/set-password" and not await asyncio.to_thread(_is_good, self.link)
        if self.is_spent:
            self.problem, self.is_good = said_of("link_spent")
        if self.router.url.path == "/second-factor":
            await self._find_ways()
        if given.get("problem") == "sso_refused":
            self.problem = await asyncio.to_thread(refusal, given.get("about", "")) or self.problem
        self.entrances = await asyncio.to_thread(_entrances)
        self.is_sign_up_open = sign_up.is_open(settings())
        self.is_known = True

    async def _find_ways(self) -> None:
        try:
            ways = await asyncio.to_thread(halfway.ways, secret_in(self.router.headers.cookie, HALFWAY_COOKIE))
        except SignInOver as error:
            self.is_spent, (self.problem, self.is_good) = True, said_of(error.code)
            return
        self.is_spent, self.has_app, self.has_passkey = False, ways.has_app, ways.has_passkey


def _is_good(link: str) -> bool:
    with db.platform_transaction() as session:
        return accounts.is_link_good(session, link, "set_password")


def said_of(code: str) -> tuple[str, bool]:
    """What a form that came back with `code` says, and whether that is good news; nothing for codes that are none of ours."""
    text, is_good = PROBLEMS.get(code, ("", False))
    return (UNSENT.get(code, text) if settings().smtp_url is None else text), is_good


def _entrances() -> list[Entrance]:
    if not is_demo_at_hand():
        return []
    with db.platform_transaction() as session:
        return [Entrance(person.email, person.name, person.role or "staff", person.note) for person in people.open_doors(session)]


def sign_in() -> rx.Component:
    """Address and password."""
    return _page(
        "Sign in",
        "See, explain and bill what your machines cost.",
        door_form(
            "/auth/sign-in",
            door_field("Mail address", name="email", type="email", auto_complete="username", default_value=Door.email, auto_focus=True),
            door_field("Password", name="password", type="password", auto_complete="current-password"),
            rx.el.input(type="hidden", name="next", value=Door.onward, read_only=True),
            submit="Sign in",
            other=rx.el.button(
                "Continue with single sign-on",
                type="submit",
                form_action="/auth/sso",
                form_no_validate=True,
                class_name="button door-other",
            ),
        ),
        enter_by_passkey(Door.onward),
        rx.el.p(rx.el.a("Forgot the password, or have none yet?", href="/forgot"), class_name="door-foot"),
        rx.cond(
            Door.is_sign_up_open, rx.el.p("New here? ", rx.el.a("Make an account", href="/sign-up"), class_name="door-foot"), rx.fragment()
        ),
        rx.cond(Door.entrances.length() > 0, _look_around()),
    )


def _look_around() -> rx.Component:
    """One button per role, in a demonstration."""
    return rx.el.section(
        rx.el.h2("This is a demonstration: look around as", class_name="door-subtitle", id="look-around"),
        rx.el.ul(rx.foreach(Door.entrances, _entrance), class_name="entrances"),
        aria_labelledby="look-around",
    )


def _entrance(person: Var[Entrance]) -> rx.Component:
    return rx.el.li(
        plain_form(
            rx.el.input(type="hidden", name="email", value=person.email, read_only=True),
            rx.el.input(type="hidden", name="next", value=Door.onward, read_only=True),
            rx.el.button(
                rx.el.span(person.role, class_name="entrance-role"),
                rx.el.span(person.name, class_name="entrance-name"),
                rx.el.span(person.note, class_name="muted entrance-note"),
                type="submit",
                class_name="entrance",
            ),
            action="/auth/enter-demo",
        )
    )


def second_factor() -> rx.Component:
    """What follows the password: by what the account has, and nothing that it has not."""
    app = "the six digits that your authenticator app shows for flyusage"
    lost = "Without it, type one of your recovery codes."
    note = rx.cond(
        Door.has_app & Door.has_passkey,
        f"Use a passkey, or type {app}. Without either, type one of your recovery codes.",
        rx.cond(Door.has_passkey, f"Use your passkey. {lost}", f"Type {app}. {lost}"),
    )
    again = rx.el.p(rx.el.a("Begin again with your password", href="/sign-in"), class_name="door-foot")
    form = rx.fragment(
        rx.cond(Door.has_passkey, use_passkey(Door.onward), rx.fragment()),
        door_form(
            "/auth/second-factor",
            door_field(
                "Code",
                name="code",
                type="text",
                input_mode="text",
                auto_complete="one-time-code",
                auto_focus=True,
                spell_check=False,
                max_length=60,
            ),
            rx.el.input(type="hidden", name="next", value=Door.onward, read_only=True),
            submit="Finish signing in",
        ),
    )
    return _page(
        "Confirm that it is you",
        rx.cond(Door.is_known & ~Door.is_spent, note, ""),
        rx.cond(Door.is_spent, rx.fragment(), form),
        again,
    )


def forgot() -> rx.Component:
    """The address to send a link to."""
    return _page(
        "Have a link sent",
        "It leads to a page where you set a new password. It works once, for a day.",
        door_form(
            "/auth/forgot",
            door_field("Mail address", name="email", type="email", auto_complete="username", default_value=Door.email, auto_focus=True),
            submit="Send the link",
        ),
        rx.el.p(rx.el.a("Back to sign-in", href="/sign-in"), class_name="door-foot"),
    )


def set_password() -> rx.Component:
    """The new password of whoever has the link; where it is good no more, the way to another, before anybody thinks one up."""
    form = door_form(
        "/auth/set-password",
        door_field(
            "New password",
            name="password",
            type="password",
            auto_complete="new-password",
            min_length=passwords.SHORTEST,
            auto_focus=True,
        ),
        rx.el.input(type="hidden", name="link", value=Door.link, read_only=True),
        submit="Set password and sign in",
    )
    again = rx.el.p(rx.el.a("Have a new link sent", href="/forgot"), class_name="door-foot")
    return _page(
        "Set your password",
        f"{passwords.SHORTEST} characters or more. Four unrelated words make a good one. You will be signed out everywhere else.",
        rx.cond(Door.is_spent, again, form),
    )


def _page(title: str, note: str | Var[str], *content: rx.Component) -> rx.Component:
    return door_card(title, note, *content, problem=Door.problem, is_good=Door.is_good, is_known=Door.is_known)
