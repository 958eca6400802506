"""The state of closing a month. The address holds the month; a close goes on when its page is left."""

import asyncio
from typing import Any, Literal

import reflex as rx

from flyusage import clock
from flyusage.errors import FlyusageError
from flyusage.invoices.issuing import Result
from flyusage.ui import browser, present
from flyusage.ui.addresses import month_in, text_in
from flyusage.ui.pages.staff.close import question
from flyusage.ui.pages.staff.close.rows import Screen

LOOK_SECONDS = 0.3


class StaffClose(rx.State):
    """What closing a month shows. `phase` is loading, ready or failed; while it closes, `done` of `total` organizations are."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    is_loading: bool = False
    is_closing: bool = False
    done: int = 0
    total: int = 0

    @rx.event
    async def load(self):
        """Rehearse the month in the address."""
        self.is_loading = True
        yield
        try:
            self.screen = await asyncio.to_thread(question.ask, self._month())
            self.phase = "ready"
        except FlyusageError as error:
            self.phase, self.problem, self.screen = "failed", error.sentence, Screen()
        self.is_loading = False

    @rx.event
    async def decide(self, form: dict[str, Any]):
        """Release or hold, as the form's `decision` says: `key` is an organization's slug and an exception's code, `reason` why."""
        slug, _, code = text_in(form, "key").partition(" ")
        decision, reason = text_in(form, "decision"), text_in(form, "reason")
        if decision not in ("release", "hold") or not slug:
            return
        month = self._month()
        await asyncio.to_thread(question.decide, month, slug, code, release=decision == "release", reason=reason)
        self.screen = await asyncio.to_thread(question.ask, month)
        yield browser.toast(
            "success", f"{slug} is {'released' if decision == 'release' else 'held back'}.", detail="The audit keeps who and why."
        )

    @rx.event(background=True)
    async def close(self, confirmed: str):
        """Issue what can be issued of the month that was `confirmed` (2026-10), showing how far it is."""
        month = month_in(confirmed)
        if month is None or month not in question.months(clock.now()):
            return
        async with self:
            if self.is_closing:
                return
            self.is_closing, self.done, self.total = True, 0, 0
        counted = [0, 0]

        def tell(done: int, total: int) -> None:
            counted[:] = done, total

        work = asyncio.create_task(asyncio.to_thread(question.close, month, tell))
        try:
            while not work.done():
                await asyncio.wait([work], timeout=LOOK_SECONDS)
                async with self:
                    self.done, self.total = counted
            closed = await work
            screen = await asyncio.to_thread(question.ask, month)
        finally:
            async with self:
                self.is_closing = False
        async with self:
            self.screen, self.phase = screen, "ready"
        issued = present.plural(closed.count(Result.ISSUED), "invoice")
        rest = closed.count(Result.WAITING) + len(closed.failures)
        detail = f"{rest:,} wait or failed; they are listed." if rest else "Their PDF, mail and payment follow by themselves."
        yield browser.toast("warning" if rest else "success", f"{issued} issued for {month:%B %Y}.", detail=detail)

    def _month(self):
        return question.month_of(month_in(self.router.url.query_parameters.get("month")), clock.now())
