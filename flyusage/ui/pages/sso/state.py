"""The state of the page of single sign-on: frozen display rows, and why something was refused."""

import asyncio
from collections.abc import Callable
from typing import Any, Literal

import reflex as rx

from flyusage.errors import FlyusageError
from flyusage.orgs.sso.connections import Wanted
from flyusage.ui import elsewhere, present
from flyusage.ui.addresses import text_in
from flyusage.ui.pages.sso import question
from flyusage.ui.pages.sso.rows import Screen
from flyusage.ui.session import slug_in

LONGEST = 600


class SingleSignOn(rx.State):
    """What the page shows. `phase` is loading, ready, forbidden or failed; `refusal` why the last change was not made, `told` what it did."""

    phase: Literal["loading", "ready", "forbidden", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    refusal: str = ""
    told: str = ""

    @rx.event
    async def load(self):
        """Show the single sign-on of the organization in the address."""
        self.refusal = self.told = ""
        await self._refresh()

    @rx.event
    async def save(self, form: dict[str, Any]):
        """Set the provider up as the form says."""
        given = {name: _sound(text_in(form, name, longest=LONGEST)) for name in Wanted.__dataclass_fields__}
        if await self._done(question.save, Wanted(**given)):
            self.told = "Kept. The provider answers; now try it."

    @rx.event
    async def remove(self):
        """Forget the provider."""
        if await self._done(question.remove):
            self.told = "Single sign-on is removed."

    @rx.event
    async def claim(self, form: dict[str, Any]):
        """Claim the form's `domain`."""
        await self._done(question.claim, _sound(text_in(form, "domain", longest=LONGEST)))

    @rx.event
    async def check(self, domain: str):
        """Ask the domain's DNS."""
        if isinstance(domain, str) and await self._done(question.check, domain := _sound(domain)):
            self.told = f"{domain} is proved to be yours."

    @rx.event
    async def give_up(self, domain: str):
        """Claim a domain no longer."""
        if isinstance(domain, str):
            await self._done(question.give_up, _sound(domain))

    @rx.event
    async def map_group(self, form: dict[str, Any]):
        """Give the form's `group` its `role`."""
        await self._done(question.map_group, _sound(text_in(form, "group", longest=LONGEST)), text_in(form, "role"))

    @rx.event
    async def unmap_group(self, name: str):
        """Make nothing of a group any more."""
        if isinstance(name, str):
            await self._done(question.unmap_group, _sound(name))

    @rx.event
    async def name_break_glass(self, user_id: str):
        """Which owner may still use a password."""
        if isinstance(user_id, str):
            await self._done(question.name_break_glass, user_id)

    @rx.event
    async def enforce(self):
        """Have everybody of the domains come by the provider."""
        try:
            ended = await asyncio.to_thread(question.enforce, self._slug())
        except FlyusageError as error:
            self.refusal, self.told = error.sentence, ""
            return
        self.refusal, self.told = "", f"It is the rule now. {present.plural(ended, 'browser')} signed out."
        await self._refresh()

    @rx.event
    async def release(self):
        """Let passwords in again."""
        if await self._done(question.release):
            self.told = "Passwords are let in again."

    async def _done(self, verb: Callable[..., object], *given: object) -> bool:
        """Do it and show what is so now; False, with the reason, where it was refused."""
        try:
            await elsewhere.asked(self._slug(), verb, self._slug(), *given)
        except FlyusageError as error:
            self.refusal, self.told = error.sentence, ""
            await self._refresh()
            return False
        self.refusal = self.told = ""
        await self._refresh()
        return True

    async def _refresh(self) -> None:
        given = dict(self.router.url.query_parameters)
        try:
            self.screen = await asyncio.to_thread(question.ask, self._slug(), given.get("tested", "")[:LONGEST]) or Screen()
            self.phase, self.problem = "ready", ""
        except FlyusageError as error:
            self.phase = "forbidden" if error.code == "not_permitted" else "failed"
            self.problem, self.screen = error.sentence, Screen()

    def _slug(self) -> str:
        return slug_in(self.router.url.path)


def _sound(text: str) -> str:
    """As the database can be asked for it."""
    return text[:LONGEST].replace("\0", "")
