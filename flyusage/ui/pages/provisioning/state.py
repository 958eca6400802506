"""The provisioning page's state."""

import asyncio
from collections.abc import Callable
from typing import Any, Literal

import reflex as rx

from flyusage.errors import FlyusageError
from flyusage.ui import browser
from flyusage.ui.addresses import text_in
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.provisioning import question
from flyusage.ui.pages.provisioning.rows import Screen
from flyusage.ui.session import slug_in

SHOWN_IN = "scim-secret"  # the element that shows a new token's secret


class ProvisioningPage(rx.State):
    """The organization's directory. `phase` is loading, ready, forbidden or failed.

    `secret_name` is that of the token just made, whose secret the page alone holds (`browser.reveal`).
    """

    phase: Literal["loading", "ready", "forbidden", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    refusal: str = ""
    secret_name: str = ""
    turn: int = 0  # a select that was refused goes back to what is kept

    @rx.event
    async def load(self):
        """Show the page."""
        self.secret_name, self.refusal = "", ""
        await self._show()

    @rx.event
    async def create(self, form: dict[str, Any]):
        """Make a token of the form's `name`, and show its secret."""
        name = text_in(form if isinstance(form, dict) else {}, "name")
        try:
            made, secret = await asyncio.to_thread(question.create, slug_in(self.router.url.path), name)
        except FlyusageError as error:
            self.refusal = error.sentence
            return
        self.refusal, self.secret_name = "", visible(made.name)
        await self._show()
        yield browser.reveal(SHOWN_IN, secret)

    @rx.event
    async def forget(self):
        """Stop showing the secret."""
        self.secret_name = ""
        yield browser.reveal(SHOWN_IN, "")

    @rx.event
    async def revoke(self, token_id: int):
        """End a token of this organization at once."""
        if type(token_id) is int and 0 < token_id < 2**63:
            yield await self._do(lambda slug: f"{question.revoke(slug, token_id)} is revoked.", "Its directory is refused from now on.")

    @rx.event
    async def choose_default(self, role: str):
        """What people become whom no group gives a role."""

        def choose(slug: str) -> str:
            question.choose_default(slug, str(role))
            return f"Whom no group gives a role becomes {role}."

        yield await self._do(choose, "Who is here already stays as they are.")

    @rx.event
    async def map_group(self, group_id: str, role: str):
        """What a group makes of its members."""

        def give(slug: str) -> str:
            question.map_group(slug, str(group_id), str(role))
            return "Its members' role follows." if role != question.NO_ROLE else "The group gives no role any more."

        yield await self._do(give, "It holds from now on.")

    async def _do(self, deed: Callable[[str], str], detail: str):
        try:
            said = await asyncio.to_thread(deed, slug_in(self.router.url.path))
        except FlyusageError as error:
            self.turn += 1
            await self._show()
            return browser.toast("error", "That was not done.", detail=error.sentence)
        await self._show()
        return browser.toast("success", said, detail=detail)

    async def _show(self) -> None:
        try:
            found = await asyncio.to_thread(question.ask, slug_in(self.router.url.path))
        except FlyusageError as error:
            self.phase = "forbidden" if error.code == "not_permitted" else "failed"
            self.problem, self.screen = error.sentence, Screen()
            return
        if found is not None:  # else the frame says that there is no such organization
            self.screen, self.phase, self.problem = found, "ready", ""
