"""The machine page's state: frozen display rows of the machine in the address."""

import asyncio
from typing import Literal

import reflex as rx

from flyusage.errors import FlyusageError
from flyusage.ui import browser, live
from flyusage.ui.addresses import machine_in, month_in, zone_in
from flyusage.ui.pages.machine import question
from flyusage.ui.pages.machine.rows import Missing, Screen
from flyusage.ui.session import slug_in

LIFE_CHART, HOURS_CHART = "life", "hours"


class MachinePage(rx.State):
    """What a machine's page shows. `phase` is loading, ready, missing (no such machine) or failed."""

    phase: Literal["loading", "ready", "missing", "failed"] = "loading"
    screen: Screen = Screen()
    missing: Missing = Missing()
    problem: str = ""
    life_height: str = "100px"
    all_href: str = "/"
    is_loading: bool = True

    _shown: tuple[str, str] = ("", "")

    @rx.event
    async def load(self):
        """Show the machine in the address, then keep watching it."""
        asked = self._asked()
        if (asked.slug, asked.machine) != self._shown:
            self.phase, self._shown = "loading", (asked.slug, asked.machine)
        self.is_loading = True
        yield
        try:
            answered = await asyncio.to_thread(question.ask, asked)
        except FlyusageError as error:
            self.phase, self.problem, self.is_loading = "failed", error.sentence, False
            return
        for drawing in self._show(answered):
            yield drawing
        yield MachinePage.watch

    @rx.event(background=True)
    async def watch(self):
        """Show what new events change, within seconds, while the page is open."""
        async for _ in live.changes(self):
            asked = self._asked()
            answered = await asyncio.to_thread(question.ask, asked)
            async with self:
                if asked == self._asked():
                    for drawing in self._show(answered):
                        yield drawing

    def _asked(self) -> question.Asked:
        url = self.router.url
        asked = url.query_parameters
        return question.Asked(slug_in(url.path), machine_in(url.path), month_in(asked.get("month")), zone_in(asked.get("zone")))

    def _show(self, answered: question.Answered):
        self.is_loading = False
        self.all_href = answered.all_href
        if answered.screen is None:
            self.phase, self.missing = "missing", answered.missing
            return
        self.phase, self.screen, self.life_height = "ready", answered.screen, f"{answered.life_height}px"
        yield browser.draw(LIFE_CHART, answered.life)
        yield browser.draw(HOURS_CHART, answered.hours)
