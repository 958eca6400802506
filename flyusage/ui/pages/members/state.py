"""The members page's state: frozen display rows, and who is chosen; the address holds search, role and page."""

import asyncio
from typing import Any, Literal

import reflex as rx

from flyusage.errors import FlyusageError
from flyusage.orgs.memberships import role_named
from flyusage.orgs.models import Role
from flyusage.ui import browser, present
from flyusage.ui.addresses import text_in
from flyusage.ui.pages.members import question
from flyusage.ui.pages.members.address import LONGEST_SEARCH, Choice, choice_in, members_href
from flyusage.ui.pages.members.rows import OutcomeRow, Screen
from flyusage.ui.session import slug_in

LONGEST_PASTE = 50_000
LARGEST_ID = 2**31 - 1


class Members(rx.State):
    """What the page shows. `phase` is loading, ready or failed; `chosen` are the ids of the people ticked, on any page."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    chosen: list[int] = []
    outcomes: list[OutcomeRow] = []
    is_sending: bool = False

    _shown: str = ""

    @rx.event
    async def load(self):
        """Show the people in the address."""
        slug, choice = self._asked()
        if slug != self._shown:
            self.phase, self._shown, self.chosen, self.outcomes = "loading", slug, [], []
        await self._refresh(slug, choice)

    @rx.event
    def search(self, text: str):
        """People whose name or address holds `text`."""
        if isinstance(text, str):
            slug, choice = self._asked()
            yield rx.redirect(members_href(slug, choice.listing(find=text.strip()[:LONGEST_SEARCH])), replace=True)

    @rx.event
    def choose(self, user_id: int):
        """Tick somebody, or no longer."""
        if not _is_id(user_id):
            return
        if user_id in self.chosen:
            self.chosen = [one for one in self.chosen if one != user_id]
        elif len(self.chosen) < question.PAGE_LENGTH * 20:
            self.chosen = [*self.chosen, user_id]

    @rx.event
    def choose_none(self):
        """Tick nobody."""
        self.chosen = []

    @rx.event
    async def change_role(self, user_id: int, role: str):
        """Give one person another role."""
        if _is_id(user_id):
            yield await self._change([user_id], role_named(role))

    @rx.event
    async def remove(self, user_id: int):
        """Take one person out."""
        if _is_id(user_id):
            yield await self._change([user_id], None)

    @rx.event
    async def change_chosen(self, role: str):
        """Give everybody who is ticked another role."""
        if self.chosen and role:
            yield await self._change(self.chosen, role_named(role))

    @rx.event
    async def remove_chosen(self, count: int):
        """Take everybody out who is ticked: `count` people, as was confirmed."""
        if self.chosen and count == len(self.chosen):
            yield await self._change(self.chosen, None)

    @rx.event
    async def invite(self, form: dict[str, Any]):
        """Invite the form's `addresses` as its `role`."""
        text, role = text_in(form, "addresses", longest=LONGEST_PASTE), role_named(text_in(form, "role"))
        if not text.strip():
            yield browser.toast("error", "Paste at least one mail address.")
            return
        self.is_sending = True
        yield
        slug, choice = self._asked()
        try:
            self.outcomes = await asyncio.to_thread(question.invite, slug, text, role)
        finally:
            self.is_sending = False
        await self._refresh(slug, choice)

    @rx.event
    async def resend(self, invitation_id: int):
        """Send an invitation's mail again, with a new link."""
        if _is_id(invitation_id):
            slug, choice = self._asked()
            told = await asyncio.to_thread(question.resend, slug, invitation_id)
            yield browser.toast("error" if told.tone == "bad" else "success", f"{told.email} {told.text}.")
            await self._refresh(slug, choice)

    @rx.event
    async def revoke(self, invitation_id: int):
        """Take an invitation back."""
        if _is_id(invitation_id):
            slug, choice = self._asked()
            email = await asyncio.to_thread(question.revoke, slug, invitation_id)
            yield browser.toast("success", f"The invitation of {email} is taken back.", detail="Its link is good for nothing any more.")
            await self._refresh(slug, choice)

    async def _change(self, users: list[int], role: Role | None) -> Any:
        slug, choice = self._asked()
        changed = await asyncio.to_thread(question.change, slug, dict.fromkeys(users, role))
        self.chosen = []
        await self._refresh(slug, choice)
        people = present.plural(changed, "person", "people")
        return browser.toast("success", f"{people} removed." if role is None else f"{people} changed to {role}.")

    async def _refresh(self, slug: str, choice: Choice) -> None:
        try:
            self.screen = await asyncio.to_thread(question.ask, slug, choice) or Screen()
            self.phase = "ready"
        except FlyusageError as error:
            self.phase, self.problem, self.screen, self.chosen, self.outcomes = "failed", error.sentence, Screen(), [], []

    def _asked(self) -> tuple[str, Choice]:
        url = self.router.url
        return slug_in(url.path), choice_in(url.query_parameters)


def _is_id(given: object) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and 0 < given <= LARGEST_ID
