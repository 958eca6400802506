"""The budgets page's state: frozen display rows, and the two things that can be done to a budget."""

import asyncio
from typing import Any, Literal

import reflex as rx

from flyusage.errors import FlyusageError
from flyusage.ui import browser
from flyusage.ui.addresses import id_in, text_in
from flyusage.ui.pages.budgets import question
from flyusage.ui.pages.budgets.question import Screen
from flyusage.ui.session import slug_in

FIELDS = ("name", "amount", "dimension", "values", "percents", "expected", "recipients", "cap")
LONGEST_FIELD = 2_000


class Budgets(rx.State):
    """How the organization's budgets stand. `phase` is loading, ready or failed."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    refusal: str = ""

    _shown: str = ""

    @rx.event
    async def load(self):
        """Show how every budget stands now."""
        slug = slug_in(self.router.url.path)
        if slug != self._shown:
            self.phase, self._shown = "loading", slug
            yield
        await self._show(slug)

    @rx.event
    async def create(self, form: dict[str, Any]):
        """Set the budget that the form describes."""
        slug = slug_in(self.router.url.path)
        given = {name: text_in(form, name, longest=LONGEST_FIELD) for name in FIELDS}
        try:
            name = await asyncio.to_thread(question.create, slug, given)
        except FlyusageError as error:
            self.refusal = error.sentence
            return
        self.refusal = ""
        await self._show(slug)
        yield browser.toast("success", f"{name} is set.", detail="It is looked at once a minute.")

    @rx.event
    async def end(self, budget_id: str):
        """End a budget."""
        if (number := id_in(budget_id)) is None:
            return
        slug = slug_in(self.router.url.path)
        await asyncio.to_thread(question.end, slug, number)
        await self._show(slug)
        yield browser.toast("success", "The budget has ended.")

    async def _show(self, slug: str) -> None:
        try:
            answered = await asyncio.to_thread(question.ask, slug)
        except FlyusageError as error:
            self.phase, self.problem, self.screen = "failed", error.sentence, Screen()
        else:
            self.phase, self.screen = "ready", answered or Screen()
