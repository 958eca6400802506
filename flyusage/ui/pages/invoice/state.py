"""The invoice page's state: frozen display rows of the invoice in the address."""

import asyncio
from typing import Any, Literal

import reflex as rx

from flyusage.errors import FlyusageError
from flyusage.ui import browser
from flyusage.ui.addresses import LONGEST_PAGE, id_in, invoice_in, text_in
from flyusage.ui.components.statement import MOST_WRITTEN
from flyusage.ui.pages.invoice import question
from flyusage.ui.pages.invoice.rows import Missing, Screen
from flyusage.ui.pages.invoice.screen import by_in
from flyusage.ui.session import slug_in


class InvoicePage(rx.State):
    """What an invoice's page shows. `phase` is loading, ready, missing (no such invoice) or failed."""

    phase: Literal["loading", "ready", "missing", "failed"] = "loading"
    screen: Screen = Screen()
    missing: Missing = Missing()
    problem: str = ""

    _shown: tuple[str, str] = ("", "")

    @rx.event
    async def load(self):
        """Show the invoice in the address, broken down as it says."""
        asked = self._asked()
        if (asked.slug, asked.number) != self._shown:
            self.phase, self._shown = "loading", (asked.slug, asked.number)
            yield
        try:
            answered = await asyncio.to_thread(question.ask, asked)
        except FlyusageError as error:
            self.phase, self.problem, self.screen = "failed", error.sentence, Screen()
            return
        if answered.screen is None:
            self.phase, self.missing, self.screen = "missing", answered.missing, Screen()
        else:
            self.phase, self.screen = "ready", answered.screen

    @rx.event
    async def ask(self, form: dict[str, Any]):
        """Question a line: its `position` and the `note`, as its form has them."""
        position, note = id_in(text_in(form, "position", longest=LONGEST_PAGE)), text_in(form, "note", longest=MOST_WRITTEN)
        if position is None:
            return
        asked = self._asked()
        await asyncio.to_thread(question.question_line, asked.slug, asked.number, position, note)
        answered = await asyncio.to_thread(question.ask, asked)
        if answered.screen is not None:
            self.screen = answered.screen
        yield browser.toast("success", f"Your question on line {position} is sent.", detail="The answer will stand below it.")

    def _asked(self) -> question.Asked:
        url = self.router.url
        return question.Asked(slug_in(url.path), invoice_in(url.path), by_in(url.query_parameters.get("by")))
