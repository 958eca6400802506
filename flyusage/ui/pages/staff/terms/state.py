"""The state of terms. The address holds the organization, the form that is open, and what is searched for."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Literal
from urllib.parse import urlencode

import reflex as rx

from flyusage.errors import FlyusageError
from flyusage.ui import browser
from flyusage.ui.addresses import text_in
from flyusage.ui.pages.staff.terms import question
from flyusage.ui.pages.staff.terms.agreeing import AGREE, FIELDS
from flyusage.ui.pages.staff.terms.rows import Screen
from flyusage.ui.staff_layout import TERMS

LONGEST = 200
LONGEST_TIERS = 2000


class StaffTerms(rx.State):
    """What the page shows. `phase` is loading, ready or failed; `agreed` counts what was agreed here, so that its form begins anew."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    agreed: int = 0
    refusal: str = ""

    @rx.event
    async def load(self):
        """Show the organization in the address, or those to choose from."""
        self.refusal = ""
        try:
            self.screen = await asyncio.to_thread(question.ask, *self._asked())
            self.phase = "ready"
        except FlyusageError as error:
            self.phase, self.problem, self.screen = "failed", error.sentence, Screen()

    @rx.event
    async def search(self, form: dict[str, Any]):
        """Look for the organizations that hold the form's `search`."""
        wanted = text_in(form, "search", longest=LONGEST).strip()
        yield rx.redirect(f"{TERMS}?{urlencode({'search': wanted})}" if wanted else TERMS)

    @rx.event
    async def agree(self, form: dict[str, Any]):
        """Agree what the form of its `agree` says; a refusal stands in the form, and what was typed stays."""
        slug, kind, _ = self._asked()
        kind = text_in(form, "agree", longest=LONGEST) or kind
        if not slug or kind not in AGREE:
            return
        texts = {name: text_in(form, name, longest=LONGEST_TIERS) for name in FIELDS}
        try:
            await self._change(partial(question.agree, slug, kind, texts))
        except FlyusageError as error:
            self.refusal = error.sentence
            return
        self.agreed += 1
        yield browser.toast("success", "Agreed.", detail="The organization's audit keeps what and by whom.")

    @rx.event
    async def end(self, form: dict[str, Any]):
        """Let the agreement `key` end with the form's `day`."""
        slug, key = self._asked()[0], text_in(form, "key", longest=LONGEST)
        await self._change(partial(question.end, slug, key, text_in(form, "day", longest=LONGEST)))
        yield browser.toast("success", "Its last day is set.")

    @rx.event
    async def take_back(self, form: dict[str, Any]):
        """Withdraw the agreement `key`, or take back what is left of a credit."""
        await self._change(partial(question.take_back, self._asked()[0], text_in(form, "key", longest=LONGEST)))
        yield browser.toast("success", "Taken back.", detail="Issued invoices stay as they are.")

    async def _change(self, work: Callable[[], None]) -> None:
        await asyncio.to_thread(work)
        self.refusal = ""
        self.screen = await asyncio.to_thread(question.ask, *self._asked())

    def _asked(self) -> tuple[str, str, str]:
        query = dict(self.router.url.query_parameters)
        slug, kind, search = (text_in(query, name, longest=LONGEST).replace("\0", "") for name in ("org", "agree", "search"))
        return slug, kind, search
