"""The state of the settings' cost centres: a page of apps, and which of them are ticked."""

import asyncio
from datetime import date
from typing import Any, Literal

import reflex as rx

from flyusage.errors import FlyusageError
from flyusage.ui import browser, present
from flyusage.ui.addresses import month_in, text_in
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.cost_centres import question
from flyusage.ui.pages.cost_centres.question import LONGEST_PASTE, PAGE_LENGTH, Choice, ListUnreadable
from flyusage.ui.pages.cost_centres.rows import Imported, Screen
from flyusage.ui.session import slug_in

LONGEST_SEARCH = 200
LONGEST_NAME = 1_000  # so that a longer one is refused, and not cut
MOST_CHOSEN = PAGE_LENGTH * 20
LAST_PAGE = 1_000_000
LARGEST_ID = 2**31 - 1


class CostCentres(rx.State):
    """What is shown. `phase` is loading, ready or failed; `chosen` are the ids of the apps ticked, on any page."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    chosen: list[int] = []
    imported: Imported = Imported()
    problem: str = ""
    find: str = ""

    _shown: str = ""

    @rx.var
    def is_page_chosen(self) -> bool:
        """Whether every app of this page is ticked."""
        return bool(self.screen.rows) and {row.id for row in self.screen.rows} <= set(self.chosen)

    @rx.event
    async def load(self):
        """Show the apps of the organization in the address, in the present month."""
        if self._slug() != self._shown:
            self.phase, self._shown = "loading", self._slug()
        self.chosen, self.imported, self.find = [], Imported(), ""
        await self._refresh(Choice())

    @rx.event
    async def search(self, text: str):
        """Apps whose name, or whose cost centre's, holds `text`."""
        if isinstance(text, str):
            self.find = text.replace("\0", "").strip()[:LONGEST_SEARCH]
            await self._refresh(Choice(self._month(), self.find))

    @rx.event
    async def choose_month(self, month: str):
        """What holds in `month` (2026-10); changes hold from then on."""
        chosen = month_in(month)
        if chosen is not None and chosen.year >= 1970:
            await self._refresh(Choice(chosen, self.find, self.screen.page))

    @rx.event
    async def turn(self, page: int):
        """Another page of apps."""
        if type(page) is int and 0 < page < LAST_PAGE:
            await self._refresh(Choice(self._month(), self.find, page))

    @rx.event
    def choose(self, app_id: int):
        """Tick an app, or no longer."""
        if type(app_id) is not int or not 0 < app_id <= LARGEST_ID:
            return
        if app_id in self.chosen:
            self.chosen = [one for one in self.chosen if one != app_id]
        elif len(self.chosen) < MOST_CHOSEN:
            self.chosen = [*self.chosen, app_id]

    @rx.event
    def choose_page(self):
        """Tick every app of this page; none of them where all are ticked."""
        here = [row.id for row in self.screen.rows]
        others = [one for one in self.chosen if one not in here]
        self.chosen = others if self.is_page_chosen else (others + here)[:MOST_CHOSEN]

    @rx.event
    def choose_none(self):
        """Tick no app."""
        self.chosen = []

    @rx.event
    async def assign(self, form: dict[str, Any]):
        """Give the ticked apps to the form's `centre`, from the month that is shown on."""
        yield await self._assign(text_in(form, "centre", longest=LONGEST_NAME))

    @rx.event
    async def unassign(self):
        """Take the ticked apps out of their cost centres, from the month that is shown on."""
        yield await self._assign(None)

    @rx.event
    async def take_in(self, form: dict[str, Any]):
        """Assign as the form's `csv` says, and tell line by line what was refused."""
        text = text_in(form, "csv", longest=LONGEST_PASTE + 1)
        if not text.strip():
            yield browser.toast("error", "Paste the list, its first line the names of the columns.")
            return
        try:
            self.imported = await asyncio.to_thread(question.take_in, self._slug(), text)
        except ListUnreadable as error:
            self.imported = Imported(error.sentence)
            return
        await self._refresh(Choice(self._month(), self.find, self.screen.page))

    async def _assign(self, centre: str | None):
        month = self._month()
        if not self.chosen or month is None:
            return None
        changed = await asyncio.to_thread(question.assign, self._slug(), list(self.chosen), month, centre)
        self.chosen = []
        await self._refresh(Choice(month, self.find, self.screen.page))
        whose = "assigned to none" if centre is None else f"assigned to {visible(centre.strip())}"
        if not changed:
            return browser.toast("success", "That is so already.")
        return browser.toast("success", f"{present.plural(changed, 'app')} {whose}.", detail=f"From {month:%B %Y} on.")

    async def _refresh(self, choice: Choice) -> None:
        try:
            self.screen = await asyncio.to_thread(question.ask, self._slug(), choice) or Screen()
            self.phase = "ready"
        except FlyusageError as error:
            self.phase, self.problem, self.screen = "failed", error.sentence, Screen()

    def _month(self) -> date | None:
        return month_in(self.screen.month)

    def _slug(self) -> str:
        return slug_in(self.router.url.path)
