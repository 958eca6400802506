"""Where `flyusage login` sends somebody: which command asks, on which machine, for what, and whether it may.

The command hears of it at a port of its own on 127.0.0.1, which is all of an address that it may name; where it has none (it runs
on another machine), the page shows the code for the person to type. Its token is made when it shows the code (`orgs.terminal_sign_ins`).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

import reflex as rx
from reflex.vars import Var

from flyusage import db
from flyusage.errors import FlyusageError
from flyusage.orgs import terminal_sign_ins
from flyusage.orgs.permissions import Permission
from flyusage.orgs.terminal_sign_ins import CHALLENGE, LASTS_DAYS, allowable
from flyusage.ui import browser
from flyusage.ui.addresses import text_in
from flyusage.ui.charts.text import visible
from flyusage.ui.components.copy_button import copy_text_of
from flyusage.ui.components.door_card import door_card
from flyusage.ui.components.home_link import home_link
from flyusage.ui.pages.tokens.state import SCOPE_WORDS
from flyusage.ui.session import open_organization, open_organizations

SHOWN_IN = "terminal-code"  # the element that shows one
LONGEST_MACHINE, LONGEST_PARAMETER = 60, 1_000
FIRST_PORT, LAST_PORT = 1024, 65_535
BROKEN = "This address asks for nothing that can be allowed. Run `flyusage login` again, and open the address that it prints."
NOBODY = "None of your organizations lets you make API tokens for this. Ask an owner of yours, or ask for less by --scope."


@dataclass(frozen=True)
class Asked:
    """What the page's address asks. `port` 0: the command hears nothing, and the code is typed."""

    challenge: str
    state: str
    machine: str
    port: int
    scopes: tuple[str, ...]

    def back(self, **told: str) -> str:
        """The address by which the command hears an answer."""
        return f"http://127.0.0.1:{self.port}/?{urlencode({**told, 'state': self.state})}"


@dataclass(frozen=True)
class Choice:
    """An organization that may be opened to the command."""

    slug: str
    name: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class ScopeRow:
    """A scope, and what it lets the command do."""

    name: str
    says: str


class TerminalSignIn(rx.State):
    """A command that asks to be let in. `phase` is loading, ask, code, refused or none; `chosen` the slug of what it would open."""

    phase: Literal["loading", "ask", "code", "refused", "none"] = "loading"
    title: str = ""
    note: str = ""
    problem: str = ""
    choices: list[tuple[str, str]] = []
    chosen: str = ""
    scopes: list[ScopeRow] = []

    @rx.event
    async def load(self):
        """Read the address, and find what the reader could open."""
        self.problem, self.scopes, self.choices, self.chosen = "", [], [], ""
        self.title = "Sign in a terminal"
        asked = _asked(self.router.url.query_parameters)
        if asked is None:
            self.phase, self.note, self.problem = "none", "", BROKEN
            return
        known = await asyncio.to_thread(_choices, asked)
        if not known:
            self.phase, self.note, self.problem = "none", "", NOBODY
            return
        self.note = f"{terminal_sign_ins.PROGRAM} on {visible(asked.machine) or 'a machine without a name'} asks for an API token of yours."
        self.choices = [(one.slug, visible(one.name)) for one in known]
        self._choose(known[0])
        self.phase = "ask"

    @rx.event
    async def choose(self, slug: str):
        """Open another organization to it."""
        asked = _asked(self.router.url.query_parameters)
        known = [] if asked is None else await asyncio.to_thread(_choices, asked)
        if (one := next((one for one in known if one.slug == slug), None)) is not None:
            self._choose(one)

    @rx.event
    async def allow(self):
        """Let the command in, for what is shown, and tell it; or show the code to type."""
        asked = _asked(self.router.url.query_parameters)
        if asked is None or self.phase != "ask":
            return
        try:
            code = await asyncio.to_thread(_allow, asked, self.chosen, [one.name for one in self.scopes])
        except FlyusageError as error:
            self.problem = error.sentence
            return
        self.problem = ""
        if asked.port:
            yield browser.leave(asked.back(code=code))
            return
        self.phase, self.note = "code", "Type this code where the command waits for it. It is good once, for a minute."
        yield
        yield browser.reveal(SHOWN_IN, code)

    @rx.event
    async def refuse(self):
        """Let it stand outside, and tell it."""
        asked = _asked(self.router.url.query_parameters)
        if asked is not None and asked.port:
            yield browser.leave(asked.back(error="refused"))
            return
        self.phase, self.note, self.problem = "refused", "Refused. No token was made; stop the command by Ctrl-C.", ""

    def _choose(self, one: Choice) -> None:
        self.chosen = one.slug
        self.scopes = [ScopeRow(name, SCOPE_WORDS.get(Permission(name), "")) for name in one.scopes]


def _asked(given: Any) -> Asked | None:
    """What an address asks; None where it asks nothing that could be allowed. Pure."""
    query = dict(given)
    port, scopes = text_in(query, "port", longest=6), text_in(query, "scopes", longest=LONGEST_PARAMETER)
    challenge, state = text_in(query, "challenge"), text_in(query, "state")
    number = int(port) if port.isascii() and port.isdecimal() else 0 if not port else -1
    if not (number == 0 or FIRST_PORT <= number <= LAST_PORT):
        return None
    if CHALLENGE.fullmatch(challenge) is None or (number and CHALLENGE.fullmatch(state) is None):
        return None
    machine = text_in(query, "machine")[:LONGEST_MACHINE]
    return Asked(challenge, state, machine, number, tuple(one for one in scopes.split(",") if one))


def _choices(asked: Asked) -> list[Choice]:
    """Organizations in which the reader makes tokens, and what of what is asked they may allow there. Raises SignInNeeded."""
    found = []
    for org in open_organizations():
        scopes = allowable(org.permissions, asked.scopes)
        if Permission.TOKENS_MANAGE in org.permissions and org.by.user_id is not None and scopes:
            found.append(Choice(org.slug, org.name, tuple(one.value for one in scopes)))
    return found


def _allow(asked: Asked, slug: str, scopes: Sequence[str]) -> str:
    org = open_organization(slug, Permission.TOKENS_MANAGE)
    if org is None:
        raise FlyusageError("There is no such organization any more. Load the page again.")
    with db.platform_transaction() as session:
        return terminal_sign_ins.allow(
            session, org.id, challenge=asked.challenge, machine=asked.machine, scopes=scopes, by=org.by
        )  # fmt: skip


def terminal() -> rx.Component:
    """The whole page."""
    of = TerminalSignIn
    home = rx.el.p(home_link("To the first page", class_name="link"), class_name="door-foot")
    ways = rx.match(of.phase, ("ask", _ask()), ("code", _code()), home)
    return door_card(of.title, of.note, ways, problem=of.problem, is_known=of.phase != "loading")


def _ask() -> rx.Component:
    of = TerminalSignIn
    organization = rx.el.label(
        rx.el.span("Organization"),
        rx.el.select(
            rx.foreach(of.choices, lambda one: rx.el.option(one[1], value=one[0])), value=of.chosen, on_change=of.choose, class_name="input"
        ),
    )
    return rx.el.div(
        organization,
        rx.el.p(f"Let it in only if you have just run it yourself. For {LASTS_DAYS} days it may do there, as you:", class_name="small"),
        rx.el.ul(rx.foreach(of.scopes, _scope), class_name="terminal-scopes", aria_label="It may"),
        rx.el.button("Let it in", type="button", on_click=of.allow, class_name="button button-primary"),
        rx.el.button("Refuse", type="button", on_click=of.refuse, class_name="button"),
        rx.el.p("You can end it at any time on the organization’s page of tokens.", class_name="muted small"),
        class_name="door-form",
    )


def _scope(scope: Var[ScopeRow]) -> rx.Component:
    return rx.el.li(rx.el.code(scope.name), " ", rx.el.span(scope.says, class_name="muted"))


def _code() -> rx.Component:
    return rx.el.div(rx.el.code(id=SHOWN_IN, class_name="token-secret"), copy_text_of(SHOWN_IN, "Copy the code"), class_name="door-form")
