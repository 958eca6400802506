"""The state of price books. The address holds which version is opened beside which."""

import asyncio
from typing import Any, Literal

import reflex as rx

from flyusage.errors import FlyusageError
from flyusage.ui import browser, present
from flyusage.ui.addresses import text_in
from flyusage.ui.pages.staff.prices import question
from flyusage.ui.pages.staff.prices.rows import Screen
from flyusage.ui.staff_layout import PRICES

LONGEST = 200


class StaffPrices(rx.State):
    """What price books show. `phase` is loading, ready or failed."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""

    @rx.event
    async def load(self):
        """Show the versions, and the one in the address beside another."""
        try:
            self.screen = await asyncio.to_thread(question.ask, *self._asked())
            self.phase = "ready"
        except FlyusageError as error:
            self.phase, self.problem, self.screen = "failed", error.sentence, Screen()

    @rx.event
    async def draft(self, form: dict[str, Any]):
        """Begin a draft: the form's `source`, `book`, `day` and `note`."""
        said = [text_in(form, name, longest=LONGEST).strip() for name in ("source", "book", "day", "note")]
        made = await asyncio.to_thread(question.new_draft, *said)
        yield browser.toast("success", f"{made} is drafted.", detail="Change it below, hold it against others, try it, publish it.")
        yield rx.redirect(question.prices_href(made))

    @rx.event
    async def scale(self, form: dict[str, Any]):
        """Raise the opened draft's prices: the form's `percent`, `pattern` and `scope`."""
        name, beside = self._asked()
        said = [text_in(form, field, longest=LONGEST).strip() for field in ("percent", "pattern", "scope")]
        count = await asyncio.to_thread(question.scale, name, *said)
        self.screen = await asyncio.to_thread(question.ask, name, beside)
        yield browser.toast("success", f"{present.plural(count, 'price')} changed by {said[0]} %.")

    @rx.event
    async def publish(self, confirmed: str):
        """Publish the draft whose name was `confirmed`."""
        if isinstance(confirmed, str) and "@" in confirmed:
            await asyncio.to_thread(question.publish, confirmed)
            yield browser.toast("success", f"{confirmed} is published.", detail="It stays for ever.")
            yield StaffPrices.load

    @rx.event
    async def discard(self, confirmed: str):
        """Delete the draft whose name was `confirmed`."""
        if isinstance(confirmed, str) and "@" in confirmed:
            await asyncio.to_thread(question.discard, confirmed)
            yield browser.toast("success", f"{confirmed} is discarded.")
            yield rx.redirect(PRICES)

    def _asked(self) -> tuple[str, str]:
        query = self.router.url.query_parameters
        return text_in(dict(query), "version", longest=LONGEST), text_in(dict(query), "beside", longest=LONGEST)
