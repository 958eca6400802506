"""The billing page's state: frozen display rows; the address holds the month and which invoices are listed."""

from functools import partial
from typing import Literal

import reflex as rx
from reflex.event import EventSpec

from flyusage.errors import FlyusageError
from flyusage.ui import browser, live
from flyusage.ui.pages.billing import question
from flyusage.ui.pages.billing.address import LONGEST_SEARCH, Choice, billing_href, choice_in
from flyusage.ui.pages.billing.rows import Screen
from flyusage.ui.session import slug_in

MONTHS_CHART = "billed-months"


class Billing(rx.State):
    """What the billing page shows. `phase` is loading, ready or failed; `problem` says why it failed."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    is_loading: bool = True

    _shown: str = ""

    @rx.event
    async def load(self):
        """Show the month and the invoices in the address, then keep watching."""
        slug, choice = self._asked()
        if slug != self._shown:
            self.phase, self._shown = "loading", slug
        self.is_loading = True
        yield
        yield self._show(await _answer(slug, choice))
        yield Billing.watch

    @rx.event(background=True)
    async def watch(self):
        """Show what new events change, within seconds, while the page is open."""
        async for _ in live.changes(self):
            asked = self._asked()
            answered = await _answer(*asked)
            async with self:
                if asked == self._asked():
                    yield self._show(answered)

    @rx.event
    def search(self, text: str):
        """Invoices whose number or buyer holds `text`."""
        if isinstance(text, str):
            slug, choice = self._asked()
            yield rx.redirect(billing_href(slug, choice.listing(find=text.strip()[:LONGEST_SEARCH])), replace=True)

    def _asked(self) -> tuple[str, Choice]:
        url = self.router.url
        return slug_in(url.path), choice_in(url.query_parameters)

    def _show(self, answered: question.Answered | str) -> EventSpec | None:
        """Put it on the screen; what is still to be drawn."""
        self.is_loading = False
        if isinstance(answered, str):
            self.phase, self.problem, self.screen = "failed", answered, Screen()
            return None
        self.phase, self.screen = "ready", answered.screen
        return browser.draw(MONTHS_CHART, answered.months) if answered.months is not None else None


async def _answer(slug: str, choice: Choice) -> question.Answered | str:
    """The screen, or the sentence why there is none; pages that ask for the same meanwhile share it."""
    try:
        return await live.asked_of(slug, ("billing", choice), partial(question.ask, slug, choice)) or question.Answered(Screen())
    except FlyusageError as error:
        return error.sentence
