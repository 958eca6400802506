"""The machines list's state: frozen display rows; the address holds search, state and page."""

import asyncio
from typing import Literal

import reflex as rx

from flyusage.errors import FlyusageError
from flyusage.ui import live
from flyusage.ui.pages.machines import question
from flyusage.ui.pages.machines.rows import Screen
from flyusage.ui.pages.machines.screen import Choice, list_href
from flyusage.ui.session import slug_in

LONGEST_SEARCH = 200


class MachineList(rx.State):
    """What the list shows. `phase` is loading, ready, empty (no events yet) or failed."""

    phase: Literal["loading", "ready", "empty", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    is_loading: bool = True

    _shown: str = ""

    @rx.event
    async def load(self):
        """Show the page of machines in the address, then keep watching it."""
        slug, choice = self._asked()
        if slug != self._shown:
            self.phase, self._shown = "loading", slug
        self.is_loading = True
        yield
        try:
            self._show(await asyncio.to_thread(question.ask, slug, choice))
        except FlyusageError as error:
            self.phase, self.problem, self.is_loading = "failed", error.sentence, False
            return
        yield MachineList.watch

    @rx.event(background=True)
    async def watch(self):
        """Show what new events change while the page is open."""
        async for _ in live.changes(self):
            asked = self._asked()
            answered = await asyncio.to_thread(question.ask, *asked)
            async with self:
                if asked == self._asked():
                    self._show(answered)

    @rx.event
    def search(self, text: str):
        """Machines whose id, app, region or size holds `text`."""
        if isinstance(text, str):
            slug, choice = self._asked()
            yield rx.redirect(list_href(slug, Choice(text.strip()[:LONGEST_SEARCH], choice.state)), replace=True)

    def _asked(self) -> tuple[str, Choice]:
        url = self.router.url
        return slug_in(url.path), question.choice_in(url.query_parameters)

    def _show(self, screen: Screen | None) -> None:
        self.is_loading = False
        self.phase = "empty" if screen is None else "ready"
        self.screen = screen or Screen()
