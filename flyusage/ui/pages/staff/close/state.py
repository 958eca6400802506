"""The state of closing a month. The address holds the month; a close goes on when its page is left."""

import asyncio
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any, Literal, TypeVar

import reflex as rx

from flyusage import clock
from flyusage.errors import FlyusageError
from flyusage.invoices.closing import Progress
from flyusage.invoices.issuing import Result
from flyusage.ui import browser, present
from flyusage.ui.addresses import month_in, text_in
from flyusage.ui.pages.staff.close import question
from flyusage.ui.pages.staff.close.rows import Screen

LOOK_SECONDS = 0.3

Answer = TypeVar("Answer")


class StaffClose(rx.State):
    """What closing a month shows. `phase` is loading, ready or failed; while it rehearses or closes, `done` of `total` organizations are."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    is_loading: bool = False
    is_closing: bool = False
    done: int = 0
    total: int = 0

    @rx.event(background=True)
    async def load(self):
        """Rehearse the month in the address, showing how far that is."""
        async with self:
            month = self._month()
            self.is_loading, self.done, self.total = True, 0, 0
        try:
            screen, problem = await _followed(self, partial(question.ask, month)), ""
        except FlyusageError as error:
            screen, problem = Screen(), error.sentence
        async with self:
            if month == self._month():  # else another month was chosen meanwhile, whose rehearsal is under way
                self.phase, self.problem, self.screen, self.is_loading = "failed" if problem else "ready", problem, screen, False

    @rx.event
    async def decide(self, form: dict[str, Any]):
        """Release or hold, as the form's `decision` says: `key` is an organization's slug and an exception's code, `reason` why."""
        slug, _, code = text_in(form, "key").partition(" ")
        decision, reason = text_in(form, "decision"), text_in(form, "reason")
        if decision not in ("release", "hold") or not slug:
            return
        await asyncio.to_thread(question.decide, self._month(), slug, code, release=decision == "release", reason=reason)
        yield browser.toast(
            "success", f"{slug} is {'released' if decision == 'release' else 'held back'}.", detail="The audit keeps who and why."
        )
        yield StaffClose.load

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
        try:
            closed = await _followed(self, partial(question.close, month))
        finally:
            async with self:
                self.is_closing = False
        issued = present.plural(closed.count(Result.ISSUED), "invoice")
        rest = closed.count(Result.WAITING) + len(closed.failures)
        detail = f"{rest:,} wait or failed; they are listed." if rest else "Their PDF, mail and payment follow by themselves."
        yield browser.toast("warning" if rest else "success", f"{issued} issued for {month:%B %Y}.", detail=detail)
        yield StaffClose.load

    def _month(self) -> date:
        return question.month_of(month_in(self.router.url.query_parameters.get("month")), clock.now())


async def _followed(state: StaffClose, work: Callable[[Progress], Answer]) -> Answer:
    """What `work` gives, on a thread, while the page is told how far it is."""
    counted = [0, 0]

    def tell(done: int, total: int) -> None:
        counted[:] = done, total

    task = asyncio.create_task(asyncio.to_thread(work, tell))
    while not task.done():
        await asyncio.wait([task], timeout=LOOK_SECONDS)
        async with state:
            state.done, state.total = counted
    return await task
