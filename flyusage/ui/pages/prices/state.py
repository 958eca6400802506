"""The prices page's state: frozen display rows; the address holds region, day, search and whose history is open."""

import asyncio
from typing import Literal

import reflex as rx

from flyusage.errors import FlyusageError
from flyusage.ui.pages.prices import question
from flyusage.ui.pages.prices.address import LONGEST, Choice, choice_in, prices_href
from flyusage.ui.pages.prices.rows import Screen
from flyusage.ui.session import slug_in


class Prices(rx.State):
    """What the prices page shows. `phase` is loading, ready or failed."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    is_loading: bool = True

    _shown: str = ""

    @rx.event
    async def load(self):
        """Show the prices that the address asks for."""
        slug, choice = self._asked()
        if slug != self._shown:
            self.phase, self._shown = "loading", slug
        self.is_loading = True
        yield
        try:
            answered = await asyncio.to_thread(question.ask, slug, choice)
        except FlyusageError as error:
            self.phase, self.problem, self.screen = "failed", error.sentence, Screen()
        else:
            self.phase, self.screen = "ready", answered or Screen()
        self.is_loading = False

    @rx.event
    def search(self, text: str):
        """Things whose name or code holds every word of `text`."""
        if isinstance(text, str):
            slug, choice = self._asked()
            yield rx.redirect(prices_href(slug, choice.with_(find=text.strip()[:LONGEST])), replace=True)

    @rx.event
    def choose_region(self, code: str):
        """Prices in one region, or in all of them."""
        if isinstance(code, str):
            slug, choice = self._asked()
            yield rx.redirect(prices_href(slug, choice.with_(region=code.strip()[:LONGEST])))

    def _asked(self) -> tuple[str, Choice]:
        url = self.router.url
        return slug_in(url.path), choice_in(url.query_parameters)
