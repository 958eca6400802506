"""The state of staff's invoices. The address holds the invoice that is opened, and what is searched for."""

import asyncio
from typing import Any, Literal
from urllib.parse import urlencode

import reflex as rx

from flyusage.errors import FlyusageError
from flyusage.ui import browser
from flyusage.ui.addresses import text_in
from flyusage.ui.pages.staff.invoices import question
from flyusage.ui.pages.staff.invoices.question import LONGEST, Plan, Request, Screen
from flyusage.ui.staff_layout import INVOICES


class StaffInvoices(rx.State):
    """Invoices as staff correct them. `phase` is loading, ready or failed; `planned` is a credit note that waits to be issued."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    planned: Plan = Plan()
    problem: str = ""
    credit_refusal: str = ""
    void_refusal: str = ""
    give_up_refusal: str = ""

    _wanted: Request | None = None

    @rx.event
    async def load(self):
        """Show the invoices, and the one in the address."""
        self._forget()
        try:
            self.screen = await asyncio.to_thread(question.ask, *self._asked())
            self.phase = "ready"
        except FlyusageError as error:
            self.phase, self.problem, self.screen = "failed", error.sentence, Screen()

    @rx.event
    async def search(self, form: dict[str, Any]):
        """Look for documents whose number or buyer holds the form's `search`."""
        wanted = text_in(form, "search", longest=LONGEST).strip()
        yield rx.redirect(f"{INVOICES}?{urlencode({'search': wanted})}" if wanted else INVOICES)

    @rx.event
    async def plan(self, form: dict[str, Any]):
        """Say what the credit note that the form describes would come to: `what` (all, amount, lines), `amount`, `line_…`, `reason`."""
        self._forget()
        try:
            self._wanted, self.planned = await asyncio.to_thread(question.plan, self._asked()[0], form)
        except FlyusageError as error:
            self.credit_refusal = error.sentence

    @rx.event
    async def drop(self):
        """Go back to the form."""
        self._forget()

    @rx.event
    async def issue(self):
        """Issue the credit note that was said to come; a second click finds none."""
        wanted = self._wanted
        if wanted is None:
            return
        self._forget()
        try:
            sentence, detail = await asyncio.to_thread(question.issue, wanted)
        except FlyusageError as error:
            self.credit_refusal = error.sentence
            return
        self.screen = await asyncio.to_thread(question.ask, *self._asked())
        yield browser.toast("success", sentence, detail=detail)

    @rx.event
    async def void(self, form: dict[str, Any]):
        """Void the opened invoice for the form's `reason`."""
        self._forget()
        try:
            sentence = await asyncio.to_thread(question.void, self._asked()[0], form)
        except FlyusageError as error:
            self.void_refusal = error.sentence
            return
        self.screen = await asyncio.to_thread(question.ask, *self._asked())
        yield browser.toast("success", sentence)

    @rx.event
    async def give_up(self, form: dict[str, Any]):
        """Give the opened invoice up for the form's `reason`."""
        self._forget()
        try:
            sentence = await asyncio.to_thread(question.give_up, self._asked()[0], form)
        except FlyusageError as error:
            self.give_up_refusal = error.sentence
            return
        self.screen = await asyncio.to_thread(question.ask, *self._asked())
        yield browser.toast("success", sentence)

    def _forget(self) -> None:
        self._wanted, self.planned = None, Plan()
        self.credit_refusal = self.void_refusal = self.give_up_refusal = ""

    def _asked(self) -> tuple[str, str]:
        query = dict(self.router.url.query_parameters)
        number, search = (text_in(query, name, longest=LONGEST).replace("\0", "") for name in ("invoice", "search"))
        return number, search
